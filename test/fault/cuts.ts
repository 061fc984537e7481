/**
 * Cuts a worker's link at byte n of one direction, counted from the frame that carries a task to it, for one n
 * after the other. A few n in network.test.ts, every n of a frame in the nightly set. The only worker in service is the one
 * whose link is cut, so a task has nowhere else to go.
 */
import assert from 'node:assert/strict'
import { until } from '../harness/until.ts'
import type { Direction } from './link-proxy.ts'
import { LIMIT_MS, type Site } from './site.ts'

/** So many tasks in peace after each cut: a link that breaks more often than not would be left out for it. */
const BETWEEN = 2

/** Each task is answered by its first attempt, whichever byte was the last to pass. */
export async function cutAtEach(
  site: Site,
  index: number,
  direction: Direction,
  places: readonly number[],
): Promise<void> {
  for (const bytes of places) {
    // Left out for its link as it is, it serves on: nobody else is there.
    await site.waitForStatus(index, 'ready', 'ejected')
    const links = countLinks(site)
    const fault = site.fault('link-broken', site.worker(index).pid)
    const mark = `cut-${direction}-${bytes}-here`
    let isCut = false
    void site
      .proxy(index)
      .cutAfter(direction, bytes, mark)
      .then(() => {
        isCut = true
      })
    const call = await site.call({ ms: 5, data: mark })
    await until(
      () => isCut && countLinks(site) > links,
      LIMIT_MS,
      `a cut after ${bytes} bytes, and a new link`,
    )
    site.over(fault)
    assert.deepEqual([call.status, call.attempt], [200, 1], `cut after ${bytes} bytes`)
    for (let done = 0; done < BETWEEN; done++) assert.equal((await site.call()).status, 200)
  }
}

function countLinks(site: Site): number {
  return site.balancer.logLines().filter(({ text }) => text === 'worker linked').length
}
