/**
 * Bad networks between a balancer and its workers: section B of the catalogue of faults, through a proxy, so that
 * no root is needed. All tests share one site, one after the other; each ends with all checkers.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { cutAtEach } from './cuts.ts'
import type { Direction } from './link-proxy.ts'
import { LEASE_MS, LIMIT_MS, SILENCE_MS, Site, SLACK_MS } from './site.ts'
import { type Call, type Fault, quantile } from './story.ts'

const BOTH = ['down', 'up'] as const

describe('the network', { timeout: 170_000 }, () => {
  const scope = createScope()
  let site: Site
  before(async () => {
    const worker = { slots: 4, isProxied: true }
    site = await Site.start(scope, { workers: [worker, worker, { slots: 4 }] })
  })
  after(() => scope.end())

  /** Breaks the link of `w1`; `heal` makes it whole and waits until the worker is back. */
  function breakLink(...directions: readonly Direction[]): { fault: Fault; heal(): Promise<void> } {
    const fault = site.fault('link-broken', site.worker(0).pid)
    site.proxy(0).freeze(...directions)
    return {
      fault,
      async heal() {
        site.proxy(0).heal()
        site.over(fault)
        await site.waitForStatus(0, 'ready', 'ejected')
      },
    }
  }

  /** Tasks of which some run at `w1`; half of them may be repeated. */
  async function runEverywhere(ms: number, signal?: AbortSignal): Promise<Promise<Call>[]> {
    const calls = Array.from({ length: 6 }, (_, index) =>
      site.call({ ms, idempotent: index % 2 === 0 || undefined, signal }),
    )
    await site.waitForExecutions('started', 6)
    return calls
  }

  async function hasRunAt(index: number): Promise<boolean> {
    const { pid } = site.worker(index)
    return (await site.probe.read()).some((execution) => execution.pid === pid)
  }

  test('B1: half-open: stalled within two heartbeats, given up at the lease, every caller is told', async (t) => {
    await site.begin()
    const calls = await runEverywhere(3_000)
    assert.ok(await hasRunAt(0))
    const { fault, heal } = breakLink(...BOTH)
    await site.waitForStatus(0, 'stalled')
    const stalledMs = Date.now() - fault.beganAtMs
    const ended = await Promise.all(calls)
    const toldMs = Math.max(...ended.map(({ endedAtMs = Infinity }) => endedAtMs)) - fault.beganAtMs
    t.diagnostic(`stalled after ${stalledMs} ms, all told after ${toldMs} ms`)
    assert.ok(stalledMs <= 2 * SILENCE_MS + SLACK_MS)
    assert.ok(toldMs <= LEASE_MS + 3_000 + SLACK_MS)
    await site.waitForExecutions('aborted', 1, site.worker(0).pid)
    await heal()
    await site.judge()
  })

  test('B2, B3: one way only: whoever cannot answer ends what it runs, whoever hears nothing is not used', async (t) => {
    for (const direction of BOTH) {
      await site.begin()
      const leave = new AbortController()
      const calls = await runEverywhere(50_000, leave.signal)
      const { fault, heal } = breakLink(direction)
      const aborted = await site.waitForExecutions('aborted', 1, site.worker(0).pid)
      const fencedMs = (aborted[0]?.atMs ?? 0) - fault.beganAtMs
      t.diagnostic(`${direction} cut: the worker ended what it ran after ${fencedMs} ms`)
      assert.ok(fencedMs <= LEASE_MS + 2 * SILENCE_MS + SLACK_MS, `${direction}: after ${fencedMs} ms`)
      await site.waitForStatus(0, 'stalled', 'unreachable', 'connecting')
      const meanwhile = await Promise.all([1, 2, 3].map(() => site.call({ kind: 'good' })))
      assert.ok(meanwhile.every(({ status }) => status === 200))
      await heal()
      leave.abort()
      await Promise.all(calls)
      await site.judge()
    }
  })

  test('B4: cut off for longer than a heartbeat, shorter and longer than the lease, and back', async (t) => {
    for (const lastsMs of [SILENCE_MS + 200, LEASE_MS + 1_000]) {
      await site.begin()
      const calls = await runEverywhere(1_500)
      const { heal } = breakLink(...BOTH)
      await pause(lastsMs)
      const healedAt = performance.now()
      await heal()
      const backMs = Math.round(performance.now() - healedAt)
      t.diagnostic(`back ${backMs} ms after a cut of ${lastsMs} ms`)
      assert.ok(backMs <= 5_000 + SLACK_MS)
      await Promise.all(calls)
      await site.judge()
    }
  })

  test('B6: links that break one by one and come back in another order', async () => {
    await site.begin()
    const calls = await runEverywhere(600)
    const faults = [0, 1].map((index) => site.fault('link-broken', site.worker(index).pid))
    site.proxy(0).freeze(...BOTH)
    await site.waitForStatus(0, 'stalled')
    site.proxy(1).cut()
    site.proxy(1).freeze(...BOTH)
    await site.waitForStatus(1, 'stalled', 'unreachable')
    for (const index of [1, 0]) {
      site.proxy(index).heal()
      await site.waitForStatus(index, 'ready', 'ejected')
    }
    for (const fault of faults) site.over(fault)
    await Promise.all(calls)
    await site.judge()
  })

  for (const [direction, where] of [
    ['down', 'a task'],
    ['up', 'a result'],
  ] as const)
    test(`B7: a link that is cut inside ${where} loses nothing and runs nothing twice`, async (t) => {
      await site.begin()
      // Not the first, which the tests before have given a bad name: its next ejection would be long.
      await onlyAt(1)
      await cutAtEach(site, 1, direction, [1, 2, 10, 40, 80, 120, 160, 200, 250, 300])
      await everywhere()
      const { repeats, story } = await site.judge()
      assert.equal(repeats, 0)
      t.diagnostic(`${story.faults.length} cuts`)
    })

  test('B8: a task that comes a byte at a time: its caller is told, its slot comes back', async (t) => {
    await site.begin()
    await onlyAt(0)
    const fault = site.fault('link-broken', site.worker(0).pid)
    site.proxy(0).limit({ bytes: 1, everyMs: 40 }, 'down')
    const call = await site.call({ ms: 5, data: 'x'.repeat(2_000) })
    const toldMs = (call.endedAtMs ?? Infinity) - fault.beganAtMs
    t.diagnostic(`told ${call.status} ${call.code ?? ''} after ${toldMs} ms`)
    assert.ok(toldMs <= 4 * SILENCE_MS + SLACK_MS, `told after ${toldMs} ms`)
    site.proxy(0).heal()
    site.over(fault)
    await everywhere()
    await site.judge()
  })

  test('B11: one direction of a link freezes with 50 tasks on it: all others do not notice', async (t) => {
    await site.begin()
    const measure = async (kind: Call['kind']): Promise<number> => {
      const calls: Call[] = []
      for (let done = 0; done < 40; done++) calls.push(await site.call({ ms: 5, kind }))
      return quantile(
        calls.map(({ submittedAtMs, endedAtMs = Infinity }) => endedAtMs - submittedAtMs),
        0.99,
      )
    }
    const baselineMs = await measure('baseline')
    await onlyAt(0)
    const stuck = Array.from({ length: 50 }, () => site.call({ ms: 50, idempotent: true }))
    await site.waitForExecutions('started', 44)
    const { heal } = breakLink('up')
    await everywhere(false)
    const goodMs = await measure('good')
    t.diagnostic(`p99 ${baselineMs} ms before, ${goodMs} ms beside the frozen link`)
    await heal()
    await Promise.all(stuck)
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

  test('B18: large inputs on a slow link do not make its worker silent', async (t) => {
    await site.begin()
    await onlyAt(0)
    site.proxy(0).limit({ bytes: 20_000, everyMs: 20 }, 'down')
    const calls = [1, 2].map(() => site.call({ data: 'x'.repeat(2_000_000), ms: 1 }))
    const states = new Set<string>()
    const watched = watchStatus(states)
    const ended = await Promise.all(calls)
    watched.end()
    site.proxy(0).heal()
    t.diagnostic(`4 MB through 1 MB/s; the worker was ${[...states].join(', ')}`)
    assert.ok(ended.every(({ status }) => status === 200))
    assert.ok(!states.has('stalled') && !states.has('unreachable'))
    await everywhere()
    await site.judge()
  })

  function watchStatus(states: Set<string>): { end(): void } {
    const timer = setInterval(async () => {
      const line = (await site.lines()).find(({ id }) => id === 'w1')
      if (line) states.add(line.status)
    }, 50)
    return { end: () => clearInterval(timer) }
  }

  /** All other workers are in maintenance. */
  async function onlyAt(index: number): Promise<void> {
    for (const other of site.workers.keys()) if (other !== index) await order(other, 'off', 'maintenance')
  }

  async function everywhere(isAll = true): Promise<void> {
    for (const index of site.workers.keys()) if (isAll || index > 0) await order(index, 'on', 'ready')
  }

  async function order(index: number, what: 'on' | 'off', state: string): Promise<void> {
    await site.balancer.request(`/workers/w${index + 1}/${what}`, { method: 'POST' })
    await site.waitForStatus(index, state)
  }
})
