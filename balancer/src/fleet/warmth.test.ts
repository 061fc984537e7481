/** What operators want kept ready reaches linked workers: behind the welcome where anything is set, and at each change. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WarmthOrder } from '../ports/fleet.ts'
import { endWith, FleetBench, makeEntry } from './testing/fleet-bench.ts'
import { ScriptedWorker } from './testing/scripted-worker.ts'

test('a worker is told what is set for its group, and every change of that', async (t) => {
  const order: WarmthOrder = { all: false, on: ['hello'], off: [] }
  const workers = [
    endWith(t, await ScriptedWorker.start({ hello: { group: 'a', bootId: 'boot-of-a' } })),
    endWith(t, await ScriptedWorker.start({ hello: { group: 'b', bootId: 'boot-of-b' } })),
  ]
  const bench = new FleetBench(t, { warmthOf: (group) => (group === 'a' ? order : undefined) })
  bench.fleet.setRoster(workers.map(({ url }, index) => makeEntry(url, { id: `w${index + 1}` })))
  const [one, two] = [await workers[0]?.welcomed(), await workers[1]?.welcomed()]
  assert.ok(one && two)
  const first = await one.message('warm')
  assert.deepEqual([first.all, first.on, first.off], [false, ['hello'], []])
  await bench.status('ready', 'w2')
  bench.fleet.tellWarmth('b', { on: [], off: ['hello'] })
  const changed = await two.message('warm')
  assert.deepEqual([changed.all, changed.on, changed.off], [undefined, [], ['hello']])
  assert.equal(two.messages.filter(({ type }) => type === 'warm').length, 1, 'nothing was set before')
  assert.equal(one.messages.filter(({ type }) => type === 'warm').length, 1, 'it is of another group')
})
