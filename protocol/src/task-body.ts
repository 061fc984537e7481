/**
 * The body of `POST /task` (CONTRACT §4), as both balancer and worker read it. Strict: an unknown
 * field is an error. What a version does not do yet is said by its reader, not by this schema.
 */
import { z } from 'zod'
import { BUDGET_LEVELS } from './budget.ts'
import { instantSchema } from './instant.ts'
import { LIMITS, MAX_DURATION_MS, MAX_PRIORITY } from './limits.ts'
import { MODES } from './link/records.ts'
import { nameSchema, recordSchema } from './names.ts'
import { selectorSchema } from './selector.ts'

const duration = whole(1, MAX_DURATION_MS, ' of milliseconds')

export const prioritySchema = whole(1, MAX_PRIORITY)

export const webhookTargetSchema = z.strictObject({
  url: z.url().max(2048),
  headers: recordSchema(z.string().max(256), z.string().max(8192)).optional(),
  format: z.enum(['standard', 'result']).optional(),
})

/** A JSON object that is no array; its members are the function's business. */
const inputSchema = z.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object',
)

/** Every item of a list of runs carries it, so all of it together is bounded, too. */
const metadataSchema = recordSchema(z.string().min(1).max(128), z.string().max(1024))
  .refine(
    (metadata) => Object.keys(metadata).length <= LIMITS.metadataKeys,
    `must have at most ${LIMITS.metadataKeys} keys`,
  )
  .refine(
    (metadata) => lengthOf(metadata) <= LIMITS.metadataText,
    `must have at most ${LIMITS.metadataText} characters in all its keys and values`,
  )

export const taskBodySchema = z.strictObject({
  function: nameSchema,
  group: nameSchema.optional(),
  contract: whole(1, 0xffff_ffff).optional(),
  input: inputSchema.optional(),
  priority: prioritySchema.optional(),
  fairnessKey: z.string().min(1).max(128).optional(),
  mode: z.enum(MODES).optional(),
  async: z.boolean().optional(),
  webhook: webhookTargetSchema.optional(),
  tags: selectorSchema.optional(),
  timeout: duration.optional(),
  deadline: instantSchema.optional(),
  attempts: whole(1, 1000).optional(),
  idempotent: z.boolean().optional(),
  delay: whole(0, MAX_DURATION_MS, ' of milliseconds').optional(),
  runAt: instantSchema.optional(),
  session: nameSchema.optional(),
  budget: z.enum(BUDGET_LEVELS).optional(),
  metadata: metadataSchema.optional(),
})

export type TaskBody = z.infer<typeof taskBodySchema>

function lengthOf(metadata: Readonly<Record<string, string>>): number {
  return Object.entries(metadata).reduce((sum, [key, value]) => sum + key.length + value.length, 0)
}

/** A whole number within bounds, which are named whatever is wrong with the value. */
function whole(min: number, max: number, unit = ''): z.ZodInt {
  const error = `must be a whole number${unit} from ${min} to ${max}`
  return z.int(error).min(min, error).max(max, error)
}
