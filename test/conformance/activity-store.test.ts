/** What every store promises of activity, run against each of them (port: balancer/src/ports/activity.ts). */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { ActivityItem } from '@berth/protocol'
import type { ActivityFilter } from '../../balancer/src/ports/activity.ts'
import type { StorePort } from '../../balancer/src/ports/store.ts'
import { SILENT } from '../../balancer/src/store/testing/silent-events.ts'
import { KINDS, type Place } from './store-places.ts'

const T0 = Date.parse('2026-01-01T00:00:00.000Z')

function item(n: number, changes: Partial<ActivityItem> = {}): ActivityItem {
  return {
    id: `a_${String(n).padStart(26, '0')}`,
    at: new Date(T0 + n * 1_000).toISOString(),
    kind: 'operator',
    actor: 'key',
    role: 'operator',
    action: 'worker.off',
    target: { kind: 'worker', id: 'w1' },
    summary: 'Took "w1" out of service.',
    before: null,
    after: { by: 'operator', list: [1, 'ü\u0000', null] },
    reason: null,
    address: '127.0.0.1',
    ...changes,
  }
}

async function open(context: TestContext, place: Place): Promise<StorePort> {
  const store = place.make()
  await store.open(SILENT)
  context.after(() => store.close())
  return store
}

async function note(store: StorePort, ...items: readonly ActivityItem[]): Promise<void> {
  store.apply([{ kind: 'activity-noted', items }])
  await store.flush()
}

for (const [kind, newPlace] of Object.entries(KINDS)) {
  describe(`activity in a ${kind} store`, () => {
    test('is found again to the last member, newest first, over a restart', async (context) => {
      const place = newPlace()
      const first = place.make()
      await first.open(SILENT)
      const items = [
        item(1, { reason: '<img src=x onerror=alert(1)>' }),
        item(2, { actor: null, role: null }),
      ]
      await note(first, ...items)
      await first.close()
      const store = await open(context, place)
      assert.deepEqual(await store.reads.activity({}, 10, null), items.toReversed())
    })

    test('pages are cut behind an id', async (context) => {
      const store = await open(context, newPlace())
      await note(store, ...[1, 2, 3, 4, 5].map((n) => item(n)))
      const newest = await store.reads.activity({}, 2, null)
      assert.deepEqual(newest, [item(5), item(4)])
      assert.deepEqual(await store.reads.activity({}, 9, newest[1]?.id ?? ''), [item(3), item(2), item(1)])
    })

    test('what is noted twice stays as it was', async (context) => {
      const store = await open(context, newPlace())
      await note(store, item(1))
      await note(store, item(1, { summary: 'another' }), item(2))
      assert.deepEqual(await store.reads.activity({}, 9, null), [item(2), item(1)])
    })

    const CASES: readonly [string, ActivityFilter, readonly number[]][] = [
      ['kind', { kind: 'system' }, [3]],
      ['action', { action: 'worker.off' }, [1]],
      ['the beginning of an action', { action: 'worker' }, [3, 1]],
      ['no half word of an action', { action: 'work' }, []],
      ['actor', { actor: 'session ab' }, [2]],
      ['kind of target', { targetKind: 'run' }, [2]],
      ['target', { targetId: 'w1' }, [3, 1]],
      ['target and kind', { targetKind: 'run', targetId: 'w1' }, []],
      ['from, included', { fromMs: T0 + 2_000 }, [3, 2]],
      ['to, included', { toMs: T0 + 2_000 }, [2, 1]],
      ['words, in any case', { q: 'LÄRM w1' }, [1]],
      ['words of the reason', { q: '<b>100%_' }, [2]],
      ['no wild cards', { q: '%' }, [2]],
      ['words that are nowhere', { q: 'w1 nowhere' }, []],
    ]
    test('it is narrowed by every part', async (context) => {
      const store = await open(context, newPlace())
      await note(
        store,
        item(1, { summary: 'Zu viel Lärm an W1' }),
        item(2, {
          actor: 'session ab',
          action: 'run.cancelled',
          target: { kind: 'run', id: 'r_1' },
          summary: 'Cancelled r_1.',
          reason: '<b>100%_',
        }),
        item(3, { kind: 'system', actor: null, role: null, action: 'worker.ejected', summary: 'Ejected.' }),
      )
      for (const [name, filter, wanted] of CASES) {
        const found = await store.reads.activity(filter, 9, null)
        assert.deepEqual(
          found.map(({ id }) => Number(id.slice(2))),
          wanted,
          name,
        )
      }
    })

    test('goes by age and beyond a number, the oldest first, so many at once', async (context) => {
      const store = await open(context, newPlace())
      const trim = async (before: number, keep: number, limit: number) => {
        store.apply([
          { kind: 'activity-trimmed', before: new Date(T0 + before * 1_000).toISOString(), keep, limit },
        ])
        await store.flush()
        return (await store.reads.activity({}, 99, null)).map(({ id }) => Number(id.slice(2)))
      }
      await note(store, ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => item(n)))
      assert.deepEqual(await trim(0, 8, 99), [8, 7, 6, 5, 4, 3, 2, 1])
      assert.deepEqual(await trim(3, 99, 99), [8, 7, 6, 5, 4, 3])
      assert.deepEqual(await trim(0, 2, 3), [8, 7, 6])
      assert.deepEqual(await trim(0, 2, 99), [8, 7])
    })
  })
}
