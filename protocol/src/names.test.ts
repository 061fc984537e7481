import assert from 'node:assert/strict'
import { test } from 'node:test'
import { taskBodySchema } from './task-body.ts'

test('a key `__proto__` in tags, metadata or headers is refused with its pointer, never dropped', () => {
  for (const text of [
    '{"function":"f","tags":{"__proto__":"x"}}',
    '{"function":"f","metadata":{"__proto__":"x"}}',
    '{"function":"f","webhook":{"url":"https://a.example","headers":{"__proto__":"x"}}}',
  ]) {
    const parsed = taskBodySchema.safeParse(JSON.parse(text))
    assert.equal(parsed.success, false, text)
    assert.equal(parsed.error?.issues[0]?.path.at(-1), '__proto__')
  }
})

test('ordinary metadata stays what it was', () => {
  const parsed = taskBodySchema.parse({ function: 'f', metadata: { 'order id': '17', constructor: 'x' } })
  assert.deepEqual({ ...parsed.metadata }, { 'order id': '17', constructor: 'x' })
})
