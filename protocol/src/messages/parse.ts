/**
 * The one place where a text frame becomes a message. A frame is parsed once, at the socket; what
 * is of an unknown type is ignored, what is of a known type and the wrong shape ends the link.
 */
import type { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { fromBalancerSchema } from './balancer.ts'
import { readPlainMessage } from './plain-message.ts'
import { fromWorkerSchema } from './worker.ts'

export type Parsed<T> =
  | { readonly kind: 'message'; readonly message: T }
  | { readonly kind: 'ignored'; readonly type: string }
  | { readonly kind: 'invalid'; readonly reason: string }

const workerTypes = typesOf(fromWorkerSchema.options)
const balancerTypes = typesOf(fromBalancerSchema.options)

/** Reads a text frame that a worker sent. */
export function parseFromWorker(text: string): Parsed<z.infer<typeof fromWorkerSchema>> {
  return parse(text, fromWorkerSchema, workerTypes, readPlainMessage)
}

/** Reads a text frame that a balancer sent. */
export function parseFromBalancer(text: string): Parsed<z.infer<typeof fromBalancerSchema>> {
  return parse(text, fromBalancerSchema, balancerTypes)
}

function parse<T>(
  text: string,
  schema: z.ZodType<T>,
  types: ReadonlySet<string>,
  readPlain?: (value: object) => T | undefined,
): Parsed<T> {
  if (text.length > LIMITS.textBytes) return { kind: 'invalid', reason: 'the message is too long' }
  const value = readJson(text)
  if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string')
    return { kind: 'invalid', reason: 'a message is a JSON object with a `type`' }
  const plain = readPlain?.(value)
  if (plain !== undefined) return { kind: 'message', message: plain }
  if (!types.has(value.type)) return { kind: 'ignored', type: value.type.slice(0, 64) }
  const result = schema.safeParse(value)
  if (result.success) return { kind: 'message', message: result.data }
  const issue = result.error.issues[0]
  return { kind: 'invalid', reason: `${value.type}: /${issue?.path.join('/') ?? ''} ${issue?.message ?? ''}` }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function typesOf(options: readonly { shape: { type: { value: string } } }[]): ReadonlySet<string> {
  return new Set(options.map((option) => option.shape.type.value))
}
