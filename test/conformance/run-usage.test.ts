/** What runs use and put out, of all stores: over the life of a run, in totals, and when it is forgotten. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RunWrite } from '../../balancer/src/ports/run-writes.ts'
import type { LiveRun } from '../../balancer/src/ports/stored-run.ts'
import type { Told, ToldItem, UsedSoFar } from '../../balancer/src/ports/told.ts'
import { accepted, finished, makeRun, RunBench, T0 } from './run-store-bench.ts'
import { KINDS } from './store-places.ts'

const USED: UsedSoFar = {
  total: { costUsd: 0.3, steps: 2 },
  attempt: 2,
  now: { costUsd: 0.1 },
  runMs: 1_250,
  atMs: T0 + 5,
  messages: 3,
}
const item = (n: number, kind: ToldItem['kind'] = 'message'): ToldItem => ({ n, kind, data: `"${n}"` })
const told = (items: readonly ToldItem[], message = 0, source = 0): Told => ({
  items,
  dropBefore: { message, source },
})
const RETENTION = {
  kind: 'retention',
  endedBeforeMs: 0,
  keyedEndedBeforeMs: 0,
  keepAtMost: 1_000,
  keysExpiredMs: 0,
  limit: 100,
} as const

function ended(run: LiveRun, usage: Record<string, number> | null, more: Partial<Write> = {}): RunWrite {
  const { session, schedule } = run
  const scopes = [
    ...(session === null ? [] : [{ kind: 'session', name: session } as const]),
    ...(schedule === null ? [] : [{ kind: 'schedule', name: schedule } as const]),
  ]
  const write = finished(run.seq, { usage, finishedMs: T0 + run.seq }) as Write
  return { ...write, session, ...(scopes.length > 0 ? { scopes } : {}), ...more }
}

type Write = Extract<RunWrite, { kind: 'run-finished' }>

for (const [kind, make] of Object.entries(KINDS))
  describe(`the ${kind} store`, () => {
    const numbers = async (bench: RunBench, run: LiveRun) =>
      (await bench.reads.told(run.id)).map(({ n }) => n)

    test('has what a live run used and put out, over a restart, and what of it stays at its end', async () => {
      const place = make()
      const first = await RunBench.open(place)
      const run = makeRun(1)
      await first.write(accepted(run))
      assert.deepEqual(await numbers(first, run), [])
      await first.write({
        kind: 'run-told',
        seq: 1,
        used: USED,
        told: told([item(1), item(2, 'source'), item(3)]),
      })
      await first.write({ kind: 'run-told', seq: 1, used: USED, told: told([item(4), item(4)], 3) })
      assert.deepEqual(await numbers(first, run), [2, 3, 4])
      const found = await first.reads.find(run.id)
      assert.deepEqual(found?.kind === 'live' && found.run.used, USED)
      await first.close()

      const bench = await RunBench.open(place)
      const { runs } = await bench.claim(run, 1)
      assert.deepEqual(runs[0]?.used, USED)
      await bench.write(ended(run, { costUsd: 0.4 }, { told: told([item(5)], 4, 3) }))
      assert.deepEqual(await bench.reads.told(run.id), [item(4), item(5)])
      const done = await bench.reads.find(run.id)
      assert.deepEqual(done?.kind === 'done' && done.run.usage, { costUsd: 0.4 })
      await bench.write({ kind: 'run-told', seq: 1, used: USED, told: told([item(6)]) })
      assert.deepEqual(await numbers(bench, run), [4, 5, 6], 'what came late stands with the rest')
      await bench.write({ kind: 'run-removed', seq: 1 })
      assert.deepEqual(await numbers(bench, run), [])
      await bench.write({ kind: 'run-told', seq: 1, used: USED, told: told([item(7)]) })
      assert.deepEqual(await numbers(bench, run), [], 'and not with a run that is gone')
      await bench.close()
    })

    test('adds up what the runs of a session and a schedule have used, each once', async () => {
      const bench = await RunBench.open(make())
      const scope = { kind: 'session', name: 's' } as const
      const turns = [1, 2, 3].map((seq) => makeRun(seq, { session: 's', schedule: seq < 3 ? 's_1' : null }))
      const [one, two, three] = turns as [LiveRun, LiveRun, LiveRun]
      await bench.write(accepted(...turns), accepted(makeRun(4)))
      assert.equal(await bench.reads.usageTotals(scope), null)
      await bench.write(ended(one, { costUsd: 0.1, steps: 1 }))
      await bench.write(
        ended(one, { costUsd: 0.1, steps: 1 }),
        ended(two, null),
        ended(makeRun(4), { steps: 9 }),
      )
      await bench.write(ended(three, { costUsd: 0.2 }))
      assert.deepEqual(await bench.reads.usageTotals(scope), {
        runs: 3,
        usage: { costUsd: 0.3, steps: 1 },
        sinceMs: T0 + 1,
        untilMs: T0 + 3,
      })
      const schedule = { kind: 'schedule', name: 's_1' } as const
      assert.deepEqual((await bench.reads.usageTotals(schedule))?.usage, { costUsd: 0.1, steps: 1 })
      assert.equal((await bench.reads.usageTotals(schedule))?.runs, 2)
      await bench.write({ ...RETENTION, endedBeforeMs: T0 + 3 })
      assert.equal((await bench.reads.usageTotals(scope))?.runs, 3, 'of a session that goes on they stay')
      await bench.write({ ...RETENTION, endedBeforeMs: T0 + 4 })
      assert.equal(await bench.reads.usageTotals(scope), null)
      assert.equal(await bench.reads.usageTotals(schedule), null, 'no such schedule')
      await bench.close()
    })

    test('forgets the totals of one scope', async () => {
      const bench = await RunBench.open(make())
      const run = makeRun(1, { session: 's_1', schedule: 's_1' })
      await bench.write(accepted(run))
      await bench.write(ended(run, { steps: 1 }))
      await bench.write({ kind: 'usage-forgotten', scope: { kind: 'schedule', name: 's_1' } })
      assert.equal(await bench.reads.usageTotals({ kind: 'schedule', name: 's_1' }), null)
      assert.equal((await bench.reads.usageTotals({ kind: 'session', name: 's_1' }))?.runs, 1)
      await bench.close()
    })
  })
