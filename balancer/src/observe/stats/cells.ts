/**
 * Buckets of one line: what the slots of a series add up to, and what a metric says of it. Made anew for each
 * question by query.ts.
 */
import { bucketEdgeMs, HISTOGRAM, STATS_METRICS, type StatsMetric, type StatsSeries } from '@berth/protocol'
import { COLUMNS, columnOf, type Family, HISTOGRAMS, isOfKnown, scaleOf } from './columns.ts'
import type { Plan } from './plan.ts'
import type { StatSeries } from './series.ts'

export type Value = StatsSeries['values'][number]

export class Cells {
  readonly #plan: Plan
  readonly #family: Family
  readonly #columns: number
  readonly seconds: Float64Array
  readonly #values: Float64Array
  readonly #counts: (Uint32Array | undefined)[]

  constructor(family: Family, plan: Plan) {
    this.#plan = plan
    this.#family = family
    this.#columns = COLUMNS[family].length
    const buckets = (plan.toS - plan.fromS) / plan.stepS
    this.seconds = new Float64Array(buckets)
    this.#values = new Float64Array(buckets * this.#columns)
    this.#counts = new Array<Uint32Array | undefined>(buckets)
  }

  /** `withCounts`: histograms too. */
  add(series: StatSeries, withCounts: boolean): void {
    const { tier, fromS, toS, stepS } = this.#plan
    series.read(tier.stepS, fromS, toS, ({ startS, n, values, pairs }) => {
      const bucket = Math.floor((startS - fromS) / stepS)
      this.seconds[bucket] = (this.seconds[bucket] ?? 0) + n
      this.#roll(bucket * this.#columns, values)
      if (withCounts && pairs.length > 0) this.#count(bucket, pairs)
    })
  }

  #roll(from: number, values: Float64Array): void {
    COLUMNS[this.#family].forEach(({ roll }, column) => {
      const known = this.#values[from + column] ?? 0
      const value = values[column] ?? 0
      this.#values[from + column] = roll === 'max' ? Math.max(known, value) : known + value
    })
  }

  #count(bucket: number, pairs: readonly number[]): void {
    const places = HISTOGRAMS[this.#family].length * HISTOGRAM.buckets
    const counts = this.#counts[bucket] ?? new Uint32Array(places)
    this.#counts[bucket] = counts
    for (let at = 0; at < pairs.length; at += 2) {
      const place = pairs[at] ?? 0
      counts[place] = (counts[place] ?? 0) + (pairs[at + 1] ?? 0)
    }
  }

  /** The sum over all buckets, to find out which keys have the most. */
  total(metric: StatsMetric): number {
    const column = columnOf(this.#family, metric)
    if (column >= 0) return this.#sum(column)
    return this.#sum(columnOf(this.#family, 'completed')) + this.#sum(columnOf(this.#family, 'failed'))
  }

  #sum(column: number): number {
    let sum = 0
    for (let at = column; at < this.#values.length; at += this.#columns) sum += this.#values[at] ?? 0
    return sum
  }

  /**
   * What the metric was in each bucket. `seconds` are those in which anybody counted; null where there is none, and
   * before `sinceS`, when nothing was known of it.
   */
  valuesOf(metric: StatsMetric, seconds: Float64Array, sinceS: number): Value[] {
    const { kind } = STATS_METRICS[metric]
    const column = columnOf(this.#family, metric)
    const known = columnOf(this.#family, 'known')
    const unsaid = columnOf(this.#family, `${metric}.unknown`)
    const scale = scaleOf(metric)
    const values: Value[] = []
    for (let bucket = 0; bucket < seconds.length; bucket++) {
      const linked = isOfKnown(metric) ? this.#at(bucket, known) : (seconds[bucket] ?? 0)
      const n = unsaid < 0 ? linked : linked - this.#at(bucket, unsaid)
      const isOver = this.#plan.fromS + (bucket + 1) * this.#plan.stepS <= sinceS
      if (n === 0 || isOver) values.push(null)
      else if (kind === 'quantile') values.push(this.#quantile(bucket, metric))
      else if (kind === 'histogram') values.push(this.#histogram(bucket, metric))
      else values.push(round(this.#at(bucket, column) / scale / (kind === 'max' ? 1 : n)))
    }
    return values
  }

  #at(bucket: number, column: number): number {
    return this.#values[bucket * this.#columns + column] ?? 0
  }

  #countsOf(bucket: number, metric: StatsMetric): Uint32Array | undefined {
    const at = HISTOGRAMS[this.#family].findIndex((name) => metric.startsWith(`${name}.`))
    return this.#counts[bucket]?.subarray(at * HISTOGRAM.buckets, (at + 1) * HISTOGRAM.buckets)
  }

  #quantile(bucket: number, metric: StatsMetric): number | null {
    const counts = this.#countsOf(bucket, metric)
    const share = Number(metric.slice(metric.indexOf('.p') + 2)) / 100
    const ms = counts && quantileOf(counts, share)
    return ms === undefined ? null : Number(ms.toPrecision(4))
  }

  #histogram(bucket: number, metric: StatsMetric): number[] {
    return [...(this.#countsOf(bucket, metric) ?? new Uint32Array(HISTOGRAM.buckets))]
  }
}

/** In milliseconds, between the edges of its bucket as if all ratios were equally frequent; undefined of none. */
export function quantileOf(counts: Uint32Array, share: number): number | undefined {
  let all = 0
  for (const count of counts) all += count
  if (all === 0) return undefined
  let left = share * all
  for (let at = 0; at < counts.length; at++) {
    const count = counts[at] ?? 0
    if (count > 0 && left <= count) return bucketEdgeMs(at + left / count)
    left -= count
  }
  return bucketEdgeMs(counts.length)
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
