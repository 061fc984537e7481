import { fireEvent, render, screen } from '@testing-library/react'
import { describe, expect, test, vi } from 'vitest'
import { writePreference } from '../kit/preference.ts'
import { strokesOf } from './key-words.tsx'
import { type KeyMap, useKeys, useShortcuts } from './keys.ts'

function Keys({ keys, title }: { keys: KeyMap; title?: string }) {
  useKeys(keys, title)
  return null
}

function Told() {
  return <p role="note">{useShortcuts().map(({ name, key, label }) => `${name}=${key}:${label}`)}</p>
}

const press = (key: string, init: KeyboardEventInit = {}, on: Element = document.body) =>
  fireEvent.keyDown(on, { key, ...init })

function watch(...names: string[]) {
  const runs = Object.fromEntries(names.map((name) => [name, vi.fn()]))
  const keys = Object.fromEntries(names.map((name) => [name, { label: name, run: runs[name] ?? vi.fn() }]))
  return { keys, count: () => names.map((name) => runs[name]?.mock.calls.length) }
}

describe('keys', () => {
  test('one stroke, two strokes, and with modifiers', () => {
    const { keys, count } = watch('t', 'g o', 'Shift x', 'Mod k', '* a', 'Space')
    render(<Keys keys={keys} />)
    press('t')
    press('g')
    press('o')
    press('X', { shiftKey: true })
    press('k', { ctrlKey: true })
    press('*', { shiftKey: true })
    press('a')
    press(' ')
    expect(count()).toEqual([1, 1, 1, 1, 1, 1])
  })

  test('a second stroke that fits nothing is a stroke of its own', () => {
    const { keys, count } = watch('g o', 't')
    render(<Keys keys={keys} />)
    press('g')
    press('t')
    press('o')
    expect(count()).toEqual([0, 1])
  })

  test('the newest wins, and what is gone does nothing', () => {
    const shell = watch('r')
    const page = watch('r')
    const { rerender } = render(
      <>
        <Keys keys={shell.keys} />
        <Keys keys={page.keys} key="page" />
      </>,
    )
    press('r')
    rerender(<Keys keys={shell.keys} />)
    press('r')
    expect([page.count(), shell.count()]).toEqual([[1], [1]])
  })

  test('are off in text fields, but those that hold everywhere', () => {
    const near = watch('t', 'Mod k')
    const { 'Mod k': palette, t } = near.keys
    render(
      <>
        <Keys keys={{ t, 'Mod k': palette && { ...palette, isEverywhere: true } }} />
        <input aria-label="field" />
        <input type="checkbox" aria-label="box" />
      </>,
    )
    press('t', {}, screen.getByLabelText('field'))
    press('k', { metaKey: true }, screen.getByLabelText('field'))
    press('t', {}, screen.getByLabelText('box'))
    expect(near.count()).toEqual([1, 1])
  })

  test('Space presses the button in focus and nothing else', () => {
    const { keys, count } = watch('Space')
    render(
      <>
        <Keys keys={keys} />
        <button type="button">b</button>
      </>,
    )
    press(' ', {}, screen.getByRole('button'))
    expect(count()).toEqual([0])
  })

  test('single characters can be switched off; named keys and modified ones stay', () => {
    writePreference('single-keys', 'off')
    const { keys, count } = watch('t', 'g o', 'Enter', 'Mod k')
    render(<Keys keys={keys} />)
    for (const key of ['t', 'g', 'o', 'Enter']) press(key)
    press('k', { ctrlKey: true })
    expect(count()).toEqual([0, 0, 1, 1])
  })

  test('another key for the same, told in the help', () => {
    writePreference('keys', JSON.stringify({ t: 'z' }))
    const { keys, count } = watch('t')
    render(
      <>
        <Keys keys={keys} />
        <Told />
      </>,
    )
    press('t')
    press('z')
    expect(count()).toEqual([1])
    expect(screen.getByRole('note').textContent).toBe('t=z:t')
  })

  test('a choice that makes no sense is no choice', () => {
    writePreference('keys', '["x"')
    const { keys, count } = watch('t')
    render(<Keys keys={keys} />)
    press('t')
    expect(count()).toEqual([1])
  })
})

test('keys are drawn stroke by stroke', () => {
  expect(strokesOf('g o')).toEqual([
    { place: 'first', caps: ['g'] },
    { place: 'second', caps: ['o'] },
  ])
  expect(strokesOf('Mod k')).toEqual([{ place: 'first', caps: ['Ctrl', 'K'] }])
  expect(strokesOf('Shift x')).toEqual([{ place: 'first', caps: ['Shift', 'X'] }])
})
