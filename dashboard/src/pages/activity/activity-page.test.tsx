import type { ActivityItem } from '@berth/protocol'
import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { describe, expect, test } from 'vitest'
import { fakeFetch } from '../../testing/fake-fetch.ts'
import { renderPage } from '../../testing/render-page.tsx'
import { ActivityPage } from './activity-page.tsx'
import { timeOf } from './use-activity.ts'

const ID = 'a_01m81mqgty0001z60a9m0rady9'
const MARKUP = '<img src=x onerror=alert(1)>'

function item(changes: Partial<ActivityItem> = {}): ActivityItem {
  return {
    id: ID,
    at: '2026-11-22T12:00:00.000Z',
    kind: 'operator',
    actor: 'session 0a1b2c3d',
    role: 'operator',
    action: 'worker.off',
    target: { kind: 'worker', id: 'w1' },
    summary: `Took ${MARKUP} out of service.`,
    before: null,
    after: { by: 'operator' },
    reason: MARKUP,
    address: '10.0.0.1',
    ...changes,
  }
}

/** Answers every list; the queries that were asked come back. */
function answer(items: readonly ActivityItem[], cursor: string | null = null): URLSearchParams[] {
  const asked: URLSearchParams[] = []
  fakeFetch((path) => {
    const url = new URL(path, 'http://berth.test')
    if (url.pathname !== '/activity') return { status: 404 }
    asked.push(url.searchParams)
    return { status: 200, body: { items, cursor } }
  })
  return asked
}

const rows = async () =>
  within(await screen.findByRole('table', { name: 'Activity' }))
    .getAllByRole('row')
    .slice(1)

describe('the page Activity', () => {
  test('shows who, what, at what and why, as text', async () => {
    answer([item()])
    renderPage(<ActivityPage />, { path: '/activity' })
    const [row] = await rows()
    for (const words of ['Session 0a1b2c3d', 'Maintenance on', 'Worker w1', MARKUP])
      expect(row?.textContent).toContain(words)
    expect(row?.querySelector('img')).toBeNull()
    expect(
      within(row as HTMLElement)
        .getByRole('link')
        .getAttribute('href'),
    ).toContain('/workers/w1')
  })

  test('asks for what the address says, with the time of the page', async () => {
    const asked = answer([item()])
    renderPage(<ActivityPage />, {
      path: '/activity?kind=operator&action=worker&target=worker:w1&q=disk&range=1h',
    })
    await rows()
    const query = asked[0] ?? new URLSearchParams()
    expect(Object.fromEntries([...query].filter(([name]) => name !== 'from'))).toEqual({
      kind: 'operator',
      action: 'worker',
      target: 'worker:w1',
      q: 'disk',
      limit: '100',
    })
    expect(Number.isNaN(Date.parse(query.get('from') ?? ''))).toBe(false)
    fireEvent.click(screen.getByRole('button', { name: /Remove .*worker:w1/ }))
    await waitFor(() => expect(window.location.search).not.toContain('target'))
  })

  test('opens an entry, in the address too, and shows what differs', async () => {
    answer([item({ before: { concurrency: 7 }, after: { concurrency: 9 } })])
    renderPage(<ActivityPage />, { path: '/activity' })
    fireEvent.click(within((await rows())[0] as HTMLElement).getByRole('button'))
    const dialog = await screen.findByRole('dialog')
    expect(window.location.search).toContain(ID)
    const cells = within(within(dialog).getByRole('table')).getAllByRole('cell')
    expect(cells.map((cell) => cell.textContent)).toEqual(['7', '9'])
    expect(dialog.textContent).toContain('10.0.0.1')
  })

  test('finds an entry of a link that is not in the list, by the time in its id', async () => {
    const asked = answer([])
    renderPage(<ActivityPage />, { path: `/activity?entry=${ID}` })
    await screen.findByText('There is no such entry')
    const around = asked.find((query) => query.has('to'))
    const middle = (Date.parse(around?.get('from') ?? '') + Date.parse(around?.get('to') ?? '')) / 2
    expect(middle).toBe(timeOf(ID))
    expect(timeOf('a_nothing')).toBeNull()
  })

  test('shows words of its own for what nobody did, and an unknown action as it is', async () => {
    answer([item({ kind: 'system', actor: null, role: null, action: 'x.y', reason: null })])
    renderPage(<ActivityPage />, { path: '/activity' })
    const [row] = await rows()
    expect(row?.textContent).toContain('by itself')
    expect(row?.textContent).toContain('x.y')
  })

  test('tells what is empty from what is narrowed away', async () => {
    answer([])
    renderPage(<ActivityPage />, { path: '/activity?q=nothing' })
    await screen.findByText(/Nothing matches in this time/)
    fireEvent.click(screen.getByRole('button', { name: /Clear/ }))
    await screen.findByText(/Nothing happened in this time/)
  })

  test('reads older entries behind the last one', async () => {
    const asked = answer([item()], ID)
    renderPage(<ActivityPage />, { path: '/activity' })
    fireEvent.click(await screen.findByRole('button', { name: 'Older entries' }))
    await waitFor(() => expect(asked.some((query) => query.get('cursor') === ID)).toBe(true))
  })
})
