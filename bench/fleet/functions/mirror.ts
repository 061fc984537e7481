/** A large JSON task: gives its input back. */
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.looseObject({}),
  config: { idempotent: true },
  handler: (input) => input,
})
