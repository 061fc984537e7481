/**
 * Webhooks as others see them. Implemented by `runs/webhooks/`; routes judge what callers name and show what became
 * of it, and whoever ends a run asks for its first delivery, to be written with the end in one step.
 * Invariant: what is on disk as pending is tried, now or after a restart, until its state is final.
 */
import type { DeliveryView, TaskError } from '@berth/protocol'
import type { StoredDelivery } from './stored-delivery.ts'
import type { RunEnd, RunOrder, WebhookOrder } from './stored-run.ts'

/** For whoever ends runs. */
export interface WebhookEndsPort {
  /** The delivery that goes into `run-finished`; null when the run has no webhook. Writes nothing. */
  deliveryOf(order: RunOrder, end: RunEnd): StoredDelivery | null
  /** That write is on disk: the first try may begin. */
  stored(delivery: StoredDelivery, order: RunOrder, end: RunEnd): void
}

/** `pointer` leads into the webhook: `/url`, `/headers/Host`. */
export type TargetVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly pointer: string; readonly detail: string }

/** For whoever accepts runs. */
export interface WebhookTargetPort {
  /** What can be known of a webhook before anything is sent there; no name is resolved. */
  judgeTarget(webhook: Pick<WebhookOrder, 'url' | 'headers'>): TargetVerdict
}

export interface DeliveryRange {
  /** When they were made, both included; Unix milliseconds. */
  readonly fromMs: number
  readonly toMs: number
  /** Null for every URL. */
  readonly url: string | null
}

/** Undefined answers: there is no such delivery. */
export type Redelivered =
  | { readonly ok: true; readonly delivery: DeliveryView }
  | { readonly ok: false; readonly error: TaskError }

export type RangeRedelivered =
  | { readonly ok: true; readonly matched: number }
  | { readonly ok: false; readonly error: TaskError }

/** For the routes. */
export interface DeliveriesPort {
  /** What was and will be sent of a run, with every try that is remembered; empty for an unknown run. */
  of(run: string): Promise<readonly DeliveryView[]>
  /** Sends it again, now, with its old id, whatever its state is. */
  redeliver(id: string): Promise<Redelivered | undefined>
  /** The same for all of a range, in the background; answers when they are counted. One range at a time. */
  redeliverRange(range: DeliveryRange): Promise<RangeRedelivered>
}
