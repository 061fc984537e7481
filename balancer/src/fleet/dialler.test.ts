/** How often entries are dialled that do not answer, alone and among thousands. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stretchOf } from './dialler.ts'
import { endWith, FleetBench, makeEntry, until } from './testing/fleet-bench.ts'
import { ScriptedWorker } from './testing/scripted-worker.ts'

test('a few hundred strangers are dialled as often as all others, ten thousand every half a minute', () => {
  assert.equal(stretchOf(1, 3_000), 1)
  assert.equal(stretchOf(900, 3_000), 1)
  assert.equal(stretchOf(1_800, 3_000), 2)
  assert.equal(stretchOf(9_000, 3_000), 10)
  assert.equal(stretchOf(20_000, 3_000), 10)
  assert.equal(stretchOf(20_000, 60_000), 1)
})

test('among many strangers a worker that was linked before is dialled as often as ever', async (t) => {
  const dead = endWith(t, await ScriptedWorker.start({ refuseWith: 503 }))
  const worker = endWith(t, await ScriptedWorker.start())
  const bench = new FleetBench(t, { terms: { discoveryIntervalMs: 10 } })
  const strangers = Array.from({ length: 100 }, (_, index) =>
    makeEntry(`${dead.url}/s${index}`, { id: `s${index}` }),
  )
  bench.fleet.setRoster([makeEntry(worker.url), ...strangers])
  await bench.status('ready')
  await until(() => dead.dials.length >= 100, 'a first dial of each')
  worker.script.refuseWith = 503
  const before = dead.dials.length
  worker.links[0]?.socket.terminate()
  await until(() => worker.dials.length >= 21, 'twenty dials')
  const each = (dead.dials.length - before) / 100
  // Three quiet hundred milliseconds between two of its dials; as often as the worker, it would be twenty.
  assert.ok(each < 14, `${each} dials of each stranger`)
})

test('a changed entry is dialled at once, however long its delay has grown', async (t) => {
  const worker = endWith(t, await ScriptedWorker.start({ refuseWith: 401 }))
  const bench = new FleetBench(t, { terms: { discoveryIntervalMs: 60_000 } })
  bench.fleet.setRoster([makeEntry(worker.url)])
  await until(() => worker.dials.length >= 5, 'a delay of seconds')
  const before = worker.dials.length
  bench.fleet.setRoster([makeEntry(worker.url)])
  worker.script.refuseWith = undefined
  bench.fleet.setRoster([makeEntry(worker.url, { key: 'another' })])
  await bench.status('ready', 'w1', 500)
  assert.equal(worker.dials.length, before + 1)
  assert.equal(worker.links[0]?.request.headers.authorization, 'another')
})
