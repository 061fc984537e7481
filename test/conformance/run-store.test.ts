/**
 * What every store promises of runs, run against each of them (ports: run-store.ts, run-writes.ts and run-reads.ts
 * of balancer/src/ports). Nothing here knows which store it is: whatever passes may keep the runs of a balancer.
 */
import assert from 'node:assert/strict'
import { renameSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { RunWrite } from '../../balancer/src/ports/run-writes.ts'
import { SqliteStore } from '../../balancer/src/store/sqlite-store.ts'
import { until } from '../harness/until.ts'
import {
  accepted,
  FULL_RUN,
  finished,
  idOf,
  listSeqs,
  makeDelivery,
  makeKey,
  makeRun,
  openBench,
  PROGRESS,
  payloadOf,
  RunBench,
  seqsOf,
  T0,
} from './run-store-bench.ts'
import { KINDS, newPath } from './store-places.ts'

for (const [kind, newPlace] of Object.entries(KINDS)) {
  describe(`runs in a ${kind} store`, () => {
    test('a run is found as it was accepted, to the last field, with its bytes', async (context) => {
      const bench = await openBench(context, newPlace())
      const bytes = new Uint8Array([0, 255, 10, 13, 0])
      const head = new Uint8Array([1, 2, 3])
      const payload = { mediaType: 'image/png', bytes, head }
      await bench.write({ kind: 'runs-accepted', runs: [{ run: FULL_RUN, payload }], key: null })
      await bench.write(accepted(makeRun(8)))
      assert.deepEqual(await bench.reads.find(FULL_RUN.id), { kind: 'live', run: FULL_RUN })
      assert.deepEqual(await bench.reads.payload(FULL_RUN.id), payload)
      assert.deepEqual(await bench.reads.find(idOf(8, T0 + 8)), { kind: 'live', run: makeRun(8) })
      assert.deepEqual(await bench.reads.payload(idOf(8, T0 + 8)), payloadOf('{"n":8}'))
      assert.equal(await bench.reads.result(FULL_RUN.id), null)
      for (const id of ['r_nobody', '', 'r_'])
        assert.deepEqual([await bench.reads.find(id), await bench.reads.payload(id)], [null, null])
    })

    test('bytes that are a view on more are kept alone', async (context) => {
      const bench = await openBench(context, newPlace())
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
      const bench = await openBench(context, newPlace())
      await bench.write(accepted(FULL_RUN, makeRun(8, PROGRESS)))
      await bench.write({ kind: 'run-moved', seq: 7, progress: PROGRESS })
      await bench.write({ kind: 'run-moved', seq: 99, progress: PROGRESS })
      assert.deepEqual(await bench.reads.find(FULL_RUN.id), {
        kind: 'live',
        run: { ...FULL_RUN, ...PROGRESS },
      })
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
      assert.deepEqual((await bench.reads.find(FULL_RUN.id))?.run, { ...FULL_RUN, ...back })
    })

    test('claims come by priority and then by age, from a position on, of one line only', async (context) => {
      const bench = await openBench(context, newPlace())
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
      assert.deepEqual([seqsOf(all.runs), all.hasMore], [[5, 2, 6, 1], false])
      assert.deepEqual(all.runs[0], { ...makeRun(5, { priority: 1 }), payload: payloadOf('{"n":5}') })
      const two = await bench.claim(makeRun(0), 2)
      assert.deepEqual([seqsOf(two.runs), two.hasMore], [[5, 2], true])
      const rest = await bench.claim(makeRun(0), 2, { priority: 100, seq: 2 })
      assert.deepEqual([seqsOf(rest.runs), rest.hasMore], [[6, 1], false])
      assert.deepEqual(seqsOf((await bench.claim(makeRun(0), 9, { priority: 150, seq: 0 })).runs), [1])
      assert.deepEqual(seqsOf((await bench.claim(makeRun(0), 9, { priority: 200, seq: 1 })).runs), [])
      const turned = makeRun(0, { tags: { a: '2', b: '1' } })
      assert.deepEqual(seqsOf((await bench.claim(turned, 9)).runs), [3])
      assert.deepEqual(seqsOf((await bench.claim(makeRun(0, { contract: 2 }), 9)).runs), [4])
      await bench.write({
        kind: 'run-moved',
        seq: 6,
        progress: { ...PROGRESS, status: 'queued', priority: 1 },
      })
      assert.deepEqual(seqsOf((await bench.claim(makeRun(0), 9)).runs), [5, 6, 2, 1])
    })

    test('a claim sees every batch that was applied before it', async (context) => {
      const bench = await openBench(context, newPlace())
      void bench.try(accepted(makeRun(1)))
      const claim = bench.claim(makeRun(1), 10)
      void bench.try(accepted(makeRun(2)))
      assert.ok(seqsOf((await claim).runs).includes(1))
      void bench.try(finished(1))
      assert.deepEqual(seqsOf((await bench.claim(makeRun(1), 10)).runs), [2])
    })

    test('runs that are due are queued on disk when that is told, the earliest first', async (context) => {
      const place = newPlace()
      const bench = await RunBench.open(place)
      const at = (seq: number, ms: number) => makeRun(seq, { status: 'scheduled', dueMs: T0 + ms })
      await bench.write(accepted(at(1, 30), at(2, 10), at(3, 20), at(4, 40), makeRun(5)))
      const none = await bench.takeDue(T0 + 5, 10)
      assert.deepEqual(none, { runs: [], nextMs: T0 + 10 })
      const first = await bench.takeDue(T0 + 30, 2)
      assert.deepEqual([seqsOf(first.runs), first.nextMs], [[2, 3], T0 + 30])
      assert.deepEqual(first.runs[0], {
        ...at(2, 10),
        status: 'queued',
        payload: payloadOf('{"n":2}'),
      })
      const second = await bench.takeDue(T0 + 30, 2)
      assert.deepEqual([seqsOf(second.runs), second.nextMs], [[1], T0 + 40])
      await bench.close()
      const again = await openBench(context, place)
      assert.equal(again.atStart.nextDueMs, T0 + 40)
      assert.deepEqual(await listSeqs(again, { status: ['scheduled'] }, 10, null), [4])
      assert.deepEqual(seqsOf((await again.claim(makeRun(1), 10)).runs), [1, 2, 3, 5])
    })

    test('what waited too long is found, the earliest first, and what runs is not', async (context) => {
      const bench = await openBench(context, newPlace())
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
      assert.deepEqual(seqsOf(await bench.reads.overdue(T0 + 30, 10)), [2, 3, 1])
      assert.deepEqual(seqsOf(await bench.reads.overdue(T0 + 30, 1)), [2])
      assert.deepEqual(seqsOf(await bench.reads.overdue(T0 + 9, 10)), [])
      await bench.write({ kind: 'run-moved', seq: 2, progress: PROGRESS })
      assert.deepEqual(seqsOf(await bench.reads.overdue(T0 + 30, 10)), [3, 1])
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
      const again = await openBench(context, place)
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
      await bench.write({ kind: 'key-set', row: makeKey() })
      await bench.write({ ...finished(6), delivery: makeDelivery(3, 6) } as RunWrite)
      await bench.close()
      const { atStart } = await openBench(context, place)
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
      const bench = await openBench(context, { make: () => place.make({ maxPendingWrites: 3 }) })
      const kept = bench.try(accepted(makeRun(1), makeRun(2), makeRun(3)))
      assert.match((await bench.try(accepted(makeRun(4)))) ?? '', /3 writes already wait for the disk/)
      assert.equal(await kept, undefined)
      await bench.write(accepted(makeRun(5)))
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [5, 3, 2, 1])
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
    const bench = await openBench(context, { make: () => new SqliteStore({ path, busyTimeoutMs: 20 }) })
    await bench.write(accepted(makeRun(1), makeRun(2, { status: 'scheduled', dueMs: T0 })))
    const rival = new DatabaseSync(path)
    rival.exec('BEGIN IMMEDIATE')
    assert.match((await bench.try(accepted(makeRun(3)))) ?? '', /nothing of the batch was written/)
    assert.match((await bench.try(finished(1))) ?? '', /database is locked/)
    const due = await bench.takeDue(T0 + 1, 10)
    assert.deepEqual(due, { runs: [], nextMs: T0 + 1_001 })
    assert.deepEqual(seqsOf((await bench.claim(makeRun(1), 10)).runs), [1])
    assert.deepEqual(await listSeqs(bench, {}, 10, null), [2, 1])
    rival.exec('ROLLBACK')
    rival.close()
    await bench.write(accepted(makeRun(3)), finished(1))
    assert.deepEqual(seqsOf((await bench.takeDue(T0 + 1, 10)).runs), [2])
    assert.equal((await bench.reads.find(makeRun(1).id))?.kind, 'done')
  })

  test('a database that is moved away accepts nothing, and a claim is put off', async (context) => {
    const path = newPath()
    const bench = await openBench(context, { make: () => new SqliteStore({ path }) })
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
    const bench = await openBench(context, { make: () => new SqliteStore({ path, maxPendingReads: 3 }) })
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
    const bench = await openBench(context, { make: () => new SqliteStore({ path }) })
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
