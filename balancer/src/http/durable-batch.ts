/**
 * Batches whose runs go to disk: async and webhook, all or nothing, answered by one 202 with the ids in order; sync
 * ones with `Idempotency-Key` or `Prefer: wait`, answered line by line as their runs end. Called by batch-routes.ts
 * with a batch that batch-call.ts has found whole; bodies are judged here, in slices between which others have
 * their turn. Invariant: whatever a repeat of a key brings, it begins nothing.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { errorEntry, type FieldError, type TaskBody, type TaskError } from '@berth/protocol'
import type { Payload } from '../ports/dispatch.ts'
import type { Accepted, DurableRunsPort, KeyUse, NewRun } from '../ports/runs.ts'
import { asWrongBody, type BeginTask } from './batch-run.ts'
import type { Range } from './batch-scan.ts'
import { acceptedAnswer, drainedAnswer, REPLAYED } from './durable-answer.ts'
import { type DurableCalls, LONGEST_WAIT_MS } from './durable-call.ts'
import { useKey } from './durable-key.ts'
import { type DurableWish, modeOf, namedMode, readPreferences } from './durable-wish.ts'
import { describeProblem, INTERNAL_ERROR } from './problem.ts'
import { bodyTooLarge, type IsAsync, readTask, type TaskHead } from './task-call.ts'
import type { TaskAnswer, Tasks } from './tasks.ts'

export interface DurableBatchDeps {
  readonly runs: DurableRunsPort
  readonly calls: Pick<DurableCalls, 'order' | 'accept' | 'isDraining' | 'whyUnanswered'>
  readonly tasks: Pick<Tasks, 'word'>
  readonly isAsync: IsAsync
}

export interface DurableBatch {
  readonly head: TaskHead
  readonly bytes: Buffer
  readonly ranges: readonly Range[]
  readonly wish: DurableWish
  readonly bodyLimitBytes: number
}

/** One answer for all, or how each line begins. */
export type BatchBegun =
  | { readonly kind: 'answer'; readonly answer: TaskAnswer }
  | { readonly kind: 'lines'; readonly begin: BeginTask; readonly headers: Readonly<Record<string, string>> }

/** What became of a body. */
type Judged = { readonly ok: true; readonly run: NewRun } | { readonly ok: false; readonly error: TaskError }

const SLICE_MS = 5
const MAX_ERRORS = 100
/** Ends that are looked up at once. */
const LOOKED_UP = 100
const NEVER = new AbortController().signal

export class DurableBatches {
  readonly #deps: DurableBatchDeps

  constructor(deps: DurableBatchDeps) {
    this.#deps = deps
  }

  async begin(batch: DurableBatch): Promise<BatchBegun> {
    const judged = await this.#judge(batch)
    return batch.wish.mode === 'sync' ? this.#beginSync(batch, judged) : this.#beginAsync(batch, judged)
  }

  async #judge({ head, bytes, ranges, wish, bodyLimitBytes }: DurableBatch): Promise<Judged[]> {
    const preferred = readPreferences(head.prefer)
    const respondsAsync = preferred.ok && preferred.respondsAsync
    const judged: Judged[] = []
    let sliceEndsAt = performance.now() + SLICE_MS
    for (const { start, end } of ranges) {
      if (end - start > bodyLimitBytes) judged.push({ ok: false, error: bodyTooLarge(bodyLimitBytes) })
      else judged.push(this.#judgeOne(head, bytes.subarray(start, end), wish, respondsAsync))
      if (performance.now() < sliceEndsAt) continue
      await nextTurn()
      sliceEndsAt = performance.now() + SLICE_MS
    }
    return judged
  }

  #judgeOne(head: TaskHead, body: Uint8Array, wish: DurableWish, respondsAsync: boolean): Judged {
    const read = readTask(head, body, this.#deps.isAsync)
    if (!read.ok) return read
    return this.#order(read.body, read.payload, head, wish, respondsAsync)
  }

  #order(
    body: TaskBody,
    payload: Payload,
    head: TaskHead,
    wish: DurableWish,
    respondsAsync: boolean,
  ): Judged {
    const named = namedMode(body)
    const mode = named === 'stream' ? wish.mode : modeOf(named, respondsAsync, wish.mode !== 'sync')
    // Lines of a repeat must be those of the first call, so only what cannot change is judged here.
    const checksInput = mode !== 'sync'
    return this.#deps.calls.order(body, payload, { mode }, head, '/input', checksInput)
  }

  async #beginAsync(batch: DurableBatch, judged: readonly Judged[]): Promise<BatchBegun> {
    const wrong = wordWrongBodies(judged)
    const key = await keyOf(batch)
    if (wrong) {
      const before = key && (await this.#deps.runs.replay(key))
      if (!before) return { kind: 'answer', answer: wrong }
      return { kind: 'answer', answer: before.ok ? acceptedAll(before) : refusedAll(before) }
    }
    const runs = judged.flatMap((one) => (one.ok ? [one.run] : []))
    const accepted = await this.#deps.calls.accept(runs, key, 0)
    const answer = accepted.ok ? acceptedAll(accepted) : refusedAll(accepted)
    return { kind: 'answer', answer }
  }

  async #beginSync(batch: DurableBatch, judged: readonly Judged[]): Promise<BatchBegun> {
    const right = judged.flatMap((one) => (one.ok ? [one.run] : []))
    let accepted: Accepted = { ok: true, runs: [], isReplay: false, answer: null }
    if (right.length > 0) accepted = await this.#deps.calls.accept(right, await keyOf(batch), 0)
    if (!accepted.ok) {
      const indexes = [...judged.entries()].flatMap(([index, one]) => (one.ok ? [index] : []))
      const index = accepted.index === undefined ? undefined : indexes[accepted.index]
      return {
        kind: 'answer',
        answer: refusedAll({ ...accepted, ...(index === undefined ? {} : { index }) }),
      }
    }
    const { runs, isReplay, answer } = accepted
    if (isReplay && answer === 'accepted') return { kind: 'answer', answer: acceptedAll(accepted) }
    if (isReplay && !(await this.#haveEnded(runs)))
      return { kind: 'answer', answer: describeProblem(await this.#deps.calls.whyUnanswered(runs)) }
    return {
      kind: 'lines',
      begin: this.#beginLines(judged, runs, batch.wish),
      headers: isReplay ? REPLAYED : {},
    }
  }

  /** Of what a batch began before: results are not kept here, for there may be much of them. */
  async #haveEnded(ids: readonly string[]): Promise<boolean> {
    for (let from = 0; from < ids.length; from += LOOKED_UP) {
      const looked = ids.slice(from, from + LOOKED_UP).map((id) => this.#deps.runs.outcome(id, 0, NEVER))
      if ((await Promise.all(looked)).includes(undefined)) return false
    }
    return true
  }

  #beginLines(judged: readonly Judged[], ids: readonly string[], { waitMs }: DurableWish): BeginTask {
    const untilMs = performance.now() + (waitMs ?? LONGEST_WAIT_MS)
    let accepted = 0
    const lines = judged.map((one) => (one.ok ? { run: ids[accepted++] ?? '' } : { error: one.error }))
    return (index, answer) => {
      const { run, error } = lines[index] as { run?: string; error?: TaskError }
      if (run === undefined) {
        answer(asWrongLine(error as TaskError))
        return () => {}
      }
      const leaving = new AbortController()
      const broken = () => answer(describeProblem(INTERNAL_ERROR))
      this.#line(run, untilMs, waitMs !== undefined, leaving.signal).then(answer, broken)
      return () => leaving.abort()
    }
  }

  async #line(run: string, untilMs: number, mayWaitLess: boolean, signal: AbortSignal): Promise<TaskAnswer> {
    const { runs, tasks } = this.#deps
    const leftMs = Math.max(0, Math.min(LONGEST_WAIT_MS, Math.ceil(untilMs - performance.now())))
    const ended = await runs.outcome(run, leftMs, signal)
    if (ended) return tasks.word(run, ended, false)
    return mayWaitLess || !this.#deps.calls.isDraining ? acceptedAnswer(run) : drainedAnswer(run)
  }
}

async function keyOf({ wish: { key, mode }, bytes }: DurableBatch): Promise<KeyUse | undefined> {
  if (key === undefined) return undefined
  return useKey({ key, route: '/tasks', query: '', bytes, isAsync: mode !== 'sync' })
}

function asWrongLine(error: TaskError): TaskAnswer {
  const answer = describeProblem(error)
  return answer.status === 400 ? asWrongBody(answer) : answer
}

/** All that is wrong, each with its place in the batch; undefined when nothing is. */
function wordWrongBodies(judged: readonly Judged[]): TaskAnswer | undefined {
  const errors: FieldError[] = []
  let first: { readonly index: number; readonly error: TaskError } | undefined
  for (const [index, one] of judged.entries()) {
    if (one.ok) continue
    first ??= { index, error: one.error }
    for (const { pointer, detail } of one.error.errors ?? [{ pointer: '', detail: one.error.detail }])
      if (errors.length < MAX_ERRORS) errors.push({ pointer: `/${index}${pointer}`, detail })
  }
  if (!first) return undefined
  const { index, error } = first
  const detail = `Task ${index} of the batch is wrong, so nothing of it was accepted. ${error.detail}`
  return describeProblem({ code: error.code, detail, errors }, { status: 422 })
}

function acceptedAll({ runs, isReplay }: Extract<Accepted, { ok: true }>): TaskAnswer {
  const message = `Accepted: ${runs.length} runs are on disk, in the order of their tasks.`
  return {
    status: 202,
    headers: { 'content-type': 'application/json', ...(isReplay ? REPLAYED : {}) },
    body: JSON.stringify({ success: true, runIds: runs, message }),
  }
}

/** What is wrong with one of them is wrong with the batch, and is said as of a body. */
function refusedAll({ error, index }: Extract<Accepted, { ok: false }>): TaskAnswer {
  const isOfTask = index !== undefined && IS_OF_TASK.has(errorEntry(error.code).status)
  if (!isOfTask) return describeProblem(error)
  const { code, detail } = error
  const place = `/${index}${code === 'UNKNOWN_FUNCTION' ? '/function' : ''}`
  const errors = [{ pointer: place, detail }]
  const whole = `Task ${index} of the batch cannot run, so nothing of it was accepted. ${detail}`
  return describeProblem({ code, detail: whole, errors }, { status: 422 })
}

const IS_OF_TASK: ReadonlySet<number> = new Set([400, 404, 422])
