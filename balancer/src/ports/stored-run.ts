/**
 * A run on disk: what was ordered, where it stands while it is live, how it ended. Rows of `store/`, read and written
 * by `runs/`; all is plain data.
 *
 * A run is in the live table until it is final and moves to the done table in the one write that also brings
 * its result, its last event and its first delivery. `seq` is the order of acceptance over restarts; ids sort the
 * same way, so a list's cursor is an id. Instants are Unix milliseconds, durations milliseconds.
 */
import type { Mode, TaskError, Usage } from '@berth/protocol'
import type { UploadedFile } from './files.ts'
import type { AttemptOutcome } from './record.ts'
import type { DeliveryState } from './stored-delivery.ts'
import type { UsedSoFar } from './told.ts'

export type RunTrigger = 'api' | 'schedule' | 'webhook' | 'email' | 'call' | 'ui'

/** Where a caller wants to hear of the end. */
export interface WebhookOrder {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly format: 'standard' | 'result'
  /** The balancer as the caller addressed it (`https://berth.example`): where a result too long for a message is. */
  readonly origin?: string | undefined
}

/** The bytes of an input. */
export interface StoredPayload {
  /** Empty for JSON, which is the input itself and never a whole body. */
  readonly mediaType: string
  readonly bytes: Uint8Array
  /** What goes before bytes that are no JSON (docs/protocol.md, Bytes). */
  readonly head: Uint8Array | null
}

/** What never changes of a run, as it was accepted. */
export interface RunOrder {
  readonly seq: number
  readonly id: string
  readonly group: string
  readonly function: string
  readonly contract: number
  /** The selector as the caller wrote it; null for any worker. */
  readonly tags: Readonly<Record<string, unknown>> | null
  readonly fairnessKey: string | null
  readonly mode: Mode
  readonly trigger: RunTrigger
  /** As the body names them. */
  readonly attempts: number | null
  readonly idempotent: boolean | null
  readonly timeoutMs: number | null
  /** As its id tells it. */
  readonly acceptedMs: number
  /** End of the whole task; null for none. */
  readonly deadlineMs: number | null
  /** Gives up waiting for a slot then (a sync call made durable); null for never. */
  readonly queueUntilMs: number | null
  /** When it is due, of a delayed one; it is `scheduled` until then. */
  readonly dueMs: number | null
  readonly session: string | null
  readonly schedule: string | null
  readonly scheduledForMs: number | null
  readonly parent: string | null
  readonly retryOf: string | null
  readonly budget: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly trace: string
  readonly webhook: WebhookOrder | null
  /** The body of its call was the input itself (`POST /task/{group}/{function}`). */
  readonly isRouted?: boolean | undefined
  /** What was sent along; its rows are written beside the run's. */
  readonly uploads?: readonly UploadedFile[] | undefined
}

export interface StoredAttempt {
  readonly n: number
  readonly worker: string | null
  readonly startedMs: number | null
  readonly finishedMs: number
  readonly outcome: AttemptOutcome
}

/** What changes while a run is live. */
export interface RunProgress {
  readonly status: 'scheduled' | 'queued' | 'running'
  readonly priority: number
  /** Attempts that have begun. */
  readonly attempt: number
  /** Failures and losses that count against what the function allows. */
  readonly failures: number
  readonly losses: number
  /** Who has it: the worker's key, the boot id of its process, and the fence of the attempt. */
  readonly worker: string | null
  readonly boot: string | null
  readonly fence: number | null
  readonly startedMs: number | null
  /** Attempts that are over. */
  readonly history: readonly StoredAttempt[]
}

export interface LiveRun extends RunOrder, RunProgress {
  /** Of one that has told what it uses, or has a budget; as it was written last. */
  readonly used?: UsedSoFar | null | undefined
}

export interface ClaimedRun extends LiveRun {
  readonly payload: StoredPayload
  /** Of a session: who ran the last turn that completed. */
  readonly prefer?: string
}

/** The end of a run. */
export interface RunEnd {
  readonly status: 'completed' | 'failed' | 'cancelled' | 'expired'
  readonly finishedMs: number
  readonly startedMs: number | null
  readonly queueMs: number
  readonly runMs: number
  readonly attempt: number
  readonly worker: string | null
  readonly priority: number
  readonly history: readonly StoredAttempt[]
  readonly error: TaskError | null
  /** Null without one, and for an error that has none. */
  readonly result: { readonly mediaType: string; readonly bytes: Uint8Array } | null
  /** JSON of the choice of its last worker (`choiceSchema`), when that was noted. */
  readonly explain: string | null
  /** What its attempts waited for setups, 0 for none; null or absent when nobody knows. */
  readonly coldStartMs?: number | null
  /** By all attempts and all that they called; missing when nothing was told. */
  readonly usage?: Usage | null | undefined
  /** Messages of the last attempt, those that are not kept included. */
  readonly messages?: number | undefined
}

/** A run that is not live: what a list shows of it. */
export interface DoneRun extends RunOrder, Omit<RunEnd, 'result'> {
  /** False of a task in memory that was recorded behind its end. */
  readonly isDurable: boolean
  /** Of its newest message. */
  readonly webhookState: DeliveryState | null
  /** Tries of all its messages. */
  readonly deliveries: number
  /** The size of its result; null without one. */
  readonly resultBytes: number | null
}

export type StoredRun =
  | { readonly kind: 'live'; readonly run: LiveRun }
  | { readonly kind: 'done'; readonly run: DoneRun }
