import { fireEvent, screen, within } from '@testing-library/react'
import { beforeEach, expect, test, vi } from 'vitest'
import { renderPage } from '../testing/render-page.tsx'
import type { ChartData } from './chart-data.ts'
import { csvRows } from './chart-frame.tsx'
import type { ChartSeries } from './plot-model.ts'
import { TimeChart, type TimeChartProps } from './time-chart.tsx'

vi.mock('./time-plot.tsx', () => ({
  TimePlot: ({ series }: { series: readonly ChartSeries[] }) => (
    <p data-testid="drawing">{series.map(({ key }) => key).join(' ')}</p>
  ),
}))

const AT = Date.UTC(2026, 0, 1)

const series: readonly ChartSeries[] = [
  { key: 'a', label: 'Alpha', color: 'c1', draw: 'line' },
  { key: 'b', label: 'Beta', color: 'c2', draw: 'line', isOptional: true },
]

const data: ChartData = {
  times: [AT, AT + 60_000, AT + 120_000],
  stepMs: 60_000,
  partialMs: AT + 120_000,
  columns: new Map([
    ['a', [1_500, null, 3_000]],
    ['b', [2, null, null]],
  ]),
  markers: [{ at: new Date(AT + 121_000).toISOString(), kind: 'deploy', text: 'w1 has <b>v2</b>\u202e' }],
}

beforeEach(() => {
  localStorage.clear()
  // A test has no layout: a box as large as a chart's.
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(600)
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(200)
})

function open(changes: Partial<TimeChartProps> = {}) {
  return renderPage(
    <TimeChart
      id="sample"
      title="Sample"
      unit="seconds"
      data={data}
      series={series}
      factor={0.001}
      summary={() => 'All is told here.'}
      {...changes}
    />,
  )
}

test('has a title, a sentence, and the same figures as a table: newest first, gaps left out, what happened beside', () => {
  open()
  expect(screen.getByRole('heading', { name: 'Sample' })).toBeTruthy()
  expect(screen.getByText('All is told here.')).toBeTruthy()
  fireEvent.click(screen.getByRole('button', { name: /View as table/ }))
  const rows = within(screen.getByRole('table')).getAllByRole('row').slice(1)
  const texts = rows.map((row) =>
    within(row)
      .getAllByRole('cell')
      .map((cell) => cell.textContent),
  )
  expect(texts).toEqual([
    ['3', '–', 'Deploy: w1 has <b>v2</b>\\u{202e}'],
    ['1.5', '0', ''],
  ])
  expect(rows[0]?.textContent).toContain('(not over yet)')
  fireEvent.click(screen.getByRole('button', { name: /View as chart/ }))
  expect(screen.queryByRole('table')).toBeNull()
})

test('its file has plain numbers in the unit that is shown, oldest first, in UTC', () => {
  expect(csvRows({ series, toNumber: (value) => value / 1_000 }, data)).toEqual([
    ['Time (UTC)', 'Alpha', 'Beta'],
    ['2026-01-01T00:00:00.000Z', 1.5, 0.002],
    ['2026-01-01T00:02:00.000Z', 3, null],
  ])
})

test('the legend switches series, optional ones on, and that is remembered', async () => {
  open()
  expect((await screen.findByTestId('drawing')).textContent).toBe('a')
  fireEvent.click(screen.getByRole('button', { name: 'Beta' }))
  fireEvent.click(screen.getByRole('button', { name: 'Alpha' }))
  expect(screen.getByTestId('drawing').textContent).toBe('b')
  document.body.innerHTML = ''
  open()
  expect((await screen.findByTestId('drawing')).textContent).toBe('b')
  expect(screen.getByRole('button', { name: 'Alpha' }).getAttribute('aria-pressed')).toBe('false')
})

test('a range that is drawn over it becomes the range of the page', async () => {
  open({ domain: [AT, AT + 180_000] })
  await screen.findByTestId('drawing')
  const overlay = document.querySelector('.plot-overlay') as HTMLElement
  vi.spyOn(overlay, 'getBoundingClientRect').mockReturnValue({ left: 0, width: 180 } as DOMRect)
  fireEvent.pointerDown(overlay, { button: 0, clientX: 30 })
  fireEvent.pointerMove(overlay, { clientX: 100 })
  fireEvent.pointerUp(overlay, { clientX: 100 })
  const search = new URLSearchParams(window.location.search)
  expect([search.get('from'), search.get('to')]).toEqual([
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:02:00.000Z',
  ])
})

test('a click is no range, and the crosshair says what is under it', async () => {
  open({ domain: [AT, AT + 180_000] })
  await screen.findByTestId('drawing')
  const overlay = document.querySelector('.plot-overlay') as HTMLElement
  vi.spyOn(overlay, 'getBoundingClientRect').mockReturnValue({ left: 0, width: 180 } as DOMRect)
  fireEvent.pointerDown(overlay, { button: 0, clientX: 30 })
  fireEvent.pointerUp(overlay, { clientX: 31 })
  expect(window.location.search).toBe('')
  fireEvent.pointerMove(overlay, { clientX: 150 })
  const reading = document.querySelector('.plot-reading')
  expect(reading?.textContent).toContain('Alpha3')
  expect(reading?.textContent).toContain('Deploy: w1 has <b>v2</b>\\u{202e}')
})

test('without figures says so, and an error what failed', () => {
  open({ data: { ...data, columns: new Map() } })
  expect(screen.getByText('No figures in this time yet.')).toBeTruthy()
  document.body.innerHTML = ''
  open({ data: undefined, error: new Error('away'), onRetry: () => {} })
  expect(screen.getByRole('alert')).toBeTruthy()
})
