import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uploadOf } from './upload.ts'

const PARTS = [Uint8Array.of(1, 2), Uint8Array.of(3), Uint8Array.of(4, 5, 6)]
const WHOLE = Uint8Array.of(1, 2, 3, 4, 5, 6)
const TYPE = 'application/x-Thing; boundary=aB'

test('every way of reading gives the whole, the first time and later', async () => {
  for (const parts of [PARTS, [WHOLE]]) {
    const { blob, contentType } = uploadOf(parts, TYPE)
    assert.equal(contentType, TYPE)
    assert.equal(blob.size, 6)
    assert.equal(blob.type, TYPE.toLowerCase())
    for (let turn = 0; turn < 2; turn++) {
      assert.deepEqual(await blob.bytes(), WHOLE)
      assert.deepEqual(new Uint8Array(await blob.arrayBuffer()), WHOLE)
    }
    assert.deepEqual(new Uint8Array(await new Response(blob.stream()).arrayBuffer()), WHOLE)
    assert.equal(await blob.text(), '\x01\x02\x03\x04\x05\x06')
  }
})

test('what is read belongs to the reader alone', async () => {
  const received = Buffer.from('others: mine! :others')
  const mine = received.subarray(8, 13)
  const { blob } = uploadOf([mine], TYPE)
  const read = await blob.bytes()
  assert.equal(read.buffer.byteLength, 5)
  read.fill(0)
  const buffer = await blob.arrayBuffer()
  assert.equal(Buffer.from(buffer).toString(), 'mine!')
  assert.equal(received.toString(), 'others: mine! :others')
  const first = await uploadOf([mine], TYPE).blob.arrayBuffer()
  assert.equal(Buffer.from(first).toString(), 'mine!')
})

test('it is a Blob wherever one is taken: parts of others, copies, empty ones', async () => {
  const { blob } = uploadOf(PARTS, TYPE)
  assert.ok(blob instanceof Blob)
  assert.deepEqual(await new Blob([blob, blob]).bytes(), new Uint8Array([...WHOLE, ...WHOLE]))
  assert.deepEqual(await structuredClone(blob).bytes(), WHOLE)
  assert.deepEqual(await blob.slice(1, 3).bytes(), Uint8Array.of(2, 3))
  const form = new FormData()
  form.set('file', blob)
  assert.deepEqual(await (form.get('file') as File).bytes(), WHOLE)
  const empty = uploadOf([], TYPE).blob
  assert.equal(empty.size, 0)
  assert.deepEqual(await empty.bytes(), new Uint8Array(0))
})

test('it is the same Blob whenever it is asked for', () => {
  const upload = uploadOf(PARTS, TYPE)
  assert.equal(upload.blob, upload.blob)
})
