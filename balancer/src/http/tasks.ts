/**
 * `POST /task` and `POST /task/{group}/{function}`: from a request-like to an answer-like, or to a stream.
 * Reads the call, submits it to the core, and words what comes back. Mounted before the router and in it by
 * task-exchange.ts; batches submit their tasks here too. Knows no socket.
 */
import type { BudgetLevel, TaskBody, TaskError } from '@berth/protocol'
import { type Clock, jsonOfBytes, type Log, wholeOf } from '@berth/runtime'
import type { Payload } from '../ports/dispatch.ts'
import type { MemoryFilesPort } from '../ports/files.ts'
import { takesFiles, tellRecorded } from '../ports/memory-files.ts'
import type { RunMeter } from '../ports/metering.ts'
import type { Provenance, Settlement, SoFar, Submission, SubmitPort } from '../ports/submission.ts'
import { shownId } from '../ports/worker-key.ts'
import { type AnswerBody, lengthOf } from './answer-body.ts'
import type { DurableCall, DurableCalls } from './durable-call.ts'
import { type BackgroundPort, createIsAsync, type DurableWish, namedMode, readWish } from './durable-wish.ts'
import { describeProblem, type ProblemAnswer } from './problem.ts'
import { EventReply } from './stream-events.ts'
import type { OpenBody, StreamReply, StreamReplyOptions } from './stream-reply.ts'
import { TextReply } from './stream-text.ts'
import {
  type IsAsync,
  isTrace,
  notYet,
  type ReadTask,
  readTask,
  selectorOf,
  type TaskCall,
} from './task-call.ts'
import { readRoutedTask } from './task-query.ts'

export interface TaskAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: AnswerBody
}

/** Whoever made the call, as far as tasks need it. */
export interface TaskReply {
  /** The whole answer, at most once, possibly before `handle` returns; never when a stream was opened. */
  answer(answer: TaskAnswer): void
  /** Begins a stream with status 200. */
  readonly open: OpenBody
}

/** A checked task, on its way to the core. */
export interface TaskOrder {
  readonly body: TaskBody
  readonly payload: Payload
  readonly traceparent: string | undefined
  /** `x-wr-auth`. */
  readonly workerKey?: string | undefined
  readonly trigger?: 'ui' | 'email' | undefined
  readonly onItem?: Submission['onItem']
  /** Called once, never before `submit` returns. */
  onSettled(settlement: Settlement): void
}

export type Submitted =
  | { readonly ok: true; readonly run: string /** Nobody waits for it any more. */; cancel(): void }
  | { readonly ok: false; readonly run: string; readonly error: TaskError }

export interface TasksDeps {
  readonly scheduler: SubmitPort
  readonly clock: Clock
  readonly log: Log
  readonly createRunId: () => string
  /** `TASK_TIMEOUT` and `QUEUE_TIMEOUT`, ms. */
  readonly taskTimeoutMs: number
  readonly queueTimeoutMs: number
  readonly defaultPriority: number
  readonly answerHeaders: 'full' | 'minimal'
  /** The budget of a task; undefined when its level has no limits. */
  readonly openMeter?: ((run: string, level: BudgetLevel) => RunMeter | undefined) | undefined
  /** Calls that are kept on disk; undefined refuses them. */
  readonly durable?: Pick<DurableCalls, 'handle'> | undefined
  readonly background?: BackgroundPort | undefined
  /** What tasks in memory write; undefined refuses it. */
  readonly files?: MemoryFilesPort | undefined
}

/** A plain call, which is a run on disk for what it brings along. */
const WAITS: DurableWish = { mode: 'sync', waitMs: undefined, key: undefined }
const NO_STREAM: TaskError = {
  code: 'INVALID_REQUEST',
  detail: 'A task with files is a run on disk; use mode async, and follow /runs/{id}/events.',
  errors: [{ pointer: '/mode', detail: 'contradicts the files' }],
}
const PREFIX = Buffer.from('{"success":true,"result":')
const SUFFIX = Buffer.from('}')
const NOTHING_TO_END = () => {}

export class Tasks {
  readonly #deps: TasksDeps
  readonly #isAsync: IsAsync
  readonly #onFile: Submission['onFile']

  constructor(deps: TasksDeps) {
    this.#deps = deps
    this.#isAsync = createIsAsync(deps.background)
    this.#onFile = deps.files && takesFiles(deps.files)
  }

  /** Runs one call; the function that comes back ends the task because its caller has gone. */
  handle(call: TaskCall, reply: TaskReply): () => void {
    const { head, bytes, target } = call
    const read = target
      ? readRoutedTask(head, bytes, target, this.#isAsync)
      : readTask(head, wholeOf(bytes), this.#isAsync)
    if (!read.ok) {
      reply.answer(describeProblem(read.error))
      return NOTHING_TO_END
    }
    const { body, payload } = read
    const { background } = this.#deps
    const saysMore = head.prefer ?? head.idempotencyKey ?? body.mode ?? body.async ?? body.session
    if (saysMore !== undefined || background?.isAny === true || call.upload) {
      const handled = this.#handleDurable(call, read, reply)
      if (handled) return handled
    }
    const { traceparent, workerKey, trigger } = head
    if (body.mode === 'stream')
      return this.#stream({ body, payload, traceparent, workerKey, trigger }, head.wantsEvents, reply)
    const isRouted = target !== undefined
    const submitted = this.submit({
      body,
      payload,
      traceparent,
      workerKey,
      trigger,
      onSettled: (settlement) => reply.answer(this.word(run, settlement, isRouted)),
    })
    const { run } = submitted
    return submitted.ok ? submitted.cancel : this.#refuse(submitted, reply)
  }

  /** Undefined for a task that lives in memory like any other. */
  #handleDurable(
    call: TaskCall,
    { body, payload }: Extract<ReadTask, { ok: true }>,
    reply: TaskReply,
  ): (() => void) | undefined {
    const { durable, background } = this.#deps
    const read = readWish(call.head, body, background?.isAny === true && background.has(body))
    if (call.upload && namedMode(body) === 'stream') {
      reply.answer(describeProblem(NO_STREAM))
      return NOTHING_TO_END
    }
    const wish = read.ok ? (read.wish ?? (call.upload && WAITS)) : undefined
    if (read.ok && wish === undefined) return undefined
    if (wish !== undefined && durable !== undefined) {
      const word: DurableCall['word'] = (run, settlement) =>
        this.word(run, settlement, call.target !== undefined)
      const bytes = wholeOf(call.bytes)
      const kept = payload.bytes === call.bytes ? { ...payload, bytes } : payload
      return durable.handle({ ...call, bytes, body, payload: kept, wish, word }, reply)
    }
    reply.answer(describeProblem(read.ok ? notYet('runs on disk') : read.error))
    return NOTHING_TO_END
  }

  /** Hands a checked task of mode sync or stream to the core. */
  submit(order: TaskOrder): Submitted {
    const { scheduler, clock, log, createRunId, files } = this.#deps
    const now = clock.monoMs()
    const run = createRunId()
    const onSettled = (settlement: Settlement) => {
      if (settlement.kind === 'failed') note(log, run, settlement.worker, settlement.error)
      tellRecorded(files, run, settlement, order.onSettled)
    }
    const admission = scheduler.submit(this.#draft(run, order, onSettled, now), now)
    const cancel = () => {
      // With a file it is as a run on disk: it goes on.
      if (!files?.has(run)) scheduler.cancel(run, 'caller', clock.monoMs())
    }
    if (admission.ok) return { ok: true, run, cancel }
    note(log, run, order.body.function, admission.error)
    return { ok: false, run, error: admission.error }
  }

  /** A checked task as it would be submitted now, for a dry run. */
  draft(body: TaskBody, payload: Payload): Submission {
    const order = { body, payload, traceparent: undefined, onSettled: NOTHING_TO_END }
    const submission = this.#draft('', order, NOTHING_TO_END, this.#deps.clock.monoMs())
    return body.session === undefined ? submission : { ...submission, extras: { session: body.session } }
  }

  #draft(run: string, order: TaskOrder, onSettled: Submission['onSettled'], now: number): Submission {
    const { body, payload, traceparent, workerKey, trigger, onItem } = order
    const { taskTimeoutMs, queueTimeoutMs, defaultPriority } = this.#deps
    return {
      run,
      group: body.group ?? 'default',
      function: body.function,
      contract: body.contract,
      selector: selectorOf(body),
      priority: body.priority ?? defaultPriority,
      fairnessKey: body.fairnessKey,
      mode: body.mode ?? (body.async === true ? 'async' : 'sync'),
      isDurable: body.mode === 'async' || body.mode === 'webhook' || body.async === true,
      attempts: body.attempts,
      idempotent: body.idempotent,
      timeoutMs: body.timeout,
      deadlineAt: now + Math.min(taskTimeoutMs, this.#untilDeadline(body)),
      queueUntilAt: now + queueTimeoutMs,
      payload,
      workerKey,
      trace: isTrace(traceparent) ? traceparent : '',
      metadata: body.metadata,
      trigger,
      budget: body.budget,
      meter: body.budget === undefined ? undefined : this.#deps.openMeter?.(run, body.budget),
      onItem,
      onFile: this.#onFile,
      onSettled,
    }
  }

  #stream(order: Omit<TaskOrder, 'onSettled'>, wantsEvents: boolean, reply: TaskReply): () => void {
    const options: StreamReplyOptions = {
      open: (headers, onTaken) => reply.open(headers, onTaken),
      headersOf: (known) => this.#headersOf(submitted.run, known),
      fail: (settlement) => reply.answer(this.word(submitted.run, settlement, false)),
    }
    const stream: StreamReply = wantsEvents ? new EventReply(options) : new TextReply(options)
    const submitted = this.submit({
      ...order,
      onItem: (item, origin) => stream.item(item, origin),
      onSettled: (settlement) => stream.settle(settlement),
    })
    if (!submitted.ok) return this.#refuse(submitted, reply)
    stream.accept()
    return submitted.cancel
  }

  #refuse({ run, error }: Extract<Submitted, { ok: false }>, reply: TaskReply): () => void {
    reply.answer(describeProblem(error, { headers: { 'x-run-id': run } }))
    return NOTHING_TO_END
  }

  #untilDeadline(body: TaskBody): number {
    if (body.deadline === undefined) return Number.POSITIVE_INFINITY
    return Math.max(0, Date.parse(body.deadline) - this.#deps.clock.wallMs())
  }

  /** The end of a task as its route answers it. */
  word(run: string, settlement: Settlement, isRouted: boolean): TaskAnswer {
    const headers = this.#headersOf(run, settlement)
    if (settlement.kind === 'completed') return success(settlement, headers, isRouted)
    const problem = describeProblem(settlement.error, { headers })
    return settlement.soFar ? withResult(problem, settlement.soFar) : problem
  }

  /** As far as known. */
  #headersOf(run: string, known: Partial<Provenance>): Record<string, string> {
    const headers: Record<string, string> = { 'x-run-id': run }
    if (this.#deps.answerHeaders === 'minimal') return headers
    const { worker, attempt = 0, queueMs, runMs, coldStartMs = 0 } = known
    if (worker !== undefined) headers['x-worker'] = shownId(worker)
    if (attempt > 0) headers['x-attempt'] = String(attempt)
    if (queueMs === undefined) return headers
    const setup = coldStartMs > 0 ? `, setup;dur=${round(coldStartMs)}` : ''
    const ran = runMs === undefined ? '' : `, run;dur=${round(runMs)}`
    headers['server-timing'] = `queue;dur=${round(queueMs)}${setup}${ran}`
    return headers
  }
}

function note(log: Log, run: string, about: string | undefined, error: TaskError): void {
  log.debug('task not completed', { run, about, code: error.code, detail: error.detail })
}

/** A result that is JSON already goes into its frame without being read again, bytes as they are. */
function success(
  { mediaType, result }: Extract<Settlement, { kind: 'completed' }>,
  headers: Record<string, string>,
  isRouted: boolean,
): TaskAnswer {
  const isBytes = mediaType !== ''
  headers['content-type'] = isBytes && isRouted ? mediaType : 'application/json'
  if (isBytes && isRouted) return { status: 200, headers, body: result }
  const json = isBytes || lengthOf(result) === 0 ? jsonOfBytes(mediaType, wholeOf(result)) : result
  return { status: 200, headers, body: [PREFIX, ...(json instanceof Uint8Array ? [json] : json), SUFFIX] }
}

/** The problem with what there was of the result, which is not read again. */
function withResult(problem: ProblemAnswer, { mediaType, bytes }: SoFar): TaskAnswer {
  const opening = Buffer.from(`${problem.body.slice(0, -1)},"result":`)
  return { ...problem, body: [opening, jsonOfBytes(mediaType, wholeOf(bytes)), SUFFIX] }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
