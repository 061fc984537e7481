/** What a JSON text may hold: depth, names and parts, counted from its bytes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findJsonExcess } from './json-bounds.ts'
import { LIMITS } from './limits.ts'

const find = (text: string) => findJsonExcess(new TextEncoder().encode(text))
/** A list of objects or members, `count` of them. */
const many = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => make(i)).join()

describe('findJsonExcess', () => {
  it('counts levels exactly, and none inside of texts', () => {
    const nested = (levels: number) => '{"a":['.repeat(levels / 2) + ']}'.repeat(levels / 2)
    assert.equal(find(nested(LIMITS.jsonDepth)), undefined)
    assert.match(find(`[${nested(LIMITS.jsonDepth)}]`) ?? '', /^is nested over 100 levels$/)
    assert.equal(find(`[${'[],{},'.repeat(200)}1]`), undefined)
    const deep = '['.repeat(300)
    const lengths = [0, 1, 2, 62, 63, 64, 65, 66, 127, 128]
    for (const text of lengths.flatMap((length) => ['x', '\\', '"', '"\\'].map((it) => it.repeat(length)))) {
      const written = JSON.stringify(text)
      assert.equal(find(`{"a":${JSON.stringify(text + deep)}}`), undefined, written)
      assert.equal(find(`{${JSON.stringify(deep + text)}:${written},"b":[${written}]}`), undefined, written)
      assert.match(find(`[${written},${deep}`) ?? '', /nested/, written)
      assert.match(find(`[${written.slice(0, -1)}\\u0022",${deep}`) ?? '', /nested/, written)
    }
    assert.equal(find(`"${deep}`), undefined, 'a text without its end')
    assert.equal(find(`"\\${'x'.repeat(61)}\\`), undefined)
  })

  it('counts different names, wherever they stand', () => {
    const exact = many(LIMITS.jsonNames, (i) => `"name-${i}":0`)
    assert.equal(find(`{${exact}}`), undefined)
    const over = LIMITS.jsonNames * 1.2
    const refused = /^has over 50000 different member names; /
    assert.match(find(`{${many(over, (i) => `"${i.toString(36)}":0`)}}`) ?? '', refused)
    assert.match(find(`[${many(over, (i) => `{"${i.toString(36)}" \n\r\t:0}`)}]`) ?? '', refused)
    assert.match(find(`{${many(over, (i) => `"${'long'.repeat(20)}${i}":0`)}}`) ?? '', refused)
    assert.equal(find(`[${many(over, () => '{"id":1,"ok":true}')}]`), undefined, 'the same names again')
    assert.equal(find(`[${many(over, (i) => `"text-${i}"`)}]`), undefined, 'texts are no names')
  })

  it('counts objects, arrays and texts together, and no numbers', () => {
    const refused = /^has over 500000 objects, arrays and texts; /
    const third = Math.ceil(LIMITS.jsonParts / 3)
    assert.match(find(`[${many(third, () => '[],{},""')}]`) ?? '', refused)
    assert.equal(find(`[${many(third - 1, () => '[],{},""')}]`), undefined)
    assert.equal(find(`[${many(LIMITS.jsonParts * 2, () => '1')}]`), undefined)
    assert.equal(find(JSON.stringify({ text: '"[{,'.repeat(LIMITS.jsonParts) })), undefined)
  })
})
