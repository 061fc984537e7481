/**
 * Owns how a process reads its environment: field builders for text values, and one parse of all of them.
 * Called once by each process's `config.ts`; the frozen result is passed down, nobody reads the environment
 * again. An unusable value is an error that names its variable, never a silent default.
 * Invariant: the value of a secret appears in no message, warning or print.
 */
import type { z } from 'zod'
import { readSmallFile } from './files.ts'

export * from './config-fields.ts'

/** The exit code for a configuration error (EX_CONFIG of sysexits). */
export const CONFIG_EXIT_CODE = 78

/** A secret is a line, not a document. */
const SECRET_FILE_BYTES = 64 * 1024

export type Environment = Readonly<Record<string, string | undefined>>
export type ConfigError = { variable: string; message: string }
/** Where each value came from: `environment`, `file <path>`, `default` or `unset`. */
export type ConfigOrigins = Readonly<Record<string, string>>

export type ParseConfigOptions = {
  /** Variables whose values are never shown, and may come from a file named by `<NAME>_FILE`. */
  secrets?: readonly string[]
  /** Variables of the documentation that this version may not support yet: named in a warning when set. */
  known?: readonly string[]
  /** As `known`, but an error when set, since ignoring them would be dangerous. */
  refused?: readonly string[]
  /** Variables of which an empty value is a value; of all others it counts as unset. */
  mayBeEmpty?: readonly string[]
}

export type ParsedConfig<S extends z.ZodObject> =
  | { ok: true; config: Readonly<z.output<S>>; origins: ConfigOrigins; warnings: string[] }
  | { ok: false; errors: ConfigError[] }

/** Parses the environment by a schema whose keys are the names of variables. An empty value counts as unset, unless said. */
export function parseConfig<S extends z.ZodObject>(
  schema: S,
  env: Environment,
  options: ParseConfigOptions = {},
): ParsedConfig<S> {
  const { secrets = [], known = [], refused = [], mayBeEmpty = [] } = options
  const raw: Record<string, string> = {}
  const origins: Record<string, string> = {}
  const errors: ConfigError[] = []
  for (const name of Object.keys(schema.shape)) {
    const isEmptySet = mayBeEmpty.includes(name) && env[name] === ''
    const read: ReadVariable = isEmptySet
      ? { value: '', origin: 'environment', variable: name }
      : readVariable(name, env, secrets.includes(name))
    if (read.error !== undefined) errors.push({ variable: read.variable, message: read.error })
    if (read.value !== undefined) raw[name] = read.value
    origins[name] = read.origin
  }
  const isUnsupported = (name: string) => isSet(env, name) && !(name in schema.shape)
  for (const name of refused.filter(isUnsupported)) {
    errors.push({ variable: name, message: 'is not supported by this version; unset it' })
  }
  const result = schema.safeParse(raw)
  if (!result.success) errors.push(...describeIssues(result.error, raw, secrets, errors))
  if (errors.length > 0 || !result.success) return { ok: false, errors }
  for (const [name, origin] of Object.entries(origins)) {
    const value = (result.data as Record<string, unknown>)[name]
    if (origin === 'unset' && value !== undefined) origins[name] = 'default'
  }
  const warnings = known
    .filter((name) => isUnsupported(name) && !refused.includes(name))
    .map((name) => `${name} is set but not supported by this version; it has no effect`)
  return {
    ok: true,
    config: freezeDeep(result.data) as z.output<S>,
    origins: Object.freeze(origins),
    warnings,
  }
}

type ReadVariable = { value?: string; origin: string; variable: string; error?: string }

function readVariable(name: string, env: Environment, isSecret: boolean): ReadVariable {
  const fileVariable = `${name}_FILE`
  const hasFile = isSecret && isSet(env, fileVariable)
  if (!isSet(env, name) && !hasFile) return { origin: 'unset', variable: name }
  if (!hasFile) return { value: env[name], origin: 'environment', variable: name }
  const path = env[fileVariable] as string
  const origin = `file ${path}`
  if (isSet(env, name)) {
    return { origin, variable: fileVariable, error: `is set together with ${name}; keep one of the two` }
  }
  try {
    const value = readSmallFile(path, SECRET_FILE_BYTES).toString('utf8').trim()
    if (value !== '') return { value, origin, variable: fileVariable }
    return { origin, variable: fileVariable, error: `names the file ${path}, which is empty` }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === undefined ? message : `cannot be read (${code})`
    return { origin, variable: fileVariable, error: `names the file ${path}, which ${why}` }
  }
}

function isSet(env: Environment, name: string): boolean {
  return env[name] !== undefined && env[name] !== ''
}

/** One error a variable: the first is what to cure, further ones follow from it. */
function describeIssues(
  error: z.ZodError,
  raw: Readonly<Record<string, string>>,
  secrets: readonly string[],
  already: readonly ConfigError[],
): ConfigError[] {
  const seen = new Set(already.map(({ variable }) => variable.replace(/_FILE$/, '')))
  const found: ConfigError[] = []
  for (const issue of error.issues) {
    const variable = String(issue.path[0] ?? 'configuration')
    if (seen.has(variable)) continue
    seen.add(variable)
    const value = raw[variable]
    if (value === undefined && issue.code === 'invalid_type') {
      found.push({ variable, message: 'is required and not set' })
    } else {
      const shown = value === undefined || secrets.includes(variable) ? '' : ` (it is ${quote(value)})`
      found.push({ variable, message: `${issue.message}${shown}` })
    }
  }
  return found
}

function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
}

/** One line a value, `NAME=value  # where it came from`, in the schema's order; secrets are masked. */
export function formatConfig(
  config: Readonly<Record<string, unknown>>,
  origins: ConfigOrigins,
  secrets: readonly string[],
): string {
  const names = [...new Set([...Object.keys(origins), ...Object.keys(config)])]
  const pairs = names.map((name) => `${name}=${formatValue(config[name], secrets.includes(name))}`)
  const width = Math.min(48, Math.max(0, ...pairs.map((pair) => pair.length)))
  return names.map((name, i) => `${pairs[i]?.padEnd(width)}  # ${origins[name] ?? 'computed'}`).join('\n')
}

function formatValue(value: unknown, isSecret: boolean): string {
  if (value === undefined) return ''
  if (isSecret) return '***'
  if (typeof value === 'string') return /[\s#"\\\p{Cc}]/u.test(value) ? JSON.stringify(value) : value
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
    ? value.join(',')
    : JSON.stringify(value)
}

/** Says what is wrong, one line a variable on standard error, and ends the process with 78. */
export function exitWithConfigErrors(errors: readonly ConfigError[]): never {
  for (const { variable, message } of errors) process.stderr.write(`${variable} ${message}\n`)
  process.exit(CONFIG_EXIT_CODE)
}

function freezeDeep(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
    for (const inner of Object.values(value)) freezeDeep(inner)
    Object.freeze(value)
  }
  return value
}
