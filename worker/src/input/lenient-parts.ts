/**
 * Marks in a published schema the parts where the check takes more than the schema says: `z.coerce`, `z.preprocess`,
 * `.catch()`, `.trim()` and their like have no word in JSON Schema. Whoever judges an input by what is published
 * passes over them. Used by parameters.ts.
 * Invariant: what is not marked takes no input that its schema refuses; what is not known to be so is marked.
 */
import type { JsonSchema } from '@berth/protocol'
import type { z } from 'zod'

const LENIENT = 'x-lenient'

/** Kinds of zod schemas whose JSON Schema refuses only what they refuse. */
const EXACT: ReadonlySet<string> = new Set([
  'any',
  'array',
  'boolean',
  'default',
  'enum',
  'int',
  'intersection',
  'lazy',
  'literal',
  'never',
  'nonoptional',
  'null',
  'nullable',
  'number',
  'object',
  'optional',
  'pipe',
  'prefault',
  'readonly',
  'record',
  'string',
  'template_literal',
  'tuple',
  'union',
  'unknown',
])

interface Definition {
  readonly type: string
  readonly coerce?: boolean
  readonly in?: z.core.$ZodType
  readonly checks?: readonly z.core.$ZodCheck[]
}

/** The `override` of `z.toJSONSchema`. */
export function markLenient({
  zodSchema,
  jsonSchema,
}: {
  readonly zodSchema: z.core.$ZodType
  readonly jsonSchema: object
}): void {
  const saysNothing = Object.keys(jsonSchema).length === 0
  if (!saysNothing && !isExact(zodSchema)) Object.assign(jsonSchema, { [LENIENT]: true })
}

/** Of another library only the names of its parameters are relied on. */
export function markWhole(described: unknown): unknown {
  const isNothing = typeof described !== 'object' || described === null || Object.keys(described).length === 0
  return isNothing ? described : { ...(described as JsonSchema), [LENIENT]: true }
}

function isExact(schema: z.core.$ZodType): boolean {
  const def = schema._zod.def as Definition
  if (!EXACT.has(def.type) || def.coerce === true) return false
  // What comes first changes the value before anything looks at it.
  if (def.type === 'pipe' && def.in?._zod.def.type === 'transform') return false
  return !def.checks?.some((check) => check._zod.def.check === 'overwrite')
}
