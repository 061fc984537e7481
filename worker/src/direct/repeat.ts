/**
 * "Another attempt?" for what came over the worker's own HTTP (CONTRACT §4, Repeats): pure verdicts, carried out by
 * `direct-order.ts`. Over the link the balancer decides.
 */
import type { OutcomeError, OutcomeKind } from '@berth/protocol'
import type { BackoffConfig } from '../functions/define.ts'

export interface Failure {
  readonly outcome: OutcomeKind
  readonly error?: OutcomeError | undefined
}

export interface RepeatRules {
  /** The function's `maxRetries`. */
  readonly maxRetries: number
  /** The body's `attempts`; undefined: it does not name them. */
  readonly attempts: number | undefined
}

/** `attempt` is the one that ended, from 1. */
export function mayRepeat({ outcome, error }: Failure, attempt: number, rules: RepeatRules): boolean {
  if (outcome !== 'failed' && outcome !== 'timeout') return false
  if (error?.nonRetryable) return false
  return attempt < (rules.attempts ?? rules.maxRetries + 1)
}

const DEFAULTS = { baseMs: 200, factor: 2, maxMs: 30_000, jitter: 0.5 }

/** How long to wait after so many failures; what the failure itself named goes first. */
export function waitMs(
  failures: number,
  error: OutcomeError | undefined,
  backoff: BackoffConfig = {},
  random: () => number = Math.random,
): number {
  if (error?.retryAfterMs !== undefined) return error.retryAfterMs
  const { baseMs, factor, maxMs, jitter } = { ...DEFAULTS, ...backoff }
  const wholeMs = Math.min(baseMs * factor ** Math.max(0, failures - 1), maxMs)
  return wholeMs * (1 - jitter * random())
}
