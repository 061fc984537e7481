/**
 * B1 to B5 and B18 between network namespaces: real kernels' silence instead of a proxy's. The balancer and `w2`
 * stand in one place, `w1` in another, this process is the router between them. About five minutes.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createScope } from '../../harness/scope.ts'
import { Netspace } from '../netspace.ts'
import { breakOneWay, healAtLease, partition, vanish, type Wire } from '../partitions.ts'
import { Site } from '../site.ts'

/** Those of the contract: heartbeat 3 + 3 s, lease 30 s. */
const DEFAULTS = { WS_HEARTBEAT_INTERVAL: '3s', WS_HEARTBEAT_TIMEOUT: '3s', WORKER_LEASE: '30s' }
const RECOVERY_MS = 15_000
const SWEEP_MS = [-400, -200, -100, -50, -25, 0, 25, 50, 100, 200, 400]
const MB = 1_000_000

const scope = createScope()
let space: Netspace
before(() => {
  space = Netspace.open(scope, 'hub', 'far')
})
after(() => scope.end())

function startSite(slots: number, env: Record<string, string> = {}): Promise<Site> {
  const workers = [
    { slots, place: space.place('far') },
    { slots, place: space.place('hub') },
  ]
  return Site.start(scope, { workers, env, place: space.place('hub') })
}

/** The router forgets one way or both. */
const routed: Wire & { ways: ('down' | 'up')[] } = {
  ways: [],
  cut(...directions) {
    for (const way of directions) cutOrHeal('cut', way)
    this.ways = directions.slice()
  },
  heal() {
    for (const way of this.ways.splice(0)) cutOrHeal('heal', way)
  },
}

function cutOrHeal(act: 'cut' | 'heal', way: 'down' | 'up'): void {
  if (way === 'down') space[act]('hub', 'far')
  else space[act]('far', 'hub')
}

/** The worker's own cable. */
const cable: Wire = { cut: () => space.unplug('far'), heal: () => space.plug('far') }

/** A site for each few cases: who fails too often is left out for it. */
describe('half-open', { concurrency: 1 }, () => {
  let site: Site
  before(async () => {
    site = await startSite(4)
  })

  for (const [what, wire] of [
    ['by the router', routed],
    ['the cable of the worker is out', cable],
  ] as const)
    test(`B1: ${what}`, async (t) => {
      await site.begin()
      await vanish(t, site, wire)
    })
})

describe('one way', { concurrency: 1 }, () => {
  let site: Site
  before(async () => {
    site = await startSite(8)
  })

  for (const [what, direction] of [
    ['B3: the worker hears nothing of the balancer', 'down'],
    ['B2: the balancer hears nothing of the worker', 'up'],
  ] as const)
    test(what, async (t) => {
      await site.begin()
      await breakOneWay(t, site, routed, direction)
    })
})

test('B5: healed about when the lease runs out: one outcome each', async (t) => {
  const site = await startSite(3)
  t.diagnostic(await healAtLease(site, routed, SWEEP_MS))
  const { repeats } = await site.judge()
  t.diagnostic(`${SWEEP_MS.length} cuts, ${repeats} tasks ran again`)
})

describe('with the heartbeats of the contract', { concurrency: 1 }, () => {
  let site: Site
  before(async () => {
    site = await startSite(6, { ...DEFAULTS, TASK_TIMEOUT: '10m' })
  })

  for (const lastsMs of [1_000, 10_000])
    test(`B4: cut off for ${lastsMs / 1_000} s`, async (t) => {
      await site.begin()
      await partition(t, site, routed, lastsMs)
    })

  test('B18: 10 MB to a worker at 1 Mbit/s: its heartbeats are not late for it', async (t) => {
    await site.begin()
    await site.balancer.request('/workers/w2/off', { method: 'POST' })
    await site.waitForStatus(1, 'maintenance')
    space.slow('far', '1mbit')
    const seen = { states: new Set<string>(), latencyMs: 0 }
    const watching = watch(site, seen)
    const beganAt = performance.now()
    const call = await site.call({ data: 'x'.repeat(10 * MB - 1_000), deadlineMs: 300_000 })
    const tookS = ((performance.now() - beganAt) / 1_000).toFixed(0)
    await watching.end()
    space.fast('far')
    t.diagnostic(`${tookS} s; ${[...seen.states].join(', ')}; heartbeats took at most ${seen.latencyMs} ms`)
    assert.equal(call.status, 200)
    assert.deepEqual(
      [...seen.states].filter((state) => state !== 'ready' && state !== 'saturated'),
      [],
    )
    assert.ok(seen.latencyMs < 3_000, `a heartbeat took ${seen.latencyMs} ms`)
    await site.balancer.request('/workers/w2/on', { method: 'POST' })
    await site.waitForStatus(1, 'ready')
    await site.judge(RECOVERY_MS)
  })
})

function watch(site: Site, seen: { states: Set<string>; latencyMs: number }): { end(): Promise<void> } {
  let isOver = false
  const look = async (): Promise<void> => {
    while (!isOver) {
      const { body } = await site.balancer.request('/workers/w1')
      const { status, latencyMs } = body as { status: string; latencyMs: number | null }
      seen.states.add(status)
      seen.latencyMs = Math.max(seen.latencyMs, latencyMs ?? 0)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const looking = look()
  return {
    async end() {
      isOver = true
      await looking
    },
  }
}
