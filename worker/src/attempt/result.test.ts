/** What is said of a result that is too large, and of anything that was thrown. */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { encodeResult, messageOf } from './result.ts'

test('a result over the limit is told with its size as far as it is known', () => {
  const sentenceOf = (value: unknown) => {
    const encoded = encodeResult(value, 10)
    return encoded.ok ? '' : encoded.error.message
  }
  const rest = 'is over the limit of 10 bytes; return less, or raise RESULT_LIMIT'
  assert.equal(sentenceOf('x'.repeat(20)), `The result (at least 22 bytes) ${rest}`)
  assert.equal(sentenceOf('é'.repeat(6)), `The result (14 bytes) ${rest}`)
})

describe('results and messages', () => {
  it('count bytes, not characters', () => {
    assert.equal(encodeResult('é'.repeat(4), 10).ok, true)
    assert.equal(encodeResult('é'.repeat(5), 10).ok, false)
  })

  it('of anything that was thrown', () => {
    assert.equal(messageOf(new Error('')), 'Error')
    assert.equal(messageOf(Symbol('s')), 'Symbol(s)')
    assert.equal(messageOf(12n), '12')
  })
})
