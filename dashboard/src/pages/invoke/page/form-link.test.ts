import { invokeFormSchema } from '@berth/protocol'
import { expect, it } from 'vitest'
import { decodeForm, encodeForm, LINK_CHARACTERS } from './form-link.ts'

const form = (input: Record<string, unknown>) =>
  invokeFormSchema.parse({
    title: 'Zähler',
    cells: [{ id: 'a', function: 'word-count', input, tags: { gpu: 'h200' } }],
  })

it('a form comes back from its address, short as JSON and long compressed', async () => {
  const short = form({ text: 'x' })
  const long = form({ text: 'to be or not to be '.repeat(200) })
  expect((await encodeForm(short))[0]).toBe('j')
  expect(await decodeForm(await encodeForm(short))).toEqual(short)
  const packed = await encodeForm(long)
  expect(packed).toMatch(/^z[\w-]+$/)
  expect(packed.length).toBeLessThan(500)
  expect(await decodeForm(packed)).toEqual(long)
})

it('what is no form is none', async () => {
  for (const text of [
    '',
    'j',
    'z',
    'jnot base64!',
    'x{}',
    `j${btoa('{}')}`,
    `j${btoa('{"cells":[{"function":"h","id":"a","evil":1}]}')}`,
    `z${btoa('garbage')}`,
  ])
    expect(await decodeForm(text)).toBeNull()
  expect(await decodeForm(`j${'A'.repeat(LINK_CHARACTERS)}`)).toBeNull()
})

it('a small text does not become a large page', async () => {
  const bomb = form({ text: 'x'.repeat(5_000_000) })
  const packed = await encodeForm(bomb)
  expect(packed.length).toBeLessThan(LINK_CHARACTERS)
  expect(await decodeForm(packed)).toBeNull()
})
