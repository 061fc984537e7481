/**
 * Balancers that are killed, told to end, paused: section A of the catalogue of faults, as far as it concerns the
 * balancer. One site, one test after the other; each ends with all checkers.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LEASE_MS, LIMIT_MS, SILENCE_MS, Site, SLACK_MS } from './site.ts'
import type { Call } from './story.ts'

/** A signal that follows so soon is an echo of the first, and no second wish. */
const ECHO_MS = 600
/** A thousand broken connections are seen one after the other by this process, on a busy machine. */
const TOLD_MS = 15_000
/** Of calls at a rate: what a slow machine cannot keep up with must not bury it. */
const MOST_UNDER_WAY = 200

describe('a balancer', { timeout: 500_000 }, () => {
  const scope = createScope()
  let site: Site
  before(async () => {
    // Longer than what still runs at a SIGTERM, however long the machine takes to ask meanwhile.
    const env = { SHUTDOWN_TIMEOUT: '60s' }
    site = await Site.start(scope, { workers: [{ slots: 4 }, { slots: 4 }], env })
  })
  after(() => scope.end())

  test('A7: killed with 1,000 sync callers: all hear of it, nothing runs on, no ghost slot after the restart', async (t) => {
    await site.begin()
    const callers = Array.from({ length: 1_000 }, () => site.call({ ms: 30_000 }))
    await site.waitForExecutions('started', 8)
    await until(async () => total(await site.queue()) === 1_000, LIMIT_MS, 'all are accepted')
    const killedAtMs = Date.now()
    await site.killBalancer()
    const calls = await Promise.all(callers)
    const toldMs = Math.max(...calls.map(({ endedAtMs = Infinity }) => endedAtMs)) - killedAtMs
    assert.ok(calls.every(({ failure }) => failure !== undefined))
    const aborted = await site.waitForExecutions('aborted', 8)
    const endedMs = Math.max(...aborted.map(({ atMs }) => atMs)) - killedAtMs
    t.diagnostic(`1,000 callers told within ${toldMs} ms, all handlers ended within ${endedMs} ms`)
    assert.ok(toldMs <= TOLD_MS, `the last caller heard after ${toldMs} ms`)
    assert.ok(endedMs <= 3 * SILENCE_MS + SLACK_MS, `a handler ran on for ${endedMs} ms`)
    await site.restartBalancer()
    const together = await Promise.all(Array.from({ length: 8 }, () => site.call({ ms: 300 })))
    assert.ok(together.every(({ status }) => status === 200))
    const { repeats, story } = await site.judge()
    assert.equal(repeats, 0)
    const ran = new Set(story.executions.map(({ id }) => id))
    assert.equal(ran.size, 16, 'what waited never ran')
  })

  for (const [what, isLong] of [
    ['while something runs on: not ready at once, ', true],
    ['when all is done in a moment: ', false],
  ] as const)
    test(`A10: SIGTERM under 500 calls a second, ${what}no call from before it is reset`, async (t) => {
      await site.begin()
      const load = callAtRate(500, () => site.call({ ms: 5 }))
      t.after(() => load.end())
      await until(() => load.ended() >= 1_000, LIMIT_MS, 'it is under load')
      const long = isLong ? await startHeld(site) : undefined
      site.fault('balancer-ended')
      const termAtMs = Date.now()
      const ended = site.balancer.stop(LIMIT_MS)
      if (long) await until(async () => (await site.balancer.request('/readyz')).status === 503, LIMIT_MS)
      const notReadyMs = Date.now() - termAtMs
      if (long) await until(() => site.calls.some(({ status }) => status === 503), LIMIT_MS, 'one is refused')
      await site.probe.release()
      assert.deepEqual(await ended, { code: 0, signal: null })
      await Promise.all([load.end(), long?.call])
      await site.restartBalancer()
      const { story } = await site.judge()
      const before = story.calls.filter(({ submittedAtMs }) => submittedAtMs < termAtMs)
      const later = story.calls.filter(({ submittedAtMs }) => submittedAtMs >= termAtMs)
      if (long) t.diagnostic(`503 at /readyz after ${notReadyMs} ms`)
      t.diagnostic(`before: ${count(before)}; later: ${count(later)}`)
      // On a busy machine a call may not have got as far as the balancer for seconds; one that began had.
      const begun = new Set(story.executions.filter(({ atMs }) => atMs < termAtMs).map(({ id }) => id))
      assert.ok(begun.size >= 1_000)
      assert.deepEqual(
        before.filter((call) => begun.has(call.id) && call.status !== 200),
        [],
      )
      // Whoever had come that far was told when to come again.
      const answered = before.filter(({ status }) => status !== undefined)
      assert.deepEqual(answered.filter(isNeitherDoneNorToldWhen), [])
      assert.ok(!long || later.some(({ status }) => status === 503))
    })

  test('A11: a second SIGTERM, and a SIGKILL, while it drains: as if it had been killed', async () => {
    for (const second of ['SIGTERM', 'SIGKILL'] as const) {
      await site.begin()
      const running = Array.from({ length: 8 }, () => site.call({ ms: 30_000, idempotent: true }))
      const started = await site.waitForExecutions('started', 8)
      site.fault('balancer-ended')
      site.balancer.signal('SIGTERM')
      await until(
        () => site.balancer.logLines().some(({ text }) => text === 'stopping'),
        LIMIT_MS,
        'it is stopping',
      )
      await pause(ECHO_MS)
      site.balancer.signal(second)
      await site.balancer.exited
      await Promise.all(running)
      await site.waitForExecutions('aborted', started.length)
      await site.restartBalancer()
      const { repeats } = await site.judge()
      assert.equal(repeats, 0, 'nothing is handed on by a balancer that has gone')
    }
  })

  test('A13: paused for longer than the lease: nobody is ejected or lost, all goes on', async (t) => {
    await site.begin()
    for (const lastsMs of [SILENCE_MS / 2, LEASE_MS + 1_000]) {
      const running = [1, 2, 3, 4].map(() => site.call({ ms: lastsMs / 2, idempotent: true }))
      await site.waitForExecutions('started', site.calls.length)
      const from = site.balancer.logLines().length
      const fault = site.fault('balancer-paused')
      site.balancer.signal('SIGSTOP')
      await pause(lastsMs)
      site.balancer.signal('SIGCONT')
      site.over(fault)
      const resumedAt = performance.now()
      const calls = await Promise.all(running)
      assert.ok(calls.every(({ status }) => status === 200))
      const states = new Set((await site.lines()).map(({ status, breaker }) => `${status} ${breaker.state}`))
      for (const index of site.workers.keys()) await site.waitForStatus(index, 'ready')
      const backMs = Math.round(performance.now() - resumedAt)
      const said = site.balancer
        .logLines()
        .slice(from)
        .map(({ text }) => String(text))
      t.diagnostic(`paused ${lastsMs} ms: ${[...states].join(', ')}; all ready ${backMs} ms after`)
      assert.ok(!said.includes('worker is silent'), 'its own pause is nobody’s silence')
      assert.ok(
        [...states].every((state) => state.endsWith('closed')),
        [...states].join(),
      )
    }
    await site.judge()
  })
})

function total({ waiting, running }: { waiting: number; running: number }): number {
  return waiting + running
}

/** A call whose handler has begun, and goes on until the probe is released. */
async function startHeld(site: Site): Promise<{ call: Promise<Call> }> {
  const call = site.call({ how: 'held' })
  const id = site.calls.at(-1)?.id
  const hasBegun = async () => (await site.probe.read()).some((execution) => execution.id === id)
  await until(hasBegun, LIMIT_MS, 'it has begun')
  return { call }
}

/** A call that was on its way when the signal came may find a balancer that drains; none finds a reset. */
function isNeitherDoneNorToldWhen({ status, code, retryAfter }: Call): boolean {
  return status !== 200 && !(status === 503 && code === 'DRAINING' && retryAfter !== undefined)
}

/** So many calls a second whatever becomes of them, as far as the machine keeps up, from now until told to end. */
function callAtRate(perSecond: number, call: () => Promise<Call>) {
  const beganAt = performance.now()
  const calls: Promise<Call>[] = []
  let ended = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - beganAt) / 1_000) * perSecond
    while (calls.length < due && calls.length - ended < MOST_UNDER_WAY)
      calls.push(call().finally(() => ended++))
  }, 2)
  return {
    ended: () => ended,
    async end(): Promise<void> {
      clearInterval(timer)
      await Promise.all(calls)
    },
  }
}

/** How many ended in which way. */
function count(calls: readonly Call[]): string {
  const ways = Map.groupBy(calls, ({ status, code, failure }) => failure ?? `${status} ${code ?? ''}`.trim())
  return [...ways].map(([way, { length }]) => `${length} × ${way}`).join(', ')
}
