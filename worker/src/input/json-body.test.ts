/** JSON of bytes: what is wrong with a body is told apart. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseJsonBytes } from './json-body.ts'

describe('parseJsonBytes', () => {
  it('tells what is wrong', () => {
    const detailOf = (bytes: Uint8Array) => {
      const parsed = parseJsonBytes(bytes)
      return parsed.ok ? parsed.value : parsed.detail
    }
    assert.deepEqual(detailOf(Buffer.from('{"a":[1]}')), { a: [1] })
    assert.match(String(detailOf(Buffer.from(''))), /empty/)
    assert.match(String(detailOf(Buffer.from('{'))), /not JSON/)
    assert.match(String(detailOf(Buffer.from([0x22, 0xc3, 0x22]))), /not UTF-8/)
    assert.match(String(detailOf(Buffer.from('['.repeat(200_000) + ']'.repeat(200_000)))), /nested over 100/)
  })

  it('counts levels exactly', () => {
    const isFine = (text: string) => parseJsonBytes(Buffer.from(text)).ok
    const nested = (levels: number) => '{"a":['.repeat(levels / 2) + ']}'.repeat(levels / 2)
    assert.equal(isFine(nested(100)), true)
    assert.equal(isFine(`[${nested(100)}]`), false)
    assert.equal(isFine(`[${'[],{},'.repeat(200)}1]`), true)
    assert.equal(isFine(`"${'['.repeat(200)}"`), true)
    assert.equal(isFine(JSON.stringify(`\\"${'['.repeat(200)}`)), true)
    assert.equal(isFine(`{"\\\\":[${nested(100)}]}`), false)
  })
})
