/**
 * Waits, which is what most slots of a fleet do while a model or a database answers.
 * Ends at once when the task is cancelled or its time is up.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

const LIMIT_MS = 600_000

export default defineFunction({
  input: z.object({ ms: z.number().int().min(0).max(LIMIT_MS).default(1_000) }),
  output: z.object({ sleptMs: z.number() }),
  config: {
    description: 'Waits for some milliseconds',
    examples: [{ ms: 50 }],
    // Longer than the longest sleep, so that a sleep that was allowed is not cut off.
    timeout: LIMIT_MS + 10_000,
  },
  async handler({ ms }, ctx) {
    const startedAt = performance.now()
    await wait(ms, undefined, { signal: ctx.signal })
    return { sleptMs: Math.round(performance.now() - startedAt) }
  },
})
