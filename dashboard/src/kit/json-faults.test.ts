import { expect, test } from 'vitest'
import { jsonFaults } from './json-faults.ts'

const none = new Map<string, readonly string[]>()

test.each([
  ['{"a": }', '}'],
  ['{"a": 1,}', '}'],
  ['{"a" 1}', '1'],
  ['[1]', '[1]'],
  ['', ''],
])('%s cannot be read at “%s”', (text, at) => {
  const [fault] = jsonFaults({ text, faults: none, unreadable: 'no object' })
  expect(fault?.message).toBe('no object')
  expect(text.slice(fault?.from, fault?.to)).toContain(at)
  expect(fault?.to).toBeLessThanOrEqual(text.length)
})

test('a text that ends too early is broken at its end', () => {
  const text = '{\n  "a": {"b": 1'
  const [fault] = jsonFaults({ text, faults: none, unreadable: 'no object' })
  expect(fault?.from).toBeGreaterThanOrEqual(text.length - 1)
})

const text = '{"a": {"b/c": [1, "two", {"d": null}], "a": 1}, "a": {"b/c": [7, {"d": true}]}}'
test.each([
  ['', '{', 0],
  ['/a/b~1c/0', '7', undefined],
  ['/a/b~1c/1/d', 'true', undefined],
  // What is missing is told where it would be.
  ['/a/b~1c/1/e', '{', text.lastIndexOf('{')],
  ['/x/y', '{', 0],
] as const)('%s is found', (pointer, found, from) => {
  const [fault] = jsonFaults({ text, faults: new Map([[pointer, ['wrong']]]), unreadable: null })
  expect([fault?.message, text.slice(fault?.from, fault?.to)]).toEqual(['wrong', found])
  if (from !== undefined) expect(fault?.from).toBe(from)
})
