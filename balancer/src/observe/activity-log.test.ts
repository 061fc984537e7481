import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLog, ManualClock } from '@berth/runtime'
import type { ActivityEntry, ActivityFilter, ActivityWrite } from '../ports/activity.ts'
import type { Kept, StoreWrite } from '../ports/store.ts'
import { isActivityWrite } from '../store/activity-tables.ts'
import { MemoryActivity } from '../store/memory-activity.ts'
import { ActivityLog } from './activity-log.ts'

function entry(summary: string, changes: Partial<ActivityEntry> = {}): ActivityEntry {
  const target = { kind: 'worker', id: 'w1' } as const
  const who = { actor: 'key', role: 'operator', reason: null, address: null } as const
  return { kind: 'operator', action: 'worker.off', target, summary, ...who, ...changes }
}

/** A disk that takes what it is given, or says no, or says nothing until it is let. */
function makeBench(options: { capacity?: number } = {}) {
  const tables = new MemoryActivity()
  const written: ActivityWrite[] = []
  let state: 'good' | 'full' | 'held' = 'good'
  const refused = Promise.withResolvers<void>()
  const taken = Promise.withResolvers<void>()
  const held: (() => void)[] = []
  const keep = async (writes: readonly StoreWrite[]): Promise<Kept> => {
    if (state === 'held') await new Promise<void>((resolve) => held.push(resolve))
    const isTaken = state !== 'full'
    for (const write of isTaken ? writes : []) {
      if (!isActivityWrite(write)) continue
      written.push(write)
      tables.write(write)
    }
    ;(isTaken ? taken : refused).resolve()
    return isTaken ? { ok: true } : { ok: false, detail: 'full' }
  }
  let ids = 0
  const activity = new ActivityLog({
    keeper: { keep },
    reads: { activity: async (...asked) => tables.list(...asked) },
    clock: new ManualClock(),
    log: createLog({ source: 'test', write: () => {} }),
    createRunId: () => `r_${String(++ids).padStart(26, '0')}`,
    againMs: 5,
    ...options,
  })
  const summaries = async (filter: ActivityFilter = {}) =>
    (await activity.list(filter, 99, null)).map(({ summary }) => summary)
  return {
    activity,
    tables,
    written,
    summaries,
    set: (next: typeof state) => {
      state = next
      if (next !== 'held') for (const go of held.splice(0)) go()
    },
    /** The disk has said no, or yes, for the first time. */
    refused: refused.promise,
    taken: taken.promise,
  }
}

describe('what is noted', () => {
  it('is shown at once, also while the disk has not answered, and once', async () => {
    const bench = makeBench()
    bench.set('held')
    bench.activity.record(entry('one'))
    bench.activity.record(entry('two', { kind: 'system' }))
    assert.deepEqual(await bench.summaries(), ['two', 'one'])
    assert.deepEqual(await bench.summaries({ kind: 'operator', q: 'ONE w1' }), ['one'])
    assert.deepEqual(await bench.summaries({ q: 'nothing' }), [])
    bench.set('good')
    await bench.activity.stop()
    assert.deepEqual(await bench.summaries(), ['two', 'one'])
    assert.equal(bench.tables.list({}, 99, null).length, 2)
  })

  it('waits for a disk that is full, and is tried again', async () => {
    const bench = makeBench()
    bench.set('full')
    bench.activity.record(entry('one'))
    await bench.refused
    assert.deepEqual(bench.written, [])
    bench.set('good')
    await bench.taken
    assert.deepEqual(
      bench.tables.list({}, 9, null).map(({ summary }) => summary),
      ['one'],
    )
    await bench.activity.stop()
  })

  it('is lost beyond its bound, counted, and that is noted once there is room', async () => {
    const bench = makeBench({ capacity: 3 })
    bench.set('held')
    for (const summary of ['1', '2', '3', '4', '5']) bench.activity.record(entry(summary))
    assert.equal(bench.activity.lost, 2)
    bench.set('good')
    await bench.activity.stop()
    const [newest, ...rest] = bench.tables.list({}, 9, null)
    assert.match(newest?.summary ?? '', /^2 entries .* lost/)
    assert.deepEqual([newest?.kind, newest?.after], ['system', { lost: 2 }])
    assert.equal(rest.length, 3)
    assert.equal(bench.activity.lost, 0)
  })

  it('keeps markup as it is and cuts what is long', async () => {
    const bench = makeBench()
    const markup = '<img src=x onerror=alert(1)>'
    bench.activity.record(entry('x'.repeat(5_000), { reason: markup, after: { text: 'y'.repeat(20_000) } }))
    bench.activity.record(entry(markup, { before: undefined, after: { [markup]: [markup] } }))
    const [second, first] = await bench.activity.list({}, 9, null)
    assert.deepEqual([second?.summary, second?.before, second?.after], [markup, null, { [markup]: [markup] }])
    assert.equal(first?.reason, markup)
    assert.equal(first?.summary.length, 1_000)
    assert.ok(JSON.stringify(first?.after).length < 10_000)
    await bench.activity.stop()
  })
})

describe('what is kept', () => {
  it('is trimmed at the start, by age and by number', async () => {
    const bench = makeBench()
    await bench.activity.start()
    await bench.taken
    await bench.activity.stop()
    const before = new Date(Date.parse('2026-01-01T00:00:00.000Z') - 90 * 86_400_000).toISOString()
    assert.deepEqual(bench.written, [{ kind: 'activity-trimmed', before, keep: 100_000, limit: 10_000 }])
  })
})
