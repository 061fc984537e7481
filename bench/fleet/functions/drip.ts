/** A stream: so many chunks, so far from each other. */
import { setTimeout as sleep } from 'node:timers/promises'
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

const CHUNK = `${'drip '.repeat(12)}\n`

export default defineFunction({
  input: z.object({
    chunks: z.number().int().min(1).max(1_000_000),
    everyMs: z.number().min(0).max(60_000),
  }),
  config: { supportsStreaming: true, timeout: 600_000 },
  async handler({ chunks, everyMs }, { stream, signal }) {
    for (let index = 0; index < chunks; index++) {
      if (index > 0) await sleep(everyMs, undefined, { signal })
      await stream(CHUNK)
    }
    return null
  },
})
