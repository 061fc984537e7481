/**
 * B15 and B16: a worker that is listed by a name: of two addresses, one of them dead; of a name server that fails and
 * then knows another address. In namespaces, with a file of hosts and a name server of our own. About a minute.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { callAtOnce } from '../../end-to-end/load.ts'
import { startWorker } from '../../harness/berth.ts'
import { createScope } from '../../harness/scope.ts'
import { until } from '../../harness/until.ts'
import { NameServer } from '../name-server.ts'
import { Netspace, NOWHERE } from '../netspace.ts'
import { LIMIT_MS, Site, SLACK_MS } from '../site.ts'
import { quantile } from '../story.ts'

const NAME = 'worker.berth.test'
/** Of a dial, in all; a single address has 250 ms of it. */
const DIAL_MS = 700

const scope = createScope()
let space: Netspace
before(() => {
  space = Netspace.open(scope, 'hub', 'far', 'farther')
})
after(() => scope.end())

/** `w1` by its name, `w2` by its address. */
function startSite(): Promise<Site> {
  const workers = [
    { slots: 4, place: space.place('far'), listedAs: `http://${NAME}` },
    { slots: 4, place: space.place('hub') },
  ]
  return Site.start(scope, { workers, place: space.place('hub') })
}

test('B15: of two addresses one is dead: linked by the other, and no task waits for it', async (t) => {
  const { host } = space.place('far')
  const hosts = await space.cover('/etc/hosts', '')
  for (const addresses of [
    [NOWHERE, host],
    [host, NOWHERE],
  ]) {
    writeFileSync(hosts, addresses.map((address) => `${address} ${NAME}\n`).join(''))
    const beganAt = performance.now()
    const site = await startSite()
    const linkedMs = Math.round(performance.now() - beganAt)
    for (const round of [1, 2, 3]) {
      const fault = site.fault('link-broken', site.worker(0).pid)
      space.cut('hub', 'far')
      await site.waitForStatus(0, 'stalled', 'unreachable')
      space.heal('hub', 'far')
      site.over(fault)
      const backMs = await site.waitForStatus(0, 'ready')
      assert.ok(backMs <= 5_000 + SLACK_MS, `round ${round}: back after ${backMs} ms`)
    }
    const calls = await callAtOnce(200, 8, () => site.call({ ms: 5, kind: 'good' }))
    const tookMs = calls.map(({ submittedAtMs, endedAtMs = Infinity }) => endedAtMs - submittedAtMs)
    const p99 = quantile(tookMs, 0.99)
    t.diagnostic(`started and linked within ${linkedMs} ms; p99 of 200 tasks ${p99} ms`)
    assert.ok(p99 <= DIAL_MS, `p99 is ${p99} ms`)
    const { story } = await site.judge()
    assert.ok(story.executions.some(({ pid }) => pid === site.worker(0).pid))
    await site.balancer.stop()
  }
})

test('B16: the name server fails: links stay, dials say why, nothing ends; then the name moves', async (t) => {
  const server = await NameServer.start(t, space.routerOf('hub'))
  server.addresses = [space.place('far').host]
  const resolver = `nameserver ${space.routerOf('hub')}\noptions timeout:1 attempts:1\n`
  await space.cover('/etc/hosts', '127.0.0.1 localhost\n')
  await space.cover('/etc/resolv.conf', resolver)
  const site = await startSite()
  for (const mood of ['fails', 'mute'] as const) {
    server.mood = mood
    const linked = await Promise.all(Array.from({ length: 20 }, () => site.call({ ms: 20 })))
    assert.ok(linked.every(({ status }) => status === 200))
    assert.equal((await site.lines())[0]?.status, 'ready', 'a link that stands needs no name')

    await site.killWorker(0)
    const asked = server.asked
    await until(async () => /resolved|no answer/.test((await site.lines())[0]?.reason ?? ''), LIMIT_MS, 'why')
    await until(() => server.asked > asked, LIMIT_MS, 'it is asked again')
    const others = await Promise.all(Array.from({ length: 20 }, () => site.call({ kind: 'good' })))
    assert.ok(others.every(({ status }) => status === 200))
    await site.restartWorker(0)
    server.mood = 'answers'
    const backMs = await site.waitForStatus(0, 'ready')
    t.diagnostic(`${mood}: back ${backMs} ms after it answers`)
    assert.ok(backMs <= 10_000, `back after ${backMs} ms`)
  }
  await site.judge(LIMIT_MS)

  const gone = site.worker(0)
  await site.killWorker(0)
  const env = { SLOTS: '4', PORT: String(gone.port) }
  const moved = await startWorker(t, { folder: site.probe.folder, env, place: space.place('farther') })
  server.addresses = [space.place('farther').host]
  await site.waitForStatus(0, 'ready')
  await site.balancer.request('/workers/w2/off', { method: 'POST' })
  await site.waitForStatus(1, 'maintenance')
  assert.equal((await site.call()).result?.pid, moved.pid, 'tasks go where the name leads now')
  assert.ok(!site.balancer.hasExited())
})
