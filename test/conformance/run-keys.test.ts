/**
 * What every store promises of idempotency keys: accepted with the runs that they began, kept as long as these are an
 * answer, gone with them. Run against each kind of store, like run-store.test.ts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { IdempotencyRow, RunWrite } from '../../balancer/src/ports/run-writes.ts'
import { accepted, finished, HASH, listSeqs, makeKey, makeRun, openBench, T0 } from './run-store-bench.ts'
import { KINDS } from './store-places.ts'

for (const [kind, newPlace] of Object.entries(KINDS)) {
  describe(`keys of runs in a ${kind} store`, () => {
    test('all runs of a step are accepted or none, with their key', async (context) => {
      const bench = await openBench(context, newPlace())
      const own = makeKey({ runs: [makeRun(1).id, makeRun(2).id] })
      const first = { ...accepted(makeRun(1), makeRun(2)), key: own } as RunWrite
      await bench.write(first)
      assert.deepEqual(await bench.reads.key(HASH), own)
      const again = { ...accepted(makeRun(3)), key: makeKey() } as RunWrite
      assert.match((await bench.try(again)) ?? '', /runs-accepted/)
      assert.match((await bench.try(accepted(makeRun(4), makeRun(1)))) ?? '', /runs-accepted/)
      const twins = {
        ...accepted(makeRun(5), makeRun(5)),
        key: makeKey({ hash: 'c'.repeat(64) }),
      } as RunWrite
      const failed = await bench.try(accepted(makeRun(6)), twins, finished(1))
      assert.match(failed ?? '', /1 of 3 writes refused/)
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [6, 2, 1])
      assert.equal(await bench.reads.key('c'.repeat(64)), null)
      assert.deepEqual(await bench.reads.key(HASH), own)
      await bench.write(accepted(makeRun(9, { function: 'another' })), finished(9))
      assert.equal((await bench.reads.find(makeRun(9).id))?.run.function, 'another')
    })

    test('the last end of what a key began says when it expires, and nothing takes that back', async (context) => {
      const bench = await openBench(context, newPlace())
      const other = 'd'.repeat(64)
      await bench.write({ ...accepted(makeRun(1)), key: makeKey({ runs: [makeRun(1).id] }) } as RunWrite)
      const two = makeKey({ hash: other, runs: [makeRun(2).id, makeRun(3).id] })
      await bench.write({ ...accepted(makeRun(2), makeRun(3)), key: two } as RunWrite)
      await bench.write({ kind: 'key-set', row: makeKey({ runs: [makeRun(1).id], answer: 'accepted' }) })
      const end = (seq: number) => ({ ...finished(seq), keyExpiresMs: T0 + seq }) as RunWrite
      await bench.write(end(1), end(3))
      const expected = makeKey({ runs: [makeRun(1).id], answer: 'accepted', expiresMs: T0 + 1 })
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

    test('a run that is removed takes its key along, unless its answer needs no run', async (context) => {
      const bench = await openBench(context, newPlace())
      const hash = (seq: number) => String(seq).repeat(64)
      const keyed = (seq: number, changes: Partial<IdempotencyRow> = {}) =>
        ({
          ...accepted(makeRun(seq)),
          key: makeKey({ hash: hash(seq), runs: [makeRun(seq).id], ...changes }),
        }) as RunWrite
      const remove = (seq: number): RunWrite => ({ kind: 'run-removed', seq })
      const isKept = async (seq: number) => (await bench.reads.key(hash(seq))) !== null
      const [batch, taken] = ['e'.repeat(64), 'f'.repeat(64)]
      const several = (hash: string, ...runs: readonly number[]) =>
        ({
          ...accepted(...runs.map((seq) => makeRun(seq))),
          key: makeKey({ hash, runs: runs.map((seq) => makeRun(seq).id) }),
        }) as RunWrite
      // Of two batches: one run is deleted of the first, nobody was told of the second.
      await bench.write(several(batch, 21, 22), several(taken, 23, 24), finished(21), finished(22))
      await bench.write(remove(21), remove(23), remove(24))
      assert.deepEqual([(await bench.reads.key(batch))?.runs.length, await bench.reads.key(taken)], [2, null])
      // 1 waits, 2 and 3 have ended, the key of 4 has begun another run since, 5 was never acknowledged.
      await bench.write(keyed(1), keyed(2), keyed(3, { answer: 'accepted' }), keyed(4))
      await bench.write(keyed(5, { answer: 'accepted' }), ...[2, 3, 4].map((seq) => finished(seq)))
      await bench.write({ kind: 'key-set', row: makeKey({ hash: hash(4), runs: [makeRun(9).id] }) })
      await bench.write(...[2, 3, 4, 5].map(remove))
      assert.deepEqual(await Promise.all([1, 2, 3, 4, 5].map(isKept)), [true, false, true, true, false])
      const anew = {
        ...accepted(makeRun(6)),
        key: makeKey({ hash: hash(2), runs: [makeRun(6).id] }),
      } as RunWrite
      await bench.write(anew)
      assert.ok(await isKept(2))
    })

    test('retention has a bound of its own for runs that a key began', async (context) => {
      const bench = await openBench(context, newPlace())
      await bench.write({ ...accepted(makeRun(1)), key: makeKey({ runs: [makeRun(1).id] }) } as RunWrite)
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
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [1])
      await bench.write(retain(T0 + 1, 0))
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [1])
      await bench.write(retain(T0 + 1, 1))
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [])
    })

    test('a run stays while the key that began it is good, unless a 202 was its answer', async (context) => {
      const bench = await openBench(context, newPlace())
      const hash = (n: number) => String(n).repeat(64)
      const begin = (n: number, answer: IdempotencyRow['answer'], ...runs: readonly number[]) =>
        ({
          ...accepted(...runs.map((seq) => makeRun(seq))),
          key: makeKey({ hash: hash(n), answer, runs: runs.map((seq) => makeRun(seq).id) }),
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
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [7, 5, 3, 2, 1])
      await bench.write(end(3), retain(T0 + 52, 2))
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [7, 5, 3, 2, 1])
      await bench.write(retain(T0 + 53, 3))
      assert.deepEqual(await listSeqs(bench, {}, 10, null), [7, 5])
      assert.equal(await bench.reads.key(hash(1)), null)
    })
  })
}
