import { act, fireEvent, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { renderPage } from '../testing/render-page.tsx'
import { Palette } from './palette.tsx'
import type { Entry } from './palette-entries.ts'

function open(): { field: HTMLInputElement; done: string[] } {
  const done: string[] = []
  const entries = ['Sign out', 'Theme: Light', 'Theme: Dark'].map(
    (label): Entry => ({ id: label, kind: 'actions', label, icon: 'out', run: () => done.push(label) }),
  )
  renderPage(<Palette entries={entries} go={(path) => done.push(path)} onClose={() => undefined} />)
  return { field: screen.getByRole<HTMLInputElement>('combobox'), done }
}

const type = (field: HTMLInputElement, words: string) => fireEvent.change(field, { target: { value: words } })

test('Enter right behind the letters does what they say, not what the list still shows', () => {
  const { field, done } = open()
  act(() => {
    type(field, 'theme: dark')
    fireEvent.keyDown(field, { key: 'Enter' })
  })
  expect(done).toEqual(['Theme: Dark'])
})

test('Enter behind letters that find nothing does nothing', () => {
  const { field, done } = open()
  act(() => {
    type(field, 'qqq')
    fireEvent.keyDown(field, { key: 'Enter' })
  })
  expect(done).toEqual([])
})
