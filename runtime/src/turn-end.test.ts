import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createTurnEnd } from './turn-end.ts'

test('acts wait for the end of the turn and run in order, each once', async () => {
  const done: number[] = []
  const atEnd = createTurnEnd((error) => assert.fail(String(error)))
  atEnd(() => done.push(1))
  atEnd(() => done.push(2))
  await Promise.resolve()
  assert.deepEqual(done, [])
  await turn()
  assert.deepEqual(done, [1, 2])
  await turn()
  assert.deepEqual(done, [1, 2])
})

test('what an act defers runs in the next turn, and one that throws holds up nobody', async () => {
  const done: string[] = []
  const errors: unknown[] = []
  const atEnd = createTurnEnd((error) => errors.push(error))
  atEnd(() => {
    throw new Error('broken')
  })
  atEnd(() => {
    done.push('second')
    atEnd(() => done.push('later'))
  })
  await turn()
  assert.deepEqual(done, ['second'])
  assert.equal((errors[0] as Error).message, 'broken')
  await turn()
  assert.deepEqual(done, ['second', 'later'])
})
