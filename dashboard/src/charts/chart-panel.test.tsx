import { fireEvent, render, screen, within } from '@testing-library/react'
import { expect, test } from 'vitest'
import { samplePoint } from '../testing/samples.ts'
import { ChartPanel, type Series } from './chart-panel.tsx'
import { mergePoints } from './merge-points.ts'

const series: readonly Series[] = [
  { key: 'used', name: 'Used', kind: 'area' },
  { key: 'free', name: 'Free', kind: 'area' },
]

function open(points = [samplePoint(1_000), samplePoint(1_002)]) {
  return render(
    <ChartPanel
      name="sample"
      title="Slots"
      unit="of the fleet"
      summary="All is told here."
      minutes={1}
      series={series}
      points={mergePoints(points, 60, 1_003)}
      draw={(shown) => <p data-testid="drawing">{shown.map((one) => one.key).join(' ')}</p>}
    />,
  )
}

test('has a title, a summary in words, and the same figures as a table, newest first, without gaps', () => {
  open()
  expect(screen.getByRole('heading', { name: 'Slots' })).toBeTruthy()
  expect(screen.getByText('All is told here.')).toBeTruthy()
  fireEvent.click(screen.getByRole('button', { name: 'View as table' }))
  const rows = within(screen.getByRole('table')).getAllByRole('row').slice(1)
  expect(rows).toHaveLength(2)
  expect(
    within(rows[0] as HTMLElement)
      .getAllByRole('cell')
      .map((cell) => cell.textContent),
  ).toEqual(['3', '5'])
  fireEvent.click(screen.getByRole('button', { name: 'View as chart' }))
  expect(screen.queryByRole('table')).toBeNull()
})

test('the legend switches series, and the choice is remembered', () => {
  const first = open()
  fireEvent.click(screen.getByRole('button', { name: 'Free' }))
  expect(screen.getByTestId('drawing').textContent).toBe('used')
  first.unmount()
  open()
  expect(screen.getByTestId('drawing').textContent).toBe('used')
  expect(screen.getByRole('button', { name: 'Free' }).getAttribute('aria-pressed')).toBe('false')
  fireEvent.click(screen.getByRole('button', { name: 'Free' }))
  expect(screen.getByTestId('drawing').textContent).toBe('used free')
})

test('without figures says so', () => {
  open([])
  expect(screen.getByText('No figures in this time yet.')).toBeTruthy()
})
