/** Whoever waits for a write hears how it ended, and everybody whether the store can be written. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createLog, ManualClock } from '@berth/runtime'
import type { StoreWrite } from '../ports/store.ts'
import { MemoryDisk, MemoryStore } from './memory-store.ts'
import { StoreKeeper } from './store-keeper.ts'

const TOUCH: StoreWrite = { kind: 'touch' }

/** A keeper on a store that a test settles itself. */
function makeKeeper(context: TestContext, options: { limitMs?: number } = {}) {
  const applied: (readonly StoreWrite[])[] = []
  const log = createLog({ source: 'test', write: () => {} })
  const store = { apply: (writes: readonly StoreWrite[]) => applied.push(writes) }
  const clock = new ManualClock()
  const keeper = new StoreKeeper({ store, log, clock, ...options })
  context.after(() => keeper.stop())
  return { keeper, applied, log, clock }
}

test('a write is kept when its own batch is on disk, and not when that failed', async (context) => {
  const { keeper } = makeKeeper(context)
  const first = keeper.keep([TOUCH])
  const second = keeper.keep([TOUCH])
  keeper.onFailed(1, 'the disk is full')
  keeper.onPersisted(2)
  assert.deepEqual(await first, { ok: false, detail: 'the disk is full' })
  assert.deepEqual(await second, { ok: true })
})

test('what failed or never ended is undone behind it, within the limit', async (context) => {
  const { keeper, applied } = makeKeeper(context, { limitMs: 5 })
  const undo: StoreWrite[] = [{ kind: 'intent-cleared', worker: 'w1' }]
  const kept = await keeper.keep([TOUCH], undo)
  assert.match(kept.ok ? '' : kept.detail, /not answered within 5 ms/)
  assert.deepEqual(applied, [[TOUCH], undo])
  keeper.onPersisted(1)
})

test('a failure is a state until a write succeeds, and said once', async (context) => {
  const { keeper, log, clock } = makeKeeper(context)
  assert.deepEqual(keeper.health(), { state: 'ok' })
  const since = new Date(clock.wallMs()).toISOString()
  keeper.onFailed(1, 'gone')
  clock.advance(1000)
  keeper.onFailed(2, 'still gone')
  assert.deepEqual(keeper.health(), { state: 'failed', error: 'gone', since })
  keeper.onPersisted(3)
  assert.deepEqual(keeper.health(), { state: 'ok' })
  const lines = log.lines().map((line) => line.match(/the store [^"]*/)?.[0])
  assert.deepEqual(lines, ['the store could not be written', 'the store can be written again'])
})

test('a store that nobody writes is touched, one touch at a time', (context) => {
  context.mock.timers.enable({ apis: ['setInterval'] })
  const { keeper, applied } = makeKeeper(context)
  keeper.start()
  context.mock.timers.tick(15_000)
  assert.deepEqual(applied, [[TOUCH]])
  keeper.onFailed(1, 'gone')
  assert.equal(keeper.health().state, 'failed')
  context.mock.timers.tick(5000)
  assert.equal(applied.length, 2)
  keeper.onPersisted(2)
  assert.equal(keeper.health().state, 'ok')
  keeper.stop()
  context.mock.timers.tick(15_000)
  assert.equal(applied.length, 2)
})

test('on a real store', async (context) => {
  const disk = new MemoryDisk()
  const store = new MemoryStore({ disk })
  const log = createLog({ source: 'test', write: () => {} })
  const keeper = new StoreKeeper({ store, log, clock: new ManualClock() })
  context.after(() => store.close())
  await store.open(keeper)
  const intent = {
    worker: 'w1',
    reason: null,
    since: '2026-01-01T00:00:00.000Z',
    until: null,
    deadline: null,
    by: null,
  }
  assert.deepEqual(await keeper.keep([{ kind: 'intent-set', intent }]), { ok: true })
  assert.deepEqual([...disk.intents.keys()], ['w1'])
})

test('a log that grows is a warning of a store that is well, said each time, until it is short', (context) => {
  const { keeper, log } = makeKeeper(context)
  keeper.onLogSize(null)
  keeper.onLogSize(300 * 1024 * 1024)
  const health = keeper.health()
  assert.match(health.state === 'ok' ? (health.warning ?? '') : '', /grown to 300 MB.*backup.*end it/)
  keeper.onFailed(1, 'gone')
  assert.equal(keeper.health().state, 'failed')
  keeper.onPersisted(2)
  assert.ok('warning' in keeper.health())
  keeper.onLogSize(600 * 1024 * 1024)
  keeper.onLogSize(null)
  assert.deepEqual(keeper.health(), { state: 'ok' })
  const lines = log.lines().filter((line) => line.includes('write-ahead'))
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).level),
    ['warn', 'warn', 'info'],
  )
})
