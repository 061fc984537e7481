/**
 * What a worker says it can do. An interface is the list of its functions sorted by name; it is
 * known by the SHA-256 of its canonical JSON, travels once, and is kept once however many workers
 * share it.
 */
import { z } from 'zod'
import { LIMITS, MAX_DURATION_MS } from './limits.ts'
import { nameSchema } from './names.ts'

/** A JSON Schema (2020-12) as an object; its inside is judged by those who use it. */
export const jsonSchemaSchema = z.record(z.string(), z.unknown())

/**
 * How long to wait before another attempt: `baseMs` (200 unless given), then `factor` (2) times as long each time,
 * at most `maxMs` (30,000); `jitter` (0.5) is the share of a wait that is left to chance. Loose like its function.
 */
export const backoffSchema = z.looseObject({
  baseMs: z.number().min(0).max(MAX_DURATION_MS).optional(),
  factor: z.number().min(1).max(100).optional(),
  maxMs: z.number().min(0).max(MAX_DURATION_MS).optional(),
  jitter: z.number().min(0).max(1).optional(),
})

/** What of its examples a function publishes: the first few that are short. */
export const EXAMPLE_LIMITS = { count: 10, bytes: 16 * 1024 } as const

/** Loose: a field that a later worker adds belongs to what its hash is made of. */
export const functionInterfaceSchema = z.looseObject({
  name: nameSchema,
  description: z.string().max(4096).optional(),
  input: jsonSchemaSchema,
  /** Inputs to begin with, for whoever reads or tries it. Absent: none. */
  examples: z.array(z.unknown()).max(EXAMPLE_LIMITS.count).optional(),
  output: jsonSchemaSchema.optional(),
  supportsStreaming: z.boolean(),
  /** Null: the function says nothing, and the mode decides (CONTRACT §4, Repeats). */
  idempotent: z.boolean().nullable(),
  slots: z.int().min(1).max(LIMITS.slots),
  /** Limit of one attempt, or null for the worker's default of the mode. */
  timeoutMs: z.int().min(1).max(MAX_DURATION_MS).nullable(),
  maxRetries: z.int().min(0).max(1000),
  /** Absent: every default. It makes no call fail, so it sets no worker apart. */
  backoff: backoffSchema.optional(),
  background: z.boolean(),
  /** It is made ready when its worker starts, and kept so. Absent: false. */
  keepWarm: z.boolean().optional(),
  /** Of a worker of another make, which does not say whether it streams: its word for streaming sets nobody apart. */
  isStreamingUnknown: z.boolean().optional(),
})

export const interfaceSchema = z.array(functionInterfaceSchema).max(LIMITS.functions)

export const interfaceHashSchema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hex')

export type BackoffTerms = z.infer<typeof backoffSchema>
export type JsonSchema = z.infer<typeof jsonSchemaSchema>
export type FunctionInterface = z.infer<typeof functionInterfaceSchema>
