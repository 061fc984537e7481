/**
 * Loaded into a balancer before its own code (`--import`): at SIGUSR2 it collects its garbage and says in one line
 * of JSON what it holds. Started so by soak.ts, with `--expose-gc`. Invariant: it holds nothing of what it counts.
 */
import { createHook } from 'node:async_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'

/** `timers` counts also those that keep no process alive, of which `resources` tells nothing. */
export type Holding = {
  readonly heapUsed: number
  /** Outside the heap: buffers, mostly. */
  readonly external: number
  readonly rss: number
  readonly timers: number
  readonly resources: readonly string[]
}

export const WEIGHED = 'weighed'

if (isMainThread) {
  const timers = new Set<number>()
  createHook({
    init(id, type) {
      if (type === 'Timeout') timers.add(id)
    },
    destroy(id) {
      timers.delete(id)
    },
    trackPromises: false,
  }).enable()
  process.on('SIGUSR2', () => void weigh(timers))
}

/** After three collections with a turn between them, so that finalizers have run. */
async function weigh(timers: ReadonlySet<number>): Promise<void> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.()
    await pause(50)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  const resources = process.getActiveResourcesInfo().sort()
  const holding: Holding = { heapUsed, external, rss, timers: timers.size, resources }
  process.stdout.write(`${JSON.stringify({ text: WEIGHED, ...holding })}\n`)
}
