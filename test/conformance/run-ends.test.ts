/**
 * What every store promises of runs that have ended: moved there once, recorded behind their end, removed with all they
 * have and called, and taken by retention. Run against each kind of store, like run-store.test.ts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createLog, ManualClock } from '@berth/runtime'
import { TestScheduler } from '../../balancer/src/core/test-scheduler.ts'
import type { RunWrite } from '../../balancer/src/ports/run-writes.ts'
import { RunHistory } from '../../balancer/src/runs/run-history.ts'
import {
  accepted,
  doneRun,
  FULL_RUN,
  finished,
  idOf,
  listSeqs,
  makeDelivery,
  makeEnd,
  makeEvent,
  makeKey,
  makeRun,
  openBench,
  PROGRESS,
  payloadOf,
  RunBench,
  seqsOf,
  T0,
} from './run-store-bench.ts'
import { KINDS } from './store-places.ts'

for (const [kind, newPlace] of Object.entries(KINDS)) {
  describe(`runs that have ended in a ${kind} store`, () => {
    test('the end moves a run with its result, once', async (context) => {
      const bench = await openBench(context, newPlace())
      await bench.write(accepted(FULL_RUN, makeRun(8)))
      const explain = '{"at":"2026"}'
      const end = makeEnd({ history: PROGRESS.history, explain, worker: 'w1#3', priority: 5 })
      await bench.write(finished(7, end))
      assert.deepEqual(await bench.reads.find(FULL_RUN.id), { kind: 'done', run: doneRun(FULL_RUN, end) })
      assert.deepEqual(await bench.reads.result(FULL_RUN.id), end.result)
      assert.deepEqual((await bench.reads.payload(FULL_RUN.id))?.bytes, payloadOf('{"n":7}').bytes)
      const error = {
        code: 'FUNCTION_FAILED',
        detail: 'no more "paint"\n',
        errors: [{ pointer: '/input/a', detail: 'why' }],
      } as const
      const failure = makeEnd({ status: 'failed', result: null, error, startedMs: null, worker: null })
      await bench.write(finished(8, failure))
      assert.deepEqual((await bench.reads.find(idOf(8, T0 + 8)))?.run, doneRun(makeRun(8), failure))
      await bench.write(finished(7, failure), finished(8), finished(99))
      assert.deepEqual((await bench.reads.find(FULL_RUN.id))?.run, doneRun(FULL_RUN, end))
      assert.equal(await bench.reads.count({}, 100), 2)
      await bench.write({ kind: 'run-moved', seq: 7, progress: PROGRESS })
      assert.equal((await bench.reads.find(FULL_RUN.id))?.kind, 'done')
    })

    test('accepted and ended in one batch is fine', async (context) => {
      const bench = await openBench(context, newPlace())
      await bench.write(accepted(makeRun(1)), finished(1), accepted(makeRun(2)))
      const { status } = (await bench.reads.find(idOf(1, T0 + 1)))?.run ?? {}
      assert.equal(status, 'completed')
      assert.deepEqual(seqsOf((await bench.claim(makeRun(1), 10)).runs), [2])
    })

    test('an attempt of an older fence does not end a run', async (context) => {
      const bench = await openBench(context, newPlace())
      await bench.write(accepted(makeRun(1), makeRun(2), makeRun(3), makeRun(4)))
      for (const seq of [1, 2, 3])
        await bench.write({ kind: 'run-moved', seq, progress: { ...PROGRESS, fence: 50 } })
      await bench.write(finished(1, {}, 49), finished(2, {}, 50), finished(3, {}, null), finished(4, {}, 1))
      const states = await Promise.all([1, 2, 3, 4].map((seq) => bench.reads.find(idOf(seq, T0 + seq))))
      assert.deepEqual(
        states.map((found) => found?.kind),
        ['live', 'done', 'done', 'done'],
      )
      assert.equal(await bench.reads.result(idOf(1, T0 + 1)), null)
      await bench.write(finished(1, {}, 51))
      assert.equal((await bench.reads.find(idOf(1, T0 + 1)))?.kind, 'done')
    })

    test('a run that is removed leaves nothing, live or final', async (context) => {
      const bench = await openBench(context, newPlace())
      const words = { metadata: { word: 'unusual' } }
      await bench.write(accepted(makeRun(1, words), makeRun(2, words), makeRun(3)))
      const delivery = makeDelivery(1, 2)
      await bench.write({ ...finished(2), events: [makeEvent(1)], delivery } as RunWrite)
      await bench.write({ kind: 'run-lines', seq: 2, lines: [makeEvent(1)], dropBefore: 0 })
      await bench.write({ kind: 'run-removed', seq: 1 }, { kind: 'run-removed', seq: 2 })
      await bench.write({ kind: 'run-removed', seq: 2 }, { kind: 'run-removed', seq: 77 })
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [3])
      assert.deepEqual(await listSeqs(bench, { q: 'unusual' }, 10, null), [])
      const id = makeRun(2).id
      const left = [await bench.reads.find(id), await bench.reads.payload(id), await bench.reads.result(id)]
      assert.deepEqual(left, [null, null, null])
      assert.deepEqual((await bench.reads.events(id, 0, 10)).events, [])
      assert.deepEqual(await bench.reads.delivery(delivery.id), null)
      assert.deepEqual(seqsOf((await bench.claim(makeRun(1), 10)).runs), [3])
      await bench.write(accepted(makeRun(2)))
      assert.equal((await bench.reads.lines(id, 10)).lines.length, 0)
    })

    test('a task in memory that is kept behind its end is listed with the others', async (context) => {
      const bench = await openBench(context, newPlace())
      const whole = makeRun(4, { mode: 'sync', metadata: { a: 'kept' } })
      const { seq, id, ...order } = whole
      const end = makeEnd({ result: null, worker: 'w5' })
      const write: RunWrite = { kind: 'run-recorded', order: { ...order, seq, id }, end }
      await bench.write(accepted(makeRun(3)), write, write)
      await bench.write({ ...write, end: makeEnd({ status: 'failed' }) })
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [4, 3])
      assert.deepEqual(await listSeqs(bench, { q: 'kept', worker: 'w5' }, 10, null), [4])
      const found = await bench.reads.find(id)
      assert.deepEqual(found, { kind: 'done', run: { ...doneRun(whole, end), isDurable: false } })
      assert.equal(await bench.reads.payload(id), null)
    })

    test('a task in memory and the two that it called are all recorded, in the order of their ids', async (context) => {
      const bench = await openBench(context, newPlace())
      const [caller, first, second] = [idOf(1, T0), idOf(2, T0), idOf(3, T0)] as const
      const writes = historyOfCalls(caller, [first, second])
      await bench.write(...writes)
      assert.equal(writes.length, 3)
      const views = await bench.reads.list({}, 10, null)
      assert.deepEqual(
        views.map(({ run }) => run.id),
        [second, first, caller],
      )
      for (const id of [first, second]) {
        const found = await bench.reads.find(id)
        assert.deepEqual(found?.kind === 'done' && [found.run.parent, found.run.trigger], [caller, 'call'])
      }
    })

    test('what a run called is found by it, and goes with it when it is removed', async (context) => {
      const bench = await openBench(context, newPlace())
      const recorded = (seq: number, parent: string | null, changes: object = {}): RunWrite => ({
        kind: 'run-recorded',
        order: makeRun(seq, { mode: 'sync', trigger: 'call', parent }),
        end: makeEnd({ result: null, ...changes }),
      })
      const [root, child] = [makeRun(1).id, makeRun(2).id]
      await bench.write(
        accepted(makeRun(1), makeRun(9)),
        recorded(2, root),
        recorded(3, root, { status: 'failed' }),
      )
      await bench.write(recorded(4, child), recorded(5, child, { coldStartMs: 12.5 }), recorded(6, null))
      assert.deepEqual(await listSeqs(bench, { parent: root }, 10, null), [3, 2])
      assert.deepEqual(await listSeqs(bench, { parent: root }, 1, null), [3])
      assert.deepEqual(await listSeqs(bench, { parent: root }, 10, makeRun(3).id), [2])
      assert.deepEqual(await listSeqs(bench, { parent: root, status: ['failed'] }, 10, null), [3])
      assert.deepEqual(await listSeqs(bench, { parent: makeRun(9).id }, 10, null), [])
      assert.equal(await bench.reads.count({ parent: child }, 10), 2)
      assert.equal(await bench.reads.count({ parent: child }, 1), 1)
      const found = await bench.reads.find(makeRun(5).id)
      assert.equal(found?.kind === 'done' && found.run.coldStartMs, 12.5)
      await bench.write(finished(1), { kind: 'run-removed', seq: 1 })
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [9, 6])
      assert.deepEqual(await listSeqs(bench, { parent: root }, 10, null), [])
    })

    test('retention takes the oldest ends by age and by count, at most so many, and expired keys', async (context) => {
      const bench = await openBench(context, newPlace())
      const all = [1, 2, 3, 4, 5, 6, 7, 8]
      await bench.write(accepted(...all.map((seq) => makeRun(seq)), makeRun(9)))
      // 8 ended first.
      for (const seq of all) await bench.write(finished(seq, { finishedMs: T0 + (seq === 8 ? 0 : seq * 10) }))
      const row = (n: number, expiresMs: number | null) => makeKey({ hash: String(n).repeat(64), expiresMs })
      const rows = [row(1, T0 + 5), row(2, T0 + 6), row(3, null)]
      await bench.write(...rows.map((one): RunWrite => ({ kind: 'key-set', row: one })))
      const retain = (changes: object): RunWrite => ({
        kind: 'retention',
        endedBeforeMs: 0,
        keyedEndedBeforeMs: 0,
        keepAtMost: 100,
        keysExpiredMs: 0,
        limit: 10,
        ...changes,
      })
      await bench.write(retain({ endedBeforeMs: T0 + 30, limit: 2 }))
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [9, 7, 6, 5, 4, 3, 2])
      await bench.write(retain({ endedBeforeMs: T0 + 30, keepAtMost: 4 }))
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [9, 7, 6, 5, 4])
      await bench.write(retain({ keepAtMost: 1, limit: 1, keysExpiredMs: T0 + 5 }))
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [9, 7, 6, 5], 'one that lives is never meant')
      assert.equal(await bench.reads.key(row(1, 0).hash), null)
      assert.ok(await bench.reads.key(row(2, 0).hash))
      await bench.write(retain({ keepAtMost: 0, keysExpiredMs: T0 + 99 }))
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [9])
      assert.ok(await bench.reads.key(row(3, null).hash))
    })

    test('how many have ended is known behind refusals, removals and a restart', async (context) => {
      const place = newPlace()
      const bench = await RunBench.open(place)
      const numbers = (from: number, to: number) =>
        Array.from({ length: to - from + 1 }, (_, at) => from + at)
      const keep = (keepAtMost: number): RunWrite => {
        const bounds = { endedBeforeMs: 0, keyedEndedBeforeMs: 0, keysExpiredMs: 0, limit: 100 }
        return { kind: 'retention', keepAtMost, ...bounds }
      }
      await bench.write(accepted(...numbers(1, 20).map((seq) => makeRun(seq))), finished(1))
      const twins = accepted(makeRun(30), makeRun(30))
      await bench.try(finished(2), twins, finished(3), { kind: 'run-removed', seq: 3 }, twins, finished(4))
      const whole = makeRun(40)
      await bench.write({ kind: 'run-recorded', order: whole, end: makeEnd() }, finished(5), finished(5))
      // Ended: 1, 2, 4, 5, 40.
      await bench.write(keep(5))
      assert.equal(await bench.reads.count({ status: ['completed'] }, 100), 5)
      await bench.close()
      const again = await openBench(context, place)
      await again.write(finished(6), keep(6))
      assert.equal(await again.reads.count({ status: ['completed'] }, 100), 6)
      await again.write(keep(2))
      await again.write(keep(2), ...numbers(7, 9).map((seq) => finished(seq)))
      assert.deepEqual(await listSeqs(again, { status: ['completed'] }, 10, null), [40, 9, 8, 7, 6])
      await again.write(keep(5), keep(4))
      assert.deepEqual(await listSeqs(again, { status: ['completed'] }, 10, null), [40, 9, 8, 7])
    })
  })
}

/** What RUN_HISTORY=all writes of a task that calls others, which end before it. */
function historyOfCalls(caller: string, called: readonly string[]): RunWrite[] {
  const writes: RunWrite[] = []
  const history = new RunHistory({
    mode: 'all',
    next: { wantsChoice: () => false, ended() {} },
    store: { apply: (all) => writes.push(...(all as readonly RunWrite[])) },
    clock: new ManualClock(),
    log: createLog({ source: 'test', write: () => {} }),
  })
  const scheduler = new TestScheduler({ record: history })
  scheduler.worker('w', { slots: 3 })
  scheduler.start(scheduler.submit({ run: caller }))
  const { worker, attemptId } = scheduler.last(caller)
  const call = { worker, attemptId, parent: caller, callers: ['work'] }
  scheduler.start(...called.map((run) => scheduler.submit({ run, call })))
  for (const run of [...called, caller]) scheduler.finish(run)
  history.flush()
  return writes
}
