/** The sentence of a result that is too large: how large, what the limit is, what to do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeResult } from './result.ts'

test('a result over the limit is told with its size as far as it is known', () => {
  const messageOf = (value: unknown) => {
    const encoded = encodeResult(value, 10)
    return encoded.ok ? '' : encoded.error.message
  }
  const rest = 'is over the limit of 10 bytes; return less, or raise RESULT_LIMIT'
  assert.equal(messageOf('x'.repeat(20)), `The result (at least 22 bytes) ${rest}`)
  assert.equal(messageOf('é'.repeat(6)), `The result (14 bytes) ${rest}`)
})
