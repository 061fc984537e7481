/**
 * The functions of this process by name, each with its checks compiled. Built once at start by `discover.ts`.
 * Invariant: whatever is in here can be run; a definition with a mistake never gets in.
 */
import {
  EXAMPLE_LIMITS,
  type FunctionInterface,
  LIMITS,
  MAX_DURATION_MS,
  type OutcomeError,
} from '@berth/protocol'
import { z } from 'zod'
import { type CheckedInput, compileInput, compileOutput, type InputCheck } from '../input/parameters.ts'
import { checkCommand, commandOf } from '../isolate/command-seat.ts'
import { RedactPaths } from '../privacy/paths.ts'
import { maskError } from '../privacy/secrets.ts'
import { type BackoffConfig, FUNCTION_KIND, type FunctionDefinition } from './define.ts'

/** What may be read in the log of what this function takes and gives. */
export interface FunctionPrivacy {
  readonly paths: RedactPaths
  /** Default false. */
  readonly logsInput: boolean
  /** Default true, at level debug. */
  readonly logsResult: boolean
}

export interface RegisteredFunction {
  readonly name: string
  readonly definition: FunctionDefinition
  readonly input: InputCheck
  readonly checkOutput: ((value: unknown) => Promise<unknown>) | undefined
  readonly slots: number
  /** Its own limit of one attempt; null: the worker's default of the mode. */
  readonly timeoutMs: number | null
  readonly maxResultBytes: number | null
  readonly backoff: BackoffConfig
  /** Where it was loaded from; undefined when it has no file. */
  readonly path: string | undefined
  readonly privacy: FunctionPrivacy
  readonly interface: FunctionInterface
}

const configSchema = z.strictObject({
  description: z.string().max(4096).optional(),
  examples: z.array(z.unknown()).max(100).optional(),
  timeout: z.int().min(1).max(MAX_DURATION_MS).optional(),
  maxRetries: z.int().min(0).max(1000).optional(),
  backoff: z
    .strictObject({
      baseMs: z.number().min(0).max(MAX_DURATION_MS).optional(),
      factor: z.number().min(1).max(100).optional(),
      maxMs: z.number().min(0).max(MAX_DURATION_MS).optional(),
      jitter: z.number().min(0).max(1).optional(),
    })
    .optional(),
  supportsStreaming: z.boolean().optional(),
  idempotent: z.boolean().optional(),
  background: z.boolean().optional(),
  keepWarm: z.union([z.boolean(), z.int().min(0).max(LIMITS.slots)]).optional(),
  isolation: z.literal('thread').optional(),
  slots: z.int().min(1).max(LIMITS.slots).optional(),
  maxResultBytes: z.int().min(1).optional(),
  logInput: z.boolean().optional(),
  logResult: z.boolean().optional(),
  redact: z.array(z.string()).max(1000).optional(),
})

/** Throws with a sentence on a definition that cannot be used. */
export function registerFunction(
  name: string,
  definition: FunctionDefinition,
  path?: string,
): RegisteredFunction {
  if (typeof definition.handler !== 'function') throw new Error('has no `handler`')
  if (definition.setup !== undefined && typeof definition.setup !== 'function')
    throw new Error('has a `setup` that is no function')
  const parsed = configSchema.safeParse(definition.config ?? {})
  if (!parsed.success) throw new Error(describeConfigError(parsed.error))
  const config = parsed.data
  const line = commandOf(definition)
  if (line) checkCommand(line)
  const paths = new RedactPaths(config.redact ?? [])
  const input = hideInput(compileInput(definition.input, definition.params), paths)
  const output = compileOutput(definition.output)
  return {
    name,
    definition,
    input,
    checkOutput: output?.check,
    slots: config.slots ?? 1,
    timeoutMs: config.timeout ?? null,
    maxResultBytes: config.maxResultBytes ?? null,
    backoff: config.backoff ?? {},
    path,
    privacy: { paths, logsInput: config.logInput ?? false, logsResult: config.logResult ?? true },
    interface: {
      name,
      ...(config.description === undefined ? {} : { description: config.description }),
      input: input.jsonSchema,
      ...examplesOf(config.examples ?? []),
      ...(output === undefined ? {} : { output: output.jsonSchema }),
      supportsStreaming: config.supportsStreaming ?? false,
      idempotent: config.idempotent ?? null,
      slots: config.slots ?? 1,
      timeoutMs: config.timeout ?? null,
      maxRetries: config.maxRetries ?? 0,
      ...(config.backoff === undefined ? {} : { backoff: config.backoff }),
      background: config.background ?? false,
      ...(config.keepWarm ? { keepWarm: true } : {}),
    },
  }
}

/** As JSON, as many as the interface has room for; what is no JSON is left out. */
function examplesOf(given: readonly unknown[]): { examples?: unknown[] } {
  const examples: unknown[] = []
  let left = EXAMPLE_LIMITS.bytes
  for (const example of given) {
    const text = jsonOf(example)
    if (text === undefined || text.length > left || examples.length === EXAMPLE_LIMITS.count) continue
    left -= text.length
    examples.push(JSON.parse(text))
  }
  return examples.length === 0 ? {} : { examples }
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** A complaint about an input may quote it. */
function hideInput(check: InputCheck, paths: RedactPaths): InputCheck {
  if (paths.isEmpty) return check
  const hide = (input: object, checked: CheckedInput): CheckedInput =>
    checked.ok ? checked : { ok: false, error: maskError(checked.error, paths.textsIn(input)) }
  return {
    jsonSchema: check.jsonSchema,
    check(input, prefix) {
      const checked = check.check(input, prefix)
      return checked instanceof Promise ? checked.then((later) => hide(input, later)) : hide(input, checked)
    },
  }
}

function describeConfigError(error: z.ZodError): string {
  const issue = error.issues[0]
  return `has an unusable config.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong shape'}`
}

/** Whether a default export came from `defineFunction`, of whichever copy of the package. */
export function isFunctionDefinition(value: unknown): value is FunctionDefinition {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === FUNCTION_KIND
}

export class Registry {
  readonly #functions: ReadonlyMap<string, RegisteredFunction>

  constructor(functions: readonly RegisteredFunction[]) {
    this.#functions = new Map(functions.map((entry) => [entry.name, entry]))
  }

  get(name: string): RegisteredFunction | undefined {
    return this.#functions.get(name)
  }

  /** Sorted by name: the same order on every machine. */
  list(): RegisteredFunction[] {
    return [...this.#functions.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }
}

/** The refusal of a function that this worker has not. */
export function unknownFunction(name: string): OutcomeError {
  return { code: 'UNKNOWN_FUNCTION', message: `This worker has no function "${name.slice(0, 128)}"` }
}
