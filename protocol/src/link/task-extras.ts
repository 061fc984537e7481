/**
 * What a TASK says beyond its fixed header: one JSON text at its end, absent for most tasks. Written by the balancer's
 * link, read by the worker's. A later version adds members; whoever does not know one passes over it.
 * Invariant: what is left out means what it meant before there were extras.
 */
import { z } from 'zod'
import { taskBudgetSchema } from '../budget.ts'
import { LIMITS } from '../limits.ts'
import { ProtocolError } from './bytes.ts'

export const taskExtrasSchema = z.object({
  /** Name of the session that the run is a turn of. */
  session: z.string().optional(),
  /** What the run may use. */
  budget: taskBudgetSchema.optional(),
  /** The earlier turns follow as DATA of kind `turns`, before the END of the input. */
  turns: z.literal(true).optional(),
  /** Files that follow as DATA of kind `file`, in this order, before the END of the input. */
  files: z
    .array(z.object({ path: z.string(), mediaType: z.string(), size: z.int().min(0) }))
    .readonly()
    .optional(),
})

export type TaskExtras = Readonly<z.infer<typeof taskExtrasSchema>>

/** Throws for more than a header has room for, which is a fault of the caller. */
export function writeExtras(extras: TaskExtras): string {
  const text = JSON.stringify(extras)
  if (text.length > LIMITS.extrasText)
    throw new RangeError(`extras of ${text.length} characters are over ${LIMITS.extrasText}`)
  return text
}

/** Undefined for an empty text. */
export function readExtras(text: string): TaskExtras | undefined {
  if (text === '') return undefined
  const parsed = taskExtrasSchema.safeParse(parseJson(text))
  if (!parsed.success) throw new ProtocolError('the extras of a task are not what they must be')
  return parsed.data
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
