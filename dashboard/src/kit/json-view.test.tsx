import { fireEvent, render, screen } from '@testing-library/react'
import { expect, test } from 'vitest'
import { linesOf } from './json-lines.ts'
import { JsonView } from './json-view.tsx'
import { ToastProvider } from './toasts.tsx'

const open = (value: unknown) =>
  render(
    <ToastProvider>
      <JsonView value={value} label="Input" />
    </ToastProvider>,
  )
const items = () => screen.getAllByRole('treeitem')

test('two levels are open, deeper ones open by a press', () => {
  open({ a: { b: { c: 1 } }, list: [true, null] })
  expect(screen.queryByText('c:')).toBeNull()
  fireEvent.click(screen.getByText('{ 1 member }'))
  expect(screen.getByText('c:')).toBeTruthy()
  fireEvent.click(screen.getByText('c:'))
  expect(screen.getByText('c:')).toBeTruthy()
})

test('markup, control characters and what is hidden show as such', () => {
  open({ html: '<img src=x onerror=alert(1)>', bell: 'a\u0007b', key: '***' })
  expect(document.querySelector('.json img')).toBeNull()
  expect(screen.getByText(/<img src=x onerror=alert\(1\)>/)).toBeTruthy()
  expect(screen.getByText(/a\\x07b/)).toBeTruthy()
  expect(screen.getByText('hidden')).toBeTruthy()
})

test('the arrows walk, open and close', () => {
  open({ a: { b: 1 }, c: 2 })
  items()[0]?.focus()
  const press = (key: string) => {
    if (document.activeElement) fireEvent.keyDown(document.activeElement, { key })
  }
  press('ArrowDown')
  expect(document.activeElement?.textContent).toContain('a:')
  press('ArrowLeft')
  expect(document.activeElement?.getAttribute('aria-expanded')).toBe('false')
  expect(items()).toHaveLength(3)
  press('ArrowRight')
  press('ArrowRight')
  expect(document.activeElement?.textContent).toContain('b:')
  press('ArrowLeft')
  expect(document.activeElement?.textContent).toContain('a:')
  press('End')
  expect(document.activeElement?.textContent).toContain('c:')
  press('Home')
  press('Enter')
  expect(items()).toHaveLength(1)
})

test('of a large value a thousand lines show, then a thousand more', () => {
  open(Array.from({ length: 1_500 }, (_, n) => n))
  expect(items()).toHaveLength(1_000)
  fireEvent.click(screen.getByRole('button', { name: /1,000 more/ }))
  expect(items()).toHaveLength(1_501)
})

test('no more nodes are looked at than asked for, and a long text is cut until it is opened', () => {
  let reads = 0
  const huge = new Proxy(new Array(1_000_000).fill(0), {
    get(target, name, self) {
      if (typeof name === 'string' && /^\d+$/.test(name)) reads += 1
      return Reflect.get(target, name, self)
    },
  })
  expect(linesOf(huge, () => true, 50).isCut).toBe(true)
  expect(reads).toBeLessThan(60)
  const long = 'x'.repeat(1_000)
  expect(linesOf(long, () => false, 5).lines[0]).toMatchObject({ isOpen: false, size: 1_000 })
  expect(linesOf(long, () => true, 5).lines[0]?.text).toHaveLength(1_000)
})
