/**
 * Answers questions from the series in memory. Called by stats.ts, one question after another; a large one gives
 * way to others every few milliseconds, for it runs beside the routing of tasks.
 * Invariants: at most `STATS_VALUES` values; a gap is null, and so is what nobody knows; keys beyond the first ones
 * are added up, so that the lines of all keys say what there was.
 */
import {
  STATS_KEYS,
  STATS_METRICS,
  STATS_OTHER,
  STATS_VALUES,
  type StatsMetric,
  type StatsSeries,
} from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { StatsQuery } from '../../ports/stats.ts'
import { Cells } from './cells.ts'
import { type Plan, planBuckets } from './plan.ts'
import type { Registry } from './registry.ts'
import type { StatSeries } from './series.ts'
import { FIRST_WORKER_TIER, TIERS } from './tiers.ts'

export interface QueryDeps {
  readonly registry: Registry
  readonly clock: Clock
  /** How much of the windows of workers there is. */
  readonly workerShare: () => number
}

export interface Answered {
  readonly plan: Plan
  readonly series: StatsSeries[]
}

/** How long others wait at most. */
const TURN_MS = 4

interface Line {
  readonly of: string
  readonly cells: Cells
  readonly sinceS: number
}

export class StatsAnswers {
  readonly #deps: QueryDeps
  #turnEndsMs = 0

  constructor(deps: QueryDeps) {
    this.#deps = deps
  }

  async answer(query: StatsQuery): Promise<Answered> {
    const { registry, clock } = this.#deps
    const isWorker = query.by === 'worker'
    const found = this.#find(query)
    const plan = planBuckets(query, {
      nowS: Math.floor(clock.wallMs() / 1_000),
      tiers: isWorker ? TIERS.slice(FIRST_WORKER_TIER) : TIERS,
      share: isWorker ? this.#deps.workerShare() : 1,
      lines: Math.max(1, Math.min(found.length, STATS_KEYS + 1)) * query.metrics.length,
      values: STATS_VALUES,
    })
    const withCounts = query.metrics.some((metric) => isOfHistogram(metric))
    const fleet = new Cells('served', plan)
    fleet.add(registry.fleet, withCounts && query.by === 'fleet')
    const lines = await this.#read(found, plan, withCounts, query)
    const series = lines.flatMap(({ of, cells, sinceS }) =>
      query.metrics.map((metric): StatsSeries => {
        const seconds = isWorker ? cells.seconds : fleet.seconds
        return { metric, by: query.by, of, values: cells.valuesOf(metric, seconds, sinceS) }
      }),
    )
    return { plan, series }
  }

  /** Of workers, who would be too many to read, those that have had most of late. */
  #find({ by, of }: StatsQuery): [string, StatSeries][] {
    const { registry } = this.#deps
    if (by === 'fleet') return [['', registry.fleet]]
    if (of !== undefined) {
      const series = registry.find(by, of)
      return series ? [[of, series]] : []
    }
    const all = [...registry.of(by)]
    if (by !== 'worker') return all
    return all.sort(([, a], [, b]) => b.volume - a.volume).slice(0, STATS_KEYS)
  }

  async #read(
    found: readonly [string, StatSeries][],
    plan: Plan,
    withCounts: boolean,
    query: StatsQuery,
  ): Promise<Line[]> {
    this.#turnEndsMs = this.#deps.clock.monoMs() + TURN_MS
    const lines: Line[] = []
    for (const [of, series] of found) {
      const cells = new Cells(series.family, plan)
      cells.add(series, withCounts)
      lines.push({ of, cells, sinceS: series.firstS })
      await this.#giveWay()
    }
    if (lines.length <= STATS_KEYS) return lines
    const [first] = query.metrics
    const volume = (line: Line) => (first ? line.cells.total(first) : 0)
    const ranked = lines.map((line) => ({ line, sum: volume(line) })).sort((a, b) => b.sum - a.sum)
    const others = new Map(found)
    const shown = ranked.slice(0, STATS_KEYS).map(({ line }) => line)
    for (const { of } of shown) others.delete(of)
    return [...shown, await this.#sumUp([...others.values()], plan, withCounts)]
  }

  async #sumUp(rest: readonly StatSeries[], plan: Plan, withCounts: boolean): Promise<Line> {
    const cells = new Cells('served', plan)
    let sinceS = Number.POSITIVE_INFINITY
    for (const series of rest) {
      cells.add(series, withCounts)
      sinceS = Math.min(sinceS, series.firstS)
      await this.#giveWay()
    }
    return { of: STATS_OTHER, cells, sinceS }
  }

  async #giveWay(): Promise<void> {
    const { clock } = this.#deps
    if (clock.monoMs() < this.#turnEndsMs) return
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.#turnEndsMs = clock.monoMs() + TURN_MS
  }
}

function isOfHistogram(metric: StatsMetric): boolean {
  const { kind } = STATS_METRICS[metric]
  return kind === 'quantile' || kind === 'histogram'
}
