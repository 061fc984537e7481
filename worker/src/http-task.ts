/**
 * The hot route of the worker's HTTP, without its router: a task in, an answer out. `handleTask` is mounted by
 * `http.ts`; each task becomes an order that shares queue and slots with what comes over the link.
 * Invariant: every call is answered once, and one whose client has left costs no slot it has not got already.
 */
import type { ErrorCode } from '@berth/protocol'
import { type Answer, problem, problemOf } from './answer.ts'
import { type AbortCause, Attempt, type Outcome } from './attempt.ts'
import { attemptPortsOf } from './attempt-ports.ts'
import type { Order, Refusal, SlotHold } from './intake.ts'
import type { WorkerParts } from './parts.ts'
import { makeRunId } from './run-id.ts'
import { readTask, type TaskRequest, type WantedTask } from './task-request.ts'
import { startTimer } from './timer.ts'

/** `onGone` is told once when the caller leaves. */
export async function handleTask(
  parts: WorkerParts,
  request: TaskRequest,
  onGone: (listener: () => void) => void,
): Promise<Answer> {
  const read = readTask(parts, request)
  if (!read.ok) return problem(read.complaint.code, read.complaint.detail, read.complaint)
  const { task } = read
  const checked = await task.function.input.check(task.input, task.inputPointer)
  if (!checked.ok) return problemOf(checked.error)
  const order = new DirectOrder(parts, task, checked.value)
  onGone(() => order.leaveCaller())
  return order.submit()
}

const REFUSALS: Readonly<Record<Refusal, string>> = {
  MAINTENANCE: 'The worker is in maintenance and takes no new tasks',
  DRAINING: 'The worker is shutting down and takes no new tasks',
  NO_CAPACITY: 'The worker is not ready',
  QUEUE_FULL: 'All slots are taken and the queue is full; try again in a moment',
  SLOT_COST_TOO_BIG: 'The function takes more slots than this worker has',
}

class DirectOrder implements Order {
  readonly isLinked = false
  readonly cost: number
  readonly priority: number
  readonly #parts: WorkerParts
  readonly #task: WantedTask
  #input: unknown
  readonly #run: string
  readonly #submittedAt: number
  /** On the monotonic clock. */
  readonly #endsAt: number | null
  readonly #answered = Promise.withResolvers<Answer>()
  #attempt: Attempt | undefined
  #startedAt = 0
  #stopPatience: (() => void) | undefined
  #stopDeadline: (() => void) | undefined

  constructor(parts: WorkerParts, task: WantedTask, input: unknown) {
    const { clock, limits } = parts
    this.#parts = parts
    this.#task = task
    this.#input = input
    this.cost = task.function.slots
    this.priority = task.body.priority ?? limits.defaultPriority
    this.#run = makeRunId(clock.wallMs())
    this.#submittedAt = clock.monoMs()
    const { deadline } = task.body
    this.#endsAt = deadline === undefined ? null : this.#submittedAt + Date.parse(deadline) - clock.wallMs()
  }

  submit(): Promise<Answer> {
    const { intake, clock } = this.#parts
    if (this.#endsAt !== null) {
      const leftMs = this.#endsAt - clock.monoMs()
      if (leftMs <= 0) this.#answer(this.#problem('TIMEOUT', 'The deadline of the task has passed'))
      else this.#stopDeadline = startTimer(leftMs, () => this.#onDeadline())
    }
    const refusal = this.#endsAt !== null && this.#endsAt <= clock.monoMs() ? undefined : intake.admit(this)
    if (refusal !== undefined) this.#answer(this.#problem(refusal, REFUSALS[refusal]))
    return this.#answered.promise
  }

  isDue(): boolean {
    return true
  }

  start(hold: SlotHold): void {
    const { clock, limits } = this.#parts
    this.#disarm()
    this.#startedAt = clock.monoMs()
    const spec = {
      function: this.#task.function,
      input: this.#input,
      facts: { run: this.#run, attempt: 1, fence: 0, trace: '', contentType: 'application/json' },
      timeoutMs: this.#task.body.timeout ?? this.#task.function.timeoutMs ?? limits.defaultTimeoutMs,
      remainingMs: this.#endsAt === null ? null : Math.max(0, this.#endsAt - this.#startedAt),
    }
    this.#attempt = new Attempt(spec, attemptPortsOf(this.#parts), {
      onAnswer: (outcome) => this.#answer(this.#answerOf(outcome)),
      onEnd: () => {
        this.#input = undefined
        hold.release()
      },
      onStuck: () => hold.markStuck(),
    })
    this.#attempt.begin()
  }

  abort(cause: AbortCause): void {
    this.#attempt?.abort(cause)
  }

  leave(): void {
    this.#attempt?.giveUp()
  }

  giveUp(code: 'MAINTENANCE' | 'DRAINING'): void {
    this.#answer(this.#problem(code, REFUSALS[code]))
  }

  /** A worker that is not ready keeps its queue; a caller waits for it as long as an attempt may take. */
  onHeldUp(): void {
    this.#stopPatience ??= startTimer(this.#parts.limits.defaultTimeoutMs, () => {
      this.#stopPatience = undefined
      const { condition, intake } = this.#parts
      if (condition.isRunnable || !intake.withdraw(this)) return
      const reason = condition.reason ?? 'it is starting'
      this.#answer(this.#problem('NO_CAPACITY', `The worker is not ready: ${reason}`))
    })
  }

  /** The client is gone: out of the queue, or told to end. */
  leaveCaller(): void {
    if (this.#parts.intake.withdraw(this)) this.#answer(this.#problem('CANCELLED', 'The caller went away'))
    else this.#attempt?.abort('caller')
  }

  #onDeadline(): void {
    if (!this.#parts.intake.withdraw(this)) return
    this.#answer(this.#problem('TIMEOUT', 'The deadline of the task passed while it was waiting for a slot'))
  }

  #disarm(): void {
    this.#stopPatience?.()
    this.#stopDeadline?.()
  }

  #answer(answer: Answer): void {
    this.#disarm()
    this.#answered.resolve(answer)
  }

  #problem(code: ErrorCode, detail: string): Answer {
    return problem(code, detail, { headers: { 'x-run-id': this.#run } })
  }

  #answerOf({ header, result }: Outcome): Answer {
    if (header.error) {
      // Whoever waited for a worker that leaves is told so; over the link the balancer decides on a repeat.
      if (header.outcome === 'lost')
        return this.#problem('DRAINING', 'The worker was stopped while the task ran')
      return problemOf(header.error, { 'x-run-id': this.#run, ...this.#timing(header.runMs) })
    }
    const headers = {
      'content-type': 'application/json',
      'x-run-id': this.#run,
      ...this.#timing(header.runMs),
    }
    return { status: 200, headers, body: wrapResult(result) }
  }

  #timing(runMs: number): Record<string, string> {
    const queueMs = this.#startedAt - this.#submittedAt
    return { 'server-timing': `queue;dur=${queueMs.toFixed(1)}, run;dur=${runMs.toFixed(1)}` }
  }
}

const BEFORE = Buffer.from('{"success":true,"result":')
const AFTER = Buffer.from('}')

/** The result's bytes pass through as they are. */
function wrapResult(result: Uint8Array): Uint8Array {
  return Buffer.concat([BEFORE, result, AFTER])
}
