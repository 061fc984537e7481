/**
 * A worker in a process of its own for `worker-soak.test.ts`, which asks it over IPC what it holds. Started with
 * --expose-gc and the folder of the project as its argument.
 */
import { createHook } from 'node:async_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { createLog } from '@berth/runtime'
import { startWorker } from '../../worker/src/compose.ts'
import { readConfig } from '../../worker/src/config.ts'

/** `timers` counts also those that keep no process alive, of which `resources` tells nothing. */
export type Holding = { heapUsed: number; resources: string[]; timers: number }

export const SOAK_KEY = 'worker-key-of-the-test'

const timers = new Set<number>()
const timerWatch = createHook({
  init(id, type) {
    if (type === 'Timeout') timers.add(id)
  },
  destroy(id) {
    timers.delete(id)
  },
})

if (import.meta.main) await serve(process.argv[2] ?? '')

async function serve(folder: string): Promise<void> {
  timerWatch.enable()
  const parsed = readConfig({ PORT: '0', SLOTS: '8', QUEUE_LIMIT: '100' })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  const keys = { authKey: SOAK_KEY, fleetKey: 'fleet-key-of-the-test' }
  const log = createLog({ source: 'worker', capacity: 10, write: () => {} })
  const worker = await startWorker(parsed.config, keys, folder, log)
  process.on('message', (message) => {
    if (message === 'stop') void worker.stop().then(() => process.disconnect?.())
    else void weigh().then((holding) => process.send?.(holding))
  })
  process.send?.(worker.url)
}

/** After two collections with a turn between them, so that finalizers have run. */
async function weigh(): Promise<Holding> {
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.()
    await pause(50)
  }
  const { heapUsed } = process.memoryUsage()
  return { heapUsed, resources: process.getActiveResourcesInfo().sort(), timers: timers.size }
}
