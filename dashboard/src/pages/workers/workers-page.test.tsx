import type { FeedSnapshot } from '@berth/protocol'
import { act, fireEvent, render, screen, within } from '@testing-library/react'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { FeedProvider } from '../../feed/use-feed.tsx'
import { TOAST_MS, ToastProvider } from '../../kit/toasts.tsx'
import { ConfigBanner } from '../../shell/banners.tsx'
import { createFakeFeed, type FakeFeed } from '../../testing/fake-feed.ts'
import { fakeFetch, problem } from '../../testing/fake-fetch.ts'
import { byOperator, changesMessage, sampleWorker, snapshotMessage } from '../../testing/samples.ts'
import { CONFIRM_MS } from './maintenance.ts'
import { WorkersPage } from './workers-page.tsx'

// Charts have tests of their own; a page without layout cannot draw them.
vi.mock('../../charts/fleet-charts.tsx', () => ({ FleetCharts: () => null }))

let feed: FakeFeed
let seq: number

beforeEach(() => {
  feed = createFakeFeed()
  seq = 1
})

function open(snapshot: Partial<FeedSnapshot> = {}): void {
  feed.client.start()
  feed.socket().open()
  feed.socket().say(snapshotMessage(seq, snapshot))
  render(
    <FeedProvider client={feed.client}>
      <ToastProvider>
        <ConfigBanner />
        <WorkersPage />
      </ToastProvider>
    </FeedProvider>,
  )
}

function change(changes: Parameters<typeof changesMessage>[1]): void {
  act(() => feed.socket().say(changesMessage(++seq, changes)))
}

const theSwitch = (id = 'worker-1') => screen.getByRole('switch', { name: `Maintenance ${id}` })
const rowOf = (id: string) => {
  const row = screen.getByText(id).closest('tr')
  if (!row) throw new Error(`no row of ${id}`)
  return row
}

describe('the table', () => {
  test('shows slots as used / limit, with what is stuck and queued', () => {
    open({
      workers: [sampleWorker('worker-1', { slots: { limit: 8, used: 3, stuck: 1, available: 5, queue: 4 } })],
    })
    const row = within(rowOf('worker-1'))
    expect(row.getByText('3 / 8').textContent).toBe('3 / 8')
    expect(row.getByText('1 stuck')).toBeTruthy()
    expect(row.getByText('4 queued')).toBeTruthy()
  })

  test('shows what is unknown as a dash, never as zero', () => {
    open({
      workers: [sampleWorker('worker-1', { slots: null, system: null, latencyMs: null, lastSeenAt: null })],
    })
    const row = within(rowOf('worker-1'))
    expect(row.getAllByText('–')).toHaveLength(4)
    expect(row.getByText('never')).toBeTruthy()
    expect(row.queryByText(/0 ?%|0 ms/)).toBeNull()
  })

  test('follows the feed', () => {
    open()
    change({
      workers: {
        'worker-1': { slots: { limit: 8, used: 7, stuck: 0, available: 1, queue: 0 } },
        'worker-2': null,
      },
    })
    expect(within(rowOf('worker-1')).getByText('7 / 8')).toBeTruthy()
    expect(screen.queryByText('worker-2')).toBeNull()
  })

  test('greys what is older than three seconds and says its age', () => {
    open({
      workers: [
        sampleWorker('worker-1', { lastSeenAt: '2026-11-21T11:59:52.000Z' }),
        sampleWorker('worker-2'),
      ],
    })
    expect(rowOf('worker-1').classList).toContain('stale')
    expect(within(rowOf('worker-1')).getByText('8 s ago')).toBeTruthy()
    expect(rowOf('worker-2').classList).not.toContain('stale')
  })

  test('sorts by its headings, which say so', () => {
    open({
      workers: [
        sampleWorker('a', { slots: { limit: 2, used: 2, stuck: 0, available: 0, queue: 0 } }),
        sampleWorker('b', { slots: { limit: 2, used: 1, stuck: 0, available: 1, queue: 0 } }),
      ],
    })
    const ids = () =>
      [...document.querySelectorAll('tr[data-worker]')].map((row) => row.getAttribute('data-worker'))
    const heading = screen.getByRole('columnheader', { name: 'Slots' })
    expect(heading.getAttribute('aria-sort')).toBe('none')
    fireEvent.click(within(heading).getByRole('button'))
    expect(heading.getAttribute('aria-sort')).toBe('ascending')
    expect(ids()).toEqual(['b', 'a'])
    fireEvent.click(within(heading).getByRole('button'))
    expect(heading.getAttribute('aria-sort')).toBe('descending')
    expect(ids()).toEqual(['a', 'b'])
  })

  test('that nothing matches offers the way back', () => {
    open()
    fireEvent.change(screen.getByLabelText('Filter workers'), { target: { value: 'nobody' } })
    expect(screen.getByText('No worker matches “nobody”.')).toBeTruthy()
    fireEvent.click(screen.getByRole('button', { name: 'Clear filter' }))
    expect(screen.getByText('worker-1')).toBeTruthy()
  })

  test('shows markup of workers as text', () => {
    open({
      workers: [
        sampleWorker('worker-1', {
          tags: { note: '<img src=x>\u202e' },
          status: 'unready',
          reason: '<b>no</b>',
        }),
      ],
    })
    expect(screen.getByText('<img src=x>\\u{202e}')).toBeTruthy()
    expect(screen.getByText('<b>no</b>')).toBeTruthy()
    expect(document.querySelector('img, b')).toBeNull()
  })

  test('draws 200 rows of many and says so', () => {
    open({ workers: Array.from({ length: 230 }, (_, i) => sampleWorker(`worker-${i}`)) })
    expect(document.querySelectorAll('tr[data-worker]')).toHaveLength(200)
    fireEvent.click(screen.getByRole('button', { name: 'show all' }))
    expect(document.querySelectorAll('tr[data-worker]')).toHaveLength(230)
  })
})

describe('the switch', () => {
  test('is a switch named by the word and the worker, off', () => {
    open()
    expect(theSwitch().tagName).toBe('BUTTON')
    expect(theSwitch().getAttribute('aria-checked')).toBe('false')
  })

  test('is pending until the feed tells the truth', async () => {
    const asked = fakeFetch({ '/workers/worker-1/off': { status: 200 } })
    open()
    fireEvent.click(theSwitch())
    expect(theSwitch().getAttribute('aria-busy')).toBe('true')
    expect(theSwitch().getAttribute('aria-checked')).toBe('false')
    fireEvent.click(theSwitch())
    await screen.findByText('worker-1 goes into maintenance.')
    expect(asked).toEqual([
      { method: 'POST', path: '/workers/worker-1/off', body: {}, contentType: 'application/json' },
    ])
    change({ workers: { 'worker-1': { status: 'maintenance', maintenance: byOperator } } })
    expect(theSwitch().getAttribute('aria-busy')).toBeNull()
    expect(theSwitch().getAttribute('aria-checked')).toBe('true')
    expect(theSwitch().getAttribute('aria-describedby')).toBeTruthy()
    expect(screen.getByText(/^by an operator, since /)).toBeTruthy()
  })

  test('says the balancer’s own sentence when it is refused, and is as it was', async () => {
    fakeFetch({ '/workers/worker-1/off': problem(503, 'The store cannot be written.') })
    open()
    fireEvent.click(theSwitch())
    const alert = await screen.findByRole('alert')
    expect(alert.textContent).toContain('Maintenance of worker-1 was not changed.')
    expect(alert.textContent).toContain('The store cannot be written.')
    expect(theSwitch().getAttribute('aria-busy')).toBeNull()
    expect(theSwitch().getAttribute('aria-checked')).toBe('false')
  })

  test('offers to undo for ten seconds', async () => {
    const asked = fakeFetch({
      '/workers/worker-1/off': { status: 200 },
      '/workers/worker-1/on': { status: 200 },
    })
    open()
    fireEvent.click(theSwitch())
    const undo = await screen.findByRole('button', { name: 'Undo' })
    change({ workers: { 'worker-1': { maintenance: byOperator } } })
    fireEvent.click(undo)
    expect(asked.at(-1)?.path).toBe('/workers/worker-1/on')
    expect(screen.queryByRole('button', { name: 'Undo' })).toBeNull()
  })

  test('withdraws the offer, and gives up a wish that does not come true', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      fakeFetch({ '/workers/worker-1/off': { status: 200 } })
      open()
      fireEvent.click(theSwitch())
      await vi.waitFor(() => screen.getByRole('button', { name: 'Undo' }))
      act(() => vi.advanceTimersByTime(Math.max(TOAST_MS, CONFIRM_MS)))
      expect(screen.queryByRole('button', { name: 'Undo' })).toBeNull()
      expect(screen.getByRole('alert').textContent).toContain('has not followed')
      expect(theSwitch().getAttribute('aria-busy')).toBeNull()
    } finally {
      vi.useRealTimers()
    }
  })

  test('ends maintenance, also the worker’s own', async () => {
    const asked = fakeFetch({ '/workers/worker-1/on': { status: 200 } })
    open({
      workers: [
        sampleWorker('worker-1', {
          status: 'maintenance',
          maintenance: { ...byOperator, by: 'worker', reason: 'disk' },
        }),
      ],
    })
    expect(screen.getByText(/^by the worker itself, since .*\. Reason: disk$/)).toBeTruthy()
    fireEvent.click(theSwitch())
    expect(asked[0]?.path).toBe('/workers/worker-1/on')
    change({ workers: { 'worker-1': { maintenance: null } } })
    expect(theSwitch().getAttribute('aria-checked')).toBe('false')
  })

  test('set by the file is shown, explained, and takes no press', () => {
    const asked = fakeFetch({})
    open({ workers: [sampleWorker('worker-1', { maintenance: { ...byOperator, by: 'file' } })] })
    expect(theSwitch().getAttribute('aria-disabled')).toBe('true')
    expect(theSwitch().getAttribute('aria-checked')).toBe('true')
    expect(screen.getByText('Set in workers.json. Change the entry there.')).toBeTruthy()
    fireEvent.click(theSwitch())
    expect(asked).toEqual([])
  })

  test('of the last ready worker of a group asks first, with numbers', async () => {
    const asked = fakeFetch({ '/workers/worker-1/off': { status: 200 } })
    open({ workers: [sampleWorker('worker-1')], queue: { waiting: 2, running: 3 } })
    fireEvent.click(theSwitch())
    const dialog = within(screen.getByRole('dialog'))
    expect(dialog.getByText('worker-1 is the last ready worker of default@1.')).toBeTruthy()
    expect(dialog.getByText('3 tasks run on it now and will finish.')).toBeTruthy()
    expect(dialog.getByText('8 slots leave the group; 0 remain free in it.')).toBeTruthy()
    expect(dialog.getByText('1 function will have no ready worker: hello.')).toBeTruthy()
    fireEvent.click(dialog.getByRole('button', { name: 'Cancel' }))
    expect(screen.queryByRole('dialog')).toBeNull()
    expect(asked).toEqual([])
    fireEvent.click(theSwitch())
    fireEvent.click(screen.getByRole('button', { name: 'Switch maintenance on' }))
    await screen.findByText('worker-1 goes into maintenance.')
    expect(asked.map(({ path }) => path)).toEqual(['/workers/worker-1/off'])
  })
})

describe('keys', () => {
  const press = (key: string, target: Element = document.activeElement ?? document.body) =>
    fireEvent.keyDown(target, { key })

  test('j and k walk the rows, Enter expands, m switches', async () => {
    const asked = fakeFetch({ '/workers/worker-2/off': { status: 200 } })
    open()
    press('j')
    expect(document.activeElement).toBe(rowOf('worker-1'))
    press('j')
    press('j')
    expect(document.activeElement).toBe(rowOf('worker-2'))
    press('Enter')
    expect(screen.getByRole('region', { name: 'Details of worker-2' })).toBeTruthy()
    press('k')
    expect(document.activeElement).toBe(rowOf('worker-1'))
    press('j')
    press('m')
    await screen.findByText('worker-2 goes into maintenance.')
    expect(asked).toHaveLength(1)
  })

  test('/ goes to the filter, where letters are letters', () => {
    open()
    press('/')
    expect(document.activeElement).toBe(screen.getByLabelText('Filter workers'))
    press('j')
    expect(document.activeElement).toBe(screen.getByLabelText('Filter workers'))
  })
})

test('details name functions and services and follow the worker’s log', () => {
  open({
    workers: [
      sampleWorker('worker-1', {
        functions: ['ocr', 'sleep'],
        services: [{ name: 'model', state: 'down', reason: 'exit 1' }],
      }),
    ],
  })
  fireEvent.click(screen.getByRole('button', { name: 'Details of worker-1' }))
  const details = within(screen.getByRole('region', { name: 'Details of worker-1' }))
  for (const words of ['ocr', 'sleep', 'model', 'down', 'exit 1'])
    expect(details.getByText(words)).toBeTruthy()
  expect(feed.socket().sent.at(-1)).toBe('{"watch":["workers","logs:worker-1"]}')
  fireEvent.click(screen.getByRole('button', { name: 'Details of worker-1' }))
  expect(feed.socket().sent.at(-1)).toBe('{"watch":["workers"]}')
})

test('an empty fleet teaches how to add a worker', () => {
  open({ workers: [] })
  expect(screen.getByRole('heading', { name: 'No workers yet' })).toBeTruthy()
  expect(screen.getByText(/node worker\/src\/main\.ts my-folder/)).toBeTruthy()
  expect(screen.queryByRole('table')).toBeNull()
})

test('a bad workers.json is said with its place, and what stays', () => {
  open({
    config: {
      state: 'stale',
      error: 'expected ","',
      line: 12,
      column: 3,
      since: '2026-11-21T12:00:00.000Z',
      warnings: ['twice'],
    },
  })
  expect(screen.getByText('workers.json is not valid. The last good fleet stays in place.')).toBeTruthy()
  expect(screen.getByText('Line 12, column 3')).toBeTruthy()
  expect(screen.getByText('expected ","')).toBeTruthy()
  expect(screen.getByText('twice')).toBeTruthy()
})
