/**
 * One try of one task: calls the handler, limits its time, and makes an outcome of whatever happens.
 * Made by the orders of `http-task.ts` and `link-task.ts` once their slots are reserved.
 *
 *   begin ──handler returns or throws──▶ answered and ended
 *     └─abort (timeout, cancel, shutdown)─▶ signal fires ──ends in time──▶ answered and ended
 *                                              ├─does not, in a thread or process─▶ ended by force
 *                                              └─does not─▶ stuck; a timeout is answered now, the end comes later
 *
 * An attempt whose budget is used up ends as failed, with what its handler returns or has streamed within a second.
 * Invariant: `onAnswer` is called once and `onEnd` once, `onEnd` only when the handler has really ended.
 */
import type { CancelReason, OutcomeError, OutcomeHeader, OutcomeKind } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { RegisteredFunction } from '../functions/registry.ts'
import { mainSeat } from '../isolate/main-seat.ts'
import { Finished, type Seat } from '../isolate/seat.ts'
import type { Secrets } from '../privacy/secrets.ts'
import { speakFor } from '../privacy/task-console.ts'
import { AttemptLog } from './attempt-log.ts'
import { AttemptContext, type ContextFacts, type ContextPorts } from './context.ts'
import { type EncodedResult, encodeResult, errorOf, type Result } from './result.ts'
import { startTimer } from './timer.ts'

/** How long a handler may take to obey its signal before it counts as stuck. */
export const STUCK_AFTER_MS = 1000
/** How long the force may take to end it. */
const KILL_LIMIT_MS = 5000

/**
 * `budget`: the run has used what it may. `shutdown`: the worker stops. `orphaned`: the link with whoever wanted it is gone. `unread`: the caller has
 * stopped reading its stream.
 */
export type AbortCause = CancelReason | 'timeout' | 'shutdown' | 'orphaned' | 'unread'

export interface Outcome {
  readonly header: OutcomeHeader
  /** Empty unless completed, or as far as it came before the budget was used up. */
  readonly result: Result
}

export interface AttemptSpec {
  readonly function: RegisteredFunction
  /** As the function's schema returned it. */
  readonly input: unknown
  /** Where it runs; absent: in this thread. */
  readonly seat?: Seat
  readonly facts: Omit<ContextFacts, 'functionName'>
  /** Limit of this attempt from its start. */
  readonly timeoutMs: number
  /** From its start until the end of the whole task; null when there is none. */
  readonly remainingMs: number | null
  /** Milliseconds of this attempt in which its slots were others', because it waited for what it called. */
  readonly waitedMs?: () => number
}

export interface AttemptPorts extends ContextPorts {
  readonly clock: Clock
  readonly resultLimitBytes: number
  /** What errors may not carry out of this process. */
  readonly secrets?: Secrets | undefined
  /** Counts what was answered. */
  readonly onOutcome?: ((functionName: string, outcome: OutcomeKind, runMs: number) => void) | undefined
}

export interface AttemptListener {
  /** What the caller shall know. Before or with `onEnd`. */
  onAnswer(outcome: Outcome): void
  /** The handler has ended: its slots are free. */
  onEnd(): void
  /** The handler was told to end and did not. */
  onStuck(): void
}

const NO_RESULT: Result = { bytes: new Uint8Array(0), mediaType: '' }

export class Attempt {
  readonly #spec: AttemptSpec
  readonly #ports: AttemptPorts
  readonly #listener: AttemptListener
  #context: AttemptContext | undefined
  #cause: AbortCause | undefined
  #startedAt = 0
  #isAnswered = false
  #isEnded = false
  #stopLimit: (() => void) | undefined
  #stopBudget: (() => void) | undefined
  #stopGrace: (() => void) | undefined
  readonly #log: AttemptLog
  readonly #seat: Seat

  constructor(spec: AttemptSpec, ports: AttemptPorts, listener: AttemptListener) {
    this.#spec = spec
    this.#ports = ports
    this.#listener = listener
    this.#seat = spec.seat ?? mainSeat(spec.function)
    this.#log = new AttemptLog(spec.function, spec.facts.run, spec.input, ports)
  }

  /** Calls the handler, unless it was aborted before. Never throws. */
  begin(): void {
    const { clock } = this.#ports
    this.#startedAt = clock.monoMs()
    if (this.#cause !== undefined) {
      this.#seat.free()
      return this.#settle(false, undefined)
    }
    const { facts } = this.#spec
    const functionName = this.#spec.function.name
    const deadline = new Date(clock.wallMs() + this.#limitMs)
    const { redact } = this.#log
    const ports = redact ? { ...this.#ports, redact } : this.#ports
    const timed = facts.budget ? { ...ports, runMs: () => this.#handlerMs } : ports
    this.#context = new AttemptContext({ ...facts, functionName }, deadline, timed)
    this.#log.began(this.#spec.input)
    this.#call(this.#context)
  }

  /** Fires the signal. The first cause counts. */
  abort(cause: AbortCause): void {
    if (this.#isEnded || this.#cause !== undefined) return
    this.#cause = cause
    this.#stopLimits()
    if (!this.#context) return
    if (cause === 'budget') this.#stopBudget = startTimer(STUCK_AFTER_MS, () => this.#answerUsedUp(NO_RESULT))
    this.#stopGrace = startTimer(this.#seat.graceMs ?? STUCK_AFTER_MS, () => this.#onDisobeyed())
    AttemptContext.abort(this.#context, abortError(cause))
  }

  /** Says that a handler which still runs will not be waited for: the worker is leaving. */
  giveUp(): void {
    this.#answer('lost', {
      code: 'WORKER_LOST',
      message: 'The worker was stopped while the task was running',
    })
  }

  get #limitMs(): number {
    const { timeoutMs, remainingMs } = this.#spec
    return Math.min(timeoutMs, remainingMs ?? timeoutMs)
  }

  /** In the handler; not what others have used its slots for meanwhile. */
  get #handlerMs(): number {
    return this.#ports.clock.monoMs() - this.#startedAt - (this.#spec.waitedMs?.() ?? 0)
  }

  /** Of the time that its run may use; Infinity without a limit. */
  get #leftMs(): number {
    const { budget } = this.#spec.facts
    const mostMs = budget?.left ? budget.left.runMs : budget?.runMs
    return mostMs === undefined ? Number.POSITIVE_INFINITY : mostMs - this.#handlerMs
  }

  /** What waits for calls has time left when the timer fires. */
  #limitBudget(): void {
    const leftMs = this.#leftMs
    if (leftMs === Number.POSITIVE_INFINITY || this.#cause !== undefined || this.#isEnded) return
    if (leftMs <= 0) return this.abort('budget')
    this.#stopBudget = startTimer(leftMs, () => this.#limitBudget())
  }

  #stopLimits(): void {
    this.#stopLimit?.()
    this.#stopBudget?.()
  }

  /** Something is awaited. What is through when its handler returns could not have been stopped by a timer. */
  #limit(): void {
    if (this.#stopLimit || this.#cause !== undefined) return
    this.#limitBudget()
    const { timeoutMs, remainingMs } = this.#spec
    const cause = remainingMs !== null && remainingMs < timeoutMs ? 'deadline' : 'timeout'
    this.#stopLimit = startTimer(this.#limitMs, () => this.abort(cause))
  }

  #call(context: AttemptContext): void {
    try {
      const returned: unknown = speakFor(context, () =>
        this.#seat.call(this.#spec.input, context, this.#resultLimitBytes),
      )
      if (isThenable(returned)) {
        this.#limit()
        Promise.resolve(returned).then(
          (value) => this.#whenWritten(value),
          (thrown: unknown) => this.#settle(true, thrown),
        )
      } else {
        this.#whenWritten(returned)
      }
    } catch (thrown) {
      this.#settle(true, thrown)
    }
  }

  /** Files that its handler did not wait for are part of what it made; one that is not kept is told in the log. */
  #whenWritten(value: unknown): void {
    const pending = this.#ports.files?.pending()
    if (!pending) return this.#check(value)
    this.#limit()
    void pending.then(() => this.#check(value))
  }

  /** Holds the result against the function's `output`, if it has one. */
  #check(value: unknown): void {
    const { checkOutput } = this.#spec.function
    // What there was when the budget was used up need not be whole.
    const isSpared = value instanceof Finished || this.#cause === 'budget'
    if (!checkOutput || isSpared) return this.#settle(false, value)
    this.#limit()
    Promise.try(checkOutput, value).then(
      (checked) => this.#settle(false, checked),
      (thrown: unknown) => this.#settle(true, thrown),
    )
  }

  #settle(isThrown: boolean, value: unknown): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#stopLimits()
    this.#stopGrace?.()
    if (!this.#isAnswered) this.#answerWith(isThrown, value)
    this.#listener.onEnd()
  }

  #answerWith(isThrown: boolean, value: unknown): void {
    // What never awaits anything is stopped by no timer.
    const cause = this.#cause ?? (this.#context && this.#leftMs < 0 ? 'budget' : undefined)
    if (cause === 'budget' && this.#context)
      return this.#answerUsedUp(isThrown ? NO_RESULT : this.#encode(value))
    // What finished although the worker is leaving is finished; every other cause has made it unwanted.
    const isWanted = cause === 'shutdown' || cause === 'drain'
    if (cause !== undefined && (!isWanted || isThrown || !this.#context)) return this.#answerAborted(cause)
    if (isThrown) return this.#fail(value)
    const isFinished = value instanceof Finished
    const encoded = this.#encode(value)
    if (!encoded.ok) return this.#answer('failed', encoded.error)
    this.#answer('completed', undefined, encoded)
    const runMs = this.#ports.clock.monoMs() - this.#startedAt
    this.#log.completed(isFinished ? () => value.read() : () => value, runMs)
  }

  #encode(value: unknown): EncodedResult {
    return value instanceof Finished ? value.encoded : encodeResult(value, this.#resultLimitBytes)
  }

  /** With what it returned, else with what it has streamed. */
  #answerUsedUp(returned: EncodedResult | Result): void {
    const isReturned = 'ok' in returned && returned.ok
    const streamed = this.#context && !isReturned ? AttemptContext.soFar(this.#context) : undefined
    const error = { code: 'BUDGET_EXHAUSTED', message: USED_UP, nonRetryable: true }
    this.#answer('failed', error, isReturned ? returned : (streamed ?? NO_RESULT))
  }

  get #resultLimitBytes(): number {
    const { maxResultBytes } = this.#spec.function
    return Math.min(this.#ports.resultLimitBytes, maxResultBytes ?? Number.POSITIVE_INFINITY)
  }

  #fail(thrown: unknown): void {
    this.#log.failed(thrown)
    this.#answer('failed', errorOf(thrown))
  }

  #answerAborted(cause: AbortCause): void {
    if (cause === 'timeout' || cause === 'deadline') this.#answer('timeout', this.#timeoutError(cause, false))
    else if (cause === 'shutdown') this.giveUp()
    else if (cause === 'orphaned') this.#answer('lost', LINK_LOST)
    else this.#answer('cancelled', { code: 'CANCELLED', message: abortError(cause).message })
  }

  /** What can be ended by force is; only what survives that is stuck. */
  #onDisobeyed(): void {
    if (!this.#seat.kill) return this.#becomeStuck()
    this.#stopGrace = startTimer(KILL_LIMIT_MS, () => this.#becomeStuck())
    this.#seat.kill()
  }

  /** A timeout is told now: its caller has waited long enough. A repeat would overlap, so it is ruled out. */
  #becomeStuck(): void {
    const cause = this.#cause ?? 'timeout'
    this.#log.stuck(cause)
    if (cause === 'timeout' || cause === 'deadline') this.#answer('timeout', this.#timeoutError(cause, true))
    this.#listener.onStuck()
  }

  #timeoutError(cause: 'timeout' | 'deadline', isStuck: boolean): OutcomeError {
    const name = this.#spec.function.name
    const what =
      cause === 'timeout'
        ? `The attempt took longer than ${this.#spec.timeoutMs} ms`
        : 'The deadline of the task passed while it was running'
    const message = isStuck ? `${what}, and "${name}" ignored its signal; it still holds its slot` : what
    return isStuck ? { code: 'TIMEOUT', message, nonRetryable: true } : { code: 'TIMEOUT', message }
  }

  #answer(outcome: OutcomeKind, error?: OutcomeError, result: Result = NO_RESULT): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    if (this.#context) AttemptContext.close(this.#context)
    const runMs = this.#context ? this.#ports.clock.monoMs() - this.#startedAt : 0
    const header = { outcome, runMs, mediaType: result.mediaType }
    this.#ports.onOutcome?.(this.#spec.function.name, outcome, runMs)
    this.#listener.onAnswer({
      header: error ? { ...header, error: this.#log.hide(error) } : header,
      result,
    })
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** Nobody but its caller cancels a task: whoever asks for this one again hears that it was lost on the way. */
const LINK_LOST: OutcomeError = {
  code: 'WORKER_LOST',
  message: 'The link to the balancer broke, and what the task had made on the way may be lost',
}

/** What has ended, and is lost with the link that its chunks went over. */
export function lostWithLink({ header }: Outcome): Outcome {
  return {
    header: { outcome: 'lost', runMs: header.runMs, mediaType: '', error: LINK_LOST },
    result: NO_RESULT,
  }
}

const CAUSES: Readonly<Record<AbortCause, string>> = {
  caller: 'The caller went away',
  operator: 'Someone cancelled the task',
  deadline: 'The deadline of the task passed',
  drain: 'The worker was drained past its deadline',
  superseded: 'A newer attempt took its place',
  timeout: 'The attempt took too long',
  shutdown: 'The worker is shutting down',
  orphaned: 'The link to the balancer broke or stayed away',
  unread: 'The caller stopped reading the stream',
  budget: 'The budget of the task is used up',
}

const USED_UP = 'The budget of the task is used up; give it a higher level, or raise the limits of BUDGETS'

/** The reason of the signal; its name is what `fetch` and `setTimeout` of Node give, too. */
function abortError(cause: AbortCause): DOMException {
  const name = cause === 'timeout' || cause === 'deadline' ? 'TimeoutError' : 'AbortError'
  return new DOMException(CAUSES[cause], name)
}
