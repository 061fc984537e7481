/** A task that takes as long as it is told and no processor time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ ms: z.number().min(0).max(60_000) }),
  config: { idempotent: true },
  async handler({ ms }, { signal }) {
    await sleep(ms, undefined, { signal })
    return null
  },
})
