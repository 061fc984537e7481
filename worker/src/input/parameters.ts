/**
 * Owns the check of inputs and outputs: zod or any Standard Schema, the short form, or nothing. Compiled once a
 * function by `registry.ts`; the check runs before a task takes a slot.
 * Invariant: an unknown key at the top level, `__proto__` included, never reaches a closed schema.
 */
import {
  type FieldError,
  type JsonSchema,
  jsonPointer,
  type KnownKeys,
  knownKeysOf,
  LIMITS,
  NO_SUCH_PARAMETER,
  type OutcomeError,
} from '@berth/protocol'
import { z } from 'zod'
import { messageOf } from '../attempt/result.ts'
import type { ParamSpecs, SchemaIssue, StandardSchema } from '../functions/define.ts'
import { markLenient, markWhole } from './lenient-parts.ts'
import { hasRiskyPattern } from './pattern.ts'
import { compileParams } from './short-form.ts'
import { type Bounded, withinTime } from './time-bound.ts'

export type CheckedInput =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: OutcomeError }

export interface InputCheck {
  /** What is published. */
  readonly jsonSchema: JsonSchema
  /** `prefix` goes before every pointer: `/input` when the input is a member of the body. Never throws. */
  check(input: object, prefix: string): CheckedInput | Promise<CheckedInput>
}

/** An asynchronous schema gets this long. */
const CHECK_LIMIT_MS = 5_000
/** What may be computed of it at once, where a pattern could take any time. */
const PATTERN_LIMIT_MS = 100
const MAX_ERRORS = 20
const MISSING = /^Invalid input: expected .+, received undefined$/

/** Throws with a sentence on a definition that cannot be used. */
export function compileInput(schema: StandardSchema | undefined, params: ParamSpecs | undefined): InputCheck {
  if (schema !== undefined && params !== undefined) throw new Error('has both `input` and `params`; keep one')
  if (schema === undefined) {
    const short = compileParams(params ?? {})
    return makeCheck(
      short.schema,
      short.jsonSchema,
      knownKeysOf(short.jsonSchema),
      hasRiskyPattern(short.jsonSchema),
    )
  }
  if (!isStandardSchema(schema)) throw new Error('has an `input` that is no schema; use zod, or `params`')
  const published = describeSchema(schema, 'input')
  const described = isEmpty(published) ? describePreprocessed(schema) : published
  const known = knownKeysOf(described)
  return makeCheck(schema, closeTop(published, known), known, hasRiskyPattern(described))
}

/** A check that resolves to the value as the schema returned it, or throws what is wrong with it. */
export function compileOutput(schema: StandardSchema | undefined) {
  if (schema === undefined) return undefined
  if (!isStandardSchema(schema)) throw new Error('has an `output` that is no schema')
  return {
    jsonSchema: describeSchema(schema, 'output'),
    check: async (value: unknown): Promise<unknown> => {
      const verdict = await schema['~standard'].validate(value)
      if (!verdict.issues) return verdict.value
      const { pointer, detail } = fieldErrorsOf(verdict.issues, '')[0] ?? {
        pointer: '',
        detail: 'wrong shape',
      }
      throw new Error(`The result breaks the function's own output schema at "${pointer}": ${detail}`)
    },
  }
}

function makeCheck(
  schema: StandardSchema,
  jsonSchema: JsonSchema,
  known: KnownKeys,
  isRisky: boolean,
): InputCheck {
  const validate = (input: object) => schema['~standard'].validate(input)
  return {
    jsonSchema,
    check(input, prefix) {
      const unknown = known === null ? [] : Object.keys(input).filter((key) => !known.has(key))
      if (unknown.length > 0)
        return invalid(unknown.slice(0, MAX_ERRORS).map((key) => unknownKey(key, prefix)))
      try {
        const bounded: Bounded<Verdict | Promise<Verdict>> = isRisky
          ? withinTime(PATTERN_LIMIT_MS, () => validate(input))
          : { isLate: false, value: validate(input) }
        if (bounded.isLate) return invalid([{ pointer: prefix, detail: TOO_SLOW }])
        const verdict = bounded.value
        return verdict instanceof Promise ? waitFor(verdict, prefix) : judge(verdict, prefix)
      } catch (error) {
        return broken(error)
      }
    },
  }
}

const TOO_SLOW = `could not be checked within ${PATTERN_LIMIT_MS} ms, because a pattern takes too long on it; send shorter texts`

type Verdict = Awaited<ReturnType<StandardSchema['~standard']['validate']>>

async function waitFor(verdict: Promise<Verdict>, prefix: string): Promise<CheckedInput> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new Error(`it took longer than ${CHECK_LIMIT_MS} ms`)),
    CHECK_LIMIT_MS,
  )
  try {
    return judge(await Promise.race([verdict, late.promise]), prefix)
  } catch (error) {
    return broken(error)
  } finally {
    clearTimeout(timer)
  }
}

function judge(verdict: Verdict, prefix: string): CheckedInput {
  if (!verdict.issues) return { ok: true, value: verdict.value }
  return invalid(fieldErrorsOf(verdict.issues, prefix))
}

function unknownKey(key: string, prefix: string): FieldError {
  return { pointer: jsonPointer([key], prefix).slice(0, 256), detail: NO_SUCH_PARAMETER }
}

function invalid(errors: FieldError[]): CheckedInput {
  const first = errors[0]
  const where = first === undefined || first.pointer === '' ? 'The input' : `The input at ${first.pointer}`
  const message = `${where} does not fit: ${first?.detail ?? 'wrong shape'}`.slice(0, LIMITS.messageText)
  return { ok: false, error: { code: 'INVALID_INPUT', message, errors } }
}

/** The schema itself threw: the function's fault, not the caller's, and the same on every worker. */
function broken(error: unknown): CheckedInput {
  const message = `The function's input check failed: ${messageOf(error)}`.slice(0, LIMITS.messageText)
  return { ok: false, error: { code: 'FUNCTION_FAILED', message, nonRetryable: true } }
}

function fieldErrorsOf(issues: readonly SchemaIssue[], prefix: string): FieldError[] {
  return issues.slice(0, MAX_ERRORS).flatMap((issue) => {
    const path = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part))
    const { keys } = issue as { keys?: unknown }
    if (!Array.isArray(keys)) return [{ pointer: jsonPointer(path, prefix), detail: detailOf(issue) }]
    return keys.slice(0, MAX_ERRORS).map((key) => unknownKey(String(key), jsonPointer(path, prefix)))
  })
}

/** Zod's own words name what nobody has sent. */
function detailOf({ message, path = [] }: SchemaIssue): string {
  return path.length > 0 && MISSING.test(message) ? 'is required' : message
}

function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const standard = (value as Partial<StandardSchema>)['~standard']
  return typeof standard?.validate === 'function'
}

/** A schema's JSON Schema as plain data; empty when its library does not tell. */
function describeSchema(schema: StandardSchema, io: 'input' | 'output'): JsonSchema {
  try {
    const described = isZod(schema)
      ? z.toJSONSchema(schema, {
          io,
          unrepresentable: 'any',
          override: io === 'input' ? markLenient : undefined,
        })
      : markWhole(describeForeign(schema, io))
    const { $schema: _version, ...plain } = JSON.parse(JSON.stringify(described)) as JsonSchema
    return plain
  } catch {
    return {}
  }
}

function isZod(schema: object): schema is z.ZodType {
  return '_zod' in schema
}

/** Standard JSON Schema: what newer libraries offer beside `validate`. */
function describeForeign(schema: StandardSchema, io: 'input' | 'output'): unknown {
  const { jsonSchema } = schema['~standard'] as { jsonSchema?: Record<string, unknown> }
  const describe = jsonSchema?.[io]
  return typeof describe === 'function' ? describe.call(jsonSchema, { target: 'draft-2020-12' }) : {}
}

/** `z.preprocess` says nothing of its input; what it hands on tells the names all the same. */
function describePreprocessed(schema: StandardSchema): JsonSchema {
  if (!isZod(schema)) return {}
  const { def } = schema._zod as { def: { type: string; out?: unknown } }
  return def.type === 'pipe' && isStandardSchema(def.out) ? describeSchema(def.out, 'input') : {}
}

function isEmpty(schema: JsonSchema): boolean {
  return Object.keys(schema).length === 0
}

/** Says in the published schema of a plain object what the check does: no other keys. */
function closeTop(schema: JsonSchema, known: KnownKeys): JsonSchema {
  const isPlain = schema.type === 'object' && !('anyOf' in schema || 'oneOf' in schema || 'allOf' in schema)
  if (!isPlain || known === null || schema.$ref !== undefined) return schema
  return { ...schema, properties: schema.properties ?? {}, additionalProperties: false }
}
