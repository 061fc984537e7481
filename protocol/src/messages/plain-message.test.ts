/** The short check takes what the schema takes, and makes the same of it; with damage in it as well. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { readPlainMessage } from './plain-message.ts'
import { fromWorkerSchema } from './worker.ts'

const SLOTS = { limit: 10, used: 3, linked: 2, stuck: 1, queued: 4, queueLimit: 100 }
const SYSTEM = { cpuLoad: 0.5, memoryUsed: 1, eventLoopDelayMs: 2.5, uptimeS: 7 }
const STATE = { type: 'state', at: 12.5, seq: 7, status: 'ready', slots: SLOTS }
const LINE = { at: '2026-01-01T00:00:00.000Z', level: 'info', text: 'done', source: 'hello' }
const WHOLE = { ...LINE, run: 'r_1', fields: { ms: 3, user: null } }
const LOGS = { type: 'logs', at: 1, lines: [LINE, WHOLE], dropped: 2 }
const PONG = { type: 'pong', at: 0, id: 3 }

test('a push of slots, with the figures of the system or without, a pong and log lines are plain', () => {
  for (const message of [
    LOGS,
    { ...LOGS, lines: [] },
    STATE,
    { ...STATE, system: SYSTEM },
    { ...STATE, status: 'draining' },
    PONG,
  ])
    assert.equal(readPlainMessage(message), message)
})

test('what has more to say is left to the schema', () => {
  const others = [
    { ...STATE, reason: 'why' },
    { ...STATE, tags: {} },
    { ...STATE, services: [] },
    { ...STATE, later: 1 },
    { ...PONG, later: 1 },
    { ...LOGS, later: 1 },
    { ...LOGS, lines: [{ ...LINE, later: 1 }] },
    { ...LOGS, lines: [{ ...LINE, fields: JSON.parse('{"__proto__":1}') }] },
    { type: 'ping', at: 0, id: 3 },
    { type: 'bye', at: 0, reason: '' },
  ]
  for (const message of others) assert.equal(readPlainMessage(message), undefined)
})

const VALUES = [
  ...[undefined, null, '', '1', 'ready', 'state', 'pong', true, [], {}, -1, -0, 0, 0.5, 1, 1.5, 3, 4],
  ...['x'.repeat(40), 'x'.repeat(41), 'x'.repeat(65), 'x'.repeat(129), 'x'.repeat(LIMITS.logLineText + 1)],
  ...[{ ['x'.repeat(129)]: 1 }, { x: [1] }],
  ...[LIMITS.slots, LIMITS.slots + 1, 10_000_000, 10_000_001, 2 ** 53 - 1, 2 ** 53, Infinity],
]

/** Every message that differs from `message` in one member, at any depth. */
function* damage(message: object): Iterable<object> {
  for (const [name, value] of Object.entries(message)) {
    for (const other of VALUES) yield { ...message, [name]: other }
    const { [name]: _, ...rest } = message as Record<string, unknown>
    yield rest
    const isList = Array.isArray(value)
    for (const inner of isList || typeof value !== 'object' || value === null ? [] : damage(value))
      yield { ...message, [name]: inner }
    for (const [index, item] of isList ? value.entries() : [])
      for (const inner of damage(item)) yield { ...message, [name]: value.with(index, inner) }
  }
  yield { ...message, later: 1 }
}

test('whatever is plain, the schema takes and gives back as it is', () => {
  let plain = 0
  let refused = 0
  for (const message of [STATE, { ...STATE, system: SYSTEM }, PONG, LOGS])
    for (const damaged of damage(message)) {
      const parsed = fromWorkerSchema.safeParse(damaged)
      if (!parsed.success) refused++
      if (readPlainMessage(damaged) === undefined) continue
      plain++
      assert.ok(parsed.success, JSON.stringify(damaged))
      // An absent member is one that the schema leaves undefined.
      assert.deepEqual(JSON.stringify(parsed.data), JSON.stringify(damaged))
    }
  assert.ok(plain > 50 && refused > 300, `${plain} plain, ${refused} refused`)
})
