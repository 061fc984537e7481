/** The trivial task: a greeting. */
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ name: z.string() }),
  config: { idempotent: true },
  handler: ({ name }) => ({ message: `Hello ${name}!` }),
})
