/**
 * Owns the worker's environment (CONTRACT §2, Worker): one schema, parsed once by `main.ts`, frozen, passed down.
 * Keys come last: on a loopback host without keys they are those that the balancer made in DATA_DIR.
 * Invariant: off loopback no worker runs without both keys, and none runs with an example key.
 */
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  isLoopback,
  isName,
  LIMITS,
  MAX_PRIORITY,
  NAME_PATTERN,
  type Tags,
  tagsSchema,
} from '@berth/protocol'
import {
  type ConfigError,
  durationMs,
  type Environment,
  findKeyProblem,
  flag,
  integer,
  type KeySet,
  keyFilePath,
  oneOf,
  parseConfig,
  port,
  readKeyFile,
  sizeBytes,
  text,
} from '@berth/runtime'
import { z } from 'zod'
import { findNoToken } from './link/slot-feed.ts'
import { WEBHOOK_SECRETS, webhookFields } from './webhook/webhook-config.ts'

const KEYS = ['AUTH_KEY', 'LB_AUTH_KEY'] as const
export const SECRETS = [...KEYS, ...WEBHOOK_SECRETS] as const

/** Ignoring these would send work elsewhere. */
const REFUSED = ['BALANCER_URL']

const LONGEST_DEFAULT_MS = 365 * 86_400_000

const tagText = z.string().transform((value, context): Tags => {
  const parsed = parseTagText(value)
  if (typeof parsed !== 'string') return parsed
  context.addIssue({ code: 'custom', message: parsed })
  return z.NEVER
})

const schema = z.object({
  PORT: port({ default: 3000 }),
  HOST: text({ default: '127.0.0.1', maxLength: 255 }),
  NAME: text({ pattern: NAME_PATTERN, maxLength: 128 }).optional(),
  DATA_DIR: text({ default: './.berth' }),
  AUTH_KEY: text().optional(),
  LB_AUTH_KEY: text().optional(),
  GROUP: text({ default: 'default', pattern: NAME_PATTERN }),
  CONTRACT: integer({ min: 1, max: 0xffff_ffff, default: 1 }),
  SLOTS: integer({ min: 1, max: LIMITS.slots, default: 10 }),
  QUEUE_LIMIT: integer({ min: 0, max: 10_000_000, default: 1000 }),
  DEFAULT_PRIORITY: integer({ min: 1, max: MAX_PRIORITY, default: 100 }),
  DEFAULT_TIMEOUT: durationMs({ min: 1, max: LONGEST_DEFAULT_MS, default: 30_000 }),
  BACKGROUND_TIMEOUT: durationMs({ min: 1, max: LONGEST_DEFAULT_MS, default: '24h' }),
  TAGS: tagText.default({}),
  LOG_LEVEL: oneOf(['debug', 'info', 'warn', 'error'], { default: 'info' }),
  LOG_FORMAT: oneOf(['json', 'pretty']).optional(),
  MAX_LOGS: integer({ min: 0, max: 1_000_000, default: 1000 }),
  REQUEST_BODY_LIMIT: sizeBytes({ min: 1, max: 1024 ** 3, default: '10mb' }),
  RESULT_LIMIT: sizeBytes({ min: 1, max: 512 * 1024 ** 2, default: '10mb' }),
  FUNCTION_ENV_FILE: text().optional(),
  OPENAPI_ENABLED: flag({ default: true }),
  WEBSOCKET_PORT: port().optional(),
  ...webhookFields,
  SHUTDOWN_TIMEOUT: durationMs({ default: 30_000 }),
})

export type WorkerConfig = Readonly<z.output<typeof schema>>

/** Reads the environment; what is wrong is told by variable. */
export function readConfig(env: Environment) {
  return parseConfig(schema, env, { secrets: SECRETS, known: [], refused: REFUSED })
}

/** Keys that the worker or a balancer beside it may have been given. */
const KEYS_OF_OTHERS = ['FLEET_KEY', 'WORKER_AUTH_KEY', 'READ_KEY']

/** What threads and commands see as their environment: all but the keys, which are none of a function's business. */
export function environmentOfUserCode(env: Environment): Record<string, string> {
  const hidden = new Set([...SECRETS, ...KEYS_OF_OTHERS].flatMap((name) => [name, `${name}_FILE`]))
  const shown: Record<string, string> = {}
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && !hidden.has(name)) shown[name] = value
  return shown
}

/** NAME, or the host's name and port made into a valid name. */
export function nameOf(config: WorkerConfig): string {
  if (config.NAME !== undefined) return config.NAME
  const made = `${hostname()}-${config.PORT}`.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 128)
  return isName(made) ? made : `worker-${config.PORT}`
}

export interface Keys {
  /** Opens the worker's own HTTP. */
  readonly authKey: string
  /** The fleet key that a balancer presents in `x-lb-auth`. */
  readonly fleetKey: string
}

export type KeysResult =
  | { readonly ok: true; readonly keys: Keys }
  | { readonly ok: false; readonly errors: ConfigError[] }

/** How long a worker waits for the balancer, started beside it, to make the keys. */
const KEY_FILE_WAIT_MS = 10_000

/** From when on somebody who looks at a worker that does not start wants to know why. */
const KEY_FILE_QUIET_MS = 1_000

export interface KeyWait {
  /** How long to wait for the key file when it is needed; default 10 s. */
  readonly waitMs?: number
  /** Told once, when it is waited for longer than a second. */
  readonly onWait?: (line: string) => void
}

/** The keys this worker accepts. */
export async function resolveKeys(config: WorkerConfig, wait: KeyWait = {}): Promise<KeysResult> {
  const found = await findKeys(config, wait)
  if (!found.ok || config.WEBSOCKET_PORT === undefined) return found
  const message = findNoToken(found.keys.fleetKey)
  return message === undefined ? found : { ok: false, errors: [{ variable: 'LB_AUTH_KEY', message }] }
}

async function findKeys(config: WorkerConfig, wait: KeyWait): Promise<KeysResult> {
  const bad = KEYS.flatMap((variable) => keyErrors(variable, config[variable]))
  if (bad.length > 0) return { ok: false, errors: bad }
  const { AUTH_KEY, LB_AUTH_KEY } = config
  if (AUTH_KEY !== undefined && LB_AUTH_KEY !== undefined)
    return { ok: true, keys: { authKey: AUTH_KEY, fleetKey: LB_AUTH_KEY } }
  const missing = KEYS.filter((variable) => config[variable] === undefined)
  if (!isLoopback(config.HOST)) {
    const message = `is required because HOST ${config.HOST} is not loopback`
    return { ok: false, errors: missing.map((variable) => ({ variable, message })) }
  }
  const found = await waitForKeyFile(config.DATA_DIR, missing, wait)
  if ('problem' in found) {
    return { ok: false, errors: missing.map((variable) => ({ variable, message: found.problem })) }
  }
  const authKey = AUTH_KEY ?? found.keys.WORKER_AUTH_KEY
  return { ok: true, keys: { authKey, fleetKey: LB_AUTH_KEY ?? found.keys.FLEET_KEY } }
}

function keyErrors(variable: string, key: string | undefined): ConfigError[] {
  const problem = key === undefined ? undefined : findKeyProblem(key)
  return problem === undefined ? [] : [{ variable, message: `${problem}; set a key of your own` }]
}

async function waitForKeyFile(
  dir: string,
  missing: readonly string[],
  { waitMs = KEY_FILE_WAIT_MS, onWait = () => {} }: KeyWait,
): Promise<{ keys: KeySet } | { problem: string }> {
  const endsAt = performance.now() + waitMs
  const tellAt = performance.now() + KEY_FILE_QUIET_MS
  let isTold = false
  for (;;) {
    try {
      const keys = readKeyFile(dir)
      if (keys !== undefined) return { keys }
    } catch (error) {
      return { problem: `cannot be taken from the key file: ${(error as Error).message}` }
    }
    const leftMs = endsAt - performance.now()
    if (leftMs <= 0) {
      const problem = `is not set, and ${keyFilePath(dir)} did not appear; start the balancer, or set the key`
      return { problem }
    }
    if (!isTold && performance.now() >= tellAt) {
      isTold = true
      onWait(
        `waiting for the keys in ${resolve(keyFilePath(dir))}, which a balancer makes; start one, or set ${missing.join(' and ')}`,
      )
    }
    await sleep(Math.min(50, leftMs))
  }
}

/** `key=value,key=value`; the sentence says what is wrong. */
function parseTagText(value: string): Tags | string {
  const tags = new Map<string, string>()
  for (const pair of value.split(',').filter((part) => part.trim() !== '')) {
    const at = pair.indexOf('=')
    if (at < 1) return `must be key=value pairs separated by commas; ${JSON.stringify(pair.trim())} is none`
    const key = pair.slice(0, at).trim()
    if (tags.has(key)) return `names the tag ${JSON.stringify(key)} twice`
    tags.set(key, pair.slice(at + 1).trim())
  }
  const parsed = tagsSchema.safeParse(Object.fromEntries(tags))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  return `has an unusable tag ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong shape'}`
}
