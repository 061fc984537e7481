/**
 * A task that this worker answers for by itself: it came over its own HTTP, or a handler here called it. Made by
 * `http-task.ts` and `calls/`; waits, gets its slots, is tried and tried again, and tells its `Reply` how it ended.
 *
 *   submit ─▶ waiting ─slot─▶ preparing ─▶ running ──ended──▶ settled
 *               ▲                             └─failed, may repeat─▶ resting ─┐
 *               └─────────────────────────────────────────────────────────────┘
 *
 * Invariant: it settles once, and an attempt begins only when the one before has really ended.
 */
import type { ErrorCode, OutcomeError } from '@berth/protocol'
import { type AbortCause, Attempt, type Outcome } from '../attempt/attempt.ts'
import { attemptPortsOf } from '../attempt/attempt-ports.ts'
import { startTimer } from '../attempt/timer.ts'
import type { Upload } from '../bytes/upload.ts'
import { CallGate } from '../calls/call-gate.ts'
import type { RegisteredFunction } from '../functions/registry.ts'
import type { Order, Refusal, SlotHold } from '../intake/intake.ts'
import type { Claimed, Seat } from '../isolate/seat.ts'
import type { WorkerParts } from '../parts.ts'
import type { Headers, Reply } from '../stream/reply.ts'
import { mayRepeat, waitMs } from './repeat.ts'

export interface DirectSpec {
  readonly function: RegisteredFunction
  /** As the function's schema returned it. */
  readonly input: unknown
  readonly run: string
  readonly priority: number
  /** Limit of one attempt. */
  readonly timeoutMs: number
  /** As the body named them; undefined: the function's `maxRetries` counts. */
  readonly attempts?: number | undefined
  /** Until the end of the whole task; null when there is none. */
  readonly remainingMs: number | null
  readonly trace?: string
  readonly upload?: Upload | undefined
}

/** What a handler that called it hands down. */
export interface Inheritance {
  readonly rank: number | undefined
  /** The names of the functions above it, the first one first. */
  readonly callers: readonly string[]
}

const REFUSALS: Readonly<Record<Refusal, string>> = {
  MAINTENANCE: 'The worker is in maintenance and takes no new tasks',
  DRAINING: 'The worker is shutting down and takes no new tasks',
  NO_CAPACITY: 'The worker is not ready',
  QUEUE_FULL: 'All slots are taken and the queue is full; try again in a moment',
  SLOT_COST_TOO_BIG: 'The function takes more slots than this worker has',
}

export class DirectOrder implements Order {
  readonly isLinked = false
  readonly isChild: boolean
  readonly cost: number
  readonly priority: number
  rank: number | undefined
  readonly #parts: WorkerParts
  readonly #spec: DirectSpec
  #input: unknown
  readonly #submittedAt: number
  /** On the monotonic clock. */
  readonly #endsAt: number | null
  readonly #reply: Reply
  readonly #callers: readonly string[]
  #attempts = 0
  #attempt: Attempt | undefined
  /** When the first attempt began. */
  #startedAt: number | undefined
  /** How long its attempts waited until the function was made ready. */
  #coldStartMs = 0
  #isSettled = false
  #stopPatience: (() => void) | undefined
  #stopDeadline: (() => void) | undefined
  #stopRest: (() => void) | undefined

  constructor(parts: WorkerParts, spec: DirectSpec, reply: Reply, inheritance?: Inheritance) {
    this.#parts = parts
    this.#spec = spec
    this.#input = spec.input
    this.#callers = inheritance?.callers ?? []
    this.isChild = inheritance !== undefined
    this.rank = inheritance?.rank
    this.cost = spec.function.slots
    this.priority = spec.priority
    this.#reply = reply
    this.#submittedAt = parts.clock.monoMs()
    this.#endsAt = spec.remainingMs === null ? null : this.#submittedAt + spec.remainingMs
  }

  submit(): void {
    // Whoever wanted it may have left before it came here.
    if (this.#isSettled) return
    if (this.#endsAt !== null) {
      const leftMs = this.#endsAt - this.#submittedAt
      if (leftMs <= 0) return this.#fail('TIMEOUT', 'The deadline of the task has passed')
      this.#stopDeadline = startTimer(leftMs, () => this.#onDeadline())
    }
    const refusal = this.#parts.intake.admit(this)
    if (refusal !== undefined) this.#fail(refusal, REFUSALS[refusal])
    else this.#reply.accept()
  }

  isDue(): boolean {
    return true
  }

  start(hold: SlotHold): void {
    this.#stopPatience?.()
    this.#stopPatience = undefined
    this.#reply.accept()
    const { runners, clock } = this.#parts
    const claimed = runners.claim(this.#spec.function)
    if (!(claimed instanceof Promise)) return this.#begin(hold, claimed)
    const beganAt = clock.monoMs()
    void claimed.then((result) => {
      this.#coldStartMs += clock.monoMs() - beganAt
      this.#onClaimed(hold, result)
    })
  }

  abort(cause: AbortCause): void {
    if (this.#attempt) this.#attempt.abort(cause)
    else if (cause === 'shutdown') this.giveUp('DRAINING')
    else this.#cancel('The caller went away')
  }

  leave(): void {
    if (this.#attempt) this.#attempt.giveUp()
    else this.giveUp('DRAINING')
  }

  giveUp(code: 'MAINTENANCE' | 'DRAINING'): void {
    this.#fail(code, REFUSALS[code])
  }

  /** A worker that is not ready keeps its queue; a caller waits for it as long as an attempt may take. */
  onHeldUp(): void {
    this.#stopPatience ??= startTimer(this.#parts.limits.defaultTimeoutMs, () => {
      this.#stopPatience = undefined
      const { condition, intake } = this.#parts
      if (condition.isRunnable || !intake.withdraw(this)) return
      const reason = condition.reason ?? 'it is starting'
      this.#fail('NO_CAPACITY', `The worker is not ready: ${reason}`)
    })
  }

  /** Whoever wanted it is gone: out of the queue, or told to end. */
  leaveCaller(): void {
    if (this.#parts.intake.withdraw(this)) this.#cancel('The caller went away')
    else this.abort('caller')
  }

  #cancel(message: string): void {
    this.#fail('CANCELLED', message)
  }

  #onClaimed(hold: SlotHold, claimed: Claimed): void {
    if (claimed.ok && !this.#isSettled) return this.#begin(hold, claimed.seat)
    if (claimed.ok) claimed.seat.free()
    else {
      const { reason, retryAfterMs } = claimed
      const message = `"${this.#spec.function.name}" could not be started here: ${reason}`
      this.#settle({ code: 'NO_CAPACITY', message, retryAfterMs })
    }
    this.#input = undefined
    hold.release()
  }

  #begin(hold: SlotHold, seat: Seat): void {
    const { clock } = this.#parts
    const now = clock.monoMs()
    this.#startedAt ??= now
    this.#attempts++
    // From here on the attempt itself knows the deadline.
    this.#stopDeadline?.()
    const { function: fn, run, timeoutMs, trace = '', upload } = this.#spec
    const spec = {
      function: fn,
      input: this.#input,
      seat,
      facts: {
        run,
        attempt: this.#attempts,
        fence: this.#attempts,
        trace,
        contentType: upload?.contentType ?? 'application/json',
        body: upload?.blob,
      },
      timeoutMs,
      remainingMs: this.#endsAt === null ? null : Math.max(0, this.#endsAt - now),
    }
    let next: (() => void) | undefined
    const calls = this.#callsOf(hold)
    this.#attempt = new Attempt(
      spec,
      attemptPortsOf(this.#parts, (...call) => calls.call(...call), this.#reply.emitter),
      {
        onAnswer: (outcome) => {
          next = this.#onOutcome(outcome)
        },
        onEnd: () => {
          this.#attempt = undefined
          calls.close()
          if (next) this.#parts.intake.rest(this)
          else this.#input = undefined
          hold.release()
          next?.()
        },
        onStuck: () => hold.markStuck(),
      },
    )
    this.#attempt.begin()
  }

  #callsOf(hold: SlotHold): CallGate {
    return new CallGate(this.#parts, () => ({
      function: this.#spec.function,
      callers: this.#callers,
      hold,
      how: {
        priority: this.priority,
        rank: () => this.rank,
        makeChild: (...child) => new DirectOrder(this.#parts, ...child),
      },
    }))
  }

  /** Returns what leads to the next attempt, if there is one. */
  #onOutcome(outcome: Outcome): (() => void) | undefined {
    const { header, result } = outcome
    const { error, runMs } = header
    if (!error) {
      this.#end(() => this.#reply.complete(result, this.#headers(runMs)))
      return undefined
    }
    const { function: fn, attempts } = this.#spec
    const rules = { maxRetries: fn.interface.maxRetries, attempts }
    if (!this.#reply.hasLeft && mayRepeat(header, this.#attempts, rules)) {
      const restMs = waitMs(this.#attempts, error, fn.backoff)
      const isInTime = this.#endsAt === null || this.#parts.clock.monoMs() + restMs < this.#endsAt
      if (isInTime) return () => this.#rest(restMs)
    }
    // Whoever waited for a worker that leaves is told so; over the link the balancer decides on a repeat.
    const isLeaving = header.outcome === 'lost'
    const message = 'The worker was stopped while the task ran'
    this.#settle(isLeaving ? { code: 'DRAINING', message } : error, this.#headers(runMs))
    return undefined
  }

  #rest(restMs: number): void {
    if (this.#endsAt !== null) {
      const leftMs = this.#endsAt - this.#parts.clock.monoMs()
      this.#stopDeadline = startTimer(leftMs, () => this.#onDeadline())
    }
    this.#stopRest = startTimer(restMs, () => this.#parts.intake.resume(this))
  }

  #onDeadline(): void {
    this.#parts.intake.withdraw(this)
    const doing =
      this.#startedAt === undefined ? 'while it was waiting for a slot' : 'before its next attempt'
    this.#fail('TIMEOUT', `The deadline of the task passed ${doing}`)
  }

  #fail(code: ErrorCode, message: string): void {
    this.#settle({ code, message })
  }

  #settle(error: OutcomeError, headers: Headers = { 'x-run-id': this.#spec.run }): void {
    this.#end(() => this.#reply.fail(error, headers))
  }

  #end(tell: () => void): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#stopPatience?.()
    this.#stopDeadline?.()
    this.#stopRest?.()
    tell()
  }

  #headers(runMs: number): Headers {
    return { 'x-run-id': this.#spec.run, 'server-timing': this.#timing(runMs) }
  }

  #timing(runMs: number): string {
    const queueMs = (this.#startedAt ?? this.#submittedAt) - this.#submittedAt
    const setup = this.#coldStartMs > 0 ? `setup;dur=${tenths(this.#coldStartMs)}, ` : ''
    return `queue;dur=${tenths(queueMs)}, ${setup}run;dur=${tenths(runMs)}`
  }
}

/** Like `toFixed(1)`, at a tenth of its cost. */
function tenths(ms: number): string {
  const count = Math.round(ms * 10)
  return `${Math.floor(count / 10)}.${count % 10}`
}
