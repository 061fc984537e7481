import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeEvent, jsonOfChunk } from './event-stream.ts'

describe('encodeEvent', () => {
  it('writes id, name and data, and ends with a blank line', () => {
    assert.equal(encodeEvent({ id: 3, event: 'log', data: '{}' }), 'id: 3\nevent: log\ndata: {}\n\n')
    assert.equal(encodeEvent({ id: 0 }), 'id: 0\n\n')
  })

  it('gives each line of data its own field, whichever way it ends', () => {
    assert.equal(
      encodeEvent({ data: 'a\r\nb\rc\n\nid: 9' }),
      'data: a\ndata: b\ndata: c\ndata: \ndata: id: 9\n\n',
    )
  })

  it('refuses a name that would forge a field', () => {
    assert.throws(() => encodeEvent({ event: 'a\ndata: x' }), RangeError)
    assert.throws(() => encodeEvent({ id: 'a\r' }), RangeError)
  })
})

describe('jsonOfChunk', () => {
  it('gives the same bytes back, text or not', () => {
    const cases = [
      Buffer.from('plain'),
      Buffer.from('\n\ndata: x\r\n\u2028 { "ü" } 🎈'),
      Buffer.from([0xff, 0, 10, 13]),
      Buffer.from('ü').subarray(0, 1),
    ]
    for (const bytes of cases) {
      const json = jsonOfChunk(bytes)
      assert.doesNotMatch(json, /[\r\n]/)
      const value = JSON.parse(json) as { text?: string; base64?: string }
      const back =
        value.text === undefined ? Buffer.from(value.base64 ?? '', 'base64') : Buffer.from(value.text)
      assert.deepEqual(back, bytes)
    }
    assert.equal(jsonOfChunk(Buffer.from('a')), '{"text":"a"}')
  })
})
