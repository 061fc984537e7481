/**
 * Runs that wait on disk while balancers come and go: what is taken and in which order (G1, G4), a crash loop (A8),
 * a worker that is paused for longer than its lease (A12). The heavy form is nightly/backlog.nightly.ts.
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { callAtOnce } from '../end-to-end/load.ts'
import { until } from '../harness/until.ts'
import { assertInOrder, turn } from './backlog.ts'
import { Handover } from './handed-over.ts'
import { CALM, LEASE_MS, LIMIT_MS, PATIENT, Site } from './site.ts'

/** More than the core's window of a lane, which is 1,000. */
const RUN_LIMIT = 1_300
const CALLERS = 16
/** From the lock to the first answer it takes longer: a kill may find it anywhere. */
const STARTING_MS = 200

describe('a backlog', { concurrency: 3, timeout: 500_000 }, () => {
  test('G1, G4: a line on disk beyond the window: bounded, kept, by priority and age over two restarts', async (t) => {
    const env = { ...PATIENT, ...CALM, RUN_LIMIT: String(RUN_LIMIT), STARVATION_AFTER: '1h' }
    const site = await Site.start(t, { workers: [{ slots: 1 }], env })
    const handover = new Handover(site)
    await turn(site, 'off')
    await callAtOnce(RUN_LIMIT, CALLERS, (index) =>
      handover.handOver({ priority: [50, 100, 200][index % 3] }),
    )
    const beyond = await Promise.all([1, 2, 3, 4].map(() => handover.hand()))
    for (const { status, code, headers } of beyond) {
      assert.deepEqual([status, code], [429, 'QUEUE_FULL'])
      assert.ok(Number(headers.get('retry-after')) >= 1)
    }
    await site.killBalancer()
    await site.restartBalancer(0)
    assert.equal((await handover.hand()).code, 'QUEUE_FULL', 'what waits counts after a restart as well')
    await turn(site, 'on')
    await site.waitForExecutions('finished', RUN_LIMIT / 4)
    await site.killBalancer()
    await site.restartBalancer()
    const { repeats, shown } = await handover.judge()
    assert.equal(repeats, 0)
    assert.equal(shown.length, RUN_LIMIT)
    assertInOrder(handover, await site.probe.read())
    assert.equal((await handover.hand()).status, 202, 'there is room again')
    await handover.allEnded()
  })

  test('A8: five kills, some of them while it starts: nothing runs again, no attempt is counted', async (t) => {
    const env = { ...PATIENT, ...CALM }
    const site = await Site.start(t, { workers: [{ slots: 2 }, { slots: 2 }], env })
    const handover = new Handover(site)
    const begun = await Promise.all([1, 2, 3, 4].map(() => handover.handOver({ ms: 3_000 })))
    await site.waitForExecutions('started', begun.length)
    await callAtOnce(60, CALLERS, () => handover.handOver({ ms: 30 }))
    const beganAt = performance.now()
    await site.killBalancer()
    for (let kills = 0; kills < 3; kills++) await killStarting(site)
    await site.restartBalancer()
    await site.killBalancer()
    await site.restartBalancer()
    t.diagnostic(`five kills in ${Math.round(performance.now() - beganAt)} ms`)
    const { repeats, shown } = await handover.judge()
    assert.equal(repeats, 0)
    assert.ok(shown.every(({ status, attempt }) => status === 'completed' && attempt === 1))
  })

  test('A12: a worker paused beyond its lease: another finishes, its late result changes nothing', async (t) => {
    const site = await Site.start(t, { workers: [{ slots: 2 }, { slots: 2 }], env: PATIENT })
    const handover = new Handover(site)
    await turn(site, 'off', 1)
    const again = await handover.handOver({ how: 'held' })
    const once = await handover.handOver({ how: 'held', idempotent: false })
    const { pid } = site.worker(0)
    await site.waitForExecutions('started', 2, pid)
    const fault = site.fault('worker-stopped', pid)
    site.worker(0).signal('SIGSTOP')
    await site.probe.release()
    await turn(site, 'on', 1)
    await until(
      () => handover.readDisk().every(({ status }) => isFinal(status)),
      LEASE_MS + LIMIT_MS,
      'both end',
    )
    const before = handover.readDisk()
    site.worker(0).signal('SIGCONT')
    site.over(fault)
    await site.waitForExecutions('started', 3)
    await site.waitForStatus(0, 'ready')
    const { repeats, shown } = await handover.judge()
    assert.deepEqual(shown, before, 'an end never changes')
    assert.equal(repeats, 1)
    const ends = new Map(shown.map((run) => [run.id, [run.status, run.attempt]]))
    assert.deepEqual(ends.get(again), ['completed', 2])
    assert.deepEqual(ends.get(once), ['failed', 1])
  })
})

function isFinal(status: string): boolean {
  return ['completed', 'failed'].includes(status)
}

/** Its process is known by the lock, which it takes first. */
async function killStarting(site: Site): Promise<void> {
  const file = join(site.balancer.dataDir, 'balancer.lock')
  const holder = (): number => (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid
  const before = holder()
  const gone = assert.rejects(site.restartBalancer(), /SIGKILL/)
  const pid = await until(() => (holder() === before ? undefined : holder()), LIMIT_MS, 'it has the lock')
  await pause(randomInt(0, STARTING_MS))
  site.fault('balancer-killed')
  process.kill(pid, 'SIGKILL')
  await gone
}
