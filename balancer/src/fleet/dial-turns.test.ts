import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DialTurns } from './dial-turns.ts'

/** Takes turns without waiting; what has begun is in the list. */
function ask(turns: DialTurns, isDoubtful: boolean, begun: (() => void)[]): void {
  void turns.take(isDoubtful).then((end) => begun.push(end))
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('never more than the limit, and each end lets one more begin', async () => {
  const turns = new DialTurns({ all: 4, doubtful: 2 })
  const begun: (() => void)[] = []
  for (let i = 0; i < 10; i++) ask(turns, false, begun)
  await settled()
  assert.equal(begun.length, 4)
  for (let done = 0; done < 10; done++) {
    begun[done]?.()
    await settled()
    assert.equal(begun.length, Math.min(10, done + 5))
  }
  assert.equal(turns.underWay, 0)
})

test('the doubtful have at most half, and wait behind whoever is hopeful', async () => {
  const turns = new DialTurns({ all: 4, doubtful: 2 })
  const doubtful: (() => void)[] = []
  const hopeful: (() => void)[] = []
  for (let i = 0; i < 5; i++) ask(turns, true, doubtful)
  await settled()
  assert.equal(doubtful.length, 2)
  for (let i = 0; i < 3; i++) ask(turns, false, hopeful)
  await settled()
  assert.equal(hopeful.length, 2, 'the other half is free for them')
  doubtful[0]?.()
  await settled()
  assert.deepEqual([doubtful.length, hopeful.length], [2, 3])
  hopeful[0]?.()
  hopeful[1]?.()
  await settled()
  assert.deepEqual([doubtful.length, hopeful.length], [3, 3])
})
