/**
 * The hot route of the worker's HTTP, without its router: a task in, an answer out. `handleTask` is mounted by
 * `http.ts`; each task becomes an order that shares queue and slots with what comes over the link.
 * Invariant: every call is answered once, and one whose client has left costs no slot it has not got already.
 */
import type { ErrorCode, OutcomeError } from '@berth/protocol'
import { type Answer, problem, problemOf } from './answer.ts'
import { type AbortCause, Attempt, type Outcome } from './attempt.ts'
import { attemptPortsOf } from './attempt-ports.ts'
import type { Order, Refusal, SlotHold } from './intake.ts'
import type { WorkerParts } from './parts.ts'
import { makeRunId } from './run-id.ts'
import type { Caller } from './stream/caller.ts'
import { EventReply } from './stream/event-reply.ts'
import { type Reply, WholeReply } from './stream/reply.ts'
import { TextReply } from './stream/text-reply.ts'
import { readTask, type TaskRequest, type WantedTask } from './task-request.ts'
import { startTimer } from './timer.ts'

export interface DirectRequest extends TaskRequest {
  /** Streams shall be server-sent events. */
  readonly wantsEvents: boolean
}

/** Undefined when the answer was written to the caller itself. */
export async function handleTask(
  parts: WorkerParts,
  request: DirectRequest,
  caller: Caller,
): Promise<Answer | undefined> {
  const read = readTask(parts, request)
  if (!read.ok) return problem(read.complaint.code, read.complaint.detail, read.complaint)
  const { task } = read
  const checked = await task.function.input.check(task.input, task.inputPointer)
  if (!checked.ok) return problemOf(checked.error)
  const run = makeRunId(parts.clock.wallMs())
  const reply = replyOf(task, request, caller, run, () => order.abort('unread'))
  const order = new DirectOrder(parts, task, checked.value, run, reply)
  caller.onGone(() => order.leaveCaller())
  order.submit()
  return reply.answered
}

function replyOf(
  { mode }: WantedTask,
  { route, wantsEvents }: DirectRequest,
  caller: Caller,
  run: string,
  onUnread: () => void,
): Reply {
  if (mode !== 'stream') return new WholeReply(route !== undefined)
  const headers = { 'x-run-id': run }
  return wantsEvents ? new EventReply(caller, headers, onUnread) : new TextReply(caller, headers, onUnread)
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
  readonly #reply: Reply
  #attempt: Attempt | undefined
  #startedAt = 0
  #stopPatience: (() => void) | undefined
  #stopDeadline: (() => void) | undefined

  constructor(parts: WorkerParts, task: WantedTask, input: unknown, run: string, reply: Reply) {
    const { clock, limits } = parts
    this.#parts = parts
    this.#task = task
    this.#input = input
    this.cost = task.function.slots
    this.priority = task.body.priority ?? limits.defaultPriority
    this.#run = run
    this.#reply = reply
    this.#submittedAt = clock.monoMs()
    const { deadline } = task.body
    this.#endsAt = deadline === undefined ? null : this.#submittedAt + Date.parse(deadline) - clock.wallMs()
  }

  submit(): void {
    const { intake, clock } = this.#parts
    if (this.#endsAt !== null) {
      const leftMs = this.#endsAt - clock.monoMs()
      if (leftMs <= 0) this.#fail('TIMEOUT', 'The deadline of the task has passed')
      else this.#stopDeadline = startTimer(leftMs, () => this.#onDeadline())
    }
    const refusal = this.#endsAt !== null && this.#endsAt <= clock.monoMs() ? undefined : intake.admit(this)
    if (refusal !== undefined) this.#fail(refusal, REFUSALS[refusal])
    else this.#reply.accept()
  }

  isDue(): boolean {
    return true
  }

  start(hold: SlotHold): void {
    const { clock, limits } = this.#parts
    this.#disarm()
    this.#reply.accept()
    this.#startedAt = clock.monoMs()
    const spec = {
      function: this.#task.function,
      input: this.#input,
      facts: {
        run: this.#run,
        attempt: 1,
        fence: 0,
        trace: '',
        contentType: this.#task.blob?.type ?? 'application/json',
        body: this.#task.blob,
      },
      timeoutMs: this.#task.body.timeout ?? this.#task.function.timeoutMs ?? limits.defaultTimeoutMs,
      remainingMs: this.#endsAt === null ? null : Math.max(0, this.#endsAt - this.#startedAt),
    }
    this.#attempt = new Attempt(spec, attemptPortsOf(this.#parts, this.#reply.emitter), {
      onAnswer: (outcome) => this.#settle(outcome),
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

  /** The client is gone: out of the queue, or told to end. */
  leaveCaller(): void {
    if (this.#parts.intake.withdraw(this)) this.#fail('CANCELLED', 'The caller went away')
    else this.#attempt?.abort('caller')
  }

  #onDeadline(): void {
    if (!this.#parts.intake.withdraw(this)) return
    this.#fail('TIMEOUT', 'The deadline of the task passed while it was waiting for a slot')
  }

  #disarm(): void {
    this.#stopPatience?.()
    this.#stopDeadline?.()
  }

  #fail(code: ErrorCode, message: string): void {
    this.#disarm()
    this.#reply.fail({ code, message }, { 'x-run-id': this.#run })
  }

  #settle({ header, result }: Outcome): void {
    this.#disarm()
    const headers = { 'x-run-id': this.#run, ...this.#timing(header.runMs) }
    const { error, mediaType } = header
    if (!error) return this.#reply.complete({ bytes: result, mediaType }, headers)
    // Whoever waited for a worker that leaves is told so; over the link the balancer decides on a repeat.
    const isLeaving = header.outcome === 'lost'
    const told: OutcomeError = isLeaving
      ? { code: 'DRAINING', message: 'The worker was stopped while the task ran' }
      : error
    this.#reply.fail(told, headers)
  }

  #timing(runMs: number): Record<string, string> {
    const queueMs = this.#startedAt - this.#submittedAt
    return { 'server-timing': `queue;dur=${queueMs.toFixed(1)}, run;dur=${runMs.toFixed(1)}` }
  }
}
