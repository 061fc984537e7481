/** A task of bytes: gives its body back as it came. */
import { bytes, defineFunction } from '@berth/worker'

export default defineFunction({
  config: { idempotent: true },
  handler: async (_input, { body, contentType }) => bytes((await body?.bytes()) ?? '', contentType),
})
