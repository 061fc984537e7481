import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter, ProtocolError } from './bytes.ts'
import { readTaskHeader, type TaskHeader, writeNames, writeTaskHeader } from './records.ts'
import { readExtras, writeExtras } from './task-extras.ts'

const HEADER: Omit<TaskHeader, 'mediaType'> = {
  run: 'r_1',
  fence: 7,
  function: 'f',
  contract: 1,
  priority: 100,
  attempt: 1,
  mode: 'async',
  remainingMs: null,
  timeoutMs: null,
  trace: '',
}

function through(header: Omit<TaskHeader, 'mediaType'>): TaskHeader {
  const out = new ByteWriter()
  writeTaskHeader(out, header, '')
  return readTaskHeader(new ByteReader(out.take()))
}

test('a header without extras is as long as ever, with them it says them and callers apart', () => {
  const plain = through(HEADER)
  assert.deepEqual(plain, { ...HEADER, mediaType: '' })
  const extras = { session: 'chat-1', turns: true as const }
  assert.deepEqual(through({ ...HEADER, extras }), { ...plain, extras })
  assert.deepEqual(through({ ...HEADER, callers: ['a'], extras }), { ...plain, callers: ['a'], extras })
})

test('members of a later version are passed over, and so is what follows', () => {
  assert.deepEqual(readExtras('{"session":"s","later":[1]}'), { session: 's' })
  const out = new ByteWriter()
  out.u16(0)
  writeTaskHeader(out, HEADER, '')
  const old = out.take()
  const longer = new ByteWriter()
  longer.bytes(old.subarray(2))
  writeNames(longer, [])
  longer.text16('{"session":"s"}')
  longer.u8(9)
  longer.patchU16(0, longer.length)
  longer.text('input')
  const reader = new ByteReader(longer.take())
  assert.deepEqual(readTaskHeader(reader).extras, { session: 's' })
  assert.equal(Buffer.from(reader.rest()).toString(), 'input')
})

test('extras that are none, and more than there is room for', () => {
  assert.equal(readExtras(''), undefined)
  for (const text of ['{', '[]', '{"session":1}', '{"turns":false}'])
    assert.throws(() => readExtras(text), ProtocolError, text)
  assert.throws(() => writeExtras({ session: 's'.repeat(10 * 1024) }), RangeError)
})
