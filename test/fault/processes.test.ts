/**
 * Workers that are killed, stopped, told to end, blocked: section A of the catalogue of faults, as far as it
 * concerns workers; balancer.test.ts has the rest. What really ran is decided by the notes of the handlers, and
 * every test ends with all checkers.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { keepCalling } from '../end-to-end/load.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { killWorkersInTurn } from './kills.ts'
import { CALM, LEASE_MS, LIMIT_MS, SILENCE_MS, Site, SLACK_MS } from './site.ts'
import type { Call } from './story.ts'

const THREE = { workers: [{ slots: 4 }, { slots: 4 }, { slots: 4 }] }
/** Ends soon after it was told to, whatever still runs. */
const BRIEF = { slots: 2, env: { SHUTDOWN_TIMEOUT: '700ms' } }
/** A worker that is blocked is seen to be stalled at once, and given up only long after it is back. */
const LONG_LEASE = { WORKER_LEASE: '30s' }
/** Longer than two heartbeats, the second after which what is ahead is given away, and a busy machine. */
const BLOCKED_MS = 2 * SILENCE_MS + 6_000

/** What a balancer sends ahead it must know to be short. */
async function teachServiceTime(site: Site): Promise<void> {
  for (let done = 0; done < 5; done++) assert.equal((await site.call({ ms: 5 })).status, 200)
}

async function setMaintenance(site: Site, index: number, isOn: boolean): Promise<void> {
  await site.balancer.request(`/workers/w${index + 1}/${isOn ? 'off' : 'on'}`, { method: 'POST' })
  await site.waitForStatus(index, isOn ? 'maintenance' : 'ready')
}

function outcomeOf({ status, code, attempt }: Call): unknown[] {
  return status === 200 ? [status, attempt] : [status, code]
}

/** Who kills has a site of its own, so that nobody is left out for dying again and again; the others share one. */
describe('workers', { concurrency: 3, timeout: 500_000 }, () => {
  test('A1: workers are killed while tasks of 200 ms run, at random moments', async (t) => {
    const site = await Site.start(t, THREE)
    const { detectionMs } = await killWorkersInTurn(site, 8)
    const { repeats } = await site.judge()
    assert.ok(repeats > 0, 'nothing was ever repeated')
    const worst = Math.max(...detectionMs)
    t.diagnostic(`${detectionMs.length} losses told after at most ${worst} ms, ${repeats} repeats`)
    assert.ok(worst <= 2 * SILENCE_MS + SLACK_MS, `a loss was told after ${worst} ms`)
  })

  test('A3: dead after finishing, before the result left: again only where it is declared harmless', async (t) => {
    const site = await Site.start(t, THREE)
    const die = { how: 'die', times: 1 } as const
    const again = await callAndDie(site, { ...die, idempotent: true })
    assert.deepEqual(outcomeOf(again), [200, 2])
    const undeclared = await callAndDie(site, die)
    assert.deepEqual(outcomeOf(undeclared), [502, 'WORKER_LOST'])
    const once = await callAndDie(site, { ...die, idempotent: true, attempts: 1 })
    assert.deepEqual(outcomeOf(once), [502, 'WORKER_LOST'])
    const died = (await site.probe.read()).filter(({ event }) => event === 'finished').length
    assert.equal(died, 4)
    await tryAll(site)
    assert.equal((await site.judge()).repeats, 1)
  })

  test('A18: a task that ends its worker every time: POISONED after three, and nobody else is lost', async (t) => {
    const site = await Site.start(t, THREE)
    const poison = site.call({ how: 'exit', idempotent: true, attempts: 9 })
    for (let count = 1; count <= 3; count++) {
      const [execution] = (await site.waitForExecutions('started', count)).slice(count - 1)
      const index = site.workers.findIndex(({ pid }) => pid === execution?.pid)
      site.fault('worker-killed', execution?.pid, execution?.atMs)
      await site.worker(index).exited
      await site.restartWorker(index)
    }
    const call = await poison
    assert.deepEqual([call.status, call.code, call.attempt], [500, 'POISONED', 3])
    await tryAll(site)
    const { repeats } = await site.judge()
    assert.equal(repeats, 2)
  })

  test('A14: a handler that holds the event loop: its neighbours go on, what was ahead comes back by age', async (t) => {
    const site = await Site.start(t, { workers: [BRIEF, BRIEF], env: LONG_LEASE })
    await setMaintenance(site, 1, true)
    await teachServiceTime(site)
    const blocked = site.fault('worker-blocked', site.worker(0).pid)
    const neighbour = site.call({ ms: 1_000 })
    await site.waitForExecutions('started', 6)
    const blocking = site.call({ ms: BLOCKED_MS, how: 'block' })
    await site.waitForExecutions('started', 7)
    const ahead = [1, 2, 3].map((n) => site.call({ ms: 5, idempotent: n > 1 }))
    await site.waitForStatus(0, 'stalled')
    await setMaintenance(site, 1, false)
    const [once, ...twice] = await Promise.all(ahead)
    // It could have started with nobody hearing of it, so these two are attempts.
    assert.deepEqual(
      twice.map(outcomeOf),
      twice.map(() => [200, 2]),
    )
    assert.deepEqual(new Set(twice.map(({ result }) => result?.pid)), new Set([site.worker(1).pid]))
    // What may not run twice comes back when the worker can say that it has not.
    assert.ok(once)
    assert.deepEqual(outcomeOf(once), [200, 1])
    const stayed = await Promise.all([neighbour, blocking])
    assert.deepEqual(stayed.map(outcomeOf), [
      [200, 1],
      [200, 1],
    ])
    site.over(blocked)
    assert.equal((await site.judge()).repeats, 0)
  })

  describe('that are told to end', { concurrency: 1 }, () => {
    const scope = createScope()
    let site: Site
    before(async () => {
      site = await Site.start(scope, { workers: [BRIEF, BRIEF], env: CALM })
    })
    after(() => scope.end())

    test('A2: killed between accepting and starting: not started, and no attempt is counted', async () => {
      await site.begin()
      const { pid } = site.worker(0)
      await setMaintenance(site, 1, true)
      const stopped = site.fault('worker-stopped', pid)
      site.worker(0).signal('SIGSTOP')
      const from = site.balancer.logLines().length
      const accepted = [1, 2].map(() => site.call({ ms: 20, idempotent: false }))
      const areSent = () =>
        site.balancer
          .logLines()
          .slice(from)
          .filter(({ text }) => text === 'task sent').length === 2
      await until(areSent, LIMIT_MS, 'two tasks are sent')
      await setMaintenance(site, 1, false)
      await site.killWorker(0)
      const calls = await Promise.all(accepted)
      site.over(stopped)
      assert.deepEqual(
        calls.map(outcomeOf),
        calls.map(() => [200, 1]),
      )
      assert.deepEqual(new Set(calls.map(({ result }) => result?.pid)), new Set([site.worker(1).pid]))
      await site.restartWorker(0)
      assert.equal((await site.judge()).repeats, 0)
    })

    test('A9: SIGTERM to a worker: what runs is finished, what waits goes elsewhere, exit 0', async (t) => {
      await site.begin()
      const load = keepCalling(16, () => site.call({ ms: 60 }))
      t.after(() => load.end())
      await site.waitForExecutions('finished', 60)
      const ending = site.worker(0)
      site.fault('worker-ended', ending.pid)
      const exit = ending.stop()
      await site.waitForStatus(0, 'draining', 'unreachable')
      assert.deepEqual(await exit, { code: 0, signal: null })
      const enough = load.done.length + 60
      await until(() => load.done.length > enough, LIMIT_MS, 'the other one works on')
      await load.end()
      await site.restartWorker(0)
      const { repeats, story } = await site.judge()
      assert.deepEqual(new Set(story.calls.map(({ status }) => status)), new Set([200]))
      assert.equal(repeats, 0)
      const ofEnding = story.executions.filter(({ pid }) => pid === ending.pid)
      assert.ok(!ofEnding.some(({ event }) => event === 'aborted'), 'none was cut off')
    })

    test('A9: what outlasts the limit of a worker that ends is handed back', async () => {
      await site.begin()
      await setMaintenance(site, 1, true)
      const running = [site.call({ how: 'held', idempotent: true }), site.call({ how: 'held' })]
      await site.waitForExecutions('started', 2)
      await setMaintenance(site, 1, false)
      const ending = site.worker(0)
      site.fault('worker-ended', ending.pid)
      assert.deepEqual(await ending.stop(), { code: 0, signal: null })
      await site.probe.release()
      const calls = await Promise.all(running)
      assert.deepEqual(calls.map(outcomeOf), [
        [200, 2],
        [502, 'WORKER_LOST'],
      ])
      await site.restartWorker(0)
      assert.equal((await site.judge()).repeats, 1)
    })
  })

  describe('that are stopped', { concurrency: 1 }, () => {
    const scope = createScope()
    let site: Site
    before(async () => {
      site = await Site.start(scope, { workers: [BRIEF, BRIEF] })
    })
    after(() => scope.end())

    test('A12: stopped for longer than its lease: its tasks are given up once, and its late results refused', async (t) => {
      await site.begin()
      await setMaintenance(site, 1, true)
      const asked = [site.call({ how: 'held', idempotent: true }), site.call({ how: 'held' })]
      await site.waitForExecutions('started', 2)
      const stopped = site.fault('worker-stopped', site.worker(0).pid)
      site.worker(0).signal('SIGSTOP')
      t.after(() => site.worker(0).signal('SIGCONT'))
      await site.probe.release()
      await setMaintenance(site, 1, false)
      const calls = await Promise.all(asked)
      assert.deepEqual(calls.map(outcomeOf), [
        [200, 2],
        [502, 'WORKER_LOST'],
      ])
      const tookMs = Math.max(...calls.map(({ endedAtMs = Infinity }) => endedAtMs - stopped.beganAtMs))
      assert.ok(
        tookMs >= LEASE_MS - SILENCE_MS && tookMs <= LEASE_MS + 2 * SLACK_MS,
        `given up after ${tookMs} ms`,
      )
      site.worker(0).signal('SIGCONT')
      site.over(stopped)
      await site.waitForStatus(0, 'ready')
      assert.equal((await site.judge()).repeats, 1)
    })
  })
})

/** Who was left out for dying again and again is tried with a task once its time is over. */
async function tryAll(site: Site): Promise<void> {
  const isServed = async (): Promise<boolean> => {
    assert.equal((await site.call({ ms: 5 })).status, 200)
    return (await site.lines()).every(({ status }) => status === 'ready')
  }
  await until(isServed, LIMIT_MS, 'all are in service')
}

/** The worker that had the task is another process when this resolves. */
async function callAndDie(site: Site, ask: Parameters<Site['call']>[0]): Promise<Call> {
  const before = (await site.probe.read()).filter(({ event }) => event === 'finished').length
  const asked = site.call(ask)
  const executions = await site.waitForExecutions('finished', before + 1)
  const pid = executions[before]?.pid
  site.fault('worker-killed', pid, executions[before]?.atMs)
  const call = await asked
  const index = site.workers.findIndex((worker) => worker.pid === pid)
  await site.worker(index).exited
  await site.restartWorker(index)
  await site.waitForStatus(index, 'ready')
  return call
}
