/** Old runs go in small steps, as fast as others end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, ManualClock } from '@berth/runtime'
import type { StoreWrite } from '../ports/store.ts'
import { DiskSpace } from './disk-space.ts'
import { RunBook } from './run-book.ts'
import { RunUpkeep } from './run-upkeep.ts'
import { RunWrites } from './run-writes.ts'

function makeUpkeep() {
  const clock = new ManualClock()
  const timers = new Set<{ readonly at: number; readonly act: () => void }>()
  const limits: { readonly at: number; readonly limit: number }[] = []
  const apply = (writes: readonly StoreWrite[]) => {
    for (const write of writes)
      if (write.kind === 'retention') limits.push({ at: clock.monoMs(), limit: write.limit })
    return 1
  }
  const upkeep = new RunUpkeep({
    store: { takeDue: () => {} },
    reads: { overdue: async () => [] },
    writes: new RunWrites({ apply }),
    book: new RunBook(0),
    disk: new DiskSpace(async () => Number.MAX_SAFE_INTEGER),
    clock,
    log: createLog({ source: 'test', write: () => {} }),
    after(ms, act) {
      const timer = { at: clock.monoMs() + ms, act }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    retentionMs: 1,
    nextDueMs: null,
    expire: () => {},
    onDue: () => {},
  })
  const advance = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50)
      for (const timer of [...timers]) if (timer.at <= clock.monoMs() && timers.delete(timer)) timer.act()
    }
  }
  upkeep.start()
  return { upkeep, limits, advance, timers }
}

test('runs are removed as fast as they end, 500 at a time and never close together', () => {
  const { upkeep, limits, advance } = makeUpkeep()
  for (let n = 0; n < 9_000; n++) upkeep.noteEnded()
  advance(10_000)
  const total = limits.reduce((sum, { limit }) => sum + limit, 0)
  assert.ok(total >= 18_000, `${total} might go`)
  for (const [n, { at, limit }] of limits.entries()) {
    assert.ok(limit <= 500)
    assert.ok(n === 0 || at - (limits[n - 1]?.at ?? 0) >= 100, `step ${n} comes too soon`)
  }
  upkeep.stop()
})

test('a quiet balancer looks for old ones every five seconds, and one that is stopped not at all', () => {
  const { upkeep, limits, advance, timers } = makeUpkeep()
  advance(20_000)
  assert.deepEqual(
    limits.map(({ limit }) => limit),
    [500, 500, 500, 500],
  )
  for (let n = 0; n < 9_000; n++) upkeep.noteEnded()
  advance(5_300)
  upkeep.stop()
  assert.equal(timers.size, 0)
})
