import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readActivityQuery } from './activity-query.ts'
import { readInstantRange } from './instant-range.ts'
import { readFilter } from './run-query.ts'

const EARLY = '2026-03-01T10:00:00Z'
const LATE = '2026-03-01T12:00:00.001+02:00'

test('a range has both ends, one or none', () => {
  const earlyMs = Date.UTC(2026, 2, 1, 10)
  assert.deepEqual(readInstantRange({}), { ok: true, value: { fromMs: undefined, toMs: undefined } })
  assert.deepEqual(readInstantRange({ to: EARLY }), { ok: true, value: { fromMs: undefined, toMs: earlyMs } })
  assert.deepEqual(readInstantRange({ from: EARLY, to: LATE }), {
    ok: true,
    value: { fromMs: earlyMs, toMs: earlyMs + 1 },
  })
  assert.ok(readInstantRange({ from: EARLY, to: EARLY }).ok)
})

test('what is no range is refused alike of runs and of activity, with what is wrong', () => {
  for (const [given, detail] of [
    [{ from: LATE, to: EARLY }, '`from` must not be after `to`.'],
    [{ from: 'yesterday' }, '`from` must be an ISO 8601 instant with a zone.'],
    [{ from: EARLY, to: '2026-03-01T10:00:00' }, '`to` must be an ISO 8601 instant with a zone.'],
  ] as const) {
    const refused = { ok: false, error: { code: 'INVALID_REQUEST', detail } }
    assert.deepEqual(readFilter(given), refused)
    assert.deepEqual(readActivityQuery(`http://here/activity?${new URLSearchParams(given)}`), refused)
  }
})
