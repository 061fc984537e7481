/** How the tasks of a group are split between its contracts, and which share of each goes wrong (C14). */
import { useMemo } from 'react'
import { formatShare } from '../text/format.ts'
import { text } from '../text/text.ts'
import { type ChartData, columnKey, shareOf, sumColumns } from './chart-data.ts'
import { factsIn } from './fleet-stats.tsx'
import type { ChartSeries, SeriesColor } from './plot-model.ts'
import { useChartData } from './stats-chart.tsx'
import { TimeChart } from './time-chart.tsx'
import { useStats } from './use-stats.ts'

const words = text.charts.contracts
const METRICS = ['completed', 'failed', 'expired'] as const
const COLORS: readonly SeriesColor[] = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8']
const MOST = 8

const percent = (value: number | null): string => formatShare(value === null ? null : value / 100)

export function ContractSplitCharts({ group }: { group: string }) {
  const stats = useStats({ metrics: METRICS, by: 'contract' })
  const all = useChartData(stats)
  const { shares, errors, contracts } = useMemo(() => splitOf(all, group), [all, group])
  const series = useMemo(() => contracts.map(seriesOf), [contracts])
  const shared = {
    factor: 100,
    least: 100,
    format: percent,
    error: stats.error,
    domain: stats.domain,
    onRetry: stats.refetch,
  }
  return (
    <>
      <TimeChart
        {...shared}
        id="contract-share"
        title={words.share}
        unit={words.shareUnit}
        data={shares}
        series={series}
        summary={(data) => {
          const [first] = contracts
            .map((contract) => ({ contract, last: factsIn(data, contract).last ?? 0 }))
            .sort((a, b) => b.last - a.last)
          return first ? words.shareSummary(first.contract, formatShare(first.last)) : ''
        }}
      />
      <TimeChart
        {...shared}
        least={1}
        id="contract-errors"
        title={words.errors}
        unit={words.errorsUnit}
        data={errors}
        series={useMemo(() => series.map((one) => ({ ...one, draw: 'line' as const })), [series])}
        summary={(data) => {
          const most = contracts.map((contract) => factsIn(data, contract).most ?? 0)
          return words.errorsSummary(formatShare(Math.max(0, ...most)))
        }}
      />
    </>
  )
}

interface Split {
  readonly shares: ChartData | undefined
  readonly errors: ChartData | undefined
  /** The newest first. */
  readonly contracts: readonly string[]
}

export function splitOf(all: ChartData | undefined, group: string): Split {
  if (!all) return { shares: undefined, errors: undefined, contracts: [] }
  const prefix = columnKey('completed', `${group}@`)
  const contracts = [...all.columns.keys()]
    .flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []))
    .sort((a, b) => Number(b) - Number(a))
    .slice(0, MOST)
  const columnOf = (metric: string, contract: string) =>
    all.columns.get(columnKey(metric, `${group}@${contract}`)) ?? []
  const ended = new Map(
    contracts.map((one) => [one, sumColumns(METRICS.map((metric) => columnOf(metric, one)))]),
  )
  const whole = sumColumns([...ended.values()])
  const shares = contracts.map((one) => [one, shareOf(ended.get(one) ?? [], whole)] as const)
  const errors = contracts.map((one) => {
    const wrong = sumColumns([columnOf('failed', one), columnOf('expired', one)])
    return [one, shareOf(wrong, ended.get(one) ?? [])] as const
  })
  return {
    shares: { ...all, columns: new Map(shares) },
    errors: { ...all, columns: new Map(errors) },
    contracts,
  }
}

function seriesOf(contract: string, at: number): ChartSeries {
  const color = COLORS[at % COLORS.length] ?? 'c1'
  return { key: contract, label: words.name(contract), color, draw: 'area' }
}
