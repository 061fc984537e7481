import type { StatsAnswer } from '@berth/protocol'
import { act, screen } from '@testing-library/react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fakeFetch } from '../testing/fake-fetch.ts'
import { renderPage } from '../testing/render-page.tsx'
import { useStats } from './use-stats.ts'

/** A second, which is given otherwise, may be what a busy machine stands still for. */
const LIMIT = { timeout: 10_000 }

/** Of the balancer; the browser's own may differ. */
let nowMs = 0

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A balancer whose every bucket has the value 1, and what is under way 0.5. */
function answerOf(path: string): { status: number; body: StatsAnswer } {
  const query = new URL(path, 'http://berth.test').searchParams
  const stepMs = Number(query.get('step')) * 1_000
  const from = Math.floor(Date.parse(query.get('from') ?? '') / stepMs) * stepMs
  const to = Math.ceil(Date.parse(query.get('to') ?? new Date(nowMs).toISOString()) / stepMs) * stepMs
  const count = (to - from) / stepMs
  const values = Array.from({ length: count }, (_, at) => (at === count - 1 ? 0.5 : 1))
  const instant = (ms: number) => new Date(ms).toISOString()
  return {
    status: 200,
    body: {
      from: instant(from),
      to: instant(to),
      stepMs,
      partial: instant(to - stepMs),
      note: null,
      series: [{ metric: 'completed', by: 'fleet', of: '', values }],
      markers: [],
    },
  }
}

function fromOf(path: string): number {
  return Date.parse(new URL(path, 'http://berth.test').searchParams.get('from') ?? '')
}

function Shown() {
  const { answer } = useStats({ metrics: ['completed'], spanMs: 600_000, stepMs: 15_000 })
  const values = answer?.series[0]?.values ?? []
  return <p data-testid="shown">{`${values.length} ${values.filter((value) => value !== 1).length}`}</p>
}

test('reads all of its span once, then only the end, and joins it', async () => {
  const asked = fakeFetch((path) => {
    // The first one asks for the ten minutes up to now.
    if (nowMs === 0) nowMs = fromOf(path) + 600_000
    return answerOf(path)
  })
  const feed = renderPage(<Shown />)
  await vi.waitFor(() => expect(screen.getByTestId('shown').textContent).toBe('40 1'), LIMIT)
  const spanOf = (path: string) => nowMs - fromOf(path)
  const stats = () => asked.filter(({ path }) => path.startsWith('/stats'))
  expect(stats()).toHaveLength(1)
  expect(spanOf(stats()[0]?.path ?? '')).toBeGreaterThan(590_000)
  feed.advance(15_000)
  nowMs += 15_000
  await act(() => vi.advanceTimersByTimeAsync(15_500))
  await vi.waitFor(() => expect(stats()).toHaveLength(2), LIMIT)
  expect(spanOf(stats()[1]?.path ?? '')).toBeLessThan(90_000)
  // As long as before, and what was under way has its whole value.
  await vi.waitFor(() => expect(screen.getByTestId('shown').textContent).toMatch(/^4[01] 1$/), LIMIT)
})
