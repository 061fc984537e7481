/** An operation on many runs as `GET /bulk/{id}` answers it (CONTRACT §4, Operating). */
import { z } from 'zod'

export const BULK_ACTIONS = ['cancel', 'retry', 'delete'] as const

export const bulkViewSchema = z.object({
  /** `b_` and 26 base32 characters. */
  id: z.string(),
  action: z.enum(BULK_ACTIONS),
  state: z.enum(['running', 'done', 'stopped']),
  /** Runs that were counted before the first was touched. */
  matched: z.number(),
  done: z.number(),
  /** Those that could not be changed, because they had changed meanwhile. */
  failed: z.number(),
  createdAt: z.string(),
  finishedAt: z.string().nullable(),
})

export type BulkAction = (typeof BULK_ACTIONS)[number]
export type BulkView = z.infer<typeof bulkViewSchema>
