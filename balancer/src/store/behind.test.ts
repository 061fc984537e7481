/** What is kept in the journal alone has a bound, whatever comes and however fast. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Behind } from './behind.ts'

/** A database with so much in its journal; it fails while it is told to. */
function makeDatabase(size: { weight: number; bytes: number }) {
  const state = { isFailing: false, steps: 0 }
  return {
    state,
    isBehind: true,
    lastKept: 1,
    journalSize: size,
    oldestKeptAtMs: performance.now() + 60_000,
    isSettled: () => true,
    settle(weight?: number) {
      state.steps++
      if (state.isFailing) return { outcome: { ok: false, detail: 'full' }, refusals: [] } as const
      const part = Math.min(1, (weight ?? size.weight) / size.weight)
      size.bytes -= size.bytes * part
      size.weight -= size.weight * part
      return { outcome: { ok: true }, refusals: [] } as const
    },
  }
}

for (const size of [
  { weight: 90_000, bytes: 0 },
  { weight: 1_000, bytes: 256 * 1024 * 1024 },
])
  test(`behind one message with ${size.weight} writes and ${size.bytes} bytes it is within its bounds`, () => {
    const database = makeDatabase(size)
    const behind = new Behind(database, () => {})
    behind.follow()
    assert.ok(size.weight <= 50_000 && size.bytes <= 64 * 1024 * 1024, JSON.stringify(size))
    const { steps } = database.state
    behind.follow()
    assert.equal(database.state.steps, steps, 'the rest has its time')
    behind.stop()
  })

test('while the tables cannot be written nobody waits for them', () => {
  const database = makeDatabase({ weight: 90_000, bytes: 0 })
  database.state.isFailing = true
  const behind = new Behind(database, () => {})
  behind.follow()
  assert.equal(database.state.steps, 1)
  behind.stop()
})
