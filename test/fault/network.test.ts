/**
 * Bad networks between a balancer and its workers: section B of the catalogue of faults, through a proxy, so that
 * no root is needed. Groups of tests have a site each, three of them at a time, so that no worker fails so often
 * that it is left out for it. Each test ends with all checkers.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { cutAtEach } from './cuts.ts'
import { judgePair, measureInTurn } from './measure.ts'
import { BOTH, breakOneWay, breakWire, partition, runEverywhere, vanish, type Wire } from './partitions.ts'
import { CALM, LEASE_MS, LIMIT_MS, SILENCE_MS, Site, SLACK_MS } from './site.ts'

/** Of a measurement. */
const TRIALS = 3
const PROXIED = { slots: 4, isProxied: true }

/** The proxy before `w1`. */
function wireOf(site: Site): Wire {
  return {
    cut: (...directions) => site.proxy(0).freeze(...directions),
    heal: () => site.proxy(0).heal(),
  }
}

/** All other workers are in maintenance. */
async function onlyAt(site: Site, index: number): Promise<void> {
  for (const other of site.workers.keys()) if (other !== index) await order(site, other, 'off', 'maintenance')
}

async function everywhere(site: Site, from = 0): Promise<void> {
  for (const index of site.workers.keys()) if (index >= from) await order(site, index, 'on', 'ready')
}

async function order(site: Site, index: number, what: 'on' | 'off', state: string): Promise<void> {
  await site.balancer.request(`/workers/w${index + 1}/${what}`, { method: 'POST' })
  await site.waitForStatus(index, state)
}

describe('the network', { concurrency: 3, timeout: 500_000 }, () => {
  describe('cut off', { concurrency: 1 }, () => {
    const scope = createScope()
    let site: Site
    before(async () => {
      site = await Site.start(scope, { workers: [PROXIED, { slots: 4 }] })
    })
    after(() => scope.end())

    test('B1: half-open: stalled within two heartbeats, given up at the lease, every caller is told', async (t) => {
      await site.begin()
      await vanish(t, site, wireOf(site))
    })

    for (const [what, lastsMs] of [
      ['longer than a heartbeat and shorter than the lease', SILENCE_MS + 200],
      ['longer than the lease', LEASE_MS + 1_000],
    ] as const)
      test(`B4: cut off for ${what}, and back`, async (t) => {
        await site.begin()
        await partition(t, site, wireOf(site), lastsMs)
      })
  })

  describe('one way', { concurrency: 1 }, () => {
    const scope = createScope()
    let site: Site
    before(async () => {
      site = await Site.start(scope, { workers: [PROXIED, { slots: 8 }] })
    })
    after(() => scope.end())

    test('B3: the worker hears nothing: it ends what it runs and is not used', async (t) => {
      await site.begin()
      await breakOneWay(t, site, wireOf(site), 'down')
    })

    test('B2: the balancer hears nothing: the worker cannot answer and ends what it runs', async (t) => {
      await site.begin()
      await breakOneWay(t, site, wireOf(site), 'up')
    })
  })

  describe('cut inside a frame', { concurrency: 1 }, () => {
    const scope = createScope()
    let site: Site
    before(async () => {
      site = await Site.start(scope, { workers: [PROXIED], env: CALM })
    })
    after(() => scope.end())

    for (const [direction, where] of [
      ['down', 'a task'],
      ['up', 'a result'],
    ] as const)
      test(`B7: a link that is cut inside ${where} loses nothing and runs nothing twice`, async (t) => {
        await site.begin()
        await cutAtEach(site, 0, direction, [1, 2, 10, 40, 80, 120, 160, 200, 250, 300])
        const { repeats, story } = await site.judge()
        assert.equal(repeats, 0)
        t.diagnostic(`${story.faults.length} cuts`)
      })
  })

  test('B11: one direction of a link freezes with 50 tasks on it: all others do not notice', async (t) => {
    // The same machine at the same moments, without the fault.
    const control = await Site.start(t, { workers: [{ slots: 4 }] })
    const workers = [{ slots: 50, isProxied: true }, { slots: 4 }]
    // Nothing is given up while it is measured.
    const site = await Site.start(t, { workers, env: { WORKER_LEASE: '90s' } })
    for (let trial = 1; ; trial++) {
      await site.begin()
      await onlyAt(site, 0)
      const stuck = Array.from({ length: 50 }, () => site.call({ how: 'held', idempotent: true }))
      await site.waitForExecutions('started', 50)
      const { heal } = breakWire(site, wireOf(site), 'up')
      await site.probe.release()
      await everywhere(site, 1)
      const pair = await measureInTurn(site, control)
      await heal()
      await Promise.all(stuck)
      const { story } = await site.judge()
      // A slow moment of the machine may befall one of the two sites alone; a frozen link does the same each time.
      try {
        return t.diagnostic(judgePair(story, pair))
      } catch (error) {
        if (trial === TRIALS) throw error
        t.diagnostic(`once more: ${error}`)
      }
    }
  })

  test('B18: large inputs on a slow link do not make its worker silent', async (t) => {
    // A silence that only the inputs can make, not a moment in which the machine does other things.
    const env = { WS_HEARTBEAT_TIMEOUT: '2s', WORKER_LEASE: '6s' }
    const site = await Site.start(t, { workers: [PROXIED], env })
    site.proxy(0).limit({ bytes: 20_000, everyMs: 20 }, 'down')
    const calls = [1, 2].map(() => site.call({ data: 'x'.repeat(2_000_000), ms: 1 }))
    const states = new Set<string>()
    const watched = watchStatus(site, states)
    const ended = await Promise.all(calls)
    await watched.end()
    site.proxy(0).heal()
    t.diagnostic(`4 MB through 1 MB/s; the worker was ${[...states].join(', ')}`)
    assert.ok(ended.every(({ status }) => status === 200))
    assert.ok(!states.has('stalled') && !states.has('unreachable'))
    await site.judge()
  })

  describe('slow, and callers who leave', { concurrency: 1 }, () => {
    const scope = createScope()
    let site: Site
    before(async () => {
      site = await Site.start(scope, { workers: [PROXIED, PROXIED, { slots: 4 }] })
    })
    after(() => scope.end())

    test('B6: links that break one by one and come back in another order', async () => {
      await site.begin()
      const calls = await runEverywhere(site, 600)
      const faults = [0, 1].map((index) => site.fault('link-broken', site.worker(index).pid))
      site.proxy(0).freeze(...BOTH)
      await site.waitForStatus(0, 'stalled')
      site.proxy(1).cut()
      site.proxy(1).freeze(...BOTH)
      await site.waitForStatus(1, 'stalled', 'unreachable')
      for (const index of [1, 0]) {
        site.proxy(index).heal()
        await site.waitForStatus(index, 'ready')
      }
      for (const fault of faults) site.over(fault)
      await Promise.all(calls)
      await site.judge()
    })

    test('B8: a task that comes a byte at a time: its caller is told, its slot comes back', async (t) => {
      await site.begin()
      await onlyAt(site, 0)
      const fault = site.fault('link-broken', site.worker(0).pid)
      site.proxy(0).limit({ bytes: 1, everyMs: 40 }, 'down')
      const call = await site.call({ ms: 5, data: 'x'.repeat(2_000) })
      const toldMs = (call.endedAtMs ?? Infinity) - fault.beganAtMs
      t.diagnostic(`told ${call.status} ${call.code ?? ''} after ${toldMs} ms`)
      assert.ok(toldMs <= 4 * SILENCE_MS + SLACK_MS, `told after ${toldMs} ms`)
      site.proxy(0).heal()
      site.over(fault)
      await everywhere(site)
      await site.judge()
    })

    test('B12, B13: a caller who leaves the queue is never served, one who leaves what runs stops it', async () => {
      await site.begin()
      const leave = new AbortController()
      const running = Array.from({ length: 12 }, () => site.call({ ms: 20_000, signal: leave.signal }))
      await site.waitForExecutions('started', 12)
      const impatient = new AbortController()
      const waiting = Array.from({ length: 20 }, () => site.call({ signal: impatient.signal }))
      // Some of them may be ahead at a worker, where they count as running.
      const inAll = async (): Promise<number> => {
        const { waiting: lined, running: sent } = await site.queue()
        return lined + sent
      }
      await until(async () => (await inAll()) === 32, LIMIT_MS, 'twenty wait')
      impatient.abort()
      await Promise.all(waiting)
      await until(async () => (await inAll()) === 12, LIMIT_MS, 'nobody waits')
      leave.abort()
      await Promise.all(running)
      const aborted = await site.waitForExecutions('aborted', 12)
      assert.equal(aborted.length, 12)
      const { story } = await site.judge()
      const ran = new Set(story.executions.map(({ id }) => id))
      assert.deepEqual(
        ran,
        new Set(story.calls.slice(0, 12).map(({ id }) => id)),
        'only those that ran at once',
      )
    })
  })
})

function watchStatus(site: Site, states: Set<string>): { end(): Promise<void> } {
  let hasEnded = false
  const watched = (async () => {
    while (!hasEnded) {
      const line = (await site.lines()).find(({ id }) => id === 'w1')
      if (line) states.add(line.status)
      await pause(50)
    }
  })()
  // Whoever ends it gets the error; until then it must not count as unhandled.
  watched.catch(() => {})
  return {
    end() {
      hasEnded = true
      return watched
    },
  }
}
