import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '@berth/runtime'
import { Slices } from './slices.ts'

/** Work of so many steps, each of so many milliseconds. */
function makeWork(steps: number, stepMs: number) {
  const clock = new ManualClock()
  const slices = new Slices(clock)
  const done: number[] = []
  function* work() {
    for (let step = 0; step < steps; step++) {
      clock.advance(stepMs)
      done.push(step)
      yield
    }
  }
  return { slices, done, work }
}

test('a slice lasts half a millisecond, and others have their turn between two', async () => {
  const { slices, done, work } = makeWork(10, 0.25)
  slices.begin(work())
  assert.equal(done.length, 2)
  assert.ok(slices.isBusy)
  const seen = new Set<number>()
  while (slices.isBusy) {
    seen.add(done.length)
    await new Promise(setImmediate)
  }
  assert.deepEqual([...seen], [2, 4, 6, 8, 10])
  assert.equal(done.length, 10)
})

test('what takes long goes on without pauses', async () => {
  const { slices, done, work } = makeWork(10, 60)
  slices.begin(work())
  while (done.length < 2) await new Promise(setImmediate)
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  assert.equal(done.length, 10)
})

test('what is short is done at once', () => {
  const { slices, done, work } = makeWork(10, 0.01)
  slices.begin(work())
  assert.equal(done.length, 10)
  assert.equal(slices.isBusy, false)
})

test('what is stopped, by itself too, does not go on', async () => {
  const { slices, done, work } = makeWork(10, 2)
  slices.begin(work())
  slices.stop()
  await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise(setImmediate)
  assert.equal(done.length, 1)
  function* own() {
    done.push(-1)
    yield
    slices.stop()
    yield
    done.push(-2)
  }
  slices.begin(own())
  assert.deepEqual(done, [0, -1])
  assert.equal(slices.isBusy, false)
})

test('what is left can be done at once', () => {
  const { slices, done, work } = makeWork(10, 2)
  slices.begin(work())
  assert.equal(done.length, 1)
  slices.finish()
  assert.equal(done.length, 10)
  assert.equal(slices.isBusy, false)
  slices.finish()
})
