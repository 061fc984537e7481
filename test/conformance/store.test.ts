/**
 * What every store promises, run against each of them (port: balancer/src/ports/store.ts). Runs have a
 * suite of their own, run-store.test.ts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ManualClock } from '@berth/runtime'
import type { RunsAtStart } from '../../balancer/src/ports/run-store.ts'
import type {
  KnownWorker,
  StoreContents,
  StoredForm,
  StoredSettings,
  StorePort,
  StoreWrite,
} from '../../balancer/src/ports/store.ts'
import { CONFIG_HISTORY, type ConfigVersion } from '../../balancer/src/ports/workers-config.ts'
import { AT, intent, intentSet, nextTick, record } from './store-bench.ts'
import { KINDS, type Place } from './store-places.ts'

function known(worker: string, interfaceHash = 'a'.repeat(64)): KnownWorker {
  return { worker, group: 'default', contract: 1, interfaceHash, seenAt: AT }
}

function settings(group: string, name: string | null): StoredSettings {
  const paused = { since: AT, until: '2099-01-01T00:00:00.000Z', reason: 'a "new"\ndisk' }
  return {
    group,
    function: name,
    concurrency: 3,
    rate: { limit: 10, perMs: 1000 },
    paused,
    defaultContract: 2,
    background: name === 'hello' ? true : null,
    keepWarm: name === 'hello' ? false : null,
    fairness: [
      { key: '__proto__', weight: 0.5, concurrency: null, paused: null },
      { key: 'ünter\u0000', weight: null, concurrency: 1, paused: { ...paused, until: null, reason: null } },
    ],
  }
}

function form(name: string, body = '{"cells":[{"function":"h\\u00e9llo"}],"title":"ä"}'): StoredForm {
  return { name, revision: 'r1', createdAt: AT, updatedAt: AT, updatedBy: 'key', body }
}

function configVersion(version: number, text = '[]', bytes = text.length): ConfigVersion {
  const counts = { workers: 3, added: 1, removed: 0, changed: 2 }
  const by = { who: 'key', reason: version === 1 ? null : 'a "new" disk', at: AT }
  return { version, ...by, action: 'rollback', of: version === 1 ? null : 1, ...counts, hash: 'h', bytes }
}

function configWrite(version: number, text: string, bytes?: number): StoreWrite {
  return { kind: 'config-version', version: configVersion(version, text, bytes), text }
}

const FUNCTIONS = [
  {
    name: 'hello',
    input: { type: 'object', properties: { name: { default: 'Wörld' } } },
    supportsStreaming: false,
    idempotent: null,
    slots: 1,
    timeoutMs: null,
    maxRetries: 0,
    background: false,
  },
]

const NO_RUNS: RunsAtStart = {
  lastSeq: 0,
  lastId: null,
  live: 0,
  lanes: [],
  running: [],
  nextDueMs: null,
  nextDeliveryMs: null,
  disabledUrls: [],
  keys: 0,
  bulks: [],
}

const NO_SCHEDULES: StoreContents['schedules'] = { count: 0, lastMs: null, nextMs: null, waiting: [] }

/** Breaks a rule that the types already forbid, as a fault in the code would. */
function badWrite(): StoreWrite {
  const write = { kind: 'intent-set', intent: { ...intent('broken'), since: null } }
  return write as unknown as StoreWrite
}

/** Opens a store there, does something, closes it, and gives what was found at the opening. */
async function visit(place: Place, act: (store: StorePort) => void = () => {}): Promise<StoreContents> {
  const store = place.make()
  const contents = await store.open(record())
  act(store)
  await store.close()
  return contents
}

for (const [kind, newPlace] of Object.entries(KINDS)) {
  describe(`a ${kind} store`, () => {
    test('is empty at first, and its epoch rises by one at every opening', async () => {
      const place = newPlace()
      const fleet = {
        intents: [],
        workers: [],
        interfaces: [],
        sessions: [],
        settings: [],
        forms: [],
        configVersions: [],
      }
      const empty = { ...fleet, runs: NO_RUNS, schedules: NO_SCHEDULES }
      assert.deepEqual(await visit(place), { epoch: 1, ...empty })
      assert.deepEqual(await visit(place), { epoch: 2, ...empty })
      assert.deepEqual(await visit(place), { epoch: 3, ...empty })
    })

    test('keeps the lists of workers that were in force, with their texts', async () => {
      const place = newPlace()
      const texts = ['[]', '[\n  "http://wörker:1"\n]\n']
      await visit(place, (store) => void store.apply(texts.map((text, at) => configWrite(at + 1, text))))
      const store = place.make()
      const { configVersions } = await store.open(record())
      assert.deepEqual(configVersions, [configVersion(2, texts[1]), configVersion(1, texts[0])])
      assert.deepEqual(
        [await store.reads.configText(1), await store.reads.configText(2), await store.reads.configText(3)],
        [...texts, null],
      )
      await store.close()
    })

    test('forgets lists beyond the bounds of the history, the newest never', async () => {
      const place = newPlace()
      const half = CONFIG_HISTORY.bytes / 2
      const writes = [
        configWrite(1, 'a', half),
        configWrite(2, 'b', half),
        configWrite(3, 'c', half),
        configWrite(4, 'd', 2 * CONFIG_HISTORY.bytes),
      ]
      await visit(place, (store) => void store.apply(writes.slice(0, 3)))
      const versionsOf = async () => (await visit(place)).configVersions.map(({ version }) => version)
      assert.deepEqual(await versionsOf(), [3, 2])
      await visit(place, (store) => void store.apply(writes.slice(3)))
      assert.deepEqual(await versionsOf(), [4])
      const many = Array.from({ length: CONFIG_HISTORY.versions + 5 }, (_, at) => configWrite(10 + at, 'x'))
      await visit(place, (store) => void store.apply(many))
      const kept = await versionsOf()
      assert.deepEqual([kept.length, kept[0], kept.at(-1)], [CONFIG_HISTORY.versions, 214, 15])
    })

    test('keeps pages of series: one in the place of another, read in order and by pieces, removed by age', async () => {
      const place = newPlace()
      const block = (series: string, stepS: number, startS: number, byte: number): StoreWrite => ({
        kind: 'stats-block',
        series,
        stepS,
        startS,
        base64: Buffer.from([0, 255, byte]).toString('base64'),
      })
      const removed = { kind: 'stats-removed', prefix: '', stepS: 15, beforeS: null, fromS: null } as const
      const store = place.make()
      await store.open(record())
      store.apply([block('w:b', 15, 900, 1), block('fleet', 15, 900, 2), block('fleet', 15, 0, 3)])
      store.apply([block('fleet', 1, 900, 4), block('fleet', 15, 900, 5), block('w:a"%', 15, 0, 6)])
      await store.flush()
      const read = async (limit = 100) => {
        const found: (readonly [string, number, number, number | undefined])[] = []
        for (let after = null as Parameters<StorePort['reads']['statsBlocks']>[0]; ; ) {
          const blocks = await store.reads.statsBlocks(after, limit)
          for (const each of blocks) found.push([each.series, each.stepS, each.startS, each.bytes[2]])
          after = blocks.at(-1) ?? null
          if (blocks.length < limit) return found
        }
      }
      const all = [
        ['fleet', 1, 900, 4],
        ['fleet', 15, 0, 3],
        ['fleet', 15, 900, 5],
        ['w:a"%', 15, 0, 6],
        ['w:b', 15, 900, 1],
      ]
      assert.deepEqual(await read(), all)
      assert.deepEqual(await read(2), all)
      store.apply([{ ...removed, prefix: 'w:', beforeS: 900 }])
      store.apply([{ ...removed, fromS: 900, prefix: 'fleet' }])
      await store.flush()
      assert.deepEqual(await read(), [all[0], all[1], all[4]])
      await store.close()
      const again = place.make()
      await again.open(record())
      assert.equal((await again.reads.statsBlocks(null, 10)).length, 3)
      await again.close()
    })

    test('finds again what was persisted, to the last field', async () => {
      const place = newPlace()
      const until = '2099-01-01T00:00:00.000Z'
      const intents = [
        { ...intent('w1', 'disk "full"'), until, deadline: '2098-01-01T00:00:00.000Z', by: 'key' },
      ]
      const session = {
        hash: 'h1',
        createdAt: AT,
        expiresAt: '2099-01-01T00:00:00.000Z',
        role: 'viewer' as const,
      }
      await visit(place, (store) => {
        store.apply([{ kind: 'intent-set', intent: intents[0] ?? intent('none') }])
        store.apply([
          { kind: 'interface-seen', hash: 'a'.repeat(64), functions: FUNCTIONS },
          { kind: 'worker-known', known: known('host:3001/päth') },
          { kind: 'session-opened', session },
          { kind: 'settings-set', settings: settings('default', 'hello') },
          { kind: 'form-set', form: form('count') },
        ])
      })
      assert.deepEqual(await visit(place), {
        runs: NO_RUNS,
        schedules: NO_SCHEDULES,
        epoch: 2,
        intents,
        workers: [known('host:3001/päth')],
        interfaces: [{ hash: 'a'.repeat(64), functions: FUNCTIONS }],
        sessions: [session],
        settings: [settings('default', 'hello')],
        forms: [form('count')],
        configVersions: [],
      })
    })

    test('performs writes in their order, within a batch and from batch to batch', async () => {
      const place = newPlace()
      const store = place.make()
      await store.open(record())
      store.apply([
        intentSet('w1', 'first'),
        { kind: 'intent-cleared', worker: 'w1' },
        intentSet('w1', 'second'),
      ])
      store.apply([intentSet('w2', 'first')])
      await nextTick()
      store.apply([intentSet('w2', 'second'), intentSet('w3')])
      store.apply([{ kind: 'intent-cleared', worker: 'w3' }])
      await store.close()
      const { intents } = await visit(place)
      assert.deepEqual(intents, [intent('w1', 'second'), intent('w2', 'second')])
    })

    test('a set replaces, a clear removes, and clearing what is not there is no failure', async () => {
      const place = newPlace()
      const events = record()
      const store = place.make()
      await store.open(events)
      const session = {
        hash: 'h',
        createdAt: AT,
        expiresAt: '2098-01-01T00:00:00.000Z',
        role: 'operator' as const,
      }
      store.apply([
        { kind: 'worker-known', known: known('w1') },
        { kind: 'worker-known', known: { ...known('w1'), contract: 7, group: 'gpu' } },
        { kind: 'worker-known', known: known('w2') },
        { kind: 'worker-forgotten', worker: 'w2' },
        { kind: 'worker-forgotten', worker: 'nobody' },
        { kind: 'intent-cleared', worker: 'nobody' },
        { kind: 'session-opened', session },
        { kind: 'session-opened', session: { ...session, expiresAt: '2099-01-01T00:00:00.000Z' } },
        { kind: 'session-closed', hash: 'nobody' },
        { kind: 'interface-seen', hash: 'a'.repeat(64), functions: FUNCTIONS },
        { kind: 'interface-seen', hash: 'a'.repeat(64), functions: FUNCTIONS },
      ])
      await store.close()
      assert.deepEqual(events.events, [{ persisted: 1 }])
      const contents = await visit(place)
      assert.deepEqual(contents.workers, [{ ...known('w1'), contract: 7, group: 'gpu' }])
      assert.deepEqual(contents.sessions, [{ ...session, expiresAt: '2099-01-01T00:00:00.000Z' }])
      assert.equal(contents.interfaces.length, 1)
      await visit(place, (again) => void again.apply([{ kind: 'session-closed', hash: 'h' }]))
      assert.deepEqual((await visit(place)).sessions, [])
    })

    test('keeps forms by their name, the newest of each, in order', async () => {
      const place = newPlace()
      const changed = {
        ...form('b', '{}'),
        revision: 'r2',
        updatedAt: '2026-02-01T00:00:00.000Z',
        updatedBy: 'you',
      }
      await visit(place, (store) => {
        store.apply([
          { kind: 'form-set', form: form('b') },
          { kind: 'form-set', form: form('a') },
          { kind: 'form-set', form: form('B') },
          { kind: 'form-set', form: form('gone') },
        ])
        store.apply([
          { kind: 'form-set', form: changed },
          { kind: 'form-removed', name: 'gone' },
          { kind: 'form-removed', name: 'nobody' },
        ])
      })
      assert.deepEqual((await visit(place)).forms, [form('B'), form('a'), changed])
    })

    test('keeps the settings of a group and of its functions apart, and in order', async () => {
      const place = newPlace()
      const bare = { ...settings('a', null), rate: null, paused: null, fairness: [], defaultContract: null }
      await visit(place, (store) => {
        store.apply([
          { kind: 'settings-set', settings: settings('b', 'one') },
          { kind: 'settings-set', settings: settings('a', 'two') },
          { kind: 'settings-set', settings: settings('a', 'one') },
          { kind: 'settings-set', settings: settings('a.b', null) },
          { kind: 'settings-set', settings: settings('a', null) },
          { kind: 'settings-set', settings: bare },
          { kind: 'settings-cleared', group: 'a', function: 'two' },
          { kind: 'settings-cleared', group: 'b', function: null },
          { kind: 'settings-cleared', group: 'nobody', function: null },
        ])
      })
      const contents = await visit(place, (store) => {
        store.apply([{ kind: 'settings-cleared', group: 'a', function: null }])
      })
      assert.deepEqual(contents.settings, [
        bare,
        settings('a', 'one'),
        settings('a.b', null),
        settings('b', 'one'),
      ])
      const names = (await visit(place)).settings.map(({ group, function: name }) => [group, name])
      assert.deepEqual(names, [
        ['a', 'one'],
        ['a.b', null],
        ['b', 'one'],
      ])
    })

    test('forgets expired sessions and interfaces that no worker has, at the next opening', async () => {
      const place = newPlace()
      await visit(place, (store) => {
        store.apply([
          { kind: 'interface-seen', hash: 'b'.repeat(64), functions: FUNCTIONS },
          {
            kind: 'session-opened',
            session: { hash: 'old', createdAt: AT, expiresAt: '2026-01-01T00:00:09.000Z', role: 'viewer' },
          },
          {
            kind: 'session-opened',
            session: { hash: 'new', createdAt: AT, expiresAt: '2026-01-01T00:00:11.000Z', role: 'viewer' },
          },
        ])
      })
      const clock = new ManualClock({ wallMs: Date.parse('2026-01-01T00:00:10.000Z') })
      const store = place.make({ clock })
      const contents = await store.open(record())
      await store.close()
      assert.deepEqual(contents.interfaces, [])
      assert.deepEqual(
        contents.sessions.map(({ hash }) => hash),
        ['new'],
      )
    })

    test('gives one number a tick, rising, and says persisted in that order after apply returned', async () => {
      const events = record()
      const store = newPlace().make()
      await store.open(events)
      const first = store.apply([intentSet('w1')])
      assert.equal(store.apply([intentSet('w2')]), first)
      assert.deepEqual(events.events, [])
      await nextTick()
      const second = store.apply([intentSet('w3')])
      assert.ok(second > first)
      await nextTick()
      const third = store.apply([])
      assert.ok(third > second)
      await store.flush()
      assert.deepEqual(events.events, [{ persisted: first }, { persisted: second }, { persisted: third }])
      await store.close()
    })

    test('one bad write is reported and does not take the others with it', async () => {
      const place = newPlace()
      const events = record()
      const store = place.make()
      await store.open(events)
      const bad = store.apply([intentSet('w1'), badWrite(), intentSet('w2')])
      await store.flush()
      const good = store.apply([intentSet('w3')])
      await store.close()
      const [failed, persisted, ...more] = events.events
      assert.ok(failed && 'failed' in failed && failed.failed === bad)
      assert.match(failed.detail, /^1 of 3 writes refused: intent-set/)
      assert.deepEqual([persisted, more], [{ persisted: good }, []])
      const { intents } = await visit(place)
      assert.deepEqual(
        intents.map(({ worker }) => worker),
        ['w1', 'w2', 'w3'],
      )
    })

    test('what waits is bounded: more is given up at once and said so, and later writes go on', async () => {
      const place = newPlace()
      const events = record()
      const store = place.make({ maxPendingWrites: 3 })
      await store.open(events)
      const kept = store.apply([intentSet('w1'), intentSet('w2'), intentSet('w3')])
      const refused = store.apply([intentSet('w4')])
      assert.notEqual(refused, kept)
      await store.flush()
      const later = store.apply([intentSet('w5')])
      await store.close()
      assert.deepEqual(
        events.events
          .map((event) => ('failed' in event ? -event.failed : event.persisted))
          .sort((a, b) => a - b),
        [-refused, kept, later],
      )
      const { intents } = await visit(place)
      assert.deepEqual(
        intents.map(({ worker }) => worker),
        ['w1', 'w2', 'w3', 'w5'],
      )
    })

    test('flush resolves at once when nothing is open, close is idempotent, and both settle everything', async () => {
      const events = record()
      const store = newPlace().make()
      await store.open(events)
      await store.flush()
      store.apply([intentSet('w1')])
      await Promise.all([store.close(), store.close()])
      await store.close()
      assert.deepEqual(events.events, [{ persisted: 1 }])
      const late = store.apply([intentSet('w2')])
      await store.flush()
      const last = events.events.at(-1)
      assert.ok(last && 'failed' in last && last.failed === late)
    })

    test('many batches keep their order', async () => {
      const place = newPlace()
      const events = record()
      const store = place.make()
      await store.open(events)
      const numbers: number[] = []
      for (let round = 0; round < 50; round++) {
        numbers.push(store.apply([intentSet(`w${round % 7}`, String(round))]))
        await nextTick()
      }
      await store.close()
      assert.deepEqual(
        events.events,
        numbers.map((persisted) => ({ persisted })),
      )
      const { intents } = await visit(place)
      assert.deepEqual(
        intents.map(({ reason }) => reason),
        ['49', '43', '44', '45', '46', '47', '48'],
      )
    })
  })
}
