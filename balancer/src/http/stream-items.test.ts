import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@berth/protocol'
import type { StreamKind } from '../ports/stream.ts'
import { EventItems } from './stream-items.ts'

const SOURCE = { taken() {} }

function feed(items: EventItems, kind: StreamKind, whole: Uint8Array, pieceBytes: number, source = SOURCE) {
  const out: Buffer[] = []
  for (let at = 0; at < whole.length; at += pieceBytes) {
    const bytes = whole.subarray(at, at + pieceBytes)
    const isLast = at + pieceBytes >= whole.length
    const event = items.add({ kind, bytes, isLast, source })
    if (event) out.push(Buffer.from(event))
  }
  return out
}

test('an item is one event, however it was cut', () => {
  for (const pieceBytes of [1, 7, 1000]) {
    const items = new EventItems()
    const text = Buffer.from('ein Öltanker 🛳 legt an')
    assert.deepEqual(feed(items, 'chunk', text, pieceBytes), [text])
    assert.deepEqual(feed(items, 'log', Buffer.from('{"a":1}'), pieceBytes), [Buffer.from('{"a":1}')])
  }
})

test('a chunk longer than a window is several, none of which ends within a character', () => {
  for (const letter of ['a', 'ü', '€', '🛳']) {
    const whole = Buffer.from(`x${letter.repeat(300_000)}`)
    const events = feed(new EventItems(), 'chunk', whole, 64 * 1024 - 1)
    assert.ok(events.length > 1)
    assert.ok(Buffer.concat(events).equals(whole))
    for (const event of events) {
      assert.ok(!event.toString('utf8').includes('\uFFFD'), letter)
      assert.ok(event.length <= LIMITS.windowBytes)
    }
  }
})

test('bytes that are no text arrive whole and in order, too', () => {
  const whole = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 7) % 256))
  const events = feed(new EventItems(), 'chunk', whole, 64 * 1024)
  assert.ok(Buffer.concat(events).equals(whole))
})

test('a line of that length is left out, and the next one is whole again', () => {
  const items = new EventItems()
  assert.deepEqual(feed(items, 'log', Buffer.alloc(700_000, 'x'), 64 * 1024), [])
  assert.deepEqual(feed(items, 'log', Buffer.from('{}'), 1), [Buffer.from('{}')])
})

test('what an attempt did not end is no part of the next one', () => {
  const items = new EventItems()
  assert.equal(
    items.add({ kind: 'log', bytes: Buffer.from('{"a'), isLast: false, source: SOURCE }),
    undefined,
  )
  const event = items.add({ kind: 'log', bytes: Buffer.from('{}'), isLast: true, source: { taken() {} } })
  assert.deepEqual(event, Buffer.from('{}'))
})
