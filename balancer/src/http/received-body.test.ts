import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskError } from '@berth/protocol'
import { Door } from './door.ts'
import { type BodyTerms, findRefusal, ReceivedBody } from './received-body.ts'

const TOO_LARGE: TaskError = { code: 'PAYLOAD_TOO_LARGE', detail: 'too large' }
const FULL: TaskError = { code: 'QUEUE_FULL', detail: 'full' }

/** A door behind which there is room for so many bytes of all bodies together. */
function termsWithRoom(room: number): BodyTerms {
  const door = new Door({ refuseAtDoor: (own, others) => (own + others <= room ? undefined : FULL) })
  return { limitBytes: 100, tooLarge: TOO_LARGE, door }
}

test('the head alone refuses what is declared over the limit, or finds no room', () => {
  const terms = termsWithRoom(50)
  assert.equal(findRefusal(terms, '101')?.code, 'PAYLOAD_TOO_LARGE')
  assert.equal(findRefusal(terms, '51')?.code, 'QUEUE_FULL')
  assert.equal(findRefusal(terms, '50'), undefined)
  assert.equal(findRefusal(terms, undefined), undefined)
  assert.equal(new ReceivedBody(terms, '101').refusal?.code, 'PAYLOAD_TOO_LARGE')
})

test('what has come counts for all, until it is handed over', () => {
  const terms = termsWithRoom(50)
  const first = new ReceivedBody(terms, '40')
  assert.ok(first.add(Buffer.from('x'.repeat(30))))
  assert.equal(terms.door.bytes, 30)
  const second = new ReceivedBody(terms, undefined)
  assert.ok(second.add(Buffer.from('y'.repeat(20))))
  assert.ok(!second.add(Buffer.from('y')), 'the pieces of two bodies are more than there is room for')
  assert.equal(second.refusal?.code, 'QUEUE_FULL')
  assert.equal(terms.door.bytes, 30, 'a refused body holds nothing')
  assert.ok(first.add(Buffer.from('x'.repeat(10))))
  assert.equal(String(first.take()), 'x'.repeat(40))
  assert.equal(terms.door.bytes, 0)
  first.drop()
  assert.equal(terms.door.bytes, 0, 'what was handed over is not let out twice')
})

test('a body that breaks off, or grows over its limit, holds nothing', () => {
  const terms = termsWithRoom(1_000)
  const broken = new ReceivedBody(terms, '90')
  broken.add(Buffer.from('x'.repeat(60)))
  broken.drop()
  broken.drop()
  assert.equal(terms.door.bytes, 0)
  const growing = new ReceivedBody(terms, undefined)
  assert.ok(growing.add(Buffer.alloc(100)))
  assert.ok(!growing.add(Buffer.alloc(1)))
  assert.equal(growing.refusal?.code, 'PAYLOAD_TOO_LARGE')
  assert.equal(terms.door.bytes, 0)
})
