/**
 * What every store promises of a run's events and lines: in order from anywhere on, with what was dropped counted.
 * Run against each kind of store, like run-store.test.ts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RunWrite } from '../../balancer/src/ports/run-writes.ts'
import type { StoredEvent } from '../../balancer/src/ports/told.ts'
import { accepted, finished, makeEvent, makeRun, openBench } from './run-store-bench.ts'
import { KINDS } from './store-places.ts'

for (const [kind, newPlace] of Object.entries(KINDS)) {
  describe(`events and lines in a ${kind} store`, () => {
    test('events are told in order from anywhere on, and what was dropped is counted', async (context) => {
      const bench = await openBench(context, newPlace())
      const { id } = makeRun(1)
      await bench.write(accepted(makeRun(1)))
      const add = (events: StoredEvent[], dropBefore = 0, dropped = 0): RunWrite => ({
        kind: 'run-events',
        seq: 1,
        events,
        dropBefore,
        dropped,
      })
      await bench.write(add([makeEvent(2), makeEvent(1), makeEvent(4)]))
      await bench.write({ ...finished(1), events: [makeEvent(5, '"end"')] } as RunWrite)
      await bench.write(add([makeEvent(6)]), { ...add([makeEvent(9)]), seq: 55 } as RunWrite)
      const all = [makeEvent(1), makeEvent(2), makeEvent(4), makeEvent(5, '"end"'), makeEvent(6)]
      assert.deepEqual(await bench.reads.events(id, 0, 10), { events: all, dropped: 0 })
      assert.deepEqual((await bench.reads.events(id, 2, 2)).events, all.slice(2, 4))
      await bench.write(add([], 4, 3))
      assert.deepEqual(await bench.reads.events(id, 0, 10), { events: all.slice(2), dropped: 3 })
      await bench.write(add([makeEvent(4, '"anew"')]))
      const totals = await bench.reads.eventTotals(id)
      assert.deepEqual(totals, { lastEvent: 6, events: 3, bytes: 6 + 5 + 7, dropped: 3, lastLine: 0 })
      assert.deepEqual(await bench.reads.events('r_nobody', 0, 10), { events: [], dropped: 0 })
    })

    test('lines: the newest are told, and the numbers that are missing', async (context) => {
      const bench = await openBench(context, newPlace())
      const { id } = makeRun(1)
      await bench.write(accepted(makeRun(1)), finished(1))
      const add = (lines: StoredEvent[], dropBefore = 0): RunWrite => ({
        kind: 'run-lines',
        seq: 1,
        lines,
        dropBefore,
      })
      await bench.write(add([1, 2, 3, 4].map((n) => makeEvent(n))), add([makeEvent(6)]))
      assert.deepEqual(await bench.reads.lines(id, 2), { lines: [makeEvent(4), makeEvent(6)], dropped: 1 })
      await bench.write(add([], 3), { ...add([makeEvent(1)]), seq: 44 } as RunWrite)
      assert.deepEqual(await bench.reads.lines(id, 9), {
        lines: [3, 4, 6].map((n) => makeEvent(n)),
        dropped: 3,
      })
      assert.equal((await bench.reads.eventTotals(id)).lastLine, 6)
      assert.deepEqual(await bench.reads.lines('r_nobody', 9), { lines: [], dropped: 0 })
    })
  })
}
