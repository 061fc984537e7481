import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ByteBlocks } from './byte-blocks.ts'

function cut(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}

describe('ByteBlocks', () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 256))

  it('gives back what came, whatever the pieces', () => {
    for (const size of [1, 7, 1000, 16_383, 16_384, 70_000, 300_000]) {
      const blocks = new ByteBlocks()
      for (const piece of cut(bytes, size)) blocks.add(piece)
      assert.equal(blocks.length, bytes.length)
      assert.ok(blocks.whole().equals(bytes), `${size}`)
      assert.equal(blocks.length, 0)
      for (const piece of cut(bytes, size)) blocks.add(piece)
      assert.ok(Buffer.concat(blocks.take()).equals(bytes), `${size} again`)
    }
    const mixed = new ByteBlocks()
    const sizes = [1, 20_000, 3, 4, 30_000, 0, 16_384, 5]
    let at = 0
    for (const size of sizes) {
      mixed.add(bytes.subarray(at, at + size))
      at += size
    }
    assert.ok(mixed.whole().equals(bytes.subarray(0, at)))
    assert.equal(new ByteBlocks().whole().length, 0)
  })

  it('keeps large pieces as they are and small ones together', () => {
    const blocks = new ByteBlocks()
    const large = Buffer.alloc(20_000)
    blocks.add(large)
    assert.equal(blocks.take()[0], large)
    blocks.add(large)
    assert.equal(blocks.whole().buffer, large.buffer)
    for (let i = 0; i < 100_000; i++) blocks.add(Buffer.of(i))
    assert.ok(blocks.take().length < 10)
  })

  it('never writes to what it was given', () => {
    const backing = Buffer.alloc(64 * 1024, 1)
    const blocks = new ByteBlocks()
    blocks.add(backing.subarray(0, 20_000))
    blocks.add(Buffer.alloc(100, 2))
    blocks.add(backing.subarray(0, 5))
    blocks.add(Buffer.alloc(100, 3))
    blocks.whole()
    assert.ok(backing.every((byte) => byte === 1))
  })
})
