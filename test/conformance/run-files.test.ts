/** What every store promises of the files of runs: which there are, whose, and which bytes nobody has any more. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { FileWrite, StoredFile } from '../../balancer/src/ports/files.ts'
import type { RunWrite } from '../../balancer/src/ports/run-writes.ts'
import { accepted, doneRun, finished, idOf, makeEnd, makeRun, RunBench, T0 } from './run-store-bench.ts'
import { KINDS, type Place } from './store-places.ts'

async function open(context: TestContext, place: Place): Promise<RunBench> {
  const bench = await RunBench.open(place)
  context.after(() => bench.store.close())
  return bench
}

const nameOf = (n: number) => n.toString(16).padStart(32, '0')

function file(n: number, changes: Partial<StoredFile> = {}): StoredFile {
  const facts = { path: `a/${n}.txt`, mediaType: 'text/plain', size: n, sha256: 'e'.repeat(64) }
  return { ...facts, name: nameOf(n), fence: 3, ...changes }
}

const written = (seq: number, ...files: StoredFile[]): FileWrite[] =>
  files.map((one) => ({ kind: 'run-file', seq, file: one }))

const ended = (seq: number, fence: number | null, mayHaveFiles = true): RunWrite => ({
  ...(finished(seq, {}, fence) as Extract<RunWrite, { kind: 'run-finished' }>),
  mayHaveFiles,
})

const run = makeRun(1)
const gone = async ({ reads }: RunBench) => [...(await reads.goneFiles(100))].sort()
const filesOf = async ({ reads }: RunBench, id = run.id) => {
  const [found] = await reads.files([id])
  return (found?.files ?? []).map(({ path, fence }) => `${path} ${fence}`).sort()
}

for (const [kind, newPlace] of Object.entries(KINDS))
  describe(`files of runs in a ${kind} store`, () => {
    test('show once the run has ended, those of its last attempt; what came along at once', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(
        accepted(run),
        ...written(1, file(9, { path: 'in', fence: 0 }), file(1), file(2, { fence: 5 })),
      )
      assert.deepEqual(await filesOf(bench), ['in 0'])
      assert.deepEqual(await bench.reads.filesOfAttempt(run.id, 5), [file(2, { fence: 5 })])
      await bench.write(ended(1, 5))
      assert.deepEqual(await filesOf(bench), ['a/2.txt 5', 'in 0'])
      assert.deepEqual(await gone(bench), [nameOf(1)])
      const [found] = await bench.reads.files([run.id, 'r_nobody'])
      assert.deepEqual([found?.run, found?.result], [run.id, null])
    })

    test('replace each other by path, within an attempt', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(accepted(run), ...written(1, file(1), file(2, { path: 'a/1.txt' })))
      await bench.write(ended(1, 3))
      assert.deepEqual(await bench.reads.filesOfAttempt(run.id, 3), [file(2, { path: 'a/1.txt' })])
      assert.deepEqual(await gone(bench), [nameOf(1)])
    })

    test('that come late belong to nobody', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(...written(1, file(1)))
      await bench.write(
        accepted({ ...run, fence: 7, attempt: 2 }),
        ...written(1, file(2), file(3, { fence: 7 })),
      )
      await bench.write(ended(1, 7))
      await bench.write(...written(1, file(4, { fence: 7 })))
      assert.deepEqual(await filesOf(bench), ['a/3.txt 7'])
      assert.deepEqual(await gone(bench), [1, 2, 4].map(nameOf))
      assert.deepEqual(await bench.reads.knownFiles([1, 2, 3, 4].map(nameOf)), [nameOf(3)])
    })

    test('of a run that ends on disk alone are those that came along', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(accepted(run), ...written(1, file(1), file(9, { fence: 0 })))
      await bench.write(ended(1, null))
      assert.deepEqual(await filesOf(bench), ['a/9.txt 0'])
    })

    test('go with the run, however it goes, and are forgotten when they are told gone', async (context) => {
      const bench = await open(context, newPlace())
      for (const seq of [1, 2, 3]) {
        await bench.write(accepted(makeRun(seq)), ...written(seq, file(seq), file(seq + 10, { fence: 0 })))
        await bench.write(ended(seq, 3))
      }
      await bench.write({ kind: 'run-removed', seq: 1 })
      assert.deepEqual(await gone(bench), [1, 11].map(nameOf))
      await bench.write({ kind: 'files-gone', names: [nameOf(1), nameOf(99)] })
      assert.deepEqual(await gone(bench), [nameOf(11)])
      const endedBeforeMs = T0 + 1_001
      const terms = { keyedEndedBeforeMs: 0, keepAtMost: 100, keysExpiredMs: 0, limit: 1 }
      await bench.write({ kind: 'retention', endedBeforeMs, ...terms })
      assert.deepEqual(await gone(bench), [2, 11, 12].map(nameOf))
      assert.deepEqual(await bench.reads.goneFiles(1), (await bench.reads.goneFiles(100)).slice(0, 1))
      assert.deepEqual(await filesOf(bench, idOf(3, T0 + 3)), ['a/13.txt 0', 'a/3.txt 3'])
    })

    test('of a task in memory come with its end, and make it a run on disk', async (context) => {
      const bench = await open(context, newPlace())
      const { status: _, ...order } = makeRun(1)
      const end = makeEnd()
      await bench.write({ kind: 'run-recorded', order, end, files: [file(1)] })
      assert.deepEqual(await filesOf(bench), ['a/1.txt 3'])
      const found = await bench.reads.find(run.id)
      assert.deepEqual(found?.kind === 'done' && found.run.isDurable, true)
      assert.deepEqual(await bench.reads.result(run.id), end.result)
      await bench.write({ kind: 'run-recorded', order, end, files: [file(2)] })
      assert.deepEqual([await filesOf(bench), await gone(bench)], [['a/1.txt 3'], [nameOf(2)]])
    })

    test('a result of bytes is told with its size, one of JSON is none', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(accepted(run, makeRun(2)))
      const result = { mediaType: 'image/png', bytes: new Uint8Array(7) }
      await bench.write(finished(1, { result }), finished(2))
      assert.deepEqual(await bench.reads.files([run.id, idOf(2, T0 + 2)]), [
        { run: run.id, files: [], result: { mediaType: 'image/png', size: 7 } },
      ])
    })

    test('what came along is part of the order, for attempts and retries', async (context) => {
      const place = newPlace()
      const bench = await open(context, place)
      const uploads = [{ path: 'ü', mediaType: 'a/b', size: 1, sha256: 'f'.repeat(64), name: nameOf(1) }]
      const whole = makeRun(1, { uploads })
      await bench.write(accepted(whole))
      assert.deepEqual(await bench.reads.find(whole.id), { kind: 'live', run: whole })
      await bench.write(finished(1))
      assert.deepEqual(await bench.reads.find(whole.id), { kind: 'done', run: doneRun(whole, makeEnd()) })
    })
  })
