import { everyLogLine } from '@berth/protocol'
import { act, fireEvent, render, screen } from '@testing-library/react'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { LOG_BUFFER_ROWS } from '../feed/log-buffer.ts'
import { FeedProvider } from '../feed/use-feed.tsx'
import { createFakeFeed, type FakeFeed } from '../testing/fake-feed.ts'
import { changesMessage, sampleLine, sampleLines, snapshotMessage } from '../testing/samples.ts'
import { LogList } from './log-list.tsx'

let feed: FakeFeed
let seq: number

beforeEach(() => {
  feed = createFakeFeed()
  seq = 1
  feed.client.start()
  feed.socket().open()
  feed.socket().say(snapshotMessage(seq))
  render(
    <FeedProvider client={feed.client}>
      <LogList
        query={{ ...everyLogLine, source: 'workers', workers: ['w'] }}
        label="Log of w"
        fileName="w"
        hasFilter
      />
    </FeedProvider>,
  )
})

function write(lines: ReturnType<typeof sampleLines>, dropped = 0): void {
  act(() => feed.socket().say(changesMessage(++seq, { logs: { 'logs:w': { lines, dropped } } })))
}

const box = () => screen.getByRole('log')
const drawn = () => [...document.querySelectorAll('.log-text')].map((one) => one.textContent)

function scrollTo(top: number): void {
  box().scrollTop = top
  fireEvent.scroll(box())
}

test('shows lines as text, with what would act as escapes', () => {
  write([sampleLine('\u001b[31mred <script>x</script>\nnext', { run: 'run-1' })])
  expect(drawn()).toEqual(['\\x1b[31mred <script>x</script>\\nnext'])
  expect(screen.getByText('run-1')).toBeTruthy()
  expect(document.querySelector('script')).toBeNull()
})

test('says what the server skipped and what the buffer trimmed', () => {
  write(sampleLines(2), 1_284)
  expect(screen.getByText(/^1,284 lines skipped – narrow/)).toBeTruthy()
  write(sampleLines(LOG_BUFFER_ROWS))
  expect(screen.getByText('3 older lines trimmed')).toBeTruthy()
})

test('draws only what is near the screen', () => {
  write(sampleLines(4_000))
  expect(drawn().length).toBeLessThan(100)
  expect(drawn().at(-1)).toBe('line 3999')
})

describe('following', () => {
  test('ends when a line is opened, which keeps the focus', () => {
    write(sampleLines(60))
    const row = [...document.querySelectorAll('.log-line')].at(-2)
    const button = row?.querySelector<HTMLElement>('.log-open')
    button?.focus()
    fireEvent.click(button as HTMLElement)
    expect(document.activeElement).toBe(button)
    expect(button?.getAttribute('aria-expanded')).toBe('true')
    write(sampleLines(20, 60))
    expect(document.activeElement).toBe(button)
    expect(screen.getByRole('button', { name: '20 new lines' })).toBeTruthy()
  })

  test('ends with a press on a line, which stays that line until it is let go', () => {
    write(sampleLines(60))
    const row = [...document.querySelectorAll('.log-line')].at(-2) as HTMLElement
    const words = row.textContent
    // The end, as a browser would have it.
    box().scrollTop = 60 * 20 - 320
    fireEvent.pointerDown(row)
    write(sampleLines(500, 60))
    expect(row.isConnected).toBe(true)
    expect(row.textContent).toBe(words)
  })

  test('stays at the end until the reader scrolls up; the pill counts and leads back', () => {
    write(sampleLines(200))
    expect(screen.queryByRole('button', { name: /new line/ })).toBeNull()
    scrollTo(1_000)
    write(sampleLines(7, 200))
    expect(box().scrollTop).toBe(1_000)
    const pill = screen.getByRole('button', { name: '7 new lines' })
    fireEvent.click(pill)
    expect(screen.queryByRole('button', { name: /new line/ })).toBeNull()
    expect(drawn().at(-1)).toBe('line 206')
  })

  test('keeps the reader’s place when old lines are trimmed', () => {
    write(sampleLines(LOG_BUFFER_ROWS))
    scrollTo(2_000)
    write(sampleLines(10, LOG_BUFFER_ROWS))
    expect(box().scrollTop).toBe(2_000 - 10 * 20)
  })
})

test('pause holds the picture and counts on', () => {
  write(sampleLines(3))
  fireEvent.click(screen.getByRole('button', { name: 'Pause' }))
  write(sampleLines(2, 3))
  expect(drawn()).toEqual(['line 0', 'line 1', 'line 2'])
  expect(screen.getByText('Paused. 2 new lines')).toBeTruthy()
  fireEvent.click(screen.getByRole('button', { name: 'Resume' }))
  expect(drawn()).toHaveLength(5)
})

const watched = () => JSON.parse(feed.socket().sent.at(-1) ?? '{}').watch.at(-1)

test('the balancer filters by level and text; what was there stays until it has answered', async () => {
  write([sampleLine('fine'), sampleLine('odd', { level: 'warn' })])
  vi.useFakeTimers()
  fireEvent.change(screen.getByLabelText('Filter text'), { target: { value: 'ba' } })
  fireEvent.change(screen.getByLabelText('Filter text'), { target: { value: 'BAD' } })
  expect(watched()).toBe('logs:w')
  act(() => vi.advanceTimersByTime(300))
  vi.useRealTimers()
  const word = 'logs?source=workers&worker=w&text=BAD'
  expect(watched()).toBe(word)
  expect(drawn()).toEqual(['fine', 'odd'])
  act(() => feed.socket().say(changesMessage(++seq, { logs: { [word]: { lines: [], dropped: 0 } } })))
  expect(drawn()).toEqual([])
  expect(screen.getByText('No line matches the filter.')).toBeTruthy()
})

test('says why a filter is not followed', () => {
  act(() => feed.socket().say(changesMessage(++seq, { refused: { 'logs:w': 'it is too wide' } })))
  expect(screen.getByRole('alert').textContent).toMatch(/it is too wide/)
})

describe('a line', () => {
  const line = sampleLine('done', { worker: 'w', run: 'r_17', source: 'hello', fields: { ms: 12 } })

  test('shows its fields and leads to its task', () => {
    write([line])
    expect(drawn()).toEqual(['done ms=12'])
    const link = screen.getByRole('link', { name: 'r_17' })
    expect(link.getAttribute('href')).toBe('/dashboard/tasks/r_17')
    fireEvent.click(link)
    expect(window.location.pathname).toBe('/tasks/r_17')
  })

  test('opens to its JSON, by press and by keys', () => {
    write([sampleLine('first'), line])
    fireEvent.click(screen.getAllByRole('button', { name: 'Show the whole line' })[1] as HTMLElement)
    const tree = screen.getByRole('tree', { name: 'Line' })
    expect(tree.textContent).toMatch(/ms.*12/)
    expect(screen.getByRole('link', { name: 'Open task' }).getAttribute('href')).toBe('/tasks/r_17')
    fireEvent.keyDown(box(), { key: 'ArrowUp' })
    fireEvent.keyDown(box(), { key: 'k' })
    const opens = screen.getAllByRole('button', { name: 'Show the whole line' })
    expect(opens.map((one) => one.tabIndex)).toEqual([0, -1])
  })
})

test('times, colours and wrapping are switched by keys, and stay switched', () => {
  write([sampleLine('x')])
  expect(document.querySelector('.log-time')).not.toBeNull()
  fireEvent.keyDown(document.body, { key: 's' })
  expect(document.querySelector('.log-time')).toBeNull()
  fireEvent.keyDown(document.body, { key: 'o' })
  expect(box().className).toContain('log-plain')
  fireEvent.keyDown(document.body, { key: 'w' })
  expect(box().className).toContain('log-wrapped')
  expect(localStorage.getItem('berth.log-wrap')).toBe('on')
  for (const key of ['s', 'o', 'w']) fireEvent.keyDown(document.body, { key })
})

test('the page’s own pause holds it too', () => {
  write(sampleLines(3))
  act(() => feed.client.pause())
  write(sampleLines(2, 3))
  expect(drawn()).toHaveLength(3)
  expect(screen.getByText('Paused. 2 new lines')).toBeTruthy()
  act(() => feed.client.resume())
  expect(drawn()).toHaveLength(5)
})
