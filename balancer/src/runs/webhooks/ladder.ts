/**
 * What follows from how a receiver answered. Pure; called once a try.
 *
 *   pending ──2xx──▶ delivered
 *      │────410────▶ disabled, and so is its URL
 *      │────4xx but 408 409 425 429──▶ failed
 *      │────an address that is refused──▶ refused
 *      └────anything else──▶ pending, one step up the ladder; failed when no retry is left
 *
 * Invariant: a delivery that is not pending is not tried again unless somebody asks for it.
 */
import type { OutboundResult } from '@berth/runtime'
import type { DeliveryState, StoredDelivery } from '../../ports/stored-delivery.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** Waits before each retry; the last one holds for all that follow. */
export const LADDER_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR_MS),
]
/** A wait is up to so much longer by chance, so that what failed together does not come back together. */
const JITTER = 0.2

const REPEATED_4XX: ReadonlySet<number> = new Set([408, 409, 425, 429])

export interface LadderTerms {
  /** `WEBHOOK_MAX_RETRIES`. */
  readonly maxRetries: number
  readonly ladderMs: readonly number[]
  /** In [0, 1). */
  readonly random: () => number
}

/** The delivery as it stands after a try that ended at `nowMs`. */
export function afterTry(
  delivery: StoredDelivery,
  result: OutboundResult,
  nowMs: number,
  terms: LadderTerms,
): StoredDelivery {
  const verdict = verdictOf(result)
  const failures = delivery.failures + (verdict === 'delivered' ? 0 : 1)
  const isOver = verdict !== 'retry' || failures > terms.maxRetries
  const finalState = verdict === 'retry' ? 'failed' : verdict
  return {
    ...delivery,
    tries: delivery.tries + 1,
    failures,
    state: isOver ? finalState : 'pending',
    nextMs: isOver ? null : nowMs + waitMs(delivery.failures, result, terms),
    lastStatus: result.kind === 'answered' ? result.status : null,
    lastError: verdict === 'delivered' ? null : describe(result),
  }
}

export function describe(result: OutboundResult): string {
  return result.kind === 'answered' ? `it answered ${result.status}` : result.reason
}

function verdictOf(result: OutboundResult): Exclude<DeliveryState, 'pending'> | 'retry' {
  if (result.kind === 'failed') return 'retry'
  if (result.kind === 'refused') return 'refused'
  const { status } = result
  if (status >= 200 && status < 300) return 'delivered'
  if (status === 410) return 'disabled'
  return status >= 400 && status < 500 && !REPEATED_4XX.has(status) ? 'failed' : 'retry'
}

/** A receiver that says when it wants to be asked again is asked no sooner. */
function waitMs(failures: number, result: OutboundResult, { ladderMs, random }: LadderTerms): number {
  const stepMs = ladderMs[Math.min(failures, ladderMs.length - 1)] ?? 0
  const wantedMs = result.kind === 'answered' ? (result.retryAfterMs ?? 0) : 0
  return Math.max(stepMs, wantedMs) + Math.ceil(stepMs * JITTER * random())
}
