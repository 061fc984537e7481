/**
 * What a test of faults has seen, in the words of those who saw it: the callers, the notes of the handlers,
 * the faults that were injected, and what every process says once all is quiet. Kept by site.ts, judged by
 * checkers.ts. Instants are Unix milliseconds.
 */
import type { Execution } from '../harness/executions.ts'

export type Call = {
  readonly id: string
  /** What its caller declared; undefined for nothing. */
  readonly isIdempotent: boolean | undefined
  /** How often it may run when it may be repeated: its `attempts`, else the balancer's TASK_ATTEMPTS. */
  readonly attemptsAllowed: number
  /** Told apart where some tasks shall not notice what others suffer. */
  readonly kind: 'plain' | 'good' | 'baseline'
  readonly submittedAtMs: number
  readonly deadlineAtMs: number
  endedAtMs?: number
  status?: number
  code?: string
  attempt?: number
  /** Of the answer's headers, seconds. */
  retryAfter?: number
  /** Of the answer's `result`. */
  result?: { id?: unknown; pid?: unknown }
  /** How the connection failed, when there was no answer. */
  failure?: string
  /** Its caller went away on purpose. */
  hasLeft?: boolean
}

export type FaultKind =
  | 'worker-killed'
  | 'worker-stopped'
  | 'worker-ended'
  | 'worker-blocked'
  | 'link-broken'
  | 'balancer-killed'
  | 'balancer-paused'
  | 'balancer-ended'

export type Fault = {
  readonly kind: FaultKind
  /** The worker's process; undefined when it is the balancer, or everybody. */
  readonly pid: number | undefined
  readonly beganAtMs: number
  /** Undefined while it lasts. */
  endedAtMs?: number
}

/** What is left when nothing should be. */
export type Rest = {
  readonly waiting: number
  readonly running: number
  readonly workers: readonly {
    readonly id: string
    readonly status: string
    /** At the balancer, and by the worker's own word. */
    readonly used: number
    readonly ownUsed: number
    readonly stuck: number
  }[]
  /** File descriptors of the balancer's process, now and before the first fault; undefined off Linux. */
  readonly descriptors: { readonly before: number; readonly now: number } | undefined
}

export type Life = {
  readonly name: string
  readonly pid: number
  readonly slots: number
  /** It is told nothing of attempts: each is the first there. */
  readonly isForeign?: boolean | undefined
  readonly output: string
  /** Undefined while it lives. */
  readonly exit?: { readonly code: number | null; readonly signal: string | null }
  readonly residentBytes?: number
}

export type Story = {
  readonly calls: readonly Call[]
  readonly executions: readonly Execution[]
  readonly faults: readonly Fault[]
  readonly lives: readonly Life[]
  readonly rest: Rest
  /** Within which callers are answered and all is well again after the last fault. */
  readonly recoveryMs: number
}

/** Extremes of a sorted-by-nobody list; `share` 0.99 is the p99. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
