/**
 * Handlers that misbehave, as callers of a balancer see them: A15 to A17 of the catalogue of faults. What
 * the worker makes of them inside is in worker/src/faults. Each test ends with all checkers.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { until } from '../harness/until.ts'
import { LIMIT_MS, Site } from './site.ts'

const IN_THREADS = { isolation: 'thread' }
/** A thread has the heap of its process. */
const SMALL = { NODE_OPTIONS: '--max-old-space-size=96' }

describe('handlers that misbehave', { concurrency: 2, timeout: 400_000 }, () => {
  test('A15, A16: what throws no error fails alone; what never settles keeps its slot until it does', async (t) => {
    const site = await Site.start(t, { workers: [{ slots: 2 }] })
    const neighbour = site.call({ ms: 500 })
    const odd = await site.call({ how: 'odd' })
    assert.deepEqual([odd.status, odd.code], [500, 'FUNCTION_FAILED'])
    assert.equal((await neighbour).status, 200)

    const deaf = await site.call({ how: 'deaf', ms: 8_000, timeoutMs: 400 })
    assert.deepEqual([deaf.status, deaf.code], [504, 'TIMEOUT'])
    const isStuck = async () => (await site.lines())[0]?.slots?.stuck === 1
    await until(isStuck, LIMIT_MS, 'its slot is reported as stuck')
    // C5 looks whether more than the other slot is used meanwhile.
    const others = await Promise.all([1, 2, 3, 4].map(() => site.call({ ms: 100 })))
    assert.ok(others.every(({ status }) => status === 200))
    await site.waitForExecutions('finished', 6)
    const { story } = await site.judge()
    assert.equal(story.rest.workers[0]?.stuck, 0)
  })

  test('A17: who takes all memory loses its own attempt, and the worker goes on with clean slots', async (t) => {
    const site = await Site.start(t, { workers: [{ slots: 2, env: SMALL }], config: IN_THREADS })
    const { pid } = site.worker(0)
    const neighbour = site.call({ ms: 1_000 })
    await site.waitForExecutions('started', 1)
    const hoard = await site.call({ how: 'hoard' })
    assert.deepEqual([hoard.status, hoard.code], [500, 'FUNCTION_FAILED'])
    assert.equal((await neighbour).status, 200)
    const after = await Promise.all([site.call({ ms: 50 }), site.call({ ms: 50 })])
    assert.deepEqual(
      after.map(({ status, result }) => [status, result?.pid]),
      after.map(() => [200, pid]),
    )
    await site.judge()
  })
})
