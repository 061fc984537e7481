import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from './turns.ts'

test('no work begins before the one before it has ended, and one that fails holds nobody up', async () => {
  const turns = new Turns()
  const first = Promise.withResolvers<string>()
  const order: string[] = []
  const answers = [
    turns.take(() => first.promise),
    turns.take(() => {
      order.push('second')
      throw new Error('broken')
    }),
    turns.take(() => order.push('third')),
  ]
  const settled = Promise.allSettled(answers)
  await new Promise(setImmediate)
  assert.deepEqual(order, [])
  first.resolve('first')
  assert.deepEqual(
    (await settled).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(order, ['second', 'third'])
})

test('the line has a bound, and is open again when it has moved on', async () => {
  const turns = new Turns()
  const disk = Promise.withResolvers<true>()
  const many = Array.from({ length: 33 }, () => turns.take(() => disk.promise))
  disk.resolve(true)
  assert.equal((await Promise.all(many)).filter((answer) => answer === undefined).length, 1)
  assert.equal(await turns.take(() => 1), 1)
})
