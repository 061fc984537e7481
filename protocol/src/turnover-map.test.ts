/** A TurnoverMap says what a Map would say, and holds nothing of what has left. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { TurnoverMap } from './turnover-map.ts'

/** The same numbers in every run. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test('it answers as a Map does, whatever comes and goes', () => {
  const random = createRandom(7)
  const ours = new TurnoverMap<number, string | undefined>()
  const model = new Map<number, string | undefined>()
  for (let step = 0; step < 20_000; step++) {
    const key = Math.floor(random() * (step < 10_000 ? 3_000 : 20))
    const draw = random()
    if (draw < 0.5) {
      const value = draw < 0.05 ? undefined : `${key} ${step}`
      ours.set(key, value)
      model.set(key, value)
    } else if (draw < 0.9) assert.equal(ours.delete(key), model.delete(key))
    else {
      assert.equal(ours.get(key), model.get(key))
      assert.equal(ours.has(key), model.has(key))
    }
    assert.equal(ours.size, model.size)
    if (step % 1_000 === 0) assert.deepEqual([...ours.values()], [...model.values()])
  }
  for (const key of [...model.keys()]) assert.ok(ours.delete(key))
  assert.equal(ours.size, 0)
  ours.set(1, 'anew')
  assert.deepEqual([...ours.values()], ['anew'])
  ours.clear()
  assert.equal(ours.get(1), undefined)
  assert.equal(ours.size, 0)
})

const TURNOVER = `
import { TurnoverMap } from ${JSON.stringify(new URL('./turnover-map.ts', import.meta.url).href)}
const map = new TurnoverMap()
map.set(-1, {})
map.delete(-1)
// What is here now is old.
gc()
gc()
const before = process.memoryUsage().heapUsed
let most = 0
for (let i = 0; i < 20_000; i++) {
  map.set(i, { filling: new Array(200).fill(i) })
  map.delete(i - 32)
  if (i % 1_000 === 0) {
    gc({ type: 'minor' })
    most = Math.max(most, process.memoryUsage().heapUsed - before)
  }
}
process.stdout.write(String(most))
`

test('what has left is gone with the next small collection, however old the map is', () => {
  const args = ['--expose-gc', '--max-semi-space-size=64', '--input-type=module', '-e', TURNOVER]
  const most = Number(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  // All of it is 32 MB.
  assert.ok(most < 8_000_000, `${most} bytes were kept`)
})
