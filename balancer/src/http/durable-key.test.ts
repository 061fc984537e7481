import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { useKey } from './durable-key.ts'

const CALL = { key: 'k', route: '/task', query: '', bytes: Buffer.from('{}'), isAsync: true }

test('a body is known by the SHA-256 of its bytes, however long it is', async () => {
  for (const bytes of [Buffer.alloc(0), CALL.bytes, Buffer.alloc(3 * 1024 * 1024 + 7, 'abc')]) {
    const expected = createHash('sha256').update(bytes).digest('hex')
    assert.equal((await useKey({ ...CALL, bytes })).bodyHash, expected)
  }
})

test('a key counts for its address, and a body with its query', async () => {
  const plain = await useKey(CALL)
  const again = await useKey({ ...CALL, isAsync: false })
  assert.deepEqual([again.hash, again.bodyHash, again.answer], [plain.hash, plain.bodyHash, null])
  assert.equal(plain.answer, 'accepted')
  assert.notEqual((await useKey({ ...CALL, route: '/tasks' })).hash, plain.hash)
  assert.notEqual((await useKey({ ...CALL, key: 'K' })).hash, plain.hash)
  const asked = await useKey({ ...CALL, query: 'priority=1' })
  assert.equal(asked.hash, plain.hash)
  assert.notEqual(asked.bodyHash, plain.bodyHash)
  assert.ok(!JSON.stringify(plain).includes('"k"'))
})
