/** A13 and B4 with the defaults of the contract: heartbeat 3 + 3 s, lease 30 s. About two minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Site } from '../site.ts'

const DEFAULTS = { WS_HEARTBEAT_INTERVAL: '3s', WS_HEARTBEAT_TIMEOUT: '3s', WORKER_LEASE: '30s' }
const RECOVERY_MS = 15_000

test('A13: a balancer paused for 35 s ejects and loses nobody', async (t) => {
  const site = await Site.start(t, { workers: [{ slots: 4 }, { slots: 4 }], env: DEFAULTS })
  const running = [1, 2, 3, 4].map(() => site.call({ ms: 2_000, idempotent: true }))
  await site.waitForExecutions('started', 4)
  const fault = site.fault('balancer-paused')
  site.balancer.signal('SIGSTOP')
  await pause(35_000)
  site.balancer.signal('SIGCONT')
  site.over(fault)
  const calls = await Promise.all(running)
  assert.ok(calls.every(({ status }) => status === 200))
  assert.ok((await site.lines()).every(({ breaker }) => breaker.state === 'closed'))
  await site.judge(RECOVERY_MS)
})

for (const lastsMs of [1_000, 10_000, 40_000])
  test(`B4: a worker cut off for ${lastsMs / 1_000} s`, async (t) => {
    const plan = { slots: 4, isProxied: true }
    const site = await Site.start(t, { workers: [plan, plan], env: DEFAULTS })
    const running = Array.from({ length: 6 }, () => site.call({ ms: 500, idempotent: true }))
    await site.waitForExecutions('started', 6)
    const fault = site.fault('link-broken', site.worker(0).pid)
    site.proxy(0).freeze('down', 'up')
    await pause(lastsMs)
    site.proxy(0).heal()
    site.over(fault)
    await Promise.all(running)
    await site.judge(RECOVERY_MS)
  })
