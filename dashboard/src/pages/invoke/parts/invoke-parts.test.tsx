import { type InvokeForm, invokeFormSchema } from '@berth/protocol'
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react'
import { useState } from 'react'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ToastProvider } from '../../../kit/toasts.tsx'
import { FieldView } from '../fields/field-view.tsx'
import { type Draft, emptyDraft } from '../form/draft.ts'
import type { Field } from '../form/field.ts'
import { readDraft } from '../form/read-draft.ts'
import { readSchema } from '../form/read-schema.ts'
import { taskBody } from '../page/task-body.ts'
import { formOfFunction } from '../page/use-opened.ts'
import { isProduction } from './production.ts'
import { beginDraft, faultsOf } from './use-draft.ts'

afterEach(cleanup)

interface StageProps {
  readonly field: Field
  onDraft(draft: Draft): void
}

function Stage({ field, onDraft }: StageProps) {
  const [draft, setDraft] = useState(() => emptyDraft(field))
  const change = (next: Draft) => {
    setDraft(next)
    onDraft(next)
  }
  return (
    <ToastProvider>
      <FieldView field={field} draft={draft} name="input" pointer="" isRequired onChange={change} />
    </ToastProvider>
  )
}

/** A form that keeps what is typed, and what it reads as. */
function show(schema: z.ZodType): { readonly value: () => unknown } {
  const field: Field = readSchema(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))
  let latest = emptyDraft(field)
  render(
    <Stage
      field={field}
      onDraft={(draft) => {
        latest = draft
      }}
    />,
  )
  return { value: () => readDraft(field, latest).value }
}

const type = (name: string | RegExp, value: string) =>
  fireEvent.change(screen.getByRole('textbox', { name }), { target: { value } })

describe('a form on the page', () => {
  it('reads what is typed, and leaves out what is emptied again', () => {
    const { value } = show(z.object({ name: z.string().optional(), n: z.number(), flag: z.boolean() }))
    type('name', 'Ada')
    type(/^n\b/, '1.5')
    fireEvent.click(screen.getByRole('checkbox', { name: /^flag/ }))
    expect(value()).toEqual({ name: 'Ada', n: 1.5, flag: true })
    type('name', '')
    expect(value()).toEqual({ n: 1.5, flag: true })
  })

  it('takes items into a list and out of it again, up to its bound', () => {
    const { value } = show(z.object({ list: z.array(z.string()).max(2) }))
    const group = screen.getByRole('group', { name: /^list/ })
    const add = () => within(group).getByRole('button', { name: 'Add item' })
    fireEvent.click(add())
    fireEvent.click(add())
    type(/list 1/, 'a')
    type(/list 2/, 'b')
    expect(add().getAttribute('aria-disabled')).toBe('true')
    fireEvent.click(within(group).getByRole('button', { name: 'Remove list 1' }))
    expect(value()).toEqual({ list: ['b'] })
  })

  it('shows the schema’s words as text, whatever they hold', () => {
    const markup = '<img src=x onerror=alert(1)>'
    show(z.object({ a: z.string().meta({ title: markup, description: markup, examples: [markup] }) }))
    expect(
      screen.getAllByText((_, element) => element?.textContent?.includes(markup) ?? false).length,
    ).toBeGreaterThan(0)
    expect(document.querySelector('img')).toBeNull()
  })

  it('sets null where it may be, and back', () => {
    const { value } = show(z.object({ note: z.string().nullable() }))
    type(/^note/, 'x')
    fireEvent.click(screen.getByRole('button', { name: 'Set note to null' }))
    expect(value()).toEqual({ note: null })
    fireEvent.click(screen.getByRole('button', { name: 'Enter a value for note' }))
    expect(value()).toEqual({ note: '' })
  })
})

describe('what a link covers', () => {
  const field = readSchema(z.toJSONSchema(z.object({ a: z.int(), b: z.object({ c: z.int() }), d: z.int() })))
  const pointers = (linked: readonly string[]) =>
    faultsOf(field, beginDraft(field, {}), linked).map(({ pointer }) => pointer)

  it('is no fault, near and far', () => {
    expect(pointers([])).toEqual(['/a', '/b/c', '/d'])
    expect(pointers(['/a'])).toEqual(['/b/c', '/d'])
    expect(pointers(['/b'])).toEqual(['/a', '/d'])
    expect(pointers([''])).toEqual([])
  })
})

describe('small things', () => {
  it('a form of one function, and what is none', () => {
    expect(formOfFunction('gpu/images.resize')?.cells[0]).toMatchObject({
      group: 'gpu',
      function: 'images.resize',
    })
    for (const wrong of ['', 'hello', '/hello', 'a b/c', 'default/']) expect(formOfFunction(wrong)).toBeNull()
  })

  it('production is what begins so', () => {
    expect(['production', 'prod-eu', 'PRD', 'live'].every(isProduction)).toBe(true)
    expect([null, '', 'staging', 'reproduction', 'demo'].some(isProduction)).toBe(false)
  })

  it('a body has what was chosen alone', () => {
    const form: InvokeForm = invokeFormSchema.parse({ cells: [{ id: 'a', function: 'f', tags: {} }] })
    const [cell] = form.cells
    expect(cell && taskBody(cell, { x: 1 })).toEqual({ function: 'f', input: { x: 1 }, mode: 'sync' })
  })
})
