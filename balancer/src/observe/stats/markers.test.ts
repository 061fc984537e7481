import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActivityItem } from '@berth/protocol'
import { ManualClock } from '@berth/runtime'
import type { ActivityFilter } from '../../ports/activity.ts'
import { Markers } from './markers.ts'

const AT = Date.UTC(2026, 0, 1)

function item(action: string, ms: number): ActivityItem {
  return {
    id: `a_${ms}`,
    at: new Date(AT + ms).toISOString(),
    kind: 'system',
    actor: null,
    role: null,
    action,
    target: { kind: 'fleet', id: '' },
    summary: `${action} it was`,
    before: null,
    after: null,
    reason: null,
    address: null,
  }
}

function open(items: readonly ActivityItem[]) {
  const clock = new ManualClock()
  const asked: ActivityFilter[] = []
  const activity = {
    fault: false,
    async list(filter: ActivityFilter) {
      asked.push(filter)
      if (activity.fault) throw new Error('the store is away')
      const isMeant = ({ action }: ActivityItem) =>
        action === filter.action || action.startsWith(`${filter.action}.`)
      return items.filter((one) => isMeant(one) && Date.parse(one.at) >= (filter.fromMs ?? 0))
    },
  }
  return { clock, asked, activity, markers: new Markers(activity, clock) }
}

test('what explains a change is marked by its kind, in order, within the range', async () => {
  const { markers } = open([
    item('worker.deployed', 50_000),
    item('config.applied', 10_000),
    item('worker.off', 20_000),
    item('run.cancelled', 25_000),
    item('balancer.started', 30_000),
    item('fleet.on', 120_000),
  ])
  const found = await markers.markers(AT + 5_000, AT + 100_000)
  assert.deepEqual(
    found.map(({ kind, text }) => [kind, text]),
    [
      ['config', 'config.applied it was'],
      ['maintenance', 'worker.off it was'],
      ['start', 'balancer.started it was'],
      ['deploy', 'worker.deployed it was'],
    ],
  )
})

test('charts that ask together share what was read, for a few seconds', async () => {
  const { markers, asked, clock } = open([item('config.applied', 10_000)])
  await Promise.all([markers.markers(AT, AT + 60_000), markers.markers(AT + 1_000, AT + 60_000)])
  const once = asked.length
  await markers.markers(AT + 2_000, AT + 61_000)
  assert.equal(asked.length, once)
  clock.advance(5_000)
  await markers.markers(AT, AT + 60_000)
  assert.equal(asked.length, 2 * once)
})

test('without the log there are figures without marks', async () => {
  const { markers, activity } = open([])
  activity.fault = true
  assert.deepEqual(await markers.markers(AT, AT + 60_000), [])
})
