/**
 * One action on many runs: counts them, then goes through them a slice at a time, from the newest that was there
 * when it began to the oldest. Made by compose; asked by http/bulk-routes.ts.
 *
 *   running --all looked at--> done
 *      |---stop--> stopped
 *
 * Invariants: how far it has come is on disk after every slice, so that a restart goes on there; what a slice does
 * again after a crash does nothing twice (a retry has a key of its own); nothing that came later is touched.
 */
import { createHash } from 'node:crypto'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import {
  type BulkAction,
  type BulkView,
  errorEntry,
  isFinal,
  RUN_STATUSES,
  type RunView,
  type TaskError,
} from '@berth/protocol'
import type { Clock, Log, Service } from '@berth/runtime'
import type { RunFilter } from '../ports/run-filter.ts'
import { joinParts } from '../ports/run-parts.ts'
import type { RunParts, RunReads } from '../ports/run-reads.ts'
import type { StoredBulk } from '../ports/run-writes.ts'
import type { BulkBegun, BulkPort, EndedRunsPort, RunsPort } from '../ports/runs.ts'
import type { KeepPort } from '../ports/store.ts'

export interface BulkOptions {
  readonly runs: Pick<RunsPort, 'list' | 'count' | 'parts' | 'cancel'>
  readonly ended: EndedRunsPort
  readonly reads: Pick<RunReads, 'bulk'>
  readonly keeper: Pick<KeepPort, 'keep'>
  /** Those that were running when the balancer ended. */
  readonly atStart: readonly StoredBulk[]
  readonly createRunId: () => string
  readonly clock: Clock
  readonly log: Log
  /** Pause before what the store or a limit refused is tried again; 1 s unless given. */
  readonly pauseMs?: number
}

const MAX_RUNNING = 4
const SLICE = 100
const PAUSE_MS = 1_000
/** Counted exactly up to this. */
const MAX_COUNT = 10_000_000

export class Bulk implements BulkPort {
  readonly #options: BulkOptions
  readonly #running = new Map<string, StoredBulk>()
  readonly #loops = new Map<string, Promise<void>>()
  /** Those that are to end before they are done. */
  readonly #stopping = new Set<string>()
  readonly #ending = new AbortController()

  constructor(options: BulkOptions) {
    this.#options = options
    for (const bulk of options.atStart) if (bulk.state === 'running') this.#running.set(bulk.id, bulk)
  }

  /** Goes on after a start; at the end what is under way is finished and the rest left to the next start. */
  readonly service: Service = {
    name: 'bulk',
    start: async () => {
      for (const id of this.#running.keys()) this.#run(id)
    },
    stop: async () => {
      this.#ending.abort()
      await Promise.all(this.#loops.values())
    },
  }

  count(action: BulkAction, filter: RunFilter): Promise<number> {
    const meant = narrow(action, filter)
    return meant.status?.length === 0 ? Promise.resolve(0) : this.#options.runs.count(meant, MAX_COUNT)
  }

  async preview(action: BulkAction, filter: RunFilter): Promise<RunParts> {
    const meant = narrow(action, filter)
    return meant.status?.length === 0 ? joinParts([]) : this.#options.runs.parts(meant)
  }

  async begin(action: BulkAction, filter: RunFilter): Promise<BulkBegun> {
    const { createRunId, clock, log } = this.#options
    if (this.#running.size >= MAX_RUNNING) return { ok: false, error: TOO_MANY }
    const place = createRunId()
    const id = `b_${place.slice(2)}`
    const bulk: StoredBulk = {
      id,
      action,
      filter: JSON.stringify(narrow(action, filter)),
      matched: 0,
      done: 0,
      failed: 0,
      state: 'running',
      upToSeq: Number.MAX_SAFE_INTEGER,
      // Ids sort by acceptance: what is accepted from now on stands behind this one.
      cursor: place,
      createdMs: clock.wallMs(),
      finishedMs: null,
    }
    this.#running.set(id, bulk)
    const begun = await this.#count(bulk, filter)
    if (!begun.ok) this.#running.delete(id)
    else {
      log.info('a bulk operation begins', { id, action, matched: begun.bulk.matched })
      this.#run(id)
    }
    return begun
  }

  async find(id: string): Promise<BulkView | undefined> {
    const bulk = this.#running.get(id) ?? (await this.#options.reads.bulk(id))
    return bulk ? toView(bulk) : undefined
  }

  async stop(id: string): Promise<BulkView | undefined> {
    const loop = this.#loops.get(id)
    if (loop) {
      this.#stopping.add(id)
      await loop
      this.#stopping.delete(id)
    }
    return this.find(id)
  }

  async #count(bulk: StoredBulk, filter: RunFilter): Promise<BulkBegun> {
    try {
      const counted = { ...bulk, matched: await this.count(bulk.action, filter) }
      this.#running.set(bulk.id, counted)
      const kept = await this.#options.keeper.keep([{ kind: 'bulk-set', bulk: counted }])
      return kept.ok ? { ok: true, bulk: toView(counted) } : { ok: false, error: notKept(kept.detail) }
    } catch (error) {
      return { ok: false, error: notKept(error instanceof Error ? error.message : String(error)) }
    }
  }

  #run(id: string): void {
    const loop = this.#loop(id).catch((error: unknown) => {
      this.#options.log.error('a bulk operation failed inside and goes on after the next start', {
        id,
        error,
      })
    })
    this.#loops.set(id, loop)
    void loop.then(() => this.#loops.delete(id))
  }

  async #loop(id: string): Promise<void> {
    for (
      let bulk = this.#running.get(id);
      bulk && !this.#ending.signal.aborted;
      bulk = this.#running.get(id)
    ) {
      if (this.#stopping.has(id)) return this.#finish(bulk, 'stopped')
      const page = await this.#page(bulk)
      if (page === undefined) await this.#pause()
      else if (page.length === 0) await this.#finish(bulk, 'done')
      else await this.#slice(bulk, page)
      await nextTurn()
    }
  }

  /** Undefined while the store does not answer. */
  async #page({ filter, cursor }: StoredBulk): Promise<readonly RunView[] | undefined> {
    const meant = JSON.parse(filter) as RunFilter
    if (meant.status?.length === 0) return []
    try {
      return await this.#options.runs.list(meant, SLICE, cursor ?? undefined)
    } catch {
      return undefined
    }
  }

  async #slice(bulk: StoredBulk, page: readonly RunView[]): Promise<void> {
    let [done, failed] = [0, 0]
    for (let left = page; left.length > 0 && !this.#stopping.has(bulk.id); ) {
      const outcomes = await Promise.all(left.map((run) => this.#act(bulk, run.id)))
      for (const outcome of outcomes) {
        if (outcome === 'done') done++
        if (outcome === 'failed') failed++
      }
      left = left.filter((_, at) => outcomes[at] === 'later')
      if (left.length === 0) break
      // What was done of the slice is done again after a restart, to no effect.
      if (this.#ending.signal.aborted) return
      await this.#pause()
    }
    const cursor = page.at(-1)?.id ?? bulk.cursor
    await this.#set({ ...bulk, done: bulk.done + done, failed: bulk.failed + failed, cursor })
  }

  async #act({ id: bulk, action }: StoredBulk, run: string): Promise<'done' | 'failed' | 'later'> {
    const { runs, ended } = this.#options
    try {
      if (action === 'cancel') {
        const cancelled = await runs.cancel(run)
        if (!cancelled?.ok) return outcomeOf(cancelled)
        return isFinal(cancelled.run.status) ? 'done' : 'failed'
      }
      if (action === 'delete') return outcomeOf(await ended.remove(run))
      return outcomeOf(await ended.retry(run, { trigger: 'api' }, keyOf(bulk, run)))
    } catch {
      return 'later'
    }
  }

  async #finish(bulk: StoredBulk, state: 'done' | 'stopped'): Promise<void> {
    const { clock, log } = this.#options
    const finished: StoredBulk = { ...bulk, state, finishedMs: clock.wallMs() }
    await this.#set(finished)
    this.#running.delete(bulk.id)
    const { id, action, done, failed } = finished
    log.info('a bulk operation has ended', { id, action, state, done, failed })
  }

  /** What cannot be written now is written with the next slice, or done again after a restart. */
  async #set(bulk: StoredBulk): Promise<void> {
    this.#running.set(bulk.id, bulk)
    await this.#options.keeper.keep([{ kind: 'bulk-set', bulk }])
  }

  async #pause(): Promise<void> {
    const { pauseMs = PAUSE_MS } = this.#options
    await sleep(pauseMs, undefined, { signal: this.#ending.signal }).catch(() => {})
  }
}

/** Only runs that the action can change. */
function narrow(action: BulkAction, filter: RunFilter): RunFilter {
  const wantsFinal = action !== 'cancel'
  const status = (filter.status ?? RUN_STATUSES).filter((one) => isFinal(one) === wantsFinal)
  return { ...filter, status }
}

/** One new run for each, however often it is asked for. */
function keyOf(bulk: string, run: string) {
  const hash = createHash('sha256').update(`bulk\n${bulk}\n${run}`).digest('hex')
  return { hash, bodyHash: hash, answer: 'accepted' as const }
}

type Acted = { readonly ok: true } | { readonly ok: false; readonly error: TaskError } | undefined

function outcomeOf(acted: Acted): 'done' | 'failed' | 'later' {
  if (acted === undefined) return 'failed'
  if (acted.ok) return 'done'
  const { status } = errorEntry(acted.error.code)
  return status === 429 || status === 503 ? 'later' : 'failed'
}

function toView(bulk: StoredBulk): BulkView {
  const { id, action, state, matched, done, failed, createdMs, finishedMs } = bulk
  const createdAt = new Date(createdMs).toISOString()
  const finishedAt = finishedMs === null ? null : new Date(finishedMs).toISOString()
  return { id, action, state, matched, done, failed, createdAt, finishedAt }
}

function notKept(reason: string): TaskError {
  const detail = `The bulk operation was not begun, because the store does not answer: ${reason}.`
  return { code: 'STORE_UNAVAILABLE', detail }
}

const TOO_MANY: TaskError = {
  code: 'RATE_LIMITED',
  detail: `${MAX_RUNNING} bulk operations run already, which is the limit. Wait for one of them, or stop it.`,
  retryAfterMs: 5_000,
}
