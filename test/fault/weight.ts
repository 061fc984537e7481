/**
 * What a balancer holds, by its own word: how it is started so that it can be asked (weigh.ts is loaded into it),
 * and the asking. Used by the soak and the reconnect storm.
 */
import { join } from 'node:path'
import type { Running } from '../harness/processes.ts'
import { until } from '../harness/until.ts'

/** `timers` counts also those that keep no process alive, of which `resources` tells nothing. */
export type Holding = {
  readonly heapUsed: number
  /** Outside the heap: buffers, mostly. */
  readonly external: number
  readonly rss: number
  readonly timers: number
  readonly resources: readonly string[]
  /** Of the event loop's turns since the last time, ms. */
  readonly loopP99Ms: number
}

export const WEIGHED = 'weighed'

/** What its environment needs. */
export const WEIGHABLE = { NODE_OPTIONS: `--expose-gc --import ${join(import.meta.dirname, 'weigh.ts')}` }

const LIMIT_MS = 60_000

export async function askWeight(running: Pick<Running, 'signal' | 'logLines'>): Promise<Holding> {
  const find = () => running.logLines().filter(({ text }) => text === WEIGHED)
  const count = find().length
  running.signal('SIGUSR2')
  await until(() => find().length > count, LIMIT_MS, 'it is weighed')
  return find().at(-1) as Holding
}
