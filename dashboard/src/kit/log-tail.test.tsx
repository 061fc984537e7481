import { act, fireEvent, render, screen } from '@testing-library/react'
import { beforeEach, describe, expect, test } from 'vitest'
import { LOG_BUFFER_ROWS } from '../feed/log-buffer.ts'
import { FeedProvider } from '../feed/use-feed.tsx'
import { createFakeFeed, type FakeFeed } from '../testing/fake-feed.ts'
import { changesMessage, sampleLine, sampleLines, snapshotMessage } from '../testing/samples.ts'
import { LogTail } from './log-tail.tsx'

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
      <LogTail source="logs:w" label="Log of w" fileName="w.txt" />
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
  expect(screen.getByText('1,284 lines skipped')).toBeTruthy()
  write(sampleLines(LOG_BUFFER_ROWS))
  expect(screen.getByText('3 older lines trimmed')).toBeTruthy()
})

test('draws only what is near the screen', () => {
  write(sampleLines(4_000))
  expect(drawn().length).toBeLessThan(100)
  expect(drawn().at(-1)).toBe('line 3999')
})

describe('following', () => {
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

test('filters by level and text', () => {
  write([sampleLine('fine'), sampleLine('odd', { level: 'warn' }), sampleLine('bad', { level: 'error' })])
  fireEvent.change(screen.getByLabelText('Level'), { target: { value: 'warn' } })
  expect(drawn()).toEqual(['odd', 'bad'])
  fireEvent.change(screen.getByLabelText('Filter text'), { target: { value: 'BAD' } })
  expect(drawn()).toEqual(['bad'])
  fireEvent.change(screen.getByLabelText('Filter text'), { target: { value: 'none' } })
  expect(screen.getByText('No line matches the filter.')).toBeTruthy()
})
