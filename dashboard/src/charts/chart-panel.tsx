/**
 * The frame of every chart: title, unit, summary in words, a legend that switches series (and is
 * remembered), and the same figures as a table. The drawing itself comes as children.
 */
import { type ReactNode, useState } from 'react'
import { usePreference } from '../kit/preference.ts'
import { ScrollBox } from '../kit/scroll-box.tsx'
import { formatClock, formatRate } from '../text/format.ts'
import { text } from '../text/text.ts'
import type { ChartPoint } from './merge-points.ts'

export interface Series {
  readonly key: Exclude<keyof ChartPoint, 't'>
  readonly name: string
  readonly kind: 'area' | 'line'
}

interface Props {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly summary: string
  readonly minutes: number
  readonly series: readonly Series[]
  readonly points: readonly ChartPoint[]
  /** Draws the series that are switched on. */
  draw(shown: readonly Series[]): ReactNode
}

export function ChartPanel(props: Props) {
  const { title, series, points } = props
  const [isTable, setTable] = useState(false)
  const [hidden, toggle] = useHiddenSeries(props.name, series)
  const shown = series.filter((one) => !hidden.has(one.key))
  const hasData = points.some((point) => series.some((one) => point[one.key] !== null))
  return (
    <figure className="panel chart-panel" aria-label={title}>
      <figcaption>
        <div className="chart-title">
          <h2>{title}</h2>
          <span className="muted">{props.unit}</span>
          <button
            type="button"
            className="button quiet"
            aria-pressed={isTable}
            onClick={() => setTable(!isTable)}
          >
            {isTable ? text.charts.asChart : text.charts.asTable}
          </button>
        </div>
        <p className="chart-summary muted">{hasData ? props.summary : text.charts.noData}</p>
      </figcaption>
      {isTable ? (
        <ChartTable {...props} />
      ) : (
        <>
          <div className="chart-space" aria-hidden="true">
            {props.draw(shown)}
          </div>
          <ul className="legend">
            {series.map((one) => (
              <li key={one.key}>
                <button
                  type="button"
                  className="legend-button"
                  aria-pressed={!hidden.has(one.key)}
                  onClick={() => toggle(one.key)}
                >
                  <span className={`swatch swatch-${one.kind} series-${one.key}`} aria-hidden="true" />
                  {one.name}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </figure>
  )
}

function ChartTable({ title, minutes, series, points }: Props) {
  const newestFirst = points.filter((point) => series.some((one) => point[one.key] !== null)).reverse()
  return (
    <ScrollBox className="chart-table" role="region" label={text.charts.tableCaption(title, minutes)}>
      <table>
        <caption className="only-heard">{text.charts.tableCaption(title, minutes)}</caption>
        <thead>
          <tr>
            <th scope="col">{text.charts.time}</th>
            {series.map((one) => (
              <th key={one.key} scope="col" className="number">
                {one.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {newestFirst.map((point) => (
            <tr key={point.t}>
              <th scope="row">{formatClock(point.t)}</th>
              {series.map((one) => (
                <td key={one.key} className="number">
                  {formatRate(point[one.key])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  )
}

function useHiddenSeries(
  name: string,
  series: readonly Series[],
): [ReadonlySet<string>, (key: string) => void] {
  // Every set of hidden series is one word, so that a preference that makes no sense is ignored.
  const words = subsetsOf(series.map((one) => one.key))
  const [word, setWord] = usePreference(`chart-${name}`, words, '')
  const hidden = new Set(word.split(' ').filter(Boolean))
  const toggle = (key: string) => {
    const next = series.map((one) => one.key).filter((one) => hidden.has(one) !== (one === key))
    setWord(next.join(' '))
  }
  return [hidden, toggle]
}

/** Small: a chart has at most four series. */
function subsetsOf(keys: readonly string[]): string[] {
  const words = ['']
  for (const key of keys) words.push(...words.map((word) => (word ? `${word} ${key}` : key)))
  return words
}
