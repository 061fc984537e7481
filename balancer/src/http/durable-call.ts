/**
 * Calls whose run goes to disk before they are answered: async and webhook, delayed, with `Idempotency-Key`,
 * `session` or `Prefer: wait`. Asked by tasks.ts once it knows that a call is one of these; ports/runs.ts does the rest.
 * Invariants: 202 is said only of what is on disk; a caller that goes away ends its waiting and never its run;
 * one key begins one run.
 */
import { type FieldError, isFinal, type RunView, type TaskBody, type TaskError } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { Payload } from '../ports/dispatch.ts'
import type { Accepted, DurableRunsPort, InputCheckPort, KeyUse, NewRun } from '../ports/runs.ts'
import type { StoredPayload } from '../ports/stored-run.ts'
import type { Settlement } from '../ports/submission.ts'
import type { WebhookTargetPort } from '../ports/webhooks.ts'
import type { Door } from './door.ts'
import { acceptedAnswer, drainedAnswer, noLongerKept, REPLAYED, stillRunning } from './durable-answer.ts'
import { useKey } from './durable-key.ts'
import { findWrongTime, type OrderTerms, orderRun, originOf, readInput } from './durable-order.ts'
import type { DurableWish } from './durable-wish.ts'
import { findHugeNumber } from './huge-number.ts'
import { describeProblem, INTERNAL_ERROR } from './problem.ts'
import { isTrace, type Refused, type TaskCall, type TaskHead } from './task-call.ts'
import { wordQuery } from './task-query.ts'
import type { TaskAnswer, TaskReply } from './tasks.ts'
import { wrongField } from './wrong-field.ts'

export interface DurableCallsDeps {
  readonly runs: DurableRunsPort
  readonly inputs: InputCheckPort
  /** Any run, as it is now. */
  readonly find: (id: string) => Promise<Pick<RunView, 'status'> | undefined>
  readonly webhooks: WebhookTargetPort
  readonly clock: Pick<Clock, 'wallMs'>
  readonly log: Log
  /** Where bodies count until they are on disk. */
  readonly door: Pick<Door, 'enter' | 'leave' | 'refuse'>
  /** `TASK_TIMEOUT` and `QUEUE_TIMEOUT`, ms. */
  readonly taskTimeoutMs: number
  readonly queueTimeoutMs: number
  readonly defaultPriority: number
}

/** What of a request's head is kept with the run. */
export type OrderHead = Pick<TaskHead, 'traceparent' | 'host' | 'forwardedProto' | 'trigger'>

/** A checked call and what it wants. */
export interface DurableCall extends TaskCall {
  readonly bytes: Uint8Array
  readonly body: TaskBody
  readonly payload: Payload
  readonly wish: DurableWish
  /** The end of a run as the call's route words it. */
  word(run: string, settlement: Settlement): TaskAnswer
}

export type Ordered =
  | { readonly ok: true; readonly run: NewRun }
  | { readonly ok: false; readonly error: TaskError }

/** Longer than any run may be waited for: a timer takes no more. */
export const LONGEST_WAIT_MS = 2 ** 31 - 1

const NEVER = new AbortController().signal

export class DurableCalls {
  readonly #deps: DurableCallsDeps

  constructor(deps: DurableCallsDeps) {
    this.#deps = deps
  }

  /** Answers in its time; the function that comes back is for a caller that has gone. */
  handle(call: DurableCall, reply: Pick<TaskReply, 'answer'>): () => void {
    const { body, payload, wish, head, target } = call
    const ordered = withFiles(this.order(body, payload, wish, head, target ? '' : '/input'), call)
    if (!ordered.ok && wish.key === undefined) {
      reply.answer(describeProblem(ordered.error))
      return () => {}
    }
    // Nobody waits for the end of any other, unless it comes again.
    const leaving = wish.mode === 'sync' || wish.key !== undefined ? new AbortController() : undefined
    this.#answer(call, ordered, leaving?.signal ?? NEVER).then(
      (answer) => reply.answer(answer),
      (error: unknown) => {
        this.#deps.log.error('a durable call failed inside', { error })
        reply.answer(describeProblem(INTERNAL_ERROR))
      },
    )
    return () => leaving?.abort()
  }

  /** The run that a checked body asks for; a refusal leaves nothing behind. `pointer`: where its input stands. */
  order(
    body: TaskBody,
    payload: Payload,
    wish: Pick<DurableWish, 'mode'>,
    head: OrderHead,
    pointer: string,
    checksInput = true,
  ): Ordered {
    const { inputs, clock } = this.#deps
    const nowMs = clock.wallMs()
    const isRouted = pointer === ''
    const wrong = findWrongTime(body, nowMs) ?? this.#findWrongWebhook(body)
    if (wrong) return isRouted ? wordQuery(wrong) : wrong
    const read = readInput(body, payload)
    if (!read.ok) return read
    const huge = mayHoldHuge(read.payload.bytes) ? findHugeNumber(read.input) : []
    if (huge.length > 0) return { ok: false, error: wrongInput(huge, pointer) }
    const { group = 'default', function: called, contract } = body
    const isChecked = checksInput && read.input !== undefined
    const unfit = isChecked ? inputs.check({ group, function: called, contract }, read.input) : []
    if (unfit.length > 0) return { ok: false, error: wrongInput(unfit, pointer) }
    return { ok: true, run: this.#orderOf(body, wish.mode, read.payload, head, { nowMs, isRouted }) }
  }

  #findWrongWebhook({ webhook }: TaskBody): Refused | undefined {
    if (webhook === undefined) return undefined
    const { url, headers = {} } = webhook
    const verdict = this.#deps.webhooks.judgeTarget({ url, headers })
    return verdict.ok ? undefined : wrongField(`/webhook${verdict.pointer}`, verdict.detail)
  }

  #orderOf(
    body: TaskBody,
    mode: DurableWish['mode'],
    payload: StoredPayload,
    head: OrderHead,
    at: Pick<OrderTerms, 'nowMs' | 'isRouted'>,
  ): NewRun {
    const { taskTimeoutMs, queueTimeoutMs, defaultPriority } = this.#deps
    const trace = isTrace(head.traceparent) ? head.traceparent : ''
    const origin = () => originOf(head)
    return orderRun(body, mode, payload, {
      ...at,
      taskTimeoutMs,
      queueTimeoutMs,
      defaultPriority,
      trace,
      origin,
      trigger: head.trigger ?? 'api',
    })
  }

  /** Tells who still waits why; where too many wait, the others are told to look by themselves. */
  get isDraining(): boolean {
    return this.#deps.door.refuse(0)?.code === 'DRAINING'
  }

  /** Why the runs of a key cannot be answered again: not all of them have ended, or one is not kept any more. */
  async whyUnanswered(ids: readonly string[]): Promise<TaskError> {
    for (const id of ids) {
      const run = await this.#deps.find(id)
      if (run === undefined) return noLongerKept(id)
      if (!isFinal(run.status)) break
    }
    return stillRunning(ids)
  }

  /** All or none; `bytes` are held until it is decided. */
  async accept(ordered: readonly NewRun[], key: KeyUse | undefined, bytes: number): Promise<Accepted> {
    const { runs, door } = this.#deps
    door.enter(bytes)
    try {
      return await runs.accept(ordered, key)
    } finally {
      door.leave(bytes)
    }
  }

  /** A key comes before the judgement: what it began is answered again though it would be refused today. */
  async #answer(call: DurableCall, ordered: Ordered, signal: AbortSignal): Promise<TaskAnswer> {
    const { runs } = this.#deps
    const key = call.wish.key === undefined ? undefined : await keyOf(call)
    const accepted = ordered.ok
      ? await this.accept([ordered.run], key, call.bytes.length)
      : ((key && (await runs.replay(key))) ?? ordered)
    if (!accepted.ok) return describeProblem(accepted.error)
    if (!accepted.isReplay) call.upload?.keep()
    const [id = ''] = accepted.runs
    if (accepted.isReplay) return this.#replay(call, id, accepted, signal)
    if (call.wish.mode !== 'sync') return acceptedAnswer(id)
    const { waitMs } = call.wish
    const ended = await runs.outcome(id, waitMs ?? LONGEST_WAIT_MS, signal)
    if (ended) return call.word(id, ended)
    if (waitMs === undefined && this.isDraining) return drainedAnswer(id)
    if (key && !signal.aborted) runs.noteAnswer(key, 'accepted')
    return acceptedAnswer(id)
  }

  /** The first answer again; one that has not been given yet is for its first caller alone. */
  async #replay(
    { wish, word }: DurableCall,
    id: string,
    { answer }: Extract<Accepted, { ok: true }>,
    signal: AbortSignal,
  ): Promise<TaskAnswer> {
    if (answer === 'accepted') return acceptedAnswer(id, REPLAYED)
    const ended = await this.#deps.runs.outcome(id, 0, signal)
    if (ended) {
      const first = word(id, ended)
      return { ...first, headers: { ...first.headers, ...REPLAYED } }
    }
    if (wish.mode !== 'sync') return acceptedAnswer(id, REPLAYED)
    return describeProblem(await this.whyUnanswered([id]))
  }
}

/** Of a body with files their names and hashes count; the boundary, which a client makes up anew, does not. */
async function keyOf({
  wish: { key, mode },
  target,
  bytes,
  upload,
}: DurableCall): Promise<KeyUse | undefined> {
  if (key === undefined) return undefined
  const route = target ? `/task/${target.group}/${target.function}` : '/task'
  const files = upload?.files.map(({ path, mediaType, sha256 }) => [path, mediaType, sha256])
  const query = files ? JSON.stringify(files) : (target?.query ?? '')
  return useKey({ key, route, query, bytes, isAsync: mode !== 'sync' })
}

/** The run has the files that came with its call. */
function withFiles(ordered: Ordered, { upload }: Pick<TaskCall, 'upload'>): Ordered {
  if (!upload || !ordered.ok) return ordered
  return { ok: true, run: { ...ordered.run, uploads: upload.files } }
}

/** Infinity is written as null: where there is none there is nothing to look for. */
function mayHoldHuge({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
  return Buffer.from(buffer, byteOffset, byteLength).includes('null')
}

/** In the words of the worker, which would have said the same. */
export function wrongInput(errors: readonly FieldError[], pointer: string): TaskError {
  const placed = errors.map((error) => ({ ...error, pointer: `${pointer}${error.pointer}` }))
  const [first] = placed
  const where = first === undefined || first.pointer === '' ? 'The input' : `The input at ${first.pointer}`
  return {
    code: 'INVALID_INPUT',
    detail: `${where} does not fit: ${first?.detail ?? 'wrong shape'}`,
    errors: placed,
  }
}
