/**
 * What every store promises of runs, run against each of them (ports: run-store.ts, run-writes.ts and run-reads.ts
 * of balancer/src/ports). Nothing here knows which store it is: whatever passes may keep the runs of a balancer.
 */
import assert from 'node:assert/strict'
import { renameSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { createLog, ManualClock } from '@berth/runtime'
import { TestScheduler } from '../../balancer/src/core/test-scheduler.ts'
import type { IdempotencyRow, RunWrite } from '../../balancer/src/ports/run-writes.ts'
import type { StoredDelivery } from '../../balancer/src/ports/stored-delivery.ts'
import type { LiveRun } from '../../balancer/src/ports/stored-run.ts'
import type { StoredEvent } from '../../balancer/src/ports/told.ts'
import { RunHistory } from '../../balancer/src/runs/run-history.ts'
import { SqliteStore } from '../../balancer/src/store/sqlite-store.ts'
import { until } from '../harness/until.ts'
import {
  accepted,
  doneRun,
  finished,
  idOf,
  makeDelivery,
  makeEnd,
  makeRun,
  payloadOf,
  RunBench,
  T0,
} from './run-store-bench.ts'
import { KINDS, newPath, type Place } from './store-places.ts'

const HASH = 'a'.repeat(64)

function key(changes: Partial<IdempotencyRow> = {}): IdempotencyRow {
  return { hash: HASH, bodyHash: 'b'.repeat(64), runs: [], answer: null, expiresMs: null, ...changes }
}

function event(n: number, data = `{"n":${n}}`): StoredEvent {
  return { n, type: 'progress', atMs: T0 + n, data }
}

/** A run with something in every field. */
const FULL: LiveRun = makeRun(7, {
  group: 'gpu',
  function: 'paint "it"',
  contract: 3,
  tags: { region: ['eu', 'us'], vram: '>=80' },
  fairnessKey: 'customer 1',
  mode: 'webhook',
  trigger: 'ui',
  attempts: 4,
  idempotent: false,
  timeoutMs: 1_500,
  deadlineMs: T0 + 60_000,
  queueUntilMs: T0 + 30_000,
  dueMs: T0 + 10,
  session: 's-1',
  schedule: 'c-1',
  scheduledForMs: T0 + 11,
  parent: 'r_parent',
  retryOf: 'r_before',
  budget: 'low',
  metadata: JSON.parse('{"__proto__":"yes","ключ":"Zoë"}'),
  trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  isRouted: true,
  webhook: { url: 'https://a.example', headers: { 'x-a': 'b' }, format: 'result' },
  priority: 2_097_152,
})
const PROGRESS = {
  status: 'running',
  priority: 5,
  attempt: 2,
  failures: 1,
  losses: 1,
  worker: 'host:3001/a#2',
  boot: 'boot-1',
  fence: 2 ** 40,
  startedMs: T0 + 400,
  history: [{ n: 1, worker: 'w9', startedMs: T0 + 100, finishedMs: T0 + 200, outcome: 'lost' }],
} as const

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

async function open(context: TestContext, place: Place): Promise<RunBench> {
  const bench = await RunBench.open(place)
  context.after(() => bench.close())
  return bench
}

const seqs = (runs: readonly { readonly seq: number }[]) => runs.map(({ seq }) => seq)
const listed = async (bench: RunBench, ...values: Parameters<RunBench['reads']['list']>) =>
  (await bench.reads.list(...values)).map(({ run }) => run.seq)

for (const [kind, newPlace] of Object.entries(KINDS)) {
  describe(`runs in a ${kind} store`, () => {
    test('a run is found as it was accepted, to the last field, with its bytes', async (context) => {
      const bench = await open(context, newPlace())
      const bytes = new Uint8Array([0, 255, 10, 13, 0])
      const head = new Uint8Array([1, 2, 3])
      const payload = { mediaType: 'image/png', bytes, head }
      await bench.write({ kind: 'runs-accepted', runs: [{ run: FULL, payload }], key: null })
      await bench.write(accepted(makeRun(8)))
      assert.deepEqual(await bench.reads.find(FULL.id), { kind: 'live', run: FULL })
      assert.deepEqual(await bench.reads.payload(FULL.id), payload)
      assert.deepEqual(await bench.reads.find(idOf(8, T0 + 8)), { kind: 'live', run: makeRun(8) })
      assert.deepEqual(await bench.reads.payload(idOf(8, T0 + 8)), payloadOf('{"n":8}'))
      assert.equal(await bench.reads.result(FULL.id), null)
      for (const id of ['r_nobody', '', 'r_'])
        assert.deepEqual([await bench.reads.find(id), await bench.reads.payload(id)], [null, null])
    })

    test('bytes that are a view on more are kept alone', async (context) => {
      const bench = await open(context, newPlace())
      const frame = new Uint8Array(1_000).fill(7)
      const payload = { mediaType: 'a/b', bytes: frame.subarray(10, 20), head: frame.subarray(0, 1) }
      const run = makeRun(1)
      await bench.write({ kind: 'runs-accepted', runs: [{ run, payload }], key: null })
      await bench.write(finished(1, { result: { mediaType: 'c/d', bytes: frame.subarray(990) } }))
      assert.deepEqual(await bench.reads.payload(run.id), {
        mediaType: 'a/b',
        bytes: new Uint8Array(10).fill(7),
        head: new Uint8Array(1).fill(7),
      })
      const result = { mediaType: 'c/d', bytes: new Uint8Array(10).fill(7) }
      assert.deepEqual(await bench.reads.result(run.id), result)
      assert.equal(frame[0], 7, 'the caller keeps its own')
    })

    test('a run that has moved shows where it stands, and one accepted on its way keeps that', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(accepted(FULL, makeRun(8, PROGRESS)))
      await bench.write({ kind: 'run-moved', seq: 7, progress: PROGRESS })
      await bench.write({ kind: 'run-moved', seq: 99, progress: PROGRESS })
      assert.deepEqual(await bench.reads.find(FULL.id), { kind: 'live', run: { ...FULL, ...PROGRESS } })
      assert.deepEqual((await bench.reads.find(idOf(8, T0 + 8)))?.run, makeRun(8, PROGRESS))
      const back = {
        ...PROGRESS,
        status: 'queued',
        worker: null,
        boot: null,
        fence: null,
        startedMs: null,
      } as const
      await bench.write({ kind: 'run-moved', seq: 7, progress: back })
      assert.deepEqual((await bench.reads.find(FULL.id))?.run, { ...FULL, ...back })
    })

    test('the end moves a run with its result, once', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(accepted(FULL, makeRun(8)))
      const explain = '{"at":"2026"}'
      const end = makeEnd({ history: PROGRESS.history, explain, worker: 'w1#3', priority: 5 })
      await bench.write(finished(7, end))
      assert.deepEqual(await bench.reads.find(FULL.id), { kind: 'done', run: doneRun(FULL, end) })
      assert.deepEqual(await bench.reads.result(FULL.id), end.result)
      assert.deepEqual((await bench.reads.payload(FULL.id))?.bytes, payloadOf('{"n":7}').bytes)
      const error = {
        code: 'FUNCTION_FAILED',
        detail: 'no more "paint"\n',
        errors: [{ pointer: '/input/a', detail: 'why' }],
      } as const
      const failure = makeEnd({ status: 'failed', result: null, error, startedMs: null, worker: null })
      await bench.write(finished(8, failure))
      assert.deepEqual((await bench.reads.find(idOf(8, T0 + 8)))?.run, doneRun(makeRun(8), failure))
      await bench.write(finished(7, failure), finished(8), finished(99))
      assert.deepEqual((await bench.reads.find(FULL.id))?.run, doneRun(FULL, end))
      assert.equal(await bench.reads.count({}, 100), 2)
      await bench.write({ kind: 'run-moved', seq: 7, progress: PROGRESS })
      assert.equal((await bench.reads.find(FULL.id))?.kind, 'done')
    })

    test('accepted and ended in one batch is fine', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(accepted(makeRun(1)), finished(1), accepted(makeRun(2)))
      const { status } = (await bench.reads.find(idOf(1, T0 + 1)))?.run ?? {}
      assert.equal(status, 'completed')
      assert.deepEqual(seqs((await bench.claim(makeRun(1), 10)).runs), [2])
    })

    test('an attempt of an older fence does not end a run', async (context) => {
      const bench = await open(context, newPlace())
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

    test('all runs of a step are accepted or none, with their key', async (context) => {
      const bench = await open(context, newPlace())
      const own = key({ runs: [makeRun(1).id, makeRun(2).id] })
      const first = { ...accepted(makeRun(1), makeRun(2)), key: own } as RunWrite
      await bench.write(first)
      assert.deepEqual(await bench.reads.key(HASH), own)
      const again = { ...accepted(makeRun(3)), key: key() } as RunWrite
      assert.match((await bench.try(again)) ?? '', /runs-accepted/)
      assert.match((await bench.try(accepted(makeRun(4), makeRun(1)))) ?? '', /runs-accepted/)
      const twins = { ...accepted(makeRun(5), makeRun(5)), key: key({ hash: 'c'.repeat(64) }) } as RunWrite
      const failed = await bench.try(accepted(makeRun(6)), twins, finished(1))
      assert.match(failed ?? '', /1 of 3 writes refused/)
      assert.deepEqual(await listed(bench, {}, 10, null), [6, 2, 1])
      assert.equal(await bench.reads.key('c'.repeat(64)), null)
      assert.deepEqual(await bench.reads.key(HASH), own)
      await bench.write(accepted(makeRun(9, { function: 'another' })), finished(9))
      assert.equal((await bench.reads.find(makeRun(9).id))?.run.function, 'another')
    })

    test('the last end of what a key began says when it expires, and nothing takes that back', async (context) => {
      const bench = await open(context, newPlace())
      const other = 'd'.repeat(64)
      await bench.write({ ...accepted(makeRun(1)), key: key({ runs: [makeRun(1).id] }) } as RunWrite)
      const two = key({ hash: other, runs: [makeRun(2).id, makeRun(3).id] })
      await bench.write({ ...accepted(makeRun(2), makeRun(3)), key: two } as RunWrite)
      await bench.write({ kind: 'key-set', row: key({ runs: [makeRun(1).id], answer: 'accepted' }) })
      const end = (seq: number) => ({ ...finished(seq), keyExpiresMs: T0 + seq }) as RunWrite
      await bench.write(end(1), end(3))
      const expected = key({ runs: [makeRun(1).id], answer: 'accepted', expiresMs: T0 + 1 })
      assert.deepEqual(await bench.reads.key(HASH), expected)
      assert.deepEqual(await bench.reads.key(other), two)
      await bench.write(end(2))
      assert.deepEqual(await bench.reads.key(other), { ...two, expiresMs: T0 + 2 })
      await bench.write({ kind: 'key-set', row: { ...two, answer: 'final' } })
      assert.deepEqual(await bench.reads.key(other), { ...two, answer: 'final', expiresMs: T0 + 2 })
      assert.equal(await bench.reads.keyCount(), 2)
      await bench.write({ kind: 'key-removed', hash: HASH })
      assert.equal(await bench.reads.key(HASH), null)
      assert.equal(await bench.reads.keyCount(), 1)
    })

    test('a run that is removed leaves nothing, live or final', async (context) => {
      const bench = await open(context, newPlace())
      const words = { metadata: { word: 'unusual' } }
      await bench.write(accepted(makeRun(1, words), makeRun(2, words), makeRun(3)))
      const delivery = makeDelivery(1, 2)
      await bench.write({ ...finished(2), events: [event(1)], delivery } as RunWrite)
      await bench.write({ kind: 'run-lines', seq: 2, lines: [event(1)], dropBefore: 0 })
      await bench.write({ kind: 'run-removed', seq: 1 }, { kind: 'run-removed', seq: 2 })
      await bench.write({ kind: 'run-removed', seq: 2 }, { kind: 'run-removed', seq: 77 })
      assert.deepEqual(await listed(bench, {}, 10, null), [3])
      assert.deepEqual(await listed(bench, { q: 'unusual' }, 10, null), [])
      const id = makeRun(2).id
      const left = [await bench.reads.find(id), await bench.reads.payload(id), await bench.reads.result(id)]
      assert.deepEqual(left, [null, null, null])
      assert.deepEqual((await bench.reads.events(id, 0, 10)).events, [])
      assert.deepEqual(await bench.reads.delivery(delivery.id), null)
      assert.deepEqual(seqs((await bench.claim(makeRun(1), 10)).runs), [3])
      await bench.write(accepted(makeRun(2)))
      assert.equal((await bench.reads.lines(id, 10)).lines.length, 0)
    })

    test('a run that is removed takes its key along, unless its answer needs no run', async (context) => {
      const bench = await open(context, newPlace())
      const hash = (seq: number) => String(seq).repeat(64)
      const keyed = (seq: number, changes: Partial<IdempotencyRow> = {}) =>
        ({
          ...accepted(makeRun(seq)),
          key: key({ hash: hash(seq), runs: [makeRun(seq).id], ...changes }),
        }) as RunWrite
      const remove = (seq: number): RunWrite => ({ kind: 'run-removed', seq })
      const isKept = async (seq: number) => (await bench.reads.key(hash(seq))) !== null
      const [batch, taken] = ['e'.repeat(64), 'f'.repeat(64)]
      const several = (hash: string, ...runs: readonly number[]) =>
        ({
          ...accepted(...runs.map((seq) => makeRun(seq))),
          key: key({ hash, runs: runs.map((seq) => makeRun(seq).id) }),
        }) as RunWrite
      // Of two batches: one run is deleted of the first, nobody was told of the second.
      await bench.write(several(batch, 21, 22), several(taken, 23, 24), finished(21), finished(22))
      await bench.write(remove(21), remove(23), remove(24))
      assert.deepEqual([(await bench.reads.key(batch))?.runs.length, await bench.reads.key(taken)], [2, null])
      // 1 waits, 2 and 3 have ended, the key of 4 has begun another run since, 5 was never acknowledged.
      await bench.write(keyed(1), keyed(2), keyed(3, { answer: 'accepted' }), keyed(4))
      await bench.write(keyed(5, { answer: 'accepted' }), ...[2, 3, 4].map((seq) => finished(seq)))
      await bench.write({ kind: 'key-set', row: key({ hash: hash(4), runs: [makeRun(9).id] }) })
      await bench.write(...[2, 3, 4, 5].map(remove))
      assert.deepEqual(await Promise.all([1, 2, 3, 4, 5].map(isKept)), [true, false, true, true, false])
      const anew = { ...accepted(makeRun(6)), key: key({ hash: hash(2), runs: [makeRun(6).id] }) } as RunWrite
      await bench.write(anew)
      assert.ok(await isKept(2))
    })

    test('retention has a bound of its own for runs that a key began', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write({ ...accepted(makeRun(1)), key: key({ runs: [makeRun(1).id] }) } as RunWrite)
      await bench.write(
        accepted(makeRun(2)),
        { ...finished(1, { finishedMs: T0 }), keyExpiresMs: 0 } as RunWrite,
        finished(2, { finishedMs: T0 + 1 }),
      )
      const retain = (keyedEndedBeforeMs: number, limit: number): RunWrite => {
        const bounds = { endedBeforeMs: T0 + 9, keyedEndedBeforeMs, keepAtMost: 100, keysExpiredMs: 0, limit }
        return { kind: 'retention', ...bounds }
      }
      await bench.write(retain(T0, 10))
      assert.deepEqual(await listed(bench, {}, 10, null), [1])
      await bench.write(retain(T0 + 1, 0))
      assert.deepEqual(await listed(bench, {}, 10, null), [1])
      await bench.write(retain(T0 + 1, 1))
      assert.deepEqual(await listed(bench, {}, 10, null), [])
    })

    test('a run stays while the key that began it is good, unless a 202 was its answer', async (context) => {
      const bench = await open(context, newPlace())
      const hash = (n: number) => String(n).repeat(64)
      const begin = (n: number, answer: IdempotencyRow['answer'], ...runs: readonly number[]) =>
        ({
          ...accepted(...runs.map((seq) => makeRun(seq))),
          key: key({ hash: hash(n), answer, runs: runs.map((seq) => makeRun(seq).id) }),
        }) as RunWrite
      const end = (seq: number) => ({ ...finished(seq), keyExpiresMs: T0 + 50 + seq }) as RunWrite
      const retain = (atMs: number, limit = 10): RunWrite => {
        const bounds = { endedBeforeMs: 0, keyedEndedBeforeMs: T0 + 9_000, keepAtMost: 100, limit }
        return { kind: 'retention', ...bounds, keysExpiredMs: atMs }
      }
      // 1 and 2 are of a batch whose 3 still runs; 4 and 5 of one that was answered 202; 6 used the key that 7 uses.
      await bench.write(begin(1, null, 1, 2, 3), begin(2, 'accepted', 4, 5), begin(3, null, 6), end(6))
      await bench.write({ kind: 'key-removed', hash: hash(3) }, begin(3, null, 7), ...[1, 2, 4, 7].map(end))
      await bench.write(retain(T0))
      assert.deepEqual(await listed(bench, {}, 10, null), [7, 5, 3, 2, 1])
      await bench.write(end(3), retain(T0 + 52, 2))
      assert.deepEqual(await listed(bench, {}, 10, null), [7, 5, 3, 2, 1])
      await bench.write(retain(T0 + 53, 3))
      assert.deepEqual(await listed(bench, {}, 10, null), [7, 5])
      assert.equal(await bench.reads.key(hash(1)), null)
    })

    test('claims come by priority and then by age, from a position on, of one line only', async (context) => {
      const bench = await open(context, newPlace())
      const tags = { b: '1', a: '2' }
      await bench.write(
        accepted(
          makeRun(1, { priority: 200 }),
          makeRun(2),
          makeRun(3, { tags }),
          makeRun(4, { contract: 2 }),
          makeRun(5, { priority: 1 }),
          makeRun(6),
          makeRun(7, { status: 'running' }),
          makeRun(8, { status: 'scheduled', dueMs: T0 }),
          makeRun(9, { function: 'other' }),
          makeRun(10, { group: 'other' }),
        ),
      )
      const all = await bench.claim(makeRun(0), 10)
      assert.deepEqual([seqs(all.runs), all.hasMore], [[5, 2, 6, 1], false])
      assert.deepEqual(all.runs[0], { ...makeRun(5, { priority: 1 }), payload: payloadOf('{"n":5}') })
      const two = await bench.claim(makeRun(0), 2)
      assert.deepEqual([seqs(two.runs), two.hasMore], [[5, 2], true])
      const rest = await bench.claim(makeRun(0), 2, { priority: 100, seq: 2 })
      assert.deepEqual([seqs(rest.runs), rest.hasMore], [[6, 1], false])
      assert.deepEqual(seqs((await bench.claim(makeRun(0), 9, { priority: 150, seq: 0 })).runs), [1])
      assert.deepEqual(seqs((await bench.claim(makeRun(0), 9, { priority: 200, seq: 1 })).runs), [])
      const turned = makeRun(0, { tags: { a: '2', b: '1' } })
      assert.deepEqual(seqs((await bench.claim(turned, 9)).runs), [3])
      assert.deepEqual(seqs((await bench.claim(makeRun(0, { contract: 2 }), 9)).runs), [4])
      await bench.write({
        kind: 'run-moved',
        seq: 6,
        progress: { ...PROGRESS, status: 'queued', priority: 1 },
      })
      assert.deepEqual(seqs((await bench.claim(makeRun(0), 9)).runs), [5, 6, 2, 1])
    })

    test('a claim sees every batch that was applied before it', async (context) => {
      const bench = await open(context, newPlace())
      void bench.try(accepted(makeRun(1)))
      const claim = bench.claim(makeRun(1), 10)
      void bench.try(accepted(makeRun(2)))
      assert.ok(seqs((await claim).runs).includes(1))
      void bench.try(finished(1))
      assert.deepEqual(seqs((await bench.claim(makeRun(1), 10)).runs), [2])
    })

    test('runs that are due are queued on disk when that is told, the earliest first', async (context) => {
      const place = newPlace()
      const bench = await RunBench.open(place)
      const at = (seq: number, ms: number) => makeRun(seq, { status: 'scheduled', dueMs: T0 + ms })
      await bench.write(accepted(at(1, 30), at(2, 10), at(3, 20), at(4, 40), makeRun(5)))
      const none = await bench.takeDue(T0 + 5, 10)
      assert.deepEqual(none, { runs: [], nextMs: T0 + 10 })
      const first = await bench.takeDue(T0 + 30, 2)
      assert.deepEqual([seqs(first.runs), first.nextMs], [[2, 3], T0 + 30])
      assert.deepEqual(first.runs[0], {
        ...at(2, 10),
        status: 'queued',
        payload: payloadOf('{"n":2}'),
      })
      const second = await bench.takeDue(T0 + 30, 2)
      assert.deepEqual([seqs(second.runs), second.nextMs], [[1], T0 + 40])
      await bench.close()
      const again = await open(context, place)
      assert.equal(again.atStart.nextDueMs, T0 + 40)
      assert.deepEqual(await listed(again, { status: ['scheduled'] }, 10, null), [4])
      assert.deepEqual(seqs((await again.claim(makeRun(1), 10)).runs), [1, 2, 3, 5])
    })

    test('what waited too long is found, the earliest first, and what runs is not', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(
        accepted(
          makeRun(1, { deadlineMs: T0 + 30 }),
          makeRun(2, { deadlineMs: T0 + 99, queueUntilMs: T0 + 10 }),
          makeRun(3, { queueUntilMs: T0 + 20, status: 'scheduled', dueMs: T0 }),
          makeRun(4, { deadlineMs: T0 + 10, status: 'running' }),
          makeRun(5),
          makeRun(6, { deadlineMs: T0 + 31 }),
        ),
      )
      assert.deepEqual(seqs(await bench.reads.overdue(T0 + 30, 10)), [2, 3, 1])
      assert.deepEqual(seqs(await bench.reads.overdue(T0 + 30, 1)), [2])
      assert.deepEqual(seqs(await bench.reads.overdue(T0 + 9, 10)), [])
      await bench.write({ kind: 'run-moved', seq: 2, progress: PROGRESS })
      assert.deepEqual(seqs(await bench.reads.overdue(T0 + 30, 10)), [3, 1])
    })

    test('events are told in order from anywhere on, and what was dropped is counted', async (context) => {
      const bench = await open(context, newPlace())
      const { id } = makeRun(1)
      await bench.write(accepted(makeRun(1)))
      const add = (events: StoredEvent[], dropBefore = 0, dropped = 0): RunWrite => ({
        kind: 'run-events',
        seq: 1,
        events,
        dropBefore,
        dropped,
      })
      await bench.write(add([event(2), event(1), event(4)]))
      await bench.write({ ...finished(1), events: [event(5, '"end"')] } as RunWrite)
      await bench.write(add([event(6)]), { ...add([event(9)]), seq: 55 } as RunWrite)
      const all = [event(1), event(2), event(4), event(5, '"end"'), event(6)]
      assert.deepEqual(await bench.reads.events(id, 0, 10), { events: all, dropped: 0 })
      assert.deepEqual((await bench.reads.events(id, 2, 2)).events, all.slice(2, 4))
      await bench.write(add([], 4, 3))
      assert.deepEqual(await bench.reads.events(id, 0, 10), { events: all.slice(2), dropped: 3 })
      await bench.write(add([event(4, '"anew"')]))
      const totals = await bench.reads.eventTotals(id)
      assert.deepEqual(totals, { lastEvent: 6, events: 3, bytes: 6 + 5 + 7, dropped: 3, lastLine: 0 })
      assert.deepEqual(await bench.reads.events('r_nobody', 0, 10), { events: [], dropped: 0 })
    })

    test('lines: the newest are told, and the numbers that are missing', async (context) => {
      const bench = await open(context, newPlace())
      const { id } = makeRun(1)
      await bench.write(accepted(makeRun(1)), finished(1))
      const add = (lines: StoredEvent[], dropBefore = 0): RunWrite => ({
        kind: 'run-lines',
        seq: 1,
        lines,
        dropBefore,
      })
      await bench.write(add([1, 2, 3, 4].map((n) => event(n))), add([event(6)]))
      assert.deepEqual(await bench.reads.lines(id, 2), { lines: [event(4), event(6)], dropped: 1 })
      await bench.write(add([], 3), { ...add([event(1)]), seq: 44 } as RunWrite)
      assert.deepEqual(await bench.reads.lines(id, 9), { lines: [3, 4, 6].map((n) => event(n)), dropped: 3 })
      assert.equal((await bench.reads.eventTotals(id)).lastLine, 6)
      assert.deepEqual(await bench.reads.lines('r_nobody', 9), { lines: [], dropped: 0 })
    })

    test('a delivery is kept with its tries, and its run shows how it stands', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(accepted(makeRun(1), makeRun(2)))
      const delivery = makeDelivery(1, 1)
      await bench.write({ ...finished(1), delivery } as RunWrite, finished(2))
      const attempt = { n: 1, atMs: T0, durationMs: 12.5, status: 500, error: 'no' }
      const failed = {
        ...delivery,
        tries: 1,
        failures: 1,
        nextMs: T0 + 500,
        lastStatus: 500,
        lastError: 'no',
      }
      await bench.write({ kind: 'delivery-set', delivery: failed, attempt })
      assert.deepEqual(await bench.reads.delivery(delivery.id), failed)
      const second = { n: 2, atMs: T0 + 500, durationMs: 3, status: 200, error: null }
      const won = {
        ...failed,
        state: 'delivered',
        tries: 2,
        nextMs: null,
        lastStatus: 200,
        lastError: null,
      } as const
      await bench.write({ kind: 'delivery-set', delivery: won, attempt: second })
      assert.deepEqual(await bench.reads.deliveries(makeRun(1).id), [{ ...won, attempts: [attempt, second] }])
      const shown = (await bench.reads.find(makeRun(1).id))?.run
      assert.ok(shown && 'webhookState' in shown)
      assert.deepEqual([shown.webhookState, shown.deliveries], ['delivered', 2])
      await bench.write({ kind: 'delivery-set', delivery: makeDelivery(9, 99), attempt: null })
      assert.equal(await bench.reads.delivery(makeDelivery(9, 99).id), null)
      const many = Array.from({ length: 130 }, (_, at) => ({ ...attempt, n: at + 3 }))
      await bench.write(
        ...many.map((one): RunWrite => ({ kind: 'delivery-set', delivery: won, attempt: one })),
      )
      const [kept] = await bench.reads.deliveries(makeRun(1).id)
      assert.deepEqual([kept?.attempts.length, kept?.attempts[0]?.n], [100, 33])
    })

    test('deliveries that are due come by their instant, without those to a busy receiver', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(accepted(makeRun(1)), finished(1))
      const set = (n: number, changes: Parameters<typeof makeDelivery>[2] = {}): RunWrite => ({
        kind: 'delivery-set',
        delivery: makeDelivery(n, 1, changes),
        attempt: null,
      })
      const b = { url: 'https://b.example/x', receiver: 'https://b.example' }
      const delivered = { state: 'delivered', nextMs: null } as const
      await bench.write(set(3), set(1, b), set(2, { nextMs: T0 + 9 }), set(4, delivered), set(5, b))
      const ids = (found: readonly { id: string }[]) => found.map(({ id }) => Number(id.slice(-2)))
      assert.deepEqual(ids(await bench.reads.dueDeliveries(T0 + 9, 10, [])), [1, 3, 5, 2])
      assert.deepEqual(ids(await bench.reads.dueDeliveries(T0 + 4, 1, [])), [1])
      assert.deepEqual(ids(await bench.reads.dueDeliveries(T0 + 9, 10, [b.receiver])), [3, 2])
      assert.equal(await bench.reads.nextDeliveryMs(0), T0 + 1)
      assert.equal(await bench.reads.nextDeliveryMs(T0 + 5), T0 + 9)
      assert.equal(await bench.reads.nextDeliveryMs(T0 + 9), null)
      const between = await bench.reads.deliveriesBetween(T0 + 2, T0 + 4, null, null, 2)
      assert.deepEqual(ids(between), [2, 3])
      const last = between.at(-1) ?? null
      assert.deepEqual(ids(await bench.reads.deliveriesBetween(T0 + 2, T0 + 4, null, last, 2)), [4])
      assert.deepEqual(ids(await bench.reads.deliveriesBetween(T0, T0 + 9, b.url, null, 9)), [1, 5])
    })

    test('every delivery of a stretch of time is on one page, also of a clock that was set back', async (context) => {
      const bench = await open(context, newPlace())
      const instants = [5, 3, 3, 4, 9, 3, 4, 1]
      await bench.write(accepted(...instants.map((_, at) => makeRun(at + 1))))
      const makeAt = (at: number, n: number) => makeDelivery(n + 1, n + 1, { createdMs: T0 + at })
      for (const [n, at] of instants.entries())
        await bench.write({ ...finished(n + 1), delivery: makeAt(at, n) } as RunWrite)
      for (const size of [1, 2, 3]) {
        const found: StoredDelivery[] = []
        for (let after: StoredDelivery | null = null; ; ) {
          const page = await bench.reads.deliveriesBetween(T0 + 3, T0 + 5, null, after, size)
          found.push(...page)
          after = page.at(-1) ?? null
          if (page.length < size) break
        }
        assert.deepEqual(
          found.map(({ id }) => Number(id.slice(-2))),
          [2, 3, 6, 4, 7, 1],
        )
      }
    })

    test('a URL that wants no more gets no more, until it is taken up again', async (context) => {
      const place = newPlace()
      const bench = await RunBench.open(place)
      await bench.write(accepted(makeRun(1), makeRun(2)))
      const other = makeDelivery(2, 2, { url: 'https://b.example/' })
      await bench.write({ ...finished(1), delivery: makeDelivery(1, 1) } as RunWrite)
      await bench.write({ ...finished(2), delivery: other } as RunWrite)
      const { url } = makeDelivery(1, 1)
      await bench.write({ kind: 'url-disabled', url, sinceMs: T0 })
      const disabled = { ...makeDelivery(1, 1), state: 'disabled', nextMs: null }
      assert.deepEqual(await bench.reads.delivery(disabled.id), disabled)
      assert.deepEqual(await bench.reads.delivery(other.id), other)
      const run = (await bench.reads.find(makeRun(1).id))?.run
      assert.equal(run && 'webhookState' in run && run.webhookState, 'disabled')
      await bench.close()
      const second = await RunBench.open(place)
      assert.deepEqual(second.atStart.disabledUrls, [url])
      await second.write({ kind: 'url-enabled', url })
      await second.close()
      assert.deepEqual((await open(context, place)).atStart.disabledUrls, [])
    })

    test('a task in memory that is kept behind its end is listed with the others', async (context) => {
      const bench = await open(context, newPlace())
      const whole = makeRun(4, { mode: 'sync', metadata: { a: 'kept' } })
      const { seq, id, ...order } = whole
      const end = makeEnd({ result: null, worker: 'w5' })
      const write: RunWrite = { kind: 'run-recorded', order: { ...order, seq, id }, end }
      await bench.write(accepted(makeRun(3)), write, write)
      await bench.write({ ...write, end: makeEnd({ status: 'failed' }) })
      assert.deepEqual(await listed(bench, {}, 10, null), [4, 3])
      assert.deepEqual(await listed(bench, { q: 'kept', worker: 'w5' }, 10, null), [4])
      const found = await bench.reads.find(id)
      assert.deepEqual(found, { kind: 'done', run: { ...doneRun(whole, end), isDurable: false } })
      assert.equal(await bench.reads.payload(id), null)
    })

    test('a task in memory and the two that it called are all recorded, in the order of their ids', async (context) => {
      const bench = await open(context, newPlace())
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
      const bench = await open(context, newPlace())
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
      assert.deepEqual(await listed(bench, { parent: root }, 10, null), [3, 2])
      assert.deepEqual(await listed(bench, { parent: root }, 1, null), [3])
      assert.deepEqual(await listed(bench, { parent: root }, 10, makeRun(3).id), [2])
      assert.deepEqual(await listed(bench, { parent: root, status: ['failed'] }, 10, null), [3])
      assert.deepEqual(await listed(bench, { parent: makeRun(9).id }, 10, null), [])
      assert.equal(await bench.reads.count({ parent: child }, 10), 2)
      assert.equal(await bench.reads.count({ parent: child }, 1), 1)
      const found = await bench.reads.find(makeRun(5).id)
      assert.equal(found?.kind === 'done' && found.run.coldStartMs, 12.5)
      await bench.write(finished(1), { kind: 'run-removed', seq: 1 })
      assert.deepEqual(await listed(bench, {}, 10, null), [9, 6])
      assert.deepEqual(await listed(bench, { parent: root }, 10, null), [])
    })

    test('retention takes the oldest ends by age and by count, at most so many, and expired keys', async (context) => {
      const bench = await open(context, newPlace())
      const all = [1, 2, 3, 4, 5, 6, 7, 8]
      await bench.write(accepted(...all.map((seq) => makeRun(seq)), makeRun(9)))
      // 8 ended first.
      for (const seq of all) await bench.write(finished(seq, { finishedMs: T0 + (seq === 8 ? 0 : seq * 10) }))
      const row = (n: number, expiresMs: number | null) => key({ hash: String(n).repeat(64), expiresMs })
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
      assert.deepEqual(await listed(bench, {}, 10, null), [9, 7, 6, 5, 4, 3, 2])
      await bench.write(retain({ endedBeforeMs: T0 + 30, keepAtMost: 4 }))
      assert.deepEqual(await listed(bench, {}, 10, null), [9, 7, 6, 5, 4])
      await bench.write(retain({ keepAtMost: 1, limit: 1, keysExpiredMs: T0 + 5 }))
      assert.deepEqual(await listed(bench, {}, 10, null), [9, 7, 6, 5], 'one that lives is never meant')
      assert.equal(await bench.reads.key(row(1, 0).hash), null)
      assert.ok(await bench.reads.key(row(2, 0).hash))
      await bench.write(retain({ keepAtMost: 0, keysExpiredMs: T0 + 99 }))
      assert.deepEqual(await listed(bench, {}, 10, null), [9])
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
      const again = await open(context, place)
      await again.write(finished(6), keep(6))
      assert.equal(await again.reads.count({ status: ['completed'] }, 100), 6)
      await again.write(keep(2))
      await again.write(keep(2), ...numbers(7, 9).map((seq) => finished(seq)))
      assert.deepEqual(await listed(again, { status: ['completed'] }, 10, null), [40, 9, 8, 7, 6])
      await again.write(keep(5), keep(4))
      assert.deepEqual(await listed(again, { status: ['completed'] }, 10, null), [40, 9, 8, 7])
    })

    test('bulk jobs are kept, and those that run are there at the start', async (context) => {
      const place = newPlace()
      const bench = await RunBench.open(place)
      const job = {
        id: 'b_1',
        action: 'cancel',
        filter: '{}',
        matched: 5,
        done: 1,
        failed: 0,
        state: 'running',
        upToSeq: 9,
        cursor: null,
        createdMs: T0,
        finishedMs: null,
      } as const
      const over = { ...job, id: 'b_2', state: 'done', finishedMs: T0 + 1 } as const
      await bench.write({ kind: 'bulk-set', bulk: { ...job, done: 0 } }, { kind: 'bulk-set', bulk: over })
      await bench.write({ kind: 'bulk-set', bulk: job })
      assert.deepEqual(await bench.reads.bulk('b_2'), over)
      assert.equal(await bench.reads.bulk('b_3'), null)
      await bench.close()
      const again = await open(context, place)
      assert.deepEqual(again.atStart.bulks, [job])
    })

    test('a start finds all that a new balancer must know', async (context) => {
      const place = newPlace()
      const bench = await RunBench.open(place)
      const tags = { gpu: 'h200' }
      await bench.write(
        accepted(
          makeRun(1),
          makeRun(2),
          makeRun(3, { tags }),
          makeRun(4, { status: 'scheduled', dueMs: T0 + 50 }),
          makeRun(5, { function: 'runs only' }),
          makeRun(6),
        ),
      )
      await bench.write({ kind: 'run-moved', seq: 5, progress: PROGRESS })
      await bench.write({ kind: 'key-set', row: key() })
      await bench.write({ ...finished(6), delivery: makeDelivery(3, 6) } as RunWrite)
      await bench.close()
      const { atStart } = await open(context, place)
      const { lanes, running, ...rest } = atStart
      assert.deepEqual(rest, {
        lastSeq: 6,
        lastId: makeRun(6).id,
        live: 5,
        nextDueMs: T0 + 50,
        nextDeliveryMs: T0 + 3,
        disabledUrls: [],
        keys: 1,
        bulks: [],
      })
      const needs = lanes.map(({ lane: _, ...lane }) => lane).sort((a) => (a.tags === null ? -1 : 1))
      const hello = { group: 'default', function: 'hello', contract: 1 }
      assert.deepEqual(needs, [
        { ...hello, tags: null },
        { ...hello, tags },
      ])
      assert.equal(new Set(lanes.map(({ lane }) => lane)).size, 2)
      const run = { ...makeRun(5, { function: 'runs only' }), ...PROGRESS }
      assert.deepEqual(running, [{ ...run, payload: payloadOf('{"n":5}') }])
    })

    test('what waits for the disk is bounded by its runs, however few writes bring them', async (context) => {
      const place = newPlace()
      const bench = await open(context, { make: () => place.make({ maxPendingWrites: 3 }) })
      const kept = bench.try(accepted(makeRun(1), makeRun(2), makeRun(3)))
      assert.match((await bench.try(accepted(makeRun(4)))) ?? '', /3 writes already wait for the disk/)
      assert.equal(await kept, undefined)
      await bench.write(accepted(makeRun(5)))
      assert.deepEqual(await listed(bench, {}, 10, null), [5, 3, 2, 1])
    })

    test('reads of a store that is closed are refused', async () => {
      const bench = await RunBench.open(newPlace())
      await bench.close()
      await assert.rejects(bench.reads.list({}, 1, null), { name: 'StoreError', code: 'CLOSED' })
    })
  })
}

describe('only runs in a store with a disk', () => {
  test('a lock held by another process fails what is written, keeps claims for later, and hurts no read', async (context) => {
    const path = newPath()
    const bench = await open(context, { make: () => new SqliteStore({ path, busyTimeoutMs: 20 }) })
    await bench.write(accepted(makeRun(1), makeRun(2, { status: 'scheduled', dueMs: T0 })))
    const rival = new DatabaseSync(path)
    rival.exec('BEGIN IMMEDIATE')
    assert.match((await bench.try(accepted(makeRun(3)))) ?? '', /nothing of the batch was written/)
    assert.match((await bench.try(finished(1))) ?? '', /database is locked/)
    const due = await bench.takeDue(T0 + 1, 10)
    assert.deepEqual(due, { runs: [], nextMs: T0 + 1_001 })
    assert.deepEqual(seqs((await bench.claim(makeRun(1), 10)).runs), [1])
    assert.deepEqual(await listed(bench, {}, 10, null), [2, 1])
    rival.exec('ROLLBACK')
    rival.close()
    await bench.write(accepted(makeRun(3)), finished(1))
    assert.deepEqual(seqs((await bench.takeDue(T0 + 1, 10)).runs), [2])
    assert.equal((await bench.reads.find(makeRun(1).id))?.kind, 'done')
  })

  test('a database that is moved away accepts nothing, and a claim is put off', async (context) => {
    const path = newPath()
    const bench = await open(context, { make: () => new SqliteStore({ path }) })
    await bench.write(accepted(makeRun(1)))
    renameSync(path, `${path}.moved`)
    assert.match((await bench.try(accepted(makeRun(2)))) ?? '', /moved or removed/)
    assert.deepEqual(await bench.claim(makeRun(1), 10), { runs: [], hasMore: true })
    assert.deepEqual(await bench.takeDue(T0, 10), { runs: [], nextMs: T0 + 1_000 })
    renameSync(`${path}.moved`, path)
    assert.match((await bench.try(finished(1))) ?? '', /moved or removed/)
  })

  test('reads beyond the bound are refused at once, and all others are answered', async (context) => {
    const path = newPath()
    const bench = await open(context, { make: () => new SqliteStore({ path, maxPendingReads: 3 }) })
    const asked = await Promise.allSettled(Array.from({ length: 5 }, () => bench.reads.count({}, 9)))
    assert.deepEqual(
      asked.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
    )
    const refused = asked[4]
    assert.ok(refused?.status === 'rejected')
    assert.equal(refused.reason.code, 'BUSY')
    assert.equal(await bench.reads.count({}, 9), 0)
  })

  test('the log is brought into the file while nobody writes, and does not grow with what is written', async (context) => {
    const path = newPath()
    const bench = await open(context, { make: () => new SqliteStore({ path }) })
    const bytes = new Uint8Array(100_000)
    const write = (seq: number): RunWrite => ({
      kind: 'runs-accepted',
      runs: [{ run: makeRun(seq), payload: { mediaType: 'a/b', bytes, head: null } }],
      key: null,
    })
    for (let seq = 1; seq <= 50; seq++) await bench.write(write(seq))
    const rival = new DatabaseSync(path)
    context.after(() => rival.close())
    const isInFile = async () => {
      const row = rival.prepare('PRAGMA wal_checkpoint(NOOP)').get()
      return row?.log === row?.checkpointed || undefined
    }
    await until(isInFile, 10_000, 'the log is in the file')
    const before = statSync(`${path}-wal`).size
    await bench.write(write(51))
    assert.equal(statSync(`${path}-wal`).size, before, 'it is written anew from its beginning')
  })
})
