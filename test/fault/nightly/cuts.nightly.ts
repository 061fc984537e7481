/** B7 in the large: a link is cut at every byte of a task's frame and of a result's, several minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutAtEach } from '../cuts.ts'
import { Site } from '../site.ts'

/** A task, its STARTED, its END, and the text frames that may come between. */
const FRAME_BYTES = 400

for (const direction of ['down', 'up'] as const)
  test(`B7: cut after each byte, ${direction}`, async (t) => {
    const site = await Site.start(t, { workers: [{ slots: 4, isProxied: true }] })
    await cutAtEach(
      site,
      0,
      direction,
      Array.from({ length: FRAME_BYTES }, (_, index) => index + 1),
    )
    const { repeats, story } = await site.judge()
    assert.equal(repeats, 0)
    t.diagnostic(`${story.faults.length} cuts`)
  })
