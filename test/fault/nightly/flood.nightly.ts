/** G19: a handler that logs as fast as it can, in a thread of its own; a quarter of a minute on a quiet machine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../../harness/until.ts'
import { judgePair, measureInTurn } from '../measure.ts'
import { LIMIT_MS, Site } from '../site.ts'

const IN_THREADS = { isolation: 'thread' }
const FLOOD_MS = 6_000

test('G19: a handler that floods the log is cut short there, and others do not wait for it', async (t) => {
  const control = await Site.start(t, { workers: [{ slots: 4 }], config: IN_THREADS })
  const site = await Site.start(t, { workers: [{ slots: 4 }], config: IN_THREADS })
  // Threads that are not there yet are no part of it.
  for (const place of [control, site]) await Promise.all([1, 2, 3, 4].map(() => place.call({ ms: 200 })))
  const before = site.worker(0).output().length
  const flood = site.call({ how: 'chatter', ms: FLOOD_MS })
  await site.waitForExecutions('started', 5)
  const pair = await measureInTurn(site, control)
  assert.equal((await flood).status, 200)
  await until(
    () => /\d+ lines were dropped/.test(site.worker(0).output()),
    LIMIT_MS,
    'what was dropped is told',
  )
  const { story } = await site.judge()
  const kilobytes = Math.round((site.worker(0).output().length - before) / 1024)
  t.diagnostic(`${judgePair(story, pair)}; ${kilobytes} kB of log`)
})
