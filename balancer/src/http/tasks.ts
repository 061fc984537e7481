/**
 * `POST /task`: one function from a request-like to an answer-like, mounted before the router (the
 * hot route) and in it. Reads the call, submits it to the core, and words the answer. Knows no socket.
 */
import type { TaskBody, TaskError } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { Settlement, SubmitPort } from '../ports/scheduling.ts'
import { describeProblem } from './problem.ts'
import { readTask, selectorOf, type TaskHead } from './task-call.ts'

export interface TaskAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

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
}

const PREFIX = Buffer.from('{"success":true,"result":')
const SUFFIX = Buffer.from('}')
const NULL = Buffer.from('null')
const TRACE_PATTERN = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

export class Tasks {
  readonly #deps: TasksDeps

  constructor(deps: TasksDeps) {
    this.#deps = deps
  }

  /**
   * Runs one call. `answer` is called exactly once, possibly before this returns; the function that
   * comes back ends the task because its caller has gone.
   */
  handle(
    head: TaskHead,
    bytes: Uint8Array,
    traceparent: string | undefined,
    answer: (answer: TaskAnswer) => void,
  ): () => void {
    const read = readTask(head, bytes)
    if (!read.ok) {
      answer(describeProblem(read.error))
      return () => {}
    }
    return this.#submit(read.body, bytes, traceparent, answer)
  }

  #submit(
    body: TaskBody,
    bytes: Uint8Array,
    traceparent: string | undefined,
    answer: (answer: TaskAnswer) => void,
  ): () => void {
    const { scheduler, clock, createRunId, taskTimeoutMs, queueTimeoutMs, defaultPriority } = this.#deps
    const now = clock.monoMs()
    const run = createRunId()
    const admission = scheduler.submit(
      {
        run,
        group: body.group ?? 'default',
        function: body.function,
        contract: body.contract,
        selector: selectorOf(body),
        priority: body.priority ?? defaultPriority,
        fairnessKey: body.fairnessKey,
        mode: 'sync',
        isDurable: false,
        attempts: body.attempts,
        idempotent: body.idempotent,
        timeoutMs: body.timeout,
        deadlineAt: now + Math.min(taskTimeoutMs, this.#untilDeadline(body)),
        queueUntilAt: now + queueTimeoutMs,
        payload: { bytes, mediaType: '', isEnvelope: true },
        trace: traceparent !== undefined && TRACE_PATTERN.test(traceparent) ? traceparent : '',
        onSettled: (settlement) => answer(this.#word(run, settlement)),
      },
      now,
    )
    if (!admission.ok) {
      this.#note(run, body.function, admission.error)
      answer(describeProblem(admission.error, { headers: { 'x-run-id': run } }))
      return () => {}
    }
    return () => void scheduler.cancel(run, 'caller', clock.monoMs())
  }

  #untilDeadline(body: TaskBody): number {
    if (body.deadline === undefined) return Number.POSITIVE_INFINITY
    return Math.max(0, Date.parse(body.deadline) - this.#deps.clock.wallMs())
  }

  #word(run: string, settlement: Settlement): TaskAnswer {
    const headers = this.#headersOf(run, settlement)
    if (settlement.kind === 'completed') return success(settlement, headers)
    this.#note(run, settlement.worker, settlement.error)
    return describeProblem(settlement.error, { headers })
  }

  #headersOf(run: string, settlement: Settlement): Record<string, string> {
    if (this.#deps.answerHeaders === 'minimal') return { 'x-run-id': run }
    const headers: Record<string, string> = { 'x-run-id': run }
    if (settlement.worker !== undefined) headers['x-worker'] = shownId(settlement.worker)
    if (settlement.attempt > 0) headers['x-attempt'] = String(settlement.attempt)
    headers['server-timing'] = `queue;dur=${round(settlement.queueMs)}, run;dur=${round(settlement.runMs)}`
    return headers
  }

  #note(run: string, about: string | undefined, error: TaskError): void {
    this.#deps.log.debug('task not completed', { run, about, code: error.code, detail: error.detail })
  }
}

/** A result that is JSON already goes into its frame without being read again. */
function success(
  settlement: Extract<Settlement, { kind: 'completed' }>,
  headers: Record<string, string>,
): TaskAnswer {
  headers['content-type'] = 'application/json'
  const { mediaType, result } = settlement
  if (mediaType === '') {
    const json = result.length === 0 ? NULL : result
    return { status: 200, headers, body: Buffer.concat([PREFIX, json, SUFFIX]) }
  }
  const base64 = Buffer.from(result.buffer, result.byteOffset, result.byteLength).toString('base64')
  return { status: 200, headers, body: JSON.stringify({ success: true, result: { mediaType, base64 } }) }
}

/** The core numbers a worker anew when its entry gets another URL; outside it keeps its id. */
function shownId(key: string): string {
  const at = key.lastIndexOf('#')
  return at < 0 ? key : key.slice(0, at)
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
