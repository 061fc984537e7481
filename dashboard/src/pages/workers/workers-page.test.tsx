import type { FeedSnapshot } from '@berth/protocol'
import { act, fireEvent, screen, waitFor, within } from '@testing-library/react'
import { describe, expect, test, vi } from 'vitest'
import { TOAST_MS } from '../../kit/toasts.tsx'
import { fakeFetch, problem } from '../../testing/fake-fetch.ts'
import { renderPage } from '../../testing/render-page.tsx'
import { byOperator, changesMessage, sampleWorker, snapshotMessage } from '../../testing/samples.ts'
import { CONFIRM_MS } from './maintenance.ts'
import { WorkersPage } from './workers-page.tsx'

/** What waits by Vitest's own clock is given up after a second otherwise, which a busy machine may stand still for. */
const LIMIT = { timeout: 10_000 }
const WHO = { '/me': { status: 200, body: { role: 'operator' } } }

interface Open {
  readonly path?: string
  readonly snapshot?: Partial<FeedSnapshot>
}

function open({ path = '/workers', snapshot }: Open = {}) {
  const feed = renderPage(<WorkersPage />, { path, says: snapshotMessage(1, snapshot) })
  let seq = 1
  const change = (changes: Parameters<typeof changesMessage>[1]) =>
    act(() => feed.socket().say(changesMessage(++seq, changes)))
  return { feed, change }
}

const theSwitch = (id = 'worker-1') => screen.getByRole('switch', { name: `Maintenance ${id}` })
const rowOf = (id: string) => {
  const row = document.querySelector(`tr[data-row="${id}"]`)
  if (!row) throw new Error(`no row of ${id}`)
  return row as HTMLElement
}
const ids = () => [...document.querySelectorAll<HTMLElement>('tr[data-row]')].map((row) => row.dataset.row)
const posts = (asked: ReturnType<typeof fakeFetch>) => asked.filter(({ method }) => method !== 'GET')
const slots = (used: number, limit: number) => ({ limit, used, stuck: 0, available: limit - used, queue: 0 })

/** What a dry run answers. */
const foretold = (changes: object = {}) => ({
  dryRun: true,
  matched: 1,
  changed: 1,
  items: [{ id: 'worker-1', status: 200 }],
  effect: {
    workers: 1,
    slotsLost: 8,
    running: 3,
    remaining: 40_000,
    exceeding: 0,
    groups: [
      {
        group: 'default',
        contract: 1,
        workers: 1,
        workersLeft: 0,
        slots: 8,
        slotsLost: 8,
        slotsLostShare: 1,
        freeLeft: 0,
      },
    ],
    functionsLeft: [{ group: 'default', contract: 1, name: 'hello' }],
    ...changes,
  },
})

describe('the table', () => {
  test('shows slots as used / limit, with what is stuck and queued', () => {
    fakeFetch(WHO)
    open({
      snapshot: { workers: [sampleWorker('worker-1', { slots: { ...slots(3, 8), stuck: 1, queue: 4 } })] },
    })
    const row = within(rowOf('worker-1'))
    expect(row.getByText('3 / 8')).toBeTruthy()
    expect(row.getByText('1 stuck, 4 queued')).toBeTruthy()
  })

  test('shows what is unknown as a dash, never as zero', () => {
    fakeFetch(WHO)
    open({
      snapshot: { workers: [sampleWorker('worker-1', { slots: null, system: null, lastSeenAt: null })] },
    })
    const row = within(rowOf('worker-1'))
    // Slots, runs, errors, CPU, memory.
    expect(row.getAllByText('–')).toHaveLength(5)
    expect(row.getByText('never')).toBeTruthy()
    expect(row.queryByText(/0 ?%|0 ms/)).toBeNull()
  })

  test('shows the rates of the last five minutes where somebody has counted', async () => {
    const series = (metric: string, value: number | null) => ({ metric, of: 'worker-1', values: [value] })
    fakeFetch((path) =>
      path.startsWith('/stats')
        ? {
            status: 200,
            body: {
              stepMs: 300_000,
              series: [
                series('ok', 1.2),
                series('error', 0.5),
                series('timeout', 0.3),
                series('cancelled', null),
              ],
            },
          }
        : WHO['/me'],
    )
    open()
    const row = within(rowOf('worker-1'))
    expect(await row.findByText('120')).toBeTruthy()
    expect(row.getByText('40%')).toBeTruthy()
    expect(within(rowOf('worker-2')).getAllByText('–').length).toBeGreaterThan(1)
  })

  test('follows the feed', () => {
    fakeFetch(WHO)
    const { change } = open()
    change({ workers: { 'worker-1': { slots: slots(7, 8) }, 'worker-2': null } })
    expect(within(rowOf('worker-1')).getByText('7 / 8')).toBeTruthy()
    expect(ids()).toEqual(['worker-1'])
  })

  test('sorts by its headings, which say so, and the address keeps it', () => {
    fakeFetch(WHO)
    open({
      snapshot: {
        workers: [sampleWorker('a', { slots: slots(2, 2) }), sampleWorker('b', { slots: slots(1, 2) })],
      },
    })
    const heading = () => screen.getByRole('columnheader', { name: /Slots/ })
    expect(heading().getAttribute('aria-sort')).toBe('none')
    fireEvent.click(within(heading()).getByRole('button'))
    expect(heading().getAttribute('aria-sort')).toBe('ascending')
    expect(ids()).toEqual(['b', 'a'])
    fireEvent.click(within(heading()).getByRole('button'))
    expect(heading().getAttribute('aria-sort')).toBe('descending')
    expect(ids()).toEqual(['a', 'b'])
    expect(window.location.search).toBe('?sort=-slots')
  })

  test('shows markup of workers as text', () => {
    fakeFetch(WHO)
    open({
      snapshot: {
        workers: [
          sampleWorker('worker-1', {
            tags: { note: '<img src=x>\u202e' },
            status: 'unready',
            reason: '<b>no</b>',
          }),
        ],
      },
    })
    expect(screen.getByText('<img src=x>\\u{202e}')).toBeTruthy()
    expect(screen.getByText('<b>no</b>')).toBeTruthy()
    expect(document.querySelector('img, b')).toBeNull()
  })

  test('an empty fleet teaches how to add a worker', () => {
    fakeFetch(WHO)
    open({ snapshot: { workers: [] } })
    expect(screen.getByRole('heading', { name: 'No workers yet' })).toBeTruthy()
    expect(screen.getByText(/node worker\/src\/main\.ts my-fleet/).textContent?.split('\n')).toHaveLength(3)
    expect(screen.getByText(/"name": "worker-1"/)).toBeTruthy()
    expect(screen.queryByRole('table')).toBeNull()
  })
})

describe('the filter', () => {
  const fleet = [
    sampleWorker('worker-1', { tags: { zone: 'eu', gpu: 'h200' } }),
    sampleWorker('worker-2', { tags: { zone: 'us' }, group: 'gpu' }),
    sampleWorker('worker-3', { tags: { zone: 'eu' }, status: 'maintenance', maintenance: byOperator }),
  ]

  test('words go to the list at once and to the address a moment later', async () => {
    fakeFetch(WHO)
    open({ snapshot: { workers: fleet } })
    fireEvent.change(screen.getByLabelText('Filter workers'), { target: { value: 'zone:us' } })
    expect(ids()).toEqual(['worker-2'])
    expect(screen.getByText('1 of 3 workers')).toBeTruthy()
    await waitFor(() => expect(window.location.search).toBe('?q=zone%3Aus'))
  })

  test('facets of the address narrow the list and stand as chips that go away', () => {
    fakeFetch(WHO)
    open({ path: '/workers?tag=zone:eu&state=ready', snapshot: { workers: fleet } })
    expect(ids()).toEqual(['worker-1'])
    const chips = within(screen.getByRole('list', { name: 'Filters in force' }))
    fireEvent.click(chips.getByRole('button', { name: 'Remove State: Ready' }))
    expect(ids()).toEqual(['worker-1', 'worker-3'])
    expect(window.location.search).toBe('?tag=zone%3Aeu')
    fireEvent.click(chips.getByRole('button', { name: 'Clear all' }))
    expect(ids()).toHaveLength(3)
    expect(window.location.search).toBe('')
  })

  test('a facet opens its values with counts', async () => {
    fakeFetch(WHO)
    open({ snapshot: { workers: fleet } })
    fireEvent.click(screen.getByRole('button', { name: 'Tags' }))
    const eu = await screen.findByRole('checkbox', { name: /eu/ })
    expect(eu.closest('label')?.textContent).toBe('eu2')
    fireEvent.click(eu)
    expect(ids()).toEqual(['worker-1', 'worker-3'])
  })

  test('picked tags become the selector of a request, with how many it means', () => {
    fakeFetch(WHO)
    open({ path: '/workers?tag=zone:eu', snapshot: { workers: fleet } })
    expect(screen.getByText('{"tags":{"zone":"eu"}}')).toBeTruthy()
    expect(screen.getByText('matches 2 workers, 1 in service with 5 slots free')).toBeTruthy()
    fireEvent.click(screen.getAllByRole('button', { name: 'zone eu' })[0] as Element)
    expect(screen.queryByText('For a request')).toBeNull()
  })

  test('that nothing matches offers the way back', () => {
    fakeFetch(WHO)
    open({ snapshot: { workers: fleet } })
    fireEvent.change(screen.getByLabelText('Filter workers'), { target: { value: 'nobody' } })
    expect(screen.getByText('No worker matches “nobody”.')).toBeTruthy()
    fireEvent.click(screen.getByRole('button', { name: 'Clear filter' }))
    expect(ids()).toHaveLength(3)
  })

  test('the group of the whole page narrows it, too', () => {
    fakeFetch(WHO)
    open({ path: '/workers?group=gpu', snapshot: { workers: fleet } })
    expect(ids()).toEqual(['worker-2'])
  })
})

describe('the switch', () => {
  test('is pending until the feed tells the truth', async () => {
    const asked = fakeFetch({ ...WHO, '/workers/worker-1/off': { status: 200 } })
    const { change } = open()
    fireEvent.click(theSwitch())
    expect(theSwitch().getAttribute('aria-busy')).toBe('true')
    expect(theSwitch().getAttribute('aria-checked')).toBe('false')
    fireEvent.click(theSwitch())
    await screen.findByText('worker-1 goes into maintenance.')
    expect(posts(asked)).toEqual([
      { method: 'POST', path: '/workers/worker-1/off', body: {}, contentType: 'application/json' },
    ])
    change({ workers: { 'worker-1': { status: 'maintenance', maintenance: byOperator } } })
    expect(theSwitch().getAttribute('aria-busy')).toBeNull()
    expect(theSwitch().getAttribute('aria-checked')).toBe('true')
    expect(screen.getByText(/^by an operator, since /)).toBeTruthy()
  })

  test('says the balancer’s own sentence when it is refused, and is as it was', async () => {
    fakeFetch({ ...WHO, '/workers/worker-1/off': problem(503, 'The store cannot be written.') })
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
      ...WHO,
      '/workers/worker-1/off': { status: 200 },
      '/workers/worker-1/on': { status: 200 },
    })
    const { change } = open()
    fireEvent.click(theSwitch())
    const undo = await screen.findByRole('button', { name: 'Undo' })
    change({ workers: { 'worker-1': { maintenance: byOperator } } })
    fireEvent.click(undo)
    expect(posts(asked).at(-1)?.path).toBe('/workers/worker-1/on')
    expect(screen.queryByRole('button', { name: 'Undo' })).toBeNull()
  })

  test('withdraws the offer, and gives up a wish that does not come true', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      fakeFetch({ ...WHO, '/workers/worker-1/off': { status: 200 } })
      open()
      fireEvent.click(theSwitch())
      await vi.waitFor(() => screen.getByRole('button', { name: 'Undo' }), LIMIT)
      act(() => vi.advanceTimersByTime(Math.max(TOAST_MS, CONFIRM_MS)))
      expect(screen.queryByRole('button', { name: 'Undo' })).toBeNull()
      expect(screen.getByRole('alert').textContent).toContain('has not followed')
      expect(theSwitch().getAttribute('aria-busy')).toBeNull()
    } finally {
      vi.useRealTimers()
    }
  })

  test('set by the file is shown, explained, and takes no press', () => {
    const asked = fakeFetch(WHO)
    open({
      snapshot: { workers: [sampleWorker('worker-1', { maintenance: { ...byOperator, by: 'file' } })] },
    })
    expect(theSwitch().getAttribute('aria-disabled')).toBe('true')
    expect(theSwitch().getAttribute('aria-checked')).toBe('true')
    expect(screen.getByText('Set in workers.json. Change the entry there.')).toBeTruthy()
    fireEvent.click(theSwitch())
    expect(posts(asked)).toEqual([])
  })

  test('of a viewer says why it does nothing', async () => {
    const asked = fakeFetch({ '/me': { status: 200, body: { role: 'viewer' } } })
    open()
    await waitFor(() => expect(theSwitch().getAttribute('aria-disabled')).toBe('true'))
    fireEvent.click(theSwitch())
    expect(posts(asked)).toEqual([])
  })

  test('of the last that can do something asks first, with the balancer’s numbers', async () => {
    const asked = fakeFetch({
      ...WHO,
      '/fleet/off': { status: 200, body: foretold() },
      '/workers/worker-1/off': { status: 200 },
    })
    const { feed } = open({ snapshot: { workers: [sampleWorker('worker-1')] } })
    fireEvent.click(theSwitch())
    const dialog = within(await screen.findByRole('dialog', { name: 'Put worker-1 into maintenance?' }))
    expect(dialog.getByText('worker-1 is the last ready worker of default@1.')).toBeTruthy()
    expect(await dialog.findByText('−8 of 8 (100%); 0 free stay')).toBeTruthy()
    expect(dialog.getByText('3 tasks; the last ends in about 40 s')).toBeTruthy()
    expect(dialog.getByText('1 function: hello')).toBeTruthy()
    fireEvent.click(dialog.getByRole('button', { name: 'Cancel' }))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    expect(posts(asked).every(({ body }) => (body as { dryRun?: boolean }).dryRun === true)).toBe(true)

    fireEvent.click(theSwitch())
    const again = within(await screen.findByRole('dialog'))
    await again.findByText('1 function: hello')
    fireEvent.change(again.getByLabelText(/Reason/), { target: { value: 'new disk' } })
    fireEvent.click(again.getByRole('radio', { name: '1 h' }))
    fireEvent.click(again.getByRole('button', { name: 'Switch maintenance on' }))
    await screen.findByText('worker-1 goes into maintenance.')
    expect(posts(asked).at(-1)?.path).toBe('/workers/worker-1/off')
    expect(posts(asked).at(-1)?.body).toEqual({
      reason: 'new disk',
      until: new Date(feed.client.serverNowMs() + 3_600_000).toISOString(),
    })
  })
})

describe('many at once', () => {
  const fleet = [
    sampleWorker('worker-1'),
    sampleWorker('worker-2'),
    sampleWorker('worker-3', { status: 'maintenance', maintenance: { ...byOperator, reason: 'disk' } }),
  ]
  const answer = {
    matched: 2,
    changed: 2,
    items: [
      { id: 'worker-1', status: 200 },
      { id: 'worker-3', status: 200 },
    ],
  }
  const choose = (id: string) => fireEvent.click(screen.getByRole('checkbox', { name: `Select ${id}` }))

  test('go into maintenance and, undone, each back to what it had', async () => {
    const asked = fakeFetch({
      ...WHO,
      '/fleet/off': { status: 200, body: { ...foretold(), ...answer } },
      '/workers/worker-1/on': { status: 200 },
      '/workers/worker-3/off': { status: 200 },
    })
    open({ snapshot: { workers: fleet } })
    choose('worker-1')
    choose('worker-3')
    const bar = within(screen.getByRole('region', { name: 'Selected workers' }))
    expect(bar.getByText('2 workers selected')).toBeTruthy()
    fireEvent.click(bar.getByRole('button', { name: 'Maintenance…' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Put 2 workers into maintenance?' }))
    await dialog.findByText('1, 1 out of service already')
    fireEvent.click(dialog.getByRole('button', { name: 'Switch maintenance on' }))
    await screen.findByText('2 workers go into maintenance.')
    expect(posts(asked).at(-1)?.body).toEqual({ select: { workers: ['worker-1', 'worker-3'] } })

    fireEvent.click(screen.getByRole('button', { name: 'Undo' }))
    await screen.findByText('Taken back.')
    expect(
      posts(asked)
        .slice(-2)
        .map(({ path, body }) => [path, body]),
    ).toEqual([
      ['/workers/worker-1/on', {}],
      ['/workers/worker-3/off', { reason: 'disk' }],
    ])
  })

  test('are forgotten when they leave the fleet, and come back as any other', () => {
    fakeFetch(WHO)
    const { change } = open({ snapshot: { workers: fleet } })
    choose('worker-1')
    choose('worker-3')
    change({ workers: { 'worker-3': null } })
    expect(screen.getByText('1 worker selected')).toBeTruthy()
    change({ workers: { 'worker-3': sampleWorker('worker-3') } })
    expect(screen.getByText('1 worker selected')).toBeTruthy()
    const chosen = ids().map((id = '') => [id, rowOf(id).getAttribute('aria-selected')])
    expect(new Map(chosen as [string, string][])).toEqual(
      new Map([
        ['worker-1', 'true'],
        ['worker-2', 'false'],
        ['worker-3', 'false'],
      ]),
    )
    change({ workers: { 'worker-1': null } })
    change({ workers: { 'worker-1': sampleWorker('worker-1') } })
    expect(screen.queryByRole('region', { name: 'Selected workers' })).toBeNull()
  })

  test('are drained by a deadline that can be written, and what is wrong with it is said', async () => {
    const asked = fakeFetch({
      ...WHO,
      '/fleet/off': { status: 200, body: foretold({ exceeding: 2 }) },
      '/workers/worker-1/off': { status: 200 },
    })
    const { feed } = open({ snapshot: { workers: fleet } })
    choose('worker-1')
    fireEvent.click(screen.getByRole('button', { name: 'Drain…' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Drain worker-1?' }))
    await dialog.findByText('2 tasks would be ended')
    fireEvent.click(dialog.getByRole('radio', { name: 'Other' }))
    const field = dialog.getByLabelText('Span')
    fireEvent.change(field, { target: { value: '90' } })
    expect(dialog.getByRole('alert').textContent).toBe('“90” needs a unit: s, m, h or d.')
    expect(dialog.getByRole('button', { name: 'Start draining' }).getAttribute('aria-disabled')).toBe('true')
    fireEvent.change(field, { target: { value: '1h30m' } })
    await waitFor(() =>
      expect(dialog.getByRole('button', { name: 'Start draining' }).getAttribute('aria-disabled')).toBeNull(),
    )
    fireEvent.click(dialog.getByRole('button', { name: 'Start draining' }))
    await screen.findByText('worker-1 is drained.')
    const { deadline } = (posts(asked).at(-1) as { body: unknown }).body as { deadline: string }
    expect(Date.parse(deadline) - feed.client.serverNowMs()).toBe(5_400_000)
  })

  test('come back, those of them that were away', async () => {
    const asked = fakeFetch({
      ...WHO,
      '/workers/worker-3/on': { status: 200 },
    })
    open({ snapshot: { workers: fleet } })
    choose('worker-1')
    expect(screen.getByRole('button', { name: 'End maintenance' }).getAttribute('aria-disabled')).toBe('true')
    choose('worker-3')
    fireEvent.click(screen.getByRole('button', { name: 'End maintenance (1)' }))
    await screen.findByText('worker-3 is back in service.')
    expect(posts(asked).at(-1)?.path).toBe('/workers/worker-3/on')
    fireEvent.click(screen.getByRole('button', { name: 'Clear selection' }))
    expect(screen.queryByRole('region', { name: 'Selected workers' })).toBeNull()
  })
})

describe('keys', () => {
  const press = (key: string, target: Element = document.activeElement ?? document.body) =>
    fireEvent.keyDown(target, { key })

  test('j and k walk the rows, m switches, d drains, Enter opens', async () => {
    const asked = fakeFetch({
      ...WHO,
      '/workers/worker-2/off': { status: 200 },
      '/fleet/off': { status: 200, body: foretold() },
    })
    open()
    press('j')
    expect(document.activeElement).toBe(rowOf('worker-1'))
    press('j')
    press('j')
    expect(document.activeElement).toBe(rowOf('worker-2'))
    press('m')
    await screen.findByText('worker-2 goes into maintenance.')
    expect(posts(asked)).toHaveLength(1)
    press('d')
    expect(await screen.findByRole('dialog', { name: 'Drain worker-2?' })).toBeTruthy()
    fireEvent.click(screen.getByRole('button', { name: 'Cancel' }))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    rowOf('worker-1').focus()
    press('Enter')
    expect(window.location.pathname).toBe('/dashboard/workers/worker-1')
  })

  test('of a selection mean all of it', async () => {
    fakeFetch({ ...WHO, '/fleet/off': { status: 200, body: foretold() } })
    open()
    press('j')
    press('x')
    press('j')
    press('x')
    press('m')
    expect(await screen.findByRole('dialog', { name: 'Put 2 workers into maintenance?' })).toBeTruthy()
  })

  test('/ goes to the filter, where letters are letters', () => {
    fakeFetch(WHO)
    open()
    press('/')
    expect(document.activeElement).toBe(screen.getByLabelText('Filter workers'))
    press('j')
    expect(document.activeElement).toBe(screen.getByLabelText('Filter workers'))
  })
})

describe('the grid', () => {
  const fleet = ['worker-1', 'worker-2', 'worker-3'].map((id) => sampleWorker(id))

  test('is one control that the arrow keys walk, and says who it is at', () => {
    fakeFetch(WHO)
    open({ path: '/workers?view=grid', snapshot: { workers: fleet } })
    const grid = screen.getByRole('application', { name: '3 workers as squares' })
    fireEvent.focus(grid)
    expect(screen.getByText('worker-1, Ready, 3 of 8 slots used')).toBeTruthy()
    fireEvent.keyDown(grid, { key: 'ArrowRight' })
    fireEvent.keyDown(grid, { key: 'x' })
    expect(screen.getByText('worker-2, Ready, 3 of 8 slots used, selected')).toBeTruthy()
    expect(screen.getByText('1 worker selected')).toBeTruthy()
    fireEvent.keyDown(grid, { key: 'End' })
    fireEvent.keyDown(grid, { key: 'Enter' })
    expect(window.location.pathname).toBe('/dashboard/workers/worker-3')
  })

  test('tells its groups in words, and its legend filters', () => {
    fakeFetch(WHO)
    open({
      path: '/workers?view=grid',
      snapshot: { workers: [...fleet, sampleWorker('worker-4', { status: 'stalled' })] },
    })
    const groups = within(screen.getByRole('list', { name: 'Workers by group' }))
    expect(groups.getByText('default@1: 3 ready, 1 stalled')).toBeTruthy()
    fireEvent.click(
      within(screen.getByRole('list', { name: 'States' })).getByRole('button', { name: /Stalled/ }),
    )
    expect(screen.getByRole('application', { name: '1 worker as squares' })).toBeTruthy()
  })

  test('table and grid are two views of one list', () => {
    fakeFetch(WHO)
    open({ snapshot: { workers: fleet } })
    fireEvent.click(screen.getByRole('radio', { name: 'Grid' }))
    expect(window.location.search).toBe('?view=grid')
    fireEvent.click(screen.getByRole('radio', { name: 'Table' }))
    expect(window.location.search).toBe('')
    expect(ids()).toHaveLength(3)
  })
})
