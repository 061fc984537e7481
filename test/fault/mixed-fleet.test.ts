/**
 * Workers of ours and workers of another make in one fleet, under load, while they are killed, stopped, slow and taken
 * out of service: the same guarantees for both, judged by all checkers.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { keepCalling } from '../end-to-end/load.ts'
import { PATIENT, Site } from './site.ts'

const MIXED = {
  env: PATIENT,
  workers: [{ slots: 4 }, { slots: 4, isForeign: true }, { slots: 4 }, { slots: 4, isForeign: true }],
}
const FOREIGN = [1, 3]

describe('a mixed fleet', { concurrency: 2, timeout: 150_000 }, () => {
  test('is killed worker by worker, ours and others, under load', async (t) => {
    const site = await Site.start(t, MIXED)
    let next = 0
    const load = keepCalling(12, () => site.call({ ms: 60, idempotent: ++next % 2 === 0 || undefined }))
    for (const index of [1, 0, 3, 2, 1, 3]) {
      await site.waitForStatus(index, 'ready', 'saturated')
      await site.waitForExecutions('started', 1, site.worker(index).pid)
      await site.killWorker(index)
      await site.restartWorker(index)
    }
    await load.end()
    const { repeats, story } = await site.judge()
    const lost = story.calls.filter(({ code }) => code === 'WORKER_LOST').length
    t.diagnostic(`${story.calls.length} calls, ${lost} lost, ${repeats} repeats`)
    assert.ok(lost + repeats > 0, 'no kill met a task')
  })

  test('stays whole while workers are slow, stopped and in maintenance', async (t) => {
    const site = await Site.start(t, MIXED)
    let next = 0
    const load = keepCalling(12, () => site.call({ ms: ++next % 5 === 0 ? 300 : 20, idempotent: true }))
    const set = (index: number, what: 'on' | 'off') =>
      site.balancer.request(`/workers/w${index + 1}/${what}`, { method: 'POST' })
    for (const index of [...FOREIGN, 0]) {
      await set(index, 'off')
      await site.waitForStatus(index, 'maintenance')
      const { pid } = site.worker(index)
      const before = (await site.probe.read()).filter((each) => each.pid === pid).length
      await site.waitForExecutions('finished', next)
      assert.equal(
        (await site.probe.read()).filter((each) => each.pid === pid).length,
        before,
        'it ran something',
      )
      await set(index, 'on')
      await site.waitForStatus(index, 'ready', 'saturated')
    }
    for (const index of FOREIGN) {
      const stopped = site.fault('worker-stopped', site.worker(index).pid)
      site.worker(index).signal('SIGSTOP')
      await pause(1_000)
      site.worker(index).signal('SIGCONT')
      site.over(stopped)
      await site.waitForStatus(index, 'ready', 'saturated')
    }
    await load.end()
    const perWorker = await Promise.all(
      site.workers.map(
        async ({ pid }) => (await site.probe.read()).filter((each) => each.pid === pid).length,
      ),
    )
    t.diagnostic(`notes of each worker: ${perWorker.join(', ')}`)
    assert.ok(
      perWorker.every((count) => count > 20),
      'somebody got nothing',
    )
    assert.equal(site.calls.filter(({ status }) => status !== 200).length, 0, 'a call failed')
    await site.judge()
  })
})
