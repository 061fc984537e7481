/** The core's word on a worker's past as the API shows it, and as every page gets it by the feed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '@berth/runtime'
import type { BreakerFacts } from '../ports/workforce.ts'
import { BreakerView } from './breaker-view.ts'
import { endWith, FleetBench, makeEntry } from './testing/fleet-bench.ts'
import { ScriptedWorker } from './testing/scripted-worker.ts'

const open: BreakerFacts = {
  state: 'open',
  sinceAt: 1_000,
  untilAt: 6_000,
  reason: '5 failures in a row',
  failures: 5,
}

test('instants of the core become wall time once, and stay as they are while nothing changes', () => {
  const clock = new ManualClock()
  const view = new BreakerView(clock)
  clock.advance(2_000)
  const first = view.of(open)
  const wallOf = (at: number) => new Date(clock.wallMs() + at - clock.monoMs()).toISOString()
  assert.deepEqual(first, { ...first, state: 'open', since: wallOf(1_000), until: wallOf(6_000) })
  assert.deepEqual([first.reason, first.failures], ['5 failures in a row', 5])
  clock.advance(0.4)
  assert.equal(view.of({ ...open }), first)
  assert.equal(view.of({ ...open, failures: 6 }).failures, 6)
  const closed = { state: 'closed', sinceAt: undefined, untilAt: undefined, reason: undefined, failures: 0 }
  assert.deepEqual(view.of(closed as BreakerFacts), {
    state: 'closed',
    since: null,
    until: null,
    reason: null,
    failures: 0,
  })
  assert.equal(view.of(undefined).state, 'closed')
})

test('a worker that the core has ejected is shown so in every view of the fleet', async (t) => {
  const worker = endWith(t, await ScriptedWorker.start())
  const bench = new FleetBench(t)
  bench.fleet.setRoster([makeEntry(worker.url)])
  await worker.welcomed()
  await bench.status('ready')
  bench.breakers.set('w1', { ...open, sinceAt: performance.now(), untilAt: performance.now() + 5_000 })
  assert.equal(bench.fleet.worker('w1')?.status, 'ejected')
  const [shown] = bench.fleet.workers()
  assert.equal(shown?.breaker.state, 'open')
  assert.deepEqual(bench.fleet.workers()[0], shown)
})
