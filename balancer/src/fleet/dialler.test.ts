/** How often entries are dialled that do not answer, alone and among thousands. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
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
  // Hangs up at once, which costs a busy machine little: their rate is one of seconds.
  let dials = 0
  const dead = createServer((socket) => {
    dials++
    socket.on('error', () => {}).destroy()
  }).listen(0, '127.0.0.1')
  await once(dead, 'listening')
  t.after(() => void dead.close())
  const { port } = dead.address() as AddressInfo
  const worker = endWith(t, await ScriptedWorker.start())
  const bench = new FleetBench(t, { terms: { discoveryIntervalMs: 10 } })
  const strangers = Array.from({ length: 100 }, (_, index) =>
    makeEntry(`http://127.0.0.1:${port}/s${index}`, { id: `s${index}` }),
  )
  bench.fleet.setRoster([makeEntry(worker.url), ...strangers])
  await bench.status('ready')
  await until(() => dials >= 100, 'a first dial of each')
  worker.script.refuseWith = 503
  const before = dials
  worker.links[0]?.socket.terminate()
  await until(() => worker.dials.length >= 21, 'twenty dials')
  const each = (dials - before) / 100
  // Three quiet hundred milliseconds between two of its dials; as often as the worker, it would be twenty.
  assert.ok(each < 14, `${each} dials of each stranger`)
})

test('a changed entry is dialled at once, however long its delay has grown', async (t) => {
  const worker = endWith(t, await ScriptedWorker.start({ refuseWith: 401 }))
  const bench = new FleetBench(t, { terms: { discoveryIntervalMs: 60_000 } })
  bench.fleet.setRoster([makeEntry(worker.url)])
  await until(() => worker.dials.length >= 7, 'a delay of three seconds at least')
  const before = worker.dials.length
  bench.fleet.setRoster([makeEntry(worker.url)])
  worker.script.refuseWith = undefined
  bench.fleet.setRoster([makeEntry(worker.url, { key: 'another' })])
  await bench.status('ready', 'w1', 3_000)
  assert.equal(worker.dials.length, before + 1)
  assert.equal(worker.links[0]?.request.headers.authorization, 'another')
})
