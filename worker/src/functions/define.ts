/**
 * What a user's files are written with: `defineFunction`, `defineService`, `NonRetryable`, and their types.
 * Loaded by function files through `@berth/worker`, by the worker itself for the shapes.
 * Invariant: a definition is known by its `kind`, never by `instanceof`, so that two copies of this package
 * (the project's and the running worker's) understand each other.
 */
import type { BudgetAmounts, BudgetLevel, Tags } from '@berth/protocol'
import type { FileData } from '../files/file-data.ts'
import type { TaskFiles } from '../files/task-files.ts'

/** Any schema library that follows the Standard Schema interface; zod does. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaVerdict<Output> | Promise<SchemaVerdict<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaVerdict<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

type OutputOf<S> = S extends StandardSchema<infer _Input, infer Output> ? Output : never

export const PARAM_TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array'] as const
export type ParamType = (typeof PARAM_TYPES)[number]

/** One parameter in the short form. */
export interface ParamSpec {
  readonly type: ParamType
  readonly description?: string
  /** Default false. */
  readonly required?: boolean
  /** Taken when the parameter is missing. */
  readonly default?: unknown
  readonly enum?: readonly (string | number | boolean)[]
  /**
   * A regular expression somewhere in the text; strings only. A check that takes longer than 100 ms because of one
   * refuses the input.
   */
  readonly pattern?: string
  /** Least number, length of a text, or number of elements. */
  readonly min?: number
  /** Greatest number, length of a text, or number of elements. */
  readonly max?: number
  /** Members of an object; others are let through. */
  readonly properties?: ParamSpecs
  /** Each element of an array; its own `required` and `default` mean nothing. */
  readonly items?: ParamSpec
}

export type ParamSpecs = Readonly<Record<string, ParamSpec>>

interface ParamTypes {
  string: string
  number: number
  integer: number
  boolean: boolean
  object: Record<string, unknown>
  array: unknown[]
}

type IsGiven<P extends ParamSpec> = P extends { required: true } | { default: unknown } ? true : false

/** What one parameter is. */
export type ParamValue<P extends ParamSpec> = P extends { properties: infer S extends ParamSpecs }
  ? ParamValues<S>
  : P extends { items: infer I extends ParamSpec }
    ? ParamValue<I>[]
    : ParamTypes[P['type']]

/** What a handler gets of the short form. */
export type ParamValues<S extends ParamSpecs> = {
  [K in keyof S as IsGiven<S[K]> extends true ? K : never]: ParamValue<S[K]>
} & { [K in keyof S as IsGiven<S[K]> extends true ? never : K]?: ParamValue<S[K]> }

export interface ContextLog {
  debug(text: string, fields?: Readonly<Record<string, unknown>>): void
  info(text: string, fields?: Readonly<Record<string, unknown>>): void
  warn(text: string, fields?: Readonly<Record<string, unknown>>): void
  error(text: string, fields?: Readonly<Record<string, unknown>>): void
}

/** An earlier task of the session. */
export interface Turn {
  readonly input: unknown
  readonly output: unknown
}

/** What a run may use in all, as its level means it; a limit that is missing is none. */
export interface Budget extends BudgetAmounts {
  readonly level: BudgetLevel
  /** Of these limits, now; what called functions use, an attempt hears of when it begins. */
  readonly left: BudgetAmounts
}

/** Where something in the result comes from. */
export interface Source {
  /** With http or https. */
  readonly url: string
  readonly title?: string
}

/** What a handler gets beside its input. */
export interface Context {
  /** Aborts on timeout, cancel and shutdown. A handler that ignores it keeps its slot and is reported as stuck. */
  readonly signal: AbortSignal
  readonly runId: string
  /** From 1. */
  readonly attempt: number
  /** When this attempt must have ended. */
  readonly deadline: Date
  /** Rises with every attempt of a run: lets a store refuse what an older attempt writes late. */
  readonly fence: number
  /** W3C traceparent, or empty. */
  readonly trace: string
  /** Media type of the input; `application/json` unless bytes came in. */
  readonly contentType: string
  /** The session that the task is a turn of; undefined when it is of none. */
  readonly session: string | undefined
  /**
   * The earlier turns of the session that completed, the oldest first: the newest 100, as many as 1 MiB has room for.
   * Bytes are `{mediaType, base64}`. Empty without a session, and in its first turn.
   */
  readonly turns: readonly Turn[]
  /**
   * What the run may use (`level`, `tokens`, `costUsd`, `steps`, `runMs`) and what is `left` of it; undefined when the
   * task names no budget. Who uses more gets the signal, and a second to return what there is.
   */
  readonly budget: Budget | undefined
  /** The bytes that came in instead of JSON (`type`, `size`, `bytes()`, `stream()`), else undefined. */
  readonly body: Blob | undefined
  /** Settings and secrets of FUNCTION_ENV_FILE. Logs and errors that leave the process show `***` instead. */
  readonly env: Readonly<Record<string, string>>
  /** The worker's tags at this moment. */
  readonly tags: Tags
  /** Lines tied to this run. */
  readonly log: ContextLog
  /**
   * Sends a chunk; a text leaves as UTF-8. Outside stream mode chunks of a task in memory are dropped. Awaiting it
   * waits for room; it never rejects. Throws a TypeError on anything but text and bytes.
   */
  stream(chunk: string | Uint8Array): Promise<void>
  /** Says how far it is, 0 … 1. */
  progress(fraction: number, text?: string): void
  /**
   * Adds to what the run has used: `{ inputTokens: 12, costUsd: 0.002, steps: 1 }`, at most 32 names a time and 64 a
   * run; amounts count to the billionth. Without `totalTokens` input, output and reasoning make it, without `costUsd`
   * its kinds (`modelCostUsd`, `toolCostUsd`, …). Throws a TypeError on anything but numbers from 0.
   */
  usage(used: Readonly<Record<string, number | undefined>>): void
  /** Names where something comes from, once a URL; of durable runs the first 1,000 are kept. Throws a TypeError without an http or https URL of at most 2,048 characters. */
  source(source: Source): void
  /**
   * Adds a message to what the run puts out: a text or an object, at most 64 K characters of JSON, else a TypeError. Of
   * durable runs the newest are kept, 1,000 or 1 MiB of them; elsewhere none.
   */
  message(message: string | object): void
  /** The files that came with the task. */
  readonly files: TaskFiles
  /**
   * Adds a file to the run, in the place of one that this attempt wrote under the same path, and resolves when it is
   * kept; the run shows it once it has ended. `path`: relative, parts separated by "/", at most 512 bytes. A text is
   * written as UTF-8; data that comes piece by piece (a stream, an async iterable) is never in memory as a whole; bytes
   * must stay as they are until it resolves. Default type: `text/plain; charset=utf-8` for a text, a Blob's own, else
   * `application/octet-stream`. Rejects with a TypeError on a path, data or type that cannot be; with an error whose
   * `code` is `PAYLOAD_TOO_LARGE` (FILE_LIMIT, RUN_FILES_LIMIT) or `STORE_UNAVAILABLE` (no room) when it is not kept,
   * after which the handler may go on; and with a NonRetryable (`code` `CONFLICT`) where the task came past the balancer.
   */
  file(path: string, data: FileData, mediaType?: string): Promise<void>
  /**
   * Runs another function and resolves to its result (bytes as `bytes()` makes them): through the balancer, or here
   * in a task that came over this worker's own HTTP. This task's slots are free for others meanwhile. The child has
   * this task's priority, its deadline is this attempt's, and it is cancelled with it. Rejects with a CallError
   * (`code`, `message`) when the child does not complete, would call itself, or is more than 8 calls deep.
   */
  call(name: string, input?: object): Promise<unknown>
  /** Ends this attempt as failed, and names how long to wait before the next one. Always throws. */
  retryAfter(ms: number, message?: string): never
}

/** What a function's `setup` gets. */
export interface SetupContext {
  /** Aborts when the worker stops, and when setup takes too long. */
  readonly signal: AbortSignal
  readonly log: ContextLog
  /** Settings and secrets of FUNCTION_ENV_FILE. */
  readonly env: Readonly<Record<string, string>>
}

/** How long to wait between attempts: `baseMs`, then `factor` times as long each time, at most `maxMs`. */
export interface BackoffConfig {
  /** Default 200. */
  readonly baseMs?: number
  /** Default 2. */
  readonly factor?: number
  /** Default 30,000. */
  readonly maxMs?: number
  /** The share of a wait that is left to chance, 0 … 1; default 0.5. */
  readonly jitter?: number
}

export interface FunctionConfig {
  readonly description?: string
  readonly examples?: readonly unknown[]
  /** Limit of one attempt in milliseconds; default the worker's of the mode. */
  readonly timeout?: number
  /** Further attempts after a failure; default 0. */
  readonly maxRetries?: number
  readonly backoff?: BackoffConfig
  readonly supportsStreaming?: boolean
  /** A repeat after a loss is harmless. */
  readonly idempotent?: boolean
  readonly background?: boolean
  /**
   * Makes it ready (`setup`, its threads) when the worker starts, and keeps it so. With `isolation: 'thread'` as many
   * threads as can run it at once, or so many. Default false.
   */
  readonly keepWarm?: boolean | number
  readonly isolation?: 'thread'
  /** How many slots one task takes; default 1. */
  readonly slots?: number
  /** Below the worker's RESULT_LIMIT. */
  readonly maxResultBytes?: number
  /** Writes each input into the worker's log; default false. */
  readonly logInput?: boolean
  /** False: the result is not written at LOG_LEVEL debug either; default true. */
  readonly logResult?: boolean
  /**
   * Paths into input and result that logs and errors show as `***`: `password`, `user.token`, `cards.*.number`.
   * A list needs no step of its own.
   */
  readonly redact?: readonly string[]
}

export interface FunctionSpec<Input = unknown, Result = unknown> {
  readonly input?: StandardSchema
  readonly output?: StandardSchema
  readonly params?: ParamSpecs
  readonly config?: FunctionConfig
  /**
   * Called once a process (or thread) before the first attempt, in its slot and outside its timeout: loads a model,
   * opens a pool. When it fails the task goes elsewhere, and a later task tries again.
   */
  setup?(ctx: SetupContext): unknown
  /** The return value is the result: anything JSON can hold, or `bytes(…)`; `undefined` becomes null. */
  handler(input: Input, ctx: Context): Result | Promise<Result>
}

export const FUNCTION_KIND = 'berth.function'
export const SERVICE_KIND = 'berth.service'

export interface FunctionDefinition extends FunctionSpec<never> {
  readonly kind: typeof FUNCTION_KIND
}

interface SchemaFunction<S extends StandardSchema, R> extends Omit<FunctionSpec, 'handler' | 'params'> {
  readonly input: S
  handler(input: OutputOf<S>, ctx: Context): R | Promise<R>
}

interface ParamsFunction<P extends ParamSpecs, R> extends Omit<FunctionSpec, 'handler' | 'input'> {
  readonly params: P
  handler(input: ParamValues<P>, ctx: Context): R | Promise<R>
}

interface BareFunction<R> extends Omit<FunctionSpec, 'handler' | 'input' | 'params'> {
  handler(input: Record<string, never>, ctx: Context): R | Promise<R>
}

/** Makes a file's default export a function. Without `input` and `params` it takes no parameters. */
export function defineFunction<S extends StandardSchema, R>(spec: SchemaFunction<S, R>): FunctionDefinition
export function defineFunction<const P extends ParamSpecs, R>(spec: ParamsFunction<P, R>): FunctionDefinition
export function defineFunction<R>(spec: BareFunction<R>): FunctionDefinition
export function defineFunction(spec: object): FunctionDefinition {
  return Object.freeze({ ...(spec as FunctionSpec<never>), kind: FUNCTION_KIND })
}

export interface ServiceContext {
  /** Aborts when the worker stops, when a start took too long, and before a restart. */
  readonly signal: AbortSignal
  readonly log: ContextLog
  /** Settings and secrets of FUNCTION_ENV_FILE. */
  readonly env: Readonly<Record<string, string>>
}

export interface ServiceSpec {
  /** Resolves when the service can be used. */
  start(ctx: ServiceContext): unknown
  stop?(): unknown
  /**
   * Asked every second. `false`, a text (the reason), or throwing means down; anything else means running.
   * One that is down must answer well at least twice in a row; one that comes and goes, more often.
   */
  status?(): unknown
  /** `restartOnFailure`: started again while it is down, also when its first start failed; default false. */
  readonly config?: { readonly restartOnFailure?: boolean }
}

export interface ServiceDefinition extends ServiceSpec {
  readonly kind: typeof SERVICE_KIND
}

/** Makes a file's default export a service. While one is down its worker takes no new task. */
export function defineService(spec: ServiceSpec): ServiceDefinition {
  return Object.freeze({ ...spec, kind: SERVICE_KIND })
}

/** Thrown by `ctx.retryAfter`: a failure that names its own wait. Known by its property, whoever threw it. */
export class RetryAfter extends Error {
  readonly retryAfterMs: number

  constructor(ms: number, message = `The function asks to be tried again in ${ms} ms`) {
    super(message)
    this.name = 'RetryAfter'
    this.retryAfterMs = ms
  }
}

/** Thrown by a handler: no further attempt would help. */
export class NonRetryable extends Error {
  /** How the worker knows it, whichever copy of this package threw it. */
  readonly nonRetryable = true

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NonRetryable'
  }
}
