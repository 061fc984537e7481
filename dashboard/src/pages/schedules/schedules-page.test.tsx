import type { ScheduleView } from '@berth/protocol'
import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { describe, expect, test } from 'vitest'
import { fakeFetch } from '../../testing/fake-fetch.ts'
import { renderPage } from '../../testing/render-page.tsx'
import { snapshotMessage } from '../../testing/samples.ts'
import { SchedulesPage } from './schedules-page.tsx'

const ID = `s_${'0'.repeat(26)}`
const NEXT = ['2027-01-01T08:00:00.000Z', '2027-01-02T08:00:00.000Z']

function schedule(changes: Partial<ScheduleView> = {}): ScheduleView {
  return {
    id: ID,
    type: 'cron',
    cron: '0 8 * * MON-FRI',
    timezone: 'UTC',
    overlap: 'skip',
    missed: 'skip',
    enabled: true,
    group: 'default',
    function: '<b>hello</b>',
    priority: 100,
    nextRunAt: NEXT[0] ?? null,
    nextRuns: NEXT,
    lastInstant: null,
    lastRun: null,
    waiting: 0,
    counts: { fired: 0, skipped: 0, missed: 0, refused: 0 },
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    ...changes,
  }
}

function answer(schedules: readonly ScheduleView[], role = 'operator') {
  return fakeFetch((path) => {
    const { pathname } = new URL(path, 'http://berth.test')
    const [first] = schedules
    const bodies: Record<string, unknown> = {
      '/me': { name: 'key', role, session: null, balancer: 'b', environment: null, version: '0.1.0' },
      '/schedules': { items: schedules, cursor: null },
      '/schedules/calendar': { from: NEXT[0], to: NEXT[1], items: [], isCapped: false },
      '/schedules/preview': { nextRuns: NEXT },
      '/runs': { items: [], cursor: null },
      '/functions': { items: [], cursor: null },
      [`/schedules/${ID}`]: { ...first, input: {}, history: [] },
    }
    return pathname in bodies ? { status: 200, body: bodies[pathname] } : { status: 404 }
  })
}

const open = (path = '/schedules') => renderPage(<SchedulesPage />, { path, says: snapshotMessage(1) })

describe('the page Schedules', () => {
  test('says when each runs, in words where there are words', async () => {
    answer([
      schedule(),
      schedule({ id: `${ID.slice(0, -1)}1`, cron: '0 0 13 * FRI', enabled: false, nextRunAt: null }),
    ])
    open()
    const [, first, second] = within(await screen.findByRole('table', { name: 'Schedules' })).getAllByRole(
      'row',
    )
    expect(first?.textContent).toContain('Weekdays at 08:00')
    expect(first?.textContent).toContain('<b>hello</b>')
    expect(second?.textContent).toContain('0 0 13 * FRI')
    expect(second?.textContent).toContain('Paused')
  })

  test('makes one with the picker, and sends what it shows', async () => {
    const asked = answer([])
    open('/schedules?make=1')
    const dialog = await screen.findByRole('dialog', { name: 'New schedule' })
    const confirm = () => within(dialog).getByRole('button', { name: 'New schedule' })
    expect(confirm().getAttribute('aria-disabled')).toBe('true')
    fireEvent.change(within(dialog).getByLabelText(/^Function/), { target: { value: 'hello' } })
    fireEvent.click(within(dialog).getByRole('radio', { name: 'Minutes' }))
    await within(dialog).findByText('Every 15 minutes')
    fireEvent.click(confirm())
    await waitFor(() =>
      expect(asked.some(({ method, path }) => method === 'POST' && path === '/schedules')).toBe(true),
    )
    const sent = asked.find(({ method, path }) => method === 'POST' && path === '/schedules')
    expect(sent?.body).toMatchObject({
      function: 'hello',
      group: 'default',
      input: {},
      type: 'cron',
      cron: '*/15 * * * *',
      overlap: 'skip',
      missed: 'skip',
    })
  })

  test('tells a viewer who may act, and sends nothing', async () => {
    const asked = answer([schedule()], 'viewer')
    open()
    const make = () => screen.getByRole('button', { name: 'New schedule' })
    await waitFor(() => expect(make().getAttribute('aria-disabled')).toBe('true'))
    fireEvent.click(make())
    expect(screen.queryByRole('dialog')).toBeNull()
    expect(asked.filter(({ method, path }) => method !== 'GET' && !path.includes('preview'))).toEqual([])
  })

  test('teaches where there is none', async () => {
    answer([])
    open()
    await screen.findByText('There are no schedules yet')
  })
})
