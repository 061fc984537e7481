import { act, fireEvent, screen, waitFor, within } from '@testing-library/react'
import { expect, test } from 'vitest'
import { type Asked, fakeFetch } from '../../testing/fake-fetch.ts'
import { renderPage } from '../../testing/render-page.tsx'
import { snapshotMessage } from '../../testing/samples.ts'
import type { CatalogueEntry } from '../invoke/parts/functions-data.ts'
import { SettingsTab } from './settings-tab.tsx'

const SETTINGS = {
  ...{ concurrency: 5, rate: null, paused: null, defaultContract: null, background: null, keepWarm: null },
  used: { concurrency: 0, rate: null },
}
const PATH = '/functions/default/hello'
const entry = {
  key: 'default/hello',
  group: 'default',
  name: 'hello',
  contracts: [],
} as unknown as CatalogueEntry

const changesOf = (asked: readonly Asked[]) =>
  asked.filter(({ method }) => method === 'PATCH').map(({ body }) => body)
const atOnce = () => screen.findByLabelText<HTMLInputElement>('At once')
const keepWarm = (word: string) => {
  const group = screen.getByRole('group', { name: 'Keep warm' })
  fireEvent.click(within(group).getByLabelText(word))
}
const save = () => fireEvent.click(screen.getByRole('button', { name: 'Save' }))

test('what is changed while the settings are read again takes nothing back of what was saved', async () => {
  const late = Promise.withResolvers<{ status: number; body: unknown }>()
  let reads = 0
  const asked = fakeFetch((path) => {
    if (path === '/me') return { status: 200, body: { role: 'operator' } }
    if (path !== PATH) return { status: 404 }
    if (asked.at(-1)?.method === 'PATCH') return { status: 200, body: {} }
    reads += 1
    return reads === 1 ? { status: 200, body: SETTINGS } : late.promise
  })
  renderPage(<SettingsTab entry={entry} onPause={() => {}} />, {
    path: '/functions',
    says: snapshotMessage(1),
  })
  fireEvent.change(await atOnce(), { target: { value: '7' } })
  save()
  await screen.findByText('The settings hold now.')
  await waitFor(() => expect(reads).toBe(2))
  expect((await atOnce()).value).toBe('7')

  keepWarm('yes')
  // Somebody else has changed it once more meanwhile.
  await act(async () => late.resolve({ status: 200, body: { ...SETTINGS, concurrency: 9 } }))
  await waitFor(async () => expect((await atOnce()).value).toBe('9'))
  save()
  await waitFor(() => expect(changesOf(asked)).toEqual([{ concurrency: 7 }, { keepWarm: true }]))
})
