/**
 * The smallest function: greets, and streams the greeting to callers who asked for a stream.
 */
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ name: z.string().default('World') }),
  config: {
    description: 'Greets by name',
    examples: [{ name: 'Ada' }],
    timeout: 5_000,
    maxRetries: 0,
    supportsStreaming: true,
    idempotent: true,
  },
  async handler({ name }, ctx) {
    ctx.stream?.(`Hello ${name}!`)
    return { message: `Hello ${name}!` }
  },
})
