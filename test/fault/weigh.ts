/**
 * Loaded into a balancer before its own code (`--import`): at SIGUSR2 it collects its garbage and says in one line
 * of JSON what it holds. Loaded by weight.ts and imported by nobody. Invariant: it holds nothing of what it counts.
 */
import { createHook } from 'node:async_hooks'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { type Holding, WEIGHED } from './weight.ts'

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
  const delays = monitorEventLoopDelay({ resolution: 10 })
  delays.enable()
  process.on('SIGUSR2', () => {
    const loopP99Ms = delays.percentile(99) / 1e6
    void weigh(timers, loopP99Ms).then(() => delays.reset())
  })
}

/** After three collections with a turn between them, so that finalizers have run. */
async function weigh(timers: ReadonlySet<number>, loopP99Ms: number): Promise<void> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.()
    await pause(50)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  const resources = process.getActiveResourcesInfo().sort()
  const holding: Holding = { heapUsed, external, rss, timers: timers.size, resources, loopP99Ms }
  process.stdout.write(`${JSON.stringify({ text: WEIGHED, ...holding })}\n`)
}
