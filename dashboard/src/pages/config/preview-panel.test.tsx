import { render, screen } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import type { Preview } from './config-data.ts'
import { FaultList, toCodeFaults } from './faults.tsx'
import { factsOf, isHarmful, PreviewPanel } from './preview-panel.tsx'

function preview(changes: Partial<Preview> = {}): Preview {
  return {
    ok: true,
    errors: [],
    added: [],
    removed: [],
    changed: [],
    slotsLost: 0,
    slotsLostShare: 0,
    running: 0,
    functionsLeft: [],
    workers: 3,
    warnings: [],
    ...changes,
  }
}

const ocr = { group: 'gpu', contract: 2, name: 'ocr' }

function show(shown: Preview | undefined) {
  render(<PreviewPanel preview={shown} error={null} isCounting={false} onRetry={vi.fn()} />)
}

test('a dry run is told in numbers and names', () => {
  show(
    preview({
      added: ['new'],
      removed: ['old-1', 'old-2'],
      changed: [{ id: 'w1', fields: ['weight', 'tags'] }],
      slotsLost: 12,
      slotsLostShare: 0.5,
      running: 4,
      functionsLeft: [ocr],
      warnings: ['entries 1 and 2 have one URL'],
    }),
  )
  for (const words of [
    'new',
    'old-1',
    'old-2',
    'w1: weight, tags',
    'gpu@2/ocr',
    'entries 1 and 2 have one URL',
  ])
    expect(screen.getByText(words)).toBeTruthy()
  expect(screen.getByText(/12, 50.?% of those in service/)).toBeTruthy()
  expect(screen.getByText(/4\. They finish first\./)).toBeTruthy()
})

test('many names are counted instead', () => {
  show(preview({ removed: Array.from({ length: 40 }, (_, at) => `w${at}`) }))
  expect(screen.getByText('and 34 more')).toBeTruthy()
})

test('what the balancer would refuse is told with its place', () => {
  show(preview({ ok: false, errors: [{ line: 3, column: 7, pointer: '/0/key', detail: 'it had none' }] }))
  expect(screen.getByText('Line 3, column 7')).toBeTruthy()
  expect(screen.getByText(/it had none/)).toBeTruthy()
})

test('a change that leaves a function with nobody, or takes most slots, does not look harmless', () => {
  expect(isHarmful(preview())).toBe(false)
  expect(isHarmful(preview({ functionsLeft: [ocr] }))).toBe(true)
  expect(isHarmful(preview({ slotsLostShare: 0.51 }))).toBe(true)
  const tones = factsOf(preview({ removed: ['a'], functionsLeft: [ocr] })).map(({ tone }) => tone)
  expect(tones).toContain('bad')
  expect(tones).toContain('warn')
  expect(factsOf(preview()).every(({ tone }) => tone === undefined)).toBe(true)
})

test('faults lead to their place, and hostile text stays text', () => {
  const onGoTo = vi.fn()
  const message = 'entry 1: `<img src=x onerror=alert(1)>` is no field of an entry'
  const faults = [{ message, pointer: '/0/x', line: 2, column: 4, offset: 17, length: 3 }]
  render(<FaultList faults={faults} onGoTo={onGoTo} />)
  screen.getByRole('button', { name: 'Line 2, column 4' }).click()
  expect(onGoTo).toHaveBeenCalledWith(17)
  expect(screen.getByText(message)).toBeTruthy()
  expect(document.querySelector('img')).toBeNull()
  expect(toCodeFaults(faults)).toEqual([{ from: 17, to: 20, message }])
})
