/**
 * Workers of ours and workers of another make in one fleet, under load, while they are killed, stopped, slow and taken
 * out of service: the same guarantees for both, judged by all checkers.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { keepCalling } from '../end-to-end/load.ts'
import { postTask } from '../harness/berth.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS, PATIENT, Site } from './site.ts'

const MIXED = {
  env: PATIENT,
  workers: [{ slots: 4 }, { slots: 4, isForeign: true }, { slots: 4 }, { slots: 4, isForeign: true }],
}
const FOREIGN = [1, 3]

describe('a mixed fleet', { concurrency: 2, timeout: 500_000 }, () => {
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
    let perWorker: number[] = []
    await until(
      async () => {
        const all = await site.probe.read()
        perWorker = site.workers.map(({ pid }) => all.filter((each) => each.pid === pid).length)
        return perWorker.every((count) => count > 20)
      },
      LIMIT_MS,
      'everybody gets something',
    )
    await load.end()
    t.diagnostic(`notes of each worker: ${perWorker.join(', ')}`)
    assert.equal(site.calls.filter(({ status }) => status !== 200).length, 0, 'a call failed')
    await site.judge()
  })

  test('a balancer that is told to stop waits for what only it can be answered', async (t) => {
    const env = { ...PATIENT, SHUTDOWN_TIMEOUT: '30s' }
    const site = await Site.start(t, { env, workers: [{ slots: 2, isForeign: true }] })
    const asked = await Promise.all(
      Array.from({ length: 5 }, (_, n) => {
        const input = { id: `d${n}`, how: 'held' }
        return postTask(site.balancer, { function: 'probe', input, mode: 'async', idempotent: false })
      }),
    )
    const runs = asked.map(({ body }) => (body as { runId: string }).runId)
    await site.waitForExecutions('started', 2)
    site.fault('balancer-ended')
    site.balancer.signal('SIGTERM')
    const isWaiting = () => /waits for the answers of workers of another make/.test(site.balancer.output())
    await until(isWaiting, LIMIT_MS, 'it waits for what runs')
    await site.probe.release()
    assert.deepEqual(await site.balancer.exited, { code: 0, signal: null })
    const before = await site.probe.read()
    assert.deepEqual(
      before.map(({ event }) => event),
      ['started', 'started', 'finished', 'finished'],
      'what ran has ended, and nothing else was begun',
    )
    await site.restartBalancer()
    for (const run of runs) {
      const { body } = await site.balancer.request(`/runs/${run}?wait=30`)
      const { status, attempt } = body as { status: string; attempt: number }
      assert.deepEqual([status, attempt], ['completed', 1])
    }
    assert.equal((await site.probe.read()).filter(({ event }) => event === 'started').length, runs.length)
  })

  test('a balancer that is told to stop waits no longer than it may', async (t) => {
    const env = { ...PATIENT, SHUTDOWN_TIMEOUT: '300ms' }
    const site = await Site.start(t, { env, workers: [{ slots: 1, isForeign: true }] })
    const input = { id: 'd', ms: 60_000 }
    await postTask(site.balancer, { function: 'probe', input, mode: 'async' })
    await site.waitForExecutions('started', 1)
    const beganAt = performance.now()
    site.balancer.signal('SIGTERM')
    assert.deepEqual(await site.balancer.exited, { code: 0, signal: null })
    const tookMs = performance.now() - beganAt
    assert.ok(tookMs < 20_000, `it took ${tookMs} ms`)
    assert.match(site.balancer.output(), /waits for the answers of workers of another make/)
    await site.waitForExecutions('aborted', 1)
  })
})
