import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ManualClock } from '@berth/runtime'
import type { LimitFacts } from '../ports/limits.ts'
import type { LanePicture, QueuePicture } from '../ports/queue-look.ts'
import type { FunctionTally } from '../ports/tallies.ts'
import { QueueRates } from './queue-rates.ts'
import { queueRoutes } from './queue-routes.ts'
import { makeBench, makeFunction, withKey } from './test-bench.ts'

function lane(changes: Partial<LanePicture> = {}): LanePicture {
  const needs = { group: 'default', contract: 1, function: 'hello', selector: '' }
  return {
    ...needs,
    waiting: 0,
    hasMore: false,
    oldestAt: undefined,
    capable: 2,
    free: 0,
    fairness: [],
    ...changes,
  }
}

type Counted = { submitted: number; completed: number; failed: number }
const tally = (counted: Counted, name = 'hello') =>
  ({ group: 'default', contract: 1, function: name, cancelled: 7, ...counted }) as unknown as FunctionTally

interface Site {
  clock: ManualClock
  counted: Counted
  asked: unknown[]
  ask(query?: string): Promise<{ status: number; body: View }>
}

interface View {
  waiting: number
  lanes: (Record<string, unknown> & { limits: unknown[] })[]
  head: Record<string, unknown>[]
}

function makeSite(picture: Partial<QueuePicture> = {}): Site {
  const clock = new ManualClock()
  const counted = { submitted: 0, completed: 0, failed: 0 }
  const asked: unknown[] = []
  const bench = makeBench({ clock })
  bench.fleet.served = [makeFunction('hello'), makeFunction('idle'), makeFunction('idle', 'gpu')]
  const routes = queueRoutes({
    clock,
    fleet: bench.fleet,
    settings: {
      pauseOf: (_, name) => (name === 'idle' ? { since: 's', until: null, reason: 'r', by: 'group' } : null),
    },
    core: {
      queue: (...values) => {
        asked.push(values)
        return {
          lanes: [lane({ waiting: 30, oldestAt: clock.monoMs() - 5_000 })],
          waiting: 30,
          head: [],
          ...picture,
        }
      },
      tallies: () => [tally(counted)],
      limits: ({ function: name }): LimitFacts =>
        name === undefined
          ? { concurrency: { used: 3, limit: 4 }, rate: undefined, paused: undefined }
          : {
              concurrency: { used: 0, limit: undefined },
              rate: { used: 9, limit: 10, perMs: 1_000 },
              paused: undefined,
            },
    },
  })
  const app = makeBench({ clock, routes })
  return {
    clock,
    counted,
    asked,
    async ask(query = '') {
      const answer = await app.ask(`/queue${query}`, withKey())
      return { status: answer.status, body: (await answer.json()) as View }
    },
  }
}

describe('GET /queue', () => {
  test('shows lanes with limits, pauses and the age of the oldest, also those where nothing waits', async () => {
    const { clock, ask } = makeSite()
    const { body } = await ask()
    const [hello, ...others] = body.lanes
    assert.deepEqual(hello?.limits, [
      { of: 'group', kind: 'concurrency', used: 3, limit: 4, perMs: null },
      { of: 'function', kind: 'rate', used: 9, limit: 10, perMs: 1_000 },
    ])
    assert.equal(Date.parse(String(hello?.oldestAt)), clock.wallMs() - 5_000)
    assert.deepEqual(
      others.map(({ group, function: name, waiting, paused }) => [
        group,
        name,
        waiting,
        (paused as { by: string }).by,
      ]),
      [
        ['default', 'idle', 0, 'group'],
        ['gpu', 'idle', 0, 'group'],
      ],
    )
  })

  test('counts rates from looks at least two seconds apart, and how long the rest takes', async () => {
    const { clock, counted, ask } = makeSite()
    const first = (await ask()).body.lanes[0]
    assert.deepEqual([first?.arrivalPerSecond, first?.clearMs], [null, null])
    clock.advance(10_000)
    Object.assign(counted, { submitted: 20, completed: 45, failed: 5 })
    const lane = (await ask()).body.lanes[0]
    assert.deepEqual([lane?.arrivalPerSecond, lane?.servicePerSecond, lane?.clearMs], [2, 5, 10_000])
    clock.advance(1_000)
    Object.assign(counted, { submitted: 500 })
    assert.equal((await ask()).body.lanes[0]?.clearMs, null, 'more comes than goes')
  })

  test('shows the next tasks with what each waits for', async () => {
    const head = [
      {
        run: 'r_1',
        position: 1,
        group: 'default',
        contract: 1,
        function: 'hello',
        priority: 5,
        fairnessKey: undefined,
        waitsSinceAt: -250.4,
        why: 'paused' as const,
      },
    ]
    const { ask } = makeSite({ head })
    const { waitsSinceAt: _, run: id, ...rest } = head[0] ?? assert.fail()
    assert.deepEqual((await ask()).body.head, [{ id, ...rest, fairnessKey: null, waitedMs: 250 }])
  })

  test('takes a group and a limit, and nothing else', async () => {
    const { ask, asked } = makeSite()
    await ask('?group=gpu&limit=10')
    await ask()
    assert.deepEqual(
      asked.map((values) => (values as unknown[]).slice(0, 2)),
      [
        ['gpu', 10],
        [undefined, 200],
      ],
    )
    for (const wrong of [
      '?limit=0',
      '?limit=501',
      '?limit=x',
      '?state=all',
      '?group=%ff',
      '?group=',
      '?group=a%20b',
    ])
      assert.equal((await ask(wrong)).status, 400)
  })
})

describe('rates', () => {
  test('are those of the last minute, and begin anew after a pause', () => {
    const clock = new ManualClock()
    let submitted = 0
    const rates = new QueueRates({ tallies: () => [tally({ submitted, completed: 0, failed: 0 })] }, clock)
    const of = { group: 'default', contract: 1, function: 'hello' }
    const look = () => rates.measure()(of)?.arrivalPerSecond
    assert.equal(look(), undefined)
    for (let second = 1; second <= 120; second++) {
      clock.advance(1_000)
      submitted += second <= 55 ? 100 : 1
      look()
    }
    assert.equal(look(), 1, 'the hundreds of before are over a minute ago')
    clock.advance(3_600_000)
    submitted += 1_000_000
    assert.equal(look(), undefined)
    clock.advance(5_000)
    submitted += 10
    assert.equal(look(), 2)
  })
})
