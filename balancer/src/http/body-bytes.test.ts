import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BodyBytes } from './body-bytes.ts'

test('one piece stays that piece; more are put together, in whatever sizes', () => {
  const whole = new BodyBytes(100, '3')
  const piece = Buffer.from('abc')
  assert.ok(whole.add(piece))
  assert.equal(whole.take().buffer, piece.buffer)
  for (const size of [1, 7, 1000, 70_000]) {
    const text = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251))
    const body = new BodyBytes(200_000, undefined)
    for (let at = 0; at < text.length; at += size) assert.ok(body.add(text.subarray(at, at + size)))
    assert.ok(body.take().equals(text), `${size}`)
  }
  assert.equal(new BodyBytes(10, null).take().length, 0)
})

test('who only passes a body on gets large pieces of a large one as they came', () => {
  const body = new BodyBytes(200_000, undefined)
  const large = [Buffer.alloc(66_000, 'a'), Buffer.alloc(66_000, 'b')]
  for (const piece of large) body.add(piece)
  for (let i = 0; i < 1000; i++) body.add(Buffer.from('c'))
  const pieces = body.takePieces()
  assert.ok(Array.isArray(pieces))
  assert.deepEqual(
    large.map((piece, index) => pieces[index]?.buffer === piece.buffer),
    [true, true],
  )
  assert.ok(pieces.length <= 4, `${pieces.length} pieces`)
  assert.ok(Buffer.concat(pieces).equals(Buffer.concat([...large, Buffer.alloc(1000, 'c')])))
})

test('pieces that were handed over are never written to', () => {
  const first = Buffer.from('ab')
  const backing = Buffer.concat([first, Buffer.from('XYZ')])
  const body = new BodyBytes(100, undefined)
  body.add(backing.subarray(0, 2))
  body.add(Buffer.from('cd'))
  body.add(Buffer.from('ef'))
  assert.equal(String(body.take()), 'abcdef')
  assert.equal(String(backing), 'abXYZ')
})

test('the limit counts what came and what is declared; a declaration alone reserves no more than it', () => {
  const body = new BodyBytes(5, '4')
  assert.ok(body.add(Buffer.from('abc')))
  assert.ok(body.add(Buffer.from('de')))
  assert.ok(!body.add(Buffer.from('f')))
  const lying = new BodyBytes(1000, '900')
  lying.add(Buffer.from('a'))
  lying.add(Buffer.from('b'))
  assert.equal(String(lying.take()), 'ab')
})
