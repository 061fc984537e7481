/**
 * The frame of every chart: title, unit, one sentence that sums it up, the same figures as a table and as CSV, and
 * a legend that switches series and is remembered. What is drawn comes as `draw`.
 */
import type { ReactNode } from 'react'
import { useState } from 'react'
import { Button } from '../kit/button.tsx'
import { usePreferenceText, writePreference } from '../kit/preference.ts'
import { ScrollBox } from '../kit/scroll-box.tsx'
import type { Zone } from '../shell/zone.ts'
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { formatBucket } from './axis.ts'
import type { ChartData } from './chart-data.ts'
import { type Cell, downloadCsv } from './csv.ts'
import { type ChartSeries, groupMarkers } from './plot-model.ts'
import { wordsOf } from './plot-overlay.tsx'

interface Props {
  readonly id: string
  readonly title: string
  readonly unit?: ReactNode
  readonly summary: string
  readonly data: ChartData | undefined
  readonly series: readonly ChartSeries[]
  readonly zone: Zone
  /** Beside the title, before the buttons. */
  readonly actions?: ReactNode
  /** A small one has no sentence and no legend for one series. */
  readonly isSmall?: boolean
  /** True where there are several series, unless given. */
  readonly hasLegend?: boolean
  /** What is drawn are words, such as an error, and no picture. */
  readonly isWords?: boolean
  /** The value in a cell of the table. */
  format(value: number | null): string
  /** The value in the file: a plain number in the unit that is shown. */
  toNumber(value: number): number
  draw(shown: readonly ChartSeries[]): ReactNode
}

export function ChartFrame(props: Props) {
  const { id, title, unit, summary, data, series, actions, isSmall } = props
  const [isTable, setTable] = useState(false)
  const [hidden, toggle] = useHidden(id, series)
  const shown = series.filter(({ key }) => !hidden.has(key))
  const hasLegend = props.hasLegend ?? series.length > 1
  return (
    <figure
      className={isSmall ? 'panel chart-panel chart-panel-small' : 'panel chart-panel'}
      aria-label={title}
      data-chart={id}
    >
      <figcaption>
        <div className="chart-title">
          <h2>{title}</h2>
          {unit !== undefined && <span className="muted chart-unit">{unit}</span>}
          <div className="chart-actions">
            {actions}
            {isTable && data && (
              <Button
                kind="quiet"
                icon="download"
                isIconOnly
                onClick={() => downloadCsv(csvRows(props, data), `${id}-${isoOf(data.times[0])}`)}
              >
                {text.charts.csv}
              </Button>
            )}
            <Button kind="quiet" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
              {isTable ? text.charts.asChart : text.charts.asTable}
              <span className="only-heard">: {title}</span>
            </Button>
          </div>
        </div>
        <p className="chart-summary muted">{summary}</p>
      </figcaption>
      {isTable && data ? (
        <ChartTable {...props} data={data} />
      ) : (
        <>
          <div className="chart-space" aria-hidden={props.isWords ? undefined : true}>
            {props.draw(shown)}
          </div>
          {hasLegend && (
            <ul className="legend">
              {series.map((one) => (
                <li key={one.key}>
                  <button
                    type="button"
                    className="legend-button"
                    aria-pressed={!hidden.has(one.key)}
                    onClick={() => toggle(one.key)}
                  >
                    <span
                      className={`swatch swatch-${one.draw} series-${one.color}${one.isDashed ? ' swatch-dashed' : ''}${one.isHatched ? ' swatch-hatched' : ''}`}
                      aria-hidden="true"
                    />
                    {visible(one.label)}
                  </button>
                </li>
              ))}
            </ul>
          )}
        </>
      )}
    </figure>
  )
}

function ChartTable({ title, data, series, zone, format }: Props & { data: ChartData }) {
  const markers = groupMarkers(data)
  const rows = rowsOf(data, series)
  return (
    <ScrollBox className="chart-table" role="region" label={text.charts.tableOf(title)}>
      <table>
        <caption className="only-heard">{text.charts.tableOf(title)}</caption>
        <thead>
          <tr>
            <th scope="col">{zone === 'utc' ? text.charts.timeUtc : text.charts.time}</th>
            {series.map((one) => (
              <th key={one.key} scope="col" className="number">
                {visible(one.label)}
              </th>
            ))}
            {markers.size > 0 && <th scope="col">{text.charts.events}</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ time, values }) => (
            <tr key={time}>
              <th scope="row">
                {formatBucket(time, data.stepMs, zone)}
                {time >= data.partialMs && <span className="muted"> {text.charts.notOver}</span>}
              </th>
              {values.map((value, at) => (
                <td key={series[at]?.key} className="number">
                  {format(value)}
                </td>
              ))}
              {markers.size > 0 && <td>{(markers.get(time) ?? []).map(wordsOf).join('; ')}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  )
}

/** Newest first, without buckets of which nothing is known. */
export function rowsOf(data: ChartData, series: readonly ChartSeries[]) {
  const columns = series.map(({ key }) => data.columns.get(key) ?? [])
  return data.times
    .map((time, at) => ({ time, values: columns.map((values) => values[at] ?? null) }))
    .filter(({ values }) => values.some((value) => value !== null))
    .reverse()
}

export function csvRows(
  { series, toNumber }: Pick<Props, 'series' | 'toNumber'>,
  data: ChartData,
): readonly (readonly Cell[])[] {
  const head = [text.charts.timeUtc, ...series.map(({ label }) => label)]
  const rows = rowsOf(data, series).map(({ time, values }) => [
    isoOf(time),
    ...values.map((value) => (value === null ? null : Number(toNumber(value).toPrecision(10)))),
  ])
  return [head, ...rows.reverse()]
}

function isoOf(ms: number | undefined): string {
  return new Date(ms ?? 0).toISOString()
}

/** Series that are switched off; optional ones until somebody switches them on. Words that mean no series are kept. */
function useHidden(id: string, series: readonly ChartSeries[]): [ReadonlySet<string>, (key: string) => void] {
  const name = `chart-hidden-${id}`
  const stored = usePreferenceText(name)
  const switched = new Set((stored ?? '').split(' ').filter(Boolean).map(decodeURIComponentSafely))
  const hidden = new Set(
    series.filter((one) => switched.has(one.key) !== (one.isOptional === true)).map(({ key }) => key),
  )
  const toggle = (key: string) => {
    const next = new Set(switched)
    if (!next.delete(key)) next.add(key)
    writePreference(name, [...next].slice(-50).map(encodeURIComponent).join(' '))
  }
  return [hidden, toggle]
}

function decodeURIComponentSafely(word: string): string {
  try {
    return decodeURIComponent(word)
  } catch {
    return word
  }
}
