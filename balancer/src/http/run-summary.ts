/**
 * `GET /runs/summary`: how many runs of a filter there are by status and bucket of time, the newest 100,000 of them.
 * Called by run-routes.ts. Invariants: equal questions share an answer, which stands for at least a second and for
 * nine times as long as it took, so that no number of pages keeps the store busy for more than a tenth of its time
 * with one of them; at most 16 different ones are under way.
 */
import { RUN_STATUSES, type RunStatus, type TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { RunFilter } from '../ports/run-filter.ts'
import type { RunTally } from '../ports/run-reads.ts'
import type { RunsPort } from '../ports/runs.ts'
import type { BodyRead } from './body.ts'
import { readQuery } from './lists.ts'
import { problem } from './problem.ts'
import type { RouteContext } from './routes.ts'
import { FILTER_NAMES, readFilter } from './run-query.ts'

export interface RunSummaryOptions {
  readonly runs: Pick<RunsPort, 'tally'>
  readonly clock: Clock
}

const AT_MOST = 100_000
const DEFAULT_BUCKETS = 60
const MAX_BUCKETS = 200
/** Where it begins when nobody says so, before the end. */
const DEFAULT_SPAN_MS = 86_400_000
const LEAST_MS = 1_000
/** A read may use a tenth of its time. */
const REST = 9
const MAX_OPEN = 16
const MAX_KEPT = 64

interface Question {
  readonly filter: RunFilter
  readonly edgesMs: readonly number[]
}

interface Answer {
  readonly promise: Promise<object>
  /** Infinity while it is under way. */
  staleAtMs: number
}

export class RunSummaries {
  readonly #options: RunSummaryOptions
  readonly #answers = new Map<string, Answer>()

  constructor(options: RunSummaryOptions) {
    this.#options = options
  }

  async answer(c: RouteContext): Promise<Response> {
    const nowMs = this.#options.clock.monoMs()
    const known = this.#answers.get(c.req.url)
    if (known && known.staleAtMs > nowMs) return c.json(await known.promise)
    const read = readQuestion(c.req.url, this.#options.clock.wallMs())
    if (!read.ok) return problem(read.error)
    this.#forget(nowMs)
    const open = [...this.#answers.values()].filter(({ staleAtMs }) => staleAtMs === Number.POSITIVE_INFINITY)
    if (open.length >= MAX_OPEN) return problem(TOO_MANY)
    return c.json(await this.#ask(c.req.url, read.value, nowMs))
  }

  #ask(key: string, { filter, edgesMs }: Question, askedAtMs: number): Promise<object> {
    const { runs, clock } = this.#options
    const promise = runs.tally(filter, edgesMs, AT_MOST).then((tally) => toSummary(tally, edgesMs))
    const answer: Answer = { promise, staleAtMs: Number.POSITIVE_INFINITY }
    this.#answers.set(key, answer)
    promise.then(
      () => {
        const doneAtMs = clock.monoMs()
        answer.staleAtMs = doneAtMs + Math.max(LEAST_MS, REST * (doneAtMs - askedAtMs))
      },
      () => this.#answers.delete(key),
    )
    return promise
  }

  #forget(nowMs: number): void {
    for (const [key, { staleAtMs }] of this.#answers) if (staleAtMs <= nowMs) this.#answers.delete(key)
    for (const [key, { staleAtMs }] of this.#answers) {
      if (this.#answers.size < MAX_KEPT) return
      if (staleAtMs !== Number.POSITIVE_INFINITY) this.#answers.delete(key)
    }
  }
}

function readQuestion(url: string, nowMs: number): BodyRead<Question> {
  const query = readQuery(url, [...FILTER_NAMES, 'buckets'])
  if (!query.ok) return query
  const { buckets: text = String(DEFAULT_BUCKETS), ...filters } = query.value
  const buckets = Number(text)
  if (!/^\d{1,3}$/.test(text) || buckets < 1 || buckets > MAX_BUCKETS)
    return refuse(`\`buckets\` must be a whole number from 1 to ${MAX_BUCKETS}.`)
  const filter = readFilter(filters)
  if (!filter.ok) return filter
  // A beginning that is still to come is no mistake in a list either: nothing is there yet.
  const toMs = filter.value.toMs ?? Math.max(nowMs, filter.value.fromMs ?? nowMs)
  const fromMs = filter.value.fromMs ?? toMs - DEFAULT_SPAN_MS
  // `to` belongs to the last bucket.
  const stepMs = Math.ceil((toMs + 1 - fromMs) / buckets)
  const edgesMs = Array.from({ length: buckets + 1 }, (_, n) => fromMs + n * stepMs)
  return { ok: true, value: { filter: { ...filter.value, fromMs, toMs }, edgesMs } }
}

function toSummary({ cells, cappedMs }: RunTally, edgesMs: readonly number[]) {
  const [fromMs = 0, secondMs = 0] = edgesMs
  const empty = (): Record<RunStatus, number> =>
    Object.fromEntries(RUN_STATUSES.map((status) => [status, 0])) as Record<RunStatus, number>
  const counts = empty()
  const buckets = edgesMs.slice(0, -1).map((ms) => ({ at: iso(ms), counts: {} as Record<string, number> }))
  for (const { bucket, status, count } of cells) {
    counts[status] += count
    const own = buckets[bucket]?.counts
    if (own) own[status] = (own[status] ?? 0) + count
  }
  return {
    counts,
    isCapped: cappedMs !== null,
    cappedAt: cappedMs === null ? null : iso(cappedMs),
    from: iso(fromMs),
    to: iso(edgesMs.at(-1) ?? fromMs),
    stepMs: secondMs - fromMs,
    buckets,
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

const TOO_MANY: TaskError = {
  code: 'RATE_LIMITED',
  detail: `${MAX_OPEN} summaries of runs are under way already, which is the limit. Ask again in a moment.`,
  retryAfterMs: 1_000,
}

function refuse(detail: string): { readonly ok: false; readonly error: TaskError } {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail } }
}
