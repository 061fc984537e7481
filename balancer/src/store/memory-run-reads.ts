/** What is read of runs in the store without a disk. Made by `memory-store.ts`; answers are copies. */

import type { RunFilter } from '../ports/run-filter.ts'
import { joinParts } from '../ports/run-parts.ts'
import type { RunReads } from '../ports/run-reads.ts'
import type { ScheduleFilter } from '../ports/schedule-store.ts'
import type { StoredDelivery } from '../ports/stored-delivery.ts'
import type { LiveRun, StoredRun } from '../ports/stored-run.ts'
import type { StoredEvent, UsageScope } from '../ports/told.ts'
import type { MemoryRunTables } from './memory-run-tables.ts'
import { givenUpMs } from './run-rows.ts'
import { isMeant } from './run-search.ts'
import { encodeTurns } from './turn-list.ts'

type Place = Pick<StoredDelivery, 'createdMs' | 'id'>
type Answer<Name extends keyof RunReads> = ReturnType<RunReads[Name]>

export class MemoryRunReads implements RunReads {
  readonly #open: () => MemoryRunTables

  /** `open` throws why nothing can be read. */
  constructor(open: () => MemoryRunTables) {
    this.#open = open
  }

  get #tables(): MemoryRunTables {
    return this.#open()
  }

  async files(runs: readonly string[]): Answer<'files'> {
    const { done, results, files } = this.#tables
    return runs.flatMap((run) => {
      const seq = this.#seqOf(run)
      const own = (files.get(seq) ?? []).filter(({ fence }) => fence === 0 || done.has(seq))
      const { mediaType = '', bytes } = results.get(seq) ?? {}
      const result = mediaType === '' || bytes === undefined ? null : { mediaType, size: bytes.length }
      return own.length > 0 || result ? [{ run, files: structuredClone(own), result }] : []
    })
  }

  async filesOfAttempt(run: string, fence: number): Answer<'filesOfAttempt'> {
    const files = this.#tables.files.get(this.#seqOf(run)) ?? []
    return structuredClone(files.filter((file) => file.fence === fence))
  }

  async knownFiles(names: readonly string[]): Answer<'knownFiles'> {
    const known = new Set([...this.#tables.files.values()].flat().map(({ name }) => name))
    return names.filter((name) => known.has(name))
  }

  async goneFiles(limit: number): Answer<'goneFiles'> {
    return [...this.#tables.goneFiles].slice(0, limit)
  }

  async list(filter: RunFilter, limit: number, before: string | null): Answer<'list'> {
    const meant = this.#all().filter((one) => isMeant(filter, one) && (!before || one.run.id < before))
    return structuredClone(meant.sort((a, b) => (a.run.id < b.run.id ? 1 : -1)).slice(0, limit))
  }

  async count(filter: RunFilter, atMost: number): Promise<number> {
    return Math.min(atMost, this.#all().filter((one) => isMeant(filter, one)).length)
  }

  async tally(filter: RunFilter, edgesMs: readonly number[], atMost: number): Answer<'tally'> {
    const meant = this.#all().filter((one) => isMeant(filter, one))
    const within = meant
      .sort((a, b) => b.run.seq - a.run.seq)
      .flatMap(({ run }) => {
        const bucket = edgesMs.findLastIndex((edge) => run.acceptedMs >= edge)
        return bucket < 0 || bucket >= edgesMs.length - 1 ? [] : [{ ...run, bucket }]
      })
    const counted = within.slice(0, atMost)
    const groups = Map.groupBy(counted, ({ bucket, status }) => `${bucket} ${status}`)
    const cells = [...groups.values()].flatMap((runs) => {
      const [first] = runs
      return first ? [{ bucket: first.bucket, status: first.status, count: runs.length }] : []
    })
    return { cells, cappedMs: within.length > atMost ? (counted.at(-1)?.acceptedMs ?? null) : null }
  }

  async parts(filter: RunFilter): Answer<'parts'> {
    const meant = this.#all().filter((one) => isMeant(filter, one))
    return joinParts(meant.map(({ run }) => ({ ...run, atMs: run.acceptedMs })))
  }

  async find(id: string): Answer<'find'> {
    const seq = this.#seqOf(id)
    const live = this.#tables.live.get(seq)
    if (live) return structuredClone({ kind: 'live', run: live })
    const done = this.#tables.done.get(seq)
    return done ? structuredClone({ kind: 'done', run: done }) : null
  }

  async payload(id: string): Answer<'payload'> {
    return structuredClone(this.#tables.payloads.get(this.#seqOf(id)) ?? null)
  }

  async result(id: string): Answer<'result'> {
    return structuredClone(this.#tables.results.get(this.#seqOf(id)) ?? null)
  }

  async events(id: string, after: number, limit: number): Answer<'events'> {
    const { dropped = 0, events = new Map() } = this.#tables.events.get(this.#seqOf(id)) ?? {}
    const found = inOrder(events).filter(({ n }) => n > after)
    return structuredClone({ events: found.slice(0, limit), dropped })
  }

  async eventTotals(id: string): Answer<'eventTotals'> {
    const { dropped = 0, events = new Map() } = this.#tables.events.get(this.#seqOf(id)) ?? {}
    const lines = inOrder(this.#tables.lines.get(this.#seqOf(id)) ?? new Map())
    return {
      lastEvent: inOrder(events).at(-1)?.n ?? 0,
      events: events.size,
      bytes: [...events.values()].reduce((sum, { data }) => sum + data.length, 0),
      dropped,
      lastLine: lines.at(-1)?.n ?? 0,
    }
  }

  async lines(id: string, limit: number): Answer<'lines'> {
    const all = inOrder(this.#tables.lines.get(this.#seqOf(id)) ?? new Map())
    const dropped = (all.at(-1)?.n ?? 0) - all.length
    return structuredClone({ lines: all.slice(Math.max(0, all.length - limit)), dropped })
  }

  async told(id: string): Answer<'told'> {
    const items = [...(this.#tables.told.get(this.#seqOf(id))?.values() ?? [])]
    return structuredClone(items.sort((a, b) => a.n - b.n))
  }

  async usageTotals({ kind, name }: UsageScope): Answer<'usageTotals'> {
    return structuredClone(this.#tables.usageTotals.get(`${kind} ${name}`) ?? null)
  }

  async deliveries(id: string): Answer<'deliveries'> {
    const seq = this.#seqOf(id)
    const found = this.#deliveries((one) => one.seq === seq)
    return structuredClone(
      found.map((one) => ({
        ...one,
        attempts: [...(this.#tables.tries.get(one.id)?.values() ?? [])].sort((a, b) => a.n - b.n),
      })),
    )
  }

  async delivery(id: string): Answer<'delivery'> {
    return structuredClone(this.#tables.deliveries.get(id) ?? null)
  }

  async dueDeliveries(untilMs: number, limit: number, except: readonly string[]): Answer<'dueDeliveries'> {
    const due = this.#tables.pending(except).filter(({ nextMs }) => nextMs !== null && nextMs <= untilMs)
    due.sort((a, b) => (a.nextMs ?? 0) - (b.nextMs ?? 0))
    return structuredClone(due.slice(0, limit))
  }

  async deliveriesBetween(
    fromMs: number,
    toMs: number,
    url: string | null,
    after: Place | null,
    limit: number,
  ): Answer<'deliveriesBetween'> {
    const found = this.#deliveries(
      (one) =>
        one.createdMs >= fromMs &&
        one.createdMs <= toMs &&
        (url === null || one.url === url) &&
        (after === null || comparePlaces(one, after) > 0),
    )
    return structuredClone(found.sort(comparePlaces).slice(0, limit))
  }

  async nextDeliveryMs(afterMs: number): Promise<number | null> {
    return this.#tables.nextDeliveryMs(afterMs)
  }

  async overdue(untilMs: number, limit: number): Answer<'overdue'> {
    const endOf = (run: LiveRun) => givenUpMs(run) ?? Number.POSITIVE_INFINITY
    const found = [...this.#tables.live.values()]
      .filter((run) => run.status !== 'running' && endOf(run) <= untilMs)
      .sort((a, b) => endOf(a) - endOf(b) || a.seq - b.seq)
    return structuredClone(found.slice(0, limit))
  }

  async key(hash: string): Answer<'key'> {
    return structuredClone(this.#tables.keys.get(hash) ?? null)
  }

  async keyCount(): Answer<'keyCount'> {
    return this.#tables.keys.size
  }

  async bulk(id: string): Answer<'bulk'> {
    return structuredClone(this.#tables.bulks.get(id) ?? null)
  }

  async schedule(id: string): Answer<'schedule'> {
    return structuredClone(this.#tables.schedules.find(id))
  }

  async schedulePayload(id: string): Answer<'schedulePayload'> {
    return structuredClone(this.#tables.schedules.payload(id))
  }

  async schedules(filter: ScheduleFilter, limit: number, before: string | null): Answer<'schedules'> {
    return structuredClone(this.#tables.schedules.list(filter, limit, before))
  }

  async dueSchedules(untilMs: number, limit: number): Answer<'dueSchedules'> {
    return structuredClone(this.#tables.schedules.due(untilMs, limit, this.#busySchedules()))
  }

  async dueSchedule(id: string): Answer<'dueSchedule'> {
    return structuredClone(this.#tables.schedules.dueOne(id, this.#busySchedules()))
  }

  async statsBlocks(...asked: Parameters<RunReads['statsBlocks']>): Answer<'statsBlocks'> {
    return structuredClone(this.#tables.stats.read(...asked))
  }

  async scheduleCount(): Promise<number> {
    return this.#tables.schedules.begin().count
  }

  async scheduleFires(id: string, limit: number): Answer<'scheduleFires'> {
    return structuredClone(this.#tables.schedules.fires(id, limit))
  }

  /** Those that have a run which is not final. */
  #busySchedules(): ReadonlySet<string> {
    return new Set([...this.#tables.live.values()].flatMap(({ schedule }) => schedule ?? []))
  }

  async configText(version: number): Answer<'configText'> {
    return this.#tables.configVersions.find((kept) => kept.version.version === version)?.text ?? null
  }

  async activity(...values: Parameters<RunReads['activity']>): Answer<'activity'> {
    return structuredClone(this.#tables.activity.list(...values))
  }

  async turns(session: string): Answer<'turns'> {
    const { turns, payloads, results } = this.#tables
    const completed = turns.completed(session)
    return encodeTurns(
      completed.map((seq) => ({ input: payloads.get(seq) ?? null, output: results.get(seq) ?? null })),
    )
  }

  async lineOf(session: string): Answer<'lineOf'> {
    const { head, worker } = this.#tables.turns.look(session)
    return { head: head?.id ?? null, open: this.#tables.turns.open(session), worker }
  }

  async turnOf(id: string): Answer<'turnOf'> {
    return this.#tables.turns.standing(this.#seqOf(id))
  }

  #all(): StoredRun[] {
    const { live, done } = this.#tables
    return [
      ...[...live.values()].map((run) => ({ kind: 'live', run }) as const),
      ...[...done.values()].map((run) => ({ kind: 'done', run }) as const),
    ]
  }

  /** -1, which no run has, for an unknown id. */
  #seqOf(id: string): number {
    return this.#tables.seqs.get(id) ?? -1
  }

  #deliveries(isWanted: (one: StoredDelivery) => boolean): StoredDelivery[] {
    return [...this.#tables.deliveries.values()].filter(isWanted).sort((a, b) => (a.id < b.id ? -1 : 1))
  }
}

function inOrder(events: ReadonlyMap<number, StoredEvent>): StoredEvent[] {
  return [...events.values()].sort((a, b) => a.n - b.n)
}

function comparePlaces(a: Place, b: Place): number {
  if (a.createdMs !== b.createdMs) return a.createdMs - b.createdMs
  if (a.id === b.id) return 0
  return a.id < b.id ? -1 : 1
}
