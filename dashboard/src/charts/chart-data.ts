/**
 * From an answer of `GET /stats` to what a chart draws: columns over one row of instants. Also joins the newest
 * buckets to those that are there already, so that a picture that moves reads only its end. Pure.
 * Invariants: a bucket that nobody knows is null in every column; columns are as long as `times`.
 */
import type { StatsAnswer, StatsMarker } from '@berth/protocol'

export type Value = number | null

export interface ChartData {
  /** Begins of the buckets, Unix ms. */
  readonly times: readonly number[]
  readonly stepMs: number
  /** The begin of the newest bucket if that is not over yet, else the end of all. */
  readonly partialMs: number
  readonly columns: ReadonlyMap<string, readonly Value[]>
  readonly markers: readonly StatsMarker[]
}

/** A column's key: the metric, and the key of its series where there are several. */
export function columnKey(metric: string, of: string): string {
  return of === '' ? metric : `${metric} ${of}`
}

export function toChartData(answer: StatsAnswer): ChartData {
  const [fromMs, toMs] = [Date.parse(answer.from), Date.parse(answer.to)]
  const count = Math.max(0, Math.round((toMs - fromMs) / answer.stepMs))
  return {
    times: Array.from({ length: count }, (_, at) => fromMs + at * answer.stepMs),
    stepMs: answer.stepMs,
    partialMs: Date.parse(answer.partial),
    columns: new Map(
      answer.series.map(({ metric, of, values }) => [
        columnKey(metric, of),
        values.map((value) => (typeof value === 'number' ? value : null)),
      ]),
    ),
    markers: answer.markers,
  }
}

/**
 * One answer that stands for both: the later one from its begin on, before that the earlier one, nothing before
 * `fromMs`. The later one alone when they do not fit together.
 */
export function joinAnswers(earlier: StatsAnswer, later: StatsAnswer, fromMs: number): StatsAnswer {
  const { stepMs } = later
  const laterMs = Date.parse(later.from)
  const earlierMs = Date.parse(earlier.from)
  if (earlier.stepMs !== stepMs || laterMs < earlierMs || laterMs > Date.parse(earlier.to)) return later
  const beginMs = Math.max(earlierMs, Math.floor(fromMs / stepMs) * stepMs)
  const kept = Math.max(0, Math.round((laterMs - beginMs) / stepMs))
  const skipped = Math.round((beginMs - earlierMs) / stepMs)
  const seriesOf = (answer: StatsAnswer) =>
    new Map(answer.series.map((series) => [columnKey(series.metric, series.of), series]))
  const [before, after] = [seriesOf(earlier), seriesOf(later)]
  const length = Math.round((Date.parse(later.to) - laterMs) / stepMs)
  const series = [...new Map([...before, ...after]).entries()].map(([key, one]) => ({
    ...one,
    values: [
      ...(before.get(key)?.values.slice(skipped, skipped + kept) ?? nulls(kept)),
      ...(after.get(key)?.values ?? nulls(length)),
    ],
  }))
  const begin = new Date(beginMs).toISOString()
  const markers = new Map([...earlier.markers, ...later.markers].map((one) => [`${one.at} ${one.text}`, one]))
  return {
    ...later,
    from: begin,
    series: series.filter(({ values }) => values.some((value) => value !== null)),
    markers: [...markers.values()].filter(({ at }) => at >= begin),
  }
}

function nulls(count: number): null[] {
  return Array.from({ length: count }, () => null)
}

export interface Facts {
  readonly mean: Value
  readonly most: Value
  readonly least: Value
  readonly last: Value
  /** A rate's: what it adds up to. */
  readonly total: Value
}

/** Of what is known of a column. */
export function factsOf(values: readonly Value[], stepMs: number): Facts {
  const known = values.filter((value): value is number => value !== null)
  if (known.length === 0) return { mean: null, most: null, least: null, last: null, total: null }
  const sum = known.reduce((all, value) => all + value, 0)
  return {
    mean: sum / known.length,
    most: known.reduce((a, b) => Math.max(a, b)),
    least: known.reduce((a, b) => Math.min(a, b)),
    last: known.at(-1) ?? null,
    total: (sum * stepMs) / 1_000,
  }
}

/** The first so many columns by what they add up to, and one that sums up the others. */
export function topColumns(
  columns: ReadonlyMap<string, readonly Value[]>,
  most: number,
  other: string,
): Map<string, readonly Value[]> {
  const volume = (values: readonly Value[]) => values.reduce<number>((sum, value) => sum + (value ?? 0), 0)
  const rest = columns.get(other)
  const named = [...columns].filter(([key]) => key !== other)
  if (named.length <= most && !rest) return new Map(named)
  const ranked = named.sort(([, a], [, b]) => volume(b) - volume(a))
  const others = [...ranked.slice(most).map(([, values]) => values), ...(rest ? [rest] : [])]
  const shown = new Map(ranked.slice(0, most))
  if (others.length > 0) shown.set(other, sumColumns(others))
  return shown
}

export function sumColumns(columns: readonly (readonly Value[])[]): Value[] {
  const length = columns.reduce((most, values) => Math.max(most, values.length), 0)
  return Array.from({ length }, (_, at) => {
    const known = columns.map((values) => values[at] ?? null).filter((value) => value !== null)
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
  })
}

/** Each value by the sum at its instant, 0 … 1; null where there is none. */
export function shareOf(part: readonly Value[], whole: readonly Value[]): Value[] {
  return part.map((value, at) => {
    const all = whole[at] ?? null
    return value === null || all === null || all === 0 ? null : value / all
  })
}
