/**
 * Once a second: reads what the core and the fleet have counted and feeds the difference into the series. The core
 * knows nothing of it. Owned by stats.ts, which calls `tick` a few times a second.
 * Invariants: nothing that was counted is lost or told twice, whatever the clock does; a second is fed once; a
 * worker is looked at every fifth second, each fifth of the fleet in another one.
 *
 * What is counted is read in one step, so no difference is torn. Ten thousand workers are too many for one turn of
 * the event loop: their slots are read one after the other, each worker of those that were there at the first step
 * once, and added up apart from what questions read; the second is fed when all of them are there, in one step. A
 * slot that moves from one worker to another meanwhile, within some tenths of a second, may count at both or at none.
 */
import type { Clock, Log } from '@berth/runtime'
import type { LogTally, WorkerSample, WorkerSamplesPort } from '../../ports/stats.ts'
import type { FunctionTally, TalliesPort } from '../../ports/tallies.ts'
import { addSlots } from '../series.ts'
import { columnOf } from './columns.ts'
import { LogCounts } from './log-counts.ts'
import type { Registry } from './registry.ts'
import type { StatSeries } from './series.ts'
import { WorkerFeeds } from './worker-feeds.ts'

export interface RecorderDeps {
  readonly tallies: TalliesPort
  readonly workers: WorkerSamplesPort
  readonly registry: Registry
  readonly log: Pick<Log, 'follow'>
  readonly clock: Clock
}

/** A clock that is set back by less stands still for us until it is there again. */
export const HOLD_S = 60
/** A look that comes late by less has its figures in all of its seconds. */
const SPREAD_S = 15
/** The reading of a fleet can be cut after so many workers. */
const WORKERS_A_STEP = 25
/** A process that stood still for longer does not fill its pause with what came before it. */
const MOST_S = 3_600

const AT = {
  submitted: columnOf('served', 'submitted'),
  waiting: columnOf('served', 'waiting'),
  oldestMs: columnOf('served', 'oldestMs'),
  known: columnOf('served', 'known'),
  used: columnOf('served', 'slots.used'),
  logs: columnOf('served', 'logs.debug'),
} as const
const ENDS = ['submitted', 'completed', 'failed', 'cancelled', 'expired'] as const
const LEVELS = ['debug', 'info', 'warn', 'error', 'dropped'] as const

/** What a series gets for the present second. */
interface Pending {
  readonly series: StatSeries
  readonly values: Float64Array
  readonly counts: Uint32Array
  isTouched: boolean
}

/** One function's tally as read last, and where it is added. */
interface Read {
  readonly counted: number[]
  readonly queue: Uint32Array
  readonly run: Uint32Array
  /** Undefined while nothing was to be added, and when one of the series had to make room. */
  into: readonly Pending[] | undefined
}

export class Recorder {
  readonly #deps: RecorderDeps
  readonly #reads = new Map<FunctionTally, Read>()
  readonly #pending = new Map<StatSeries, Pending>()
  readonly #fleet: Pending
  readonly #workers: WorkerFeeds
  readonly #lines: LogCounts
  #linesBefore: LogTally | undefined
  #evictions = 0
  #secondS: number | undefined
  #atMs = 0

  constructor(deps: RecorderDeps) {
    this.#deps = deps
    this.#fleet = this.#pendingOf(deps.registry.fleet)
    this.#workers = new WorkerFeeds(deps.registry)
    this.#lines = new LogCounts(deps.log)
  }

  stop(): void {
    this.#lines.stop()
  }

  /**
   * What feeds the second that has ended since the last call, if one has; it has to be done before the next call, and
   * yields where it may be cut. The first call only looks.
   */
  look(): Generator<void, void> | undefined {
    const { clock } = this.#deps
    const secondS = Math.floor(clock.wallMs() / 1_000)
    const nowMs = clock.monoMs()
    const last = this.#secondS
    if (last !== undefined && secondS <= last && last - secondS <= HOLD_S) return undefined
    if (last !== undefined && secondS < last) this.#takeBack(secondS - 1)
    const n = Math.min(MOST_S, Math.max(1, Math.round((nowMs - this.#atMs) / 1_000)))
    this.#secondS = secondS
    this.#atMs = nowMs
    // What was counted before the first look goes into the first second.
    if (last === undefined) return undefined
    return this.#feed(secondS - 1, n, nowMs, secondS - last === n && n <= SPREAD_S ? n : 1)
  }

  #takeBack(secondS: number): void {
    for (const series of this.#deps.registry.all()) {
      series.cutFrom(secondS)
      series.catchUp(secondS)
    }
  }

  /** `parts`: over how many seconds, the last of them `second`, it is spread. */
  *#feed(second: number, n: number, nowMs: number, parts: number): Generator<void, void> {
    this.#forgetEvicted()
    for (const tally of this.#deps.tallies.tallies()) this.#addTally(tally, second)
    this.#deps.tallies.backlog((tally, waiting, oldestAt) => {
      for (const pending of this.#seriesOf(tally, this.#readOf(tally), second))
        addBacklog(pending, waiting * n, nowMs - oldestAt)
    })
    this.#addLines()
    yield
    yield* this.#addSlots(second, n)
    this.#fleet.isTouched = true
    for (const pending of this.#pending.values()) if (pending.isTouched) empty(pending, second, n, parts)
  }

  #addTally(tally: FunctionTally, second: number): void {
    const read = this.#readOf(tally)
    if (ENDS.every((name, at) => tally[name] === read.counted[at])) return
    const into = this.#seriesOf(tally, read, second)
    ENDS.forEach((name, at) => {
      const difference = tally[name] - (read.counted[at] ?? 0)
      read.counted[at] = tally[name]
      for (const pending of into) add(pending, AT.submitted + at, difference)
    })
    addHistogram(into, tally.queue, read.queue, 0)
    addHistogram(into, tally.run, read.run, tally.queue.length)
  }

  #readOf(tally: FunctionTally): Read {
    const known = this.#reads.get(tally)
    if (known) return known
    const places = tally.queue.length
    const read: Read = {
      counted: ENDS.map(() => 0),
      queue: new Uint32Array(places),
      run: new Uint32Array(places),
      into: undefined,
    }
    this.#reads.set(tally, read)
    return read
  }

  /** What has no function of its own counts for the fleet alone. A series that finds no room is asked for again. */
  #seriesOf(tally: FunctionTally, read: Read, second: number): readonly Pending[] {
    if (read.into) return read.into
    const { group, contract, function: name } = tally
    if (group === '') return [this.#fleet]
    const { registry } = this.#deps
    const found = [
      registry.open('function', `${group}/${name}`, second),
      registry.open('contract', `${group}@${contract}`, second),
      registry.open('group', group, second),
    ].flatMap((series) => (series ? [this.#pendingOf(series)] : []))
    const into = [this.#fleet, ...found]
    if (found.length === 3) read.into = into
    return into
  }

  #forgetEvicted(): void {
    const { evictions } = this.#deps.registry
    if (evictions === this.#evictions) return
    this.#evictions = evictions
    this.#pending.clear()
    this.#pending.set(this.#fleet.series, this.#fleet)
    for (const read of this.#reads.values()) read.into = undefined
  }

  #pendingOf(series: StatSeries): Pending {
    const known = this.#pending.get(series)
    if (known) return known
    const { columns, histograms, buckets } = series.shape
    const fresh: Pending = {
      series,
      values: new Float64Array(columns),
      counts: new Uint32Array(histograms * buckets),
      isTouched: false,
    }
    this.#pending.set(series, fresh)
    return fresh
  }

  *#addSlots(second: number, n: number): Generator<void, void> {
    let read = 0
    for (const sample of this.#deps.workers.samples()) {
      if (++read % WORKERS_A_STEP === 0) yield
      this.#workers.look(sample, second)
      if (sample.slots === null) continue
      addSlotsTo(this.#fleet, sample, n)
      if (sample.group === null || sample.contract === null) continue
      const { registry } = this.#deps
      const group = registry.open('group', sample.group, second)
      if (group) addSlotsTo(this.#pendingOf(group), sample, n)
      const contract = registry.open('contract', `${sample.group}@${sample.contract}`, second)
      if (contract) addSlotsTo(this.#pendingOf(contract), sample, n)
    }
    this.#workers.endSecond(second)
    // Seconds in which they were known, whoever many they are of.
    for (const { values } of this.#pending.values()) if ((values[AT.known] ?? 0) > 0) values[AT.known] = n
  }

  #addLines(): void {
    const own = this.#lines.tally
    const theirs = this.#deps.workers.workerLines
    const now = { ...own }
    for (const level of LEVELS) now[level] += theirs[level]
    const before = this.#linesBefore
    this.#linesBefore = now
    LEVELS.forEach((level, at) => {
      const difference = now[level] - (before?.[level] ?? 0)
      if (difference > 0) add(this.#fleet, AT.logs + at, difference)
    })
  }
}

function add(pending: Pending, column: number, value: number): void {
  pending.values[column] = (pending.values[column] ?? 0) + value
  pending.isTouched = true
}

function addBacklog(pending: Pending, waiting: number, oldestMs: number): void {
  add(pending, AT.waiting, waiting)
  const age = Math.max(pending.values[AT.oldestMs] ?? 0, Math.round(oldestMs))
  pending.values[AT.oldestMs] = Math.max(0, age)
}

/** Counts wrap at 2^32, and so does their difference. */
function addHistogram(into: readonly Pending[], now: Uint32Array, before: Uint32Array, from: number): void {
  for (let at = 0; at < now.length; at++) {
    const difference = ((now[at] ?? 0) - (before[at] ?? 0)) >>> 0
    if (difference === 0) continue
    before[at] = now[at] ?? 0
    for (const { counts } of into) counts[from + at] = (counts[from + at] ?? 0) + difference
  }
}

const sum = { used: 0, free: 0, maintenance: 0, stalled: 0 }

function addSlotsTo(pending: Pending, sample: WorkerSample, n: number): void {
  sum.used = sum.free = sum.maintenance = sum.stalled = 0
  addSlots(sum, sample)
  add(pending, AT.known, 1)
  add(pending, AT.used, sum.used * n)
  add(pending, AT.used + 1, sum.free * n)
  add(pending, AT.used + 2, sum.maintenance * n)
  add(pending, AT.used + 3, sum.stalled * n)
  add(pending, AT.used + 4, (sum.used + sum.free + sum.maintenance + sum.stalled) * n)
}

function empty(pending: Pending, second: number, n: number, parts: number): void {
  const { series, values, counts } = pending
  // What a clock that was set back has moved in front of the last one goes into the next.
  if (second <= series.lastS) return
  if (parts === 1) series.feed(second, n, values, counts)
  else spread(pending, second, parts)
  values.fill(0)
  counts.fill(0)
  pending.isTouched = false
}

/** A second each, to the last unit; durations all go with the last one. */
function spread({ series, values, counts }: Pending, second: number, parts: number): void {
  const share = new Float64Array(values.length)
  for (let part = 1; part <= parts; part++) {
    for (let at = 0; at < values.length; at++) {
      const value = values[at] ?? 0
      share[at] =
        at === AT.oldestMs
          ? value
          : Math.floor((value * part) / parts) - Math.floor((value * (part - 1)) / parts)
    }
    series.feed(second - parts + part, 1, share, part === parts ? counts : undefined)
  }
}
