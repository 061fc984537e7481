import type { WorkerDetail } from '@berth/protocol'
import { act, fireEvent, screen, waitFor, within } from '@testing-library/react'
import { describe, expect, test, vi } from 'vitest'
import { fakeFetch } from '../../testing/fake-fetch.ts'
import { renderPage } from '../../testing/render-page.tsx'
import { byOperator, changesMessage, START_AT, sampleWorker, snapshotMessage } from '../../testing/samples.ts'
import { WorkerPage } from './worker-page.tsx'

// Charts have tests of their own; a page without layout cannot draw them.
vi.mock('./worker-charts.tsx', () => ({ WorkerCharts: () => null }))

const detail: WorkerDetail = {
  ...sampleWorker('w/1'),
  tags: { zone: 'eu', rack: 'r7' },
  operatorTags: { rack: 'r7' },
  link: {
    rttMs: 2,
    reconnects: 3,
    gaps: 4,
    connectedAt: START_AT,
    clockAgeMs: 0.5,
    lastMessages: [
      { at: START_AT, direction: 'out', kind: 'TASK', bytes: 250 },
      { at: START_AT, direction: 'in', kind: '<b>state', bytes: 137 },
    ],
  },
  interface: {
    hash: 'abcdef0123456789',
    contract: 1,
    functions: [
      {
        name: 'hello',
        hash: '9876543210abcdef',
        slots: 2,
        timeout: 5_000,
        supportsStreaming: true,
        idempotent: null,
        background: false,
        keepWarm: true,
      },
    ],
  },
}
const ANSWERS = {
  '/me': { status: 200, body: { role: 'operator' } },
  '/workers/w%2F1': { status: 200, body: detail },
}

function open(answers: Parameters<typeof fakeFetch>[0] = ANSWERS, worker = detail) {
  const asked = fakeFetch(answers)
  const feed = renderPage(<WorkerPage params={{ id: 'w/1' }} />, {
    path: '/workers/w%2F1',
    says: snapshotMessage(1, { workers: [sampleWorker('w/1', worker), sampleWorker('w2')] }),
  })
  let seq = 1
  const change = (changes: Parameters<typeof changesMessage>[1]) =>
    act(() => feed.socket().say(changesMessage(++seq, changes)))
  return { asked, change, feed }
}

const panel = (name: string) => within(screen.getByRole('region', { name }))

describe('what it tells', () => {
  test('slots by the feed; line, functions and whose tags by the detail', async () => {
    const { change } = open()
    expect(panel('Slots').getByText('3 / 8')).toBeTruthy()
    change({ workers: { 'w/1': { slots: { limit: 8, used: 5, stuck: 1, available: 3, queue: 2 } } } })
    expect(panel('Slots').getByText('5 / 8')).toBeTruthy()
    const line = panel('Connection')
    const rows = (await line.findAllByRole('row')).map((row) => row.textContent)
    // The newest stands first, and what came from outside is text.
    expect(rows.slice(1).map((text) => text?.replace(/^.*:[\d.]+/, ''))).toEqual([
      'in<b>state137',
      'outTASK250',
    ])
    expect(line.getByText('Reconnects').nextSibling?.textContent).toBe('3')
    expect(line.getByText('Numbers missed').nextSibling?.textContent).toBe('4')
    const functions = panel('Functions')
    expect(functions.getByRole('link', { name: 'hello' }).getAttribute('href')).toBe(
      '/dashboard/functions/default/hello',
    )
    for (const words of ['streams', 'kept warm', '2 slots', '5 s', '98765432', 'abcdef01'])
      expect(functions.getByText(words)).toBeTruthy()
    const tags = panel('Tags')
    expect(
      within(tags.getByText('From workers.json').parentElement as HTMLElement).getByText('r7'),
    ).toBeTruthy()
    expect(
      within(tags.getByText('The worker’s own').parentElement as HTMLElement).getByText('eu'),
    ).toBeTruthy()
    expect(document.querySelector('b')).toBeNull()
  })

  test('why and since when it is away, and by whom', () => {
    open(ANSWERS, {
      ...detail,
      status: 'maintenance',
      maintenance: { ...byOperator, owner: 'session 12ab', reason: 'new disk' },
    })
    const lead = screen.getByText(/In maintenance by an operator/).textContent
    expect(lead).toMatch(/\(session 12ab\), since .*\. Reason: new disk$/)
  })

  test('a worker that is not there says where its past stands', async () => {
    fakeFetch({ ...ANSWERS, '/workers/gone': { status: 404, body: { code: 'NOT_FOUND' } } })
    renderPage(<WorkerPage params={{ id: 'gone' }} />, { path: '/workers/gone', says: snapshotMessage(1) })
    expect(await screen.findByRole('heading', { name: 'There is no worker gone' })).toBeTruthy()
    expect(screen.getByRole('link', { name: 'To the activity log' })).toBeTruthy()
  })

  test('watches what runs there and its log', () => {
    const { feed } = open()
    const sent = feed.socket().sent.at(-1) ?? ''
    expect(sent).toContain('runs?worker=w%2F1&status=running')
    expect(sent).toContain('logs:w/1')
  })

  test('a viewer sees everything and is told why nothing can be done', async () => {
    open({ ...ANSWERS, '/me': { status: 200, body: { role: 'viewer' } } })
    await waitFor(() =>
      expect(screen.getByRole('button', { name: 'Drain…' }).getAttribute('aria-disabled')).toBe('true'),
    )
    expect(screen.getByRole('button', { name: 'Start maintenance' }).getAttribute('aria-disabled')).toBe(
      'true',
    )
  })
})

describe('a drain', () => {
  const draining: WorkerDetail = {
    ...detail,
    status: 'draining',
    maintenance: { ...byOperator, deadline: '2026-11-21T12:05:00.000Z' },
  }
  const drain = {
    running: 3,
    remaining: 40_000,
    deadline: '2026-11-21T12:05:00.000Z',
    exceeding: ['r_1'],
    repeated: 2,
  }
  const answers = {
    ...ANSWERS,
    '/workers/w%2F1/drain': { status: 200, body: drain },
    '/workers/w%2F1/drain/force': { status: 200, body: drain },
  }

  test('shows what is left, how long, and what will be past the deadline', async () => {
    open(answers, draining)
    const shown = panel('Draining')
    await waitFor(() => expect(shown.getByText('Still running').nextSibling?.textContent).toBe('3'))
    expect(shown.getByText('Last one ends in about').nextSibling?.textContent).toBe('40 s')
    expect(shown.getByText('Deadline').nextSibling?.textContent).toContain('in 5 min')
    expect(shown.getByText('Past the deadline').nextSibling?.textContent?.trim()).toBe('1')
  })

  test('is stopped by taking the deadline away, with a way back', async () => {
    const { asked } = open({ ...answers, '/workers/w%2F1/off': { status: 200 } }, draining)
    fireEvent.click(panel('Draining').getByRole('button', { name: 'Stop drain' }))
    fireEvent.click(await screen.findByRole('button', { name: 'Undo' }))
    await screen.findByText('Taken back.')
    const changes = asked
      .filter(({ method }) => method !== 'GET')
      .map(({ method, path, body }) => [method, path, body])
    expect(changes).toEqual([
      ['DELETE', '/workers/w%2F1/drain', {}],
      ['POST', '/workers/w%2F1/off', { deadline: drain.deadline }],
    ])
  })

  test('is forced with a reason and the name typed, knowing what is lost', async () => {
    const { asked } = open(answers, draining)
    await waitFor(() =>
      expect(panel('Draining').getByText('Still running').nextSibling?.textContent).toBe('3'),
    )
    fireEvent.click(panel('Draining').getByRole('button', { name: 'Force drain…' }))
    const dialog = within(await screen.findByRole('dialog'))
    await waitFor(() => expect(dialog.getByText('Lost').closest('div')?.textContent).toBe('Lost1'))
    const confirm = () => dialog.getByRole('button', { name: 'End them now' })
    expect(confirm().getAttribute('aria-disabled')).toBe('true')
    fireEvent.change(dialog.getByLabelText(/^Reason/), { target: { value: 'the disk dies' } })
    expect(confirm().getAttribute('aria-disabled')).toBe('true')
    fireEvent.change(dialog.getByLabelText('Type w/1 to confirm'), { target: { value: 'w/1' } })
    fireEvent.click(confirm())
    await screen.findByText('What runs on w/1 is told to end.')
    expect(asked.filter(({ method }) => method === 'POST').map(({ path }) => path)).toEqual([
      '/workers/w%2F1/drain/force',
    ])
  })
})
