/** A1 in the large: 500 workers killed one after the other, about twenty minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killWorkersInTurn } from '../kills.ts'
import { SILENCE_MS, Site, SLACK_MS } from '../site.ts'
import { quantile } from '../story.ts'

const TIMES = 500

test(`A1: ${TIMES} times a worker is killed while tasks of 200 ms run`, async (t) => {
  const site = await Site.start(t, { workers: [{ slots: 4 }, { slots: 4 }, { slots: 4 }] })
  const { detectionMs } = await killWorkersInTurn(site, TIMES)
  const { repeats } = await site.judge()
  const p99 = quantile(detectionMs, 0.99)
  t.diagnostic(`${detectionMs.length} losses told, p99 after ${p99} ms; ${repeats} repeats`)
  assert.ok(p99 <= SILENCE_MS + SLACK_MS, `p99 of the detection is ${p99} ms`)
})
