/**
 * The balancer's settings (CONTRACT §2): one schema, parsed once by `main.ts`, frozen and passed down.
 * Durations are milliseconds, sizes bytes. What this version does not support is named: an error where
 * ignoring it would send work elsewhere, one warning otherwise. Keys are resolved apart, because that may
 * write to DATA_DIR. Invariant: no key appears in an error, a warning or the printed settings.
 */
import { resolve } from 'node:path'
import { isLoopback, MAX_PRIORITY } from '@berth/protocol'
import {
  type ConfigError,
  type ConfigOrigins,
  durationMs,
  type Environment,
  ensureKeyFile,
  findKeyProblem,
  flag,
  formatConfig,
  integer,
  keyFilePath,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
  oneOf,
  parseConfig,
  port,
  sameKey,
  sizeBytes,
  text,
} from '@berth/runtime'
import { z } from 'zod'
import { type BudgetTable, budgets } from './budget-config.ts'
import {
  COMPAT_MAY_BE_EMPTY,
  type CompatConfig,
  compatFields,
  findMailFaults,
  toCompatConfig,
} from './compat-config.ts'
import { toWebhookConfig, WEBHOOK_SECRETS, type WebhookConfig, webhookFields } from './webhook-config.ts'

const LINE = /^[^\p{Cc}]+$/u

const schema = z.object({
  PORT: port({ default: 4000 }),
  HOST: text({ maxLength: 255, default: '127.0.0.1' }),
  NAME: text({ maxLength: 128, pattern: LINE }).optional(),
  ENVIRONMENT: text({ maxLength: 64, pattern: LINE }).optional(),
  WORKERS_FILE: text({ maxLength: 4096, default: './workers.json' }),
  DATA_DIR: text({ maxLength: 4096, default: './.berth' }),
  LB_AUTH_KEY: text({ maxLength: 1024 }).optional(),
  FLEET_KEY: text({ maxLength: 1024 }).optional(),
  WORKER_AUTH_KEY: text({ maxLength: 1024 }).optional(),
  READ_KEY: text({ maxLength: 1024 }).optional(),
  TASK_TIMEOUT: durationMs({ min: 1, default: 300_000 }),
  TASK_ATTEMPTS: integer({ min: 1, max: 1000, default: 3 }),
  DEFAULT_PRIORITY: integer({ min: 1, max: MAX_PRIORITY, default: 100 }),
  STARVATION_AFTER: durationMs({ min: 1, default: 30_000 }),
  QUEUE_LIMIT: integer({ min: 0, max: 10_000_000, default: 10_000 }),
  QUEUE_BYTES: sizeBytes({ default: '512mb' }),
  QUEUE_TIMEOUT: durationMs({ min: 1 }).optional(),
  RUN_LIMIT: integer({ min: 0, max: 1_000_000_000, default: 5_000_000 }),
  DISK_RESERVE: sizeBytes({ default: '512mb' }),
  RUN_RETENTION: durationMs({ min: 0, default: '7d' }),
  RUN_HISTORY: oneOf(['none', 'failed', 'all'], { default: 'none' }),
  IDEMPOTENCY_LIMIT: integer({ min: 0, max: 1_000_000_000, default: 1_000_000 }),
  BUDGETS: budgets(),
  REQUEST_BODY_LIMIT: sizeBytes({ min: 1, max: 512 * 1024 ** 2, default: '10mb' }),
  BATCH_BODY_LIMIT: sizeBytes({ min: 1, max: 512 * 1024 ** 2, default: '64mb' }),
  RESULT_LIMIT: sizeBytes({ min: 1, max: 512 * 1024 ** 2, default: '10mb' }),
  WORKER_DISCOVERY_INTERVAL: durationMs({ min: 10, default: 3000 }),
  WORKER_DISCOVERY_TIMEOUT: durationMs({ min: 10, default: 3000 }),
  WS_HEARTBEAT_INTERVAL: durationMs({ min: 10, default: 3000 }),
  WS_HEARTBEAT_TIMEOUT: durationMs({ min: 10, default: 3000 }),
  WORKER_LEASE: durationMs({ min: 10, default: 30_000 }),
  RUN_EVENTS_LIMIT: sizeBytes({ min: 1024, max: 1024 ** 3, default: '10mb' }),
  RUN_LOG_LINES: integer({ min: 1, max: 1_000_000, default: 1000 }),
  FILE_LIMIT: sizeBytes({ min: 0, max: 1024 ** 4, default: '100mb' }),
  RUN_FILES_LIMIT: sizeBytes({ min: 0, max: 1024 ** 4, default: '1gb' }),
  ...webhookFields,
  ...compatFields,
  MAX_LOGS: integer({ min: 0, max: 1_000_000, default: 1000 }),
  DASHBOARD_ENABLED: flag({ default: true }),
  ANSWER_HEADERS: oneOf(['full', 'minimal'], { default: 'full' }),
  LOG_LEVEL: oneOf(LOG_LEVELS, { default: 'info' }),
  LOG_FORMAT: oneOf(['pretty', 'json']).optional(),
  SHUTDOWN_TIMEOUT: durationMs({ min: 0, default: 30_000 }),
})

type Variables = Readonly<z.output<typeof schema>>

const KEYS = ['LB_AUTH_KEY', 'FLEET_KEY', 'WORKER_AUTH_KEY'] as const
/** Those and the viewers' key, which has no default. */
const ALL_KEYS = [...KEYS, 'READ_KEY'] as const
const SECRETS = [...ALL_KEYS, ...WEBHOOK_SECRETS]

/** Ignoring these would send work, or its memory, somewhere else than the operator thinks. */
const REFUSED = ['DATABASE_URL', 'DATABASE_URL_FILE', 'UPSTREAM_URL', 'BALANCER_URL', 'WEBSOCKET_PORT']

const NOT_YET_SUPPORTED = [...['OPENAPI_ENABLED', 'METRICS_ENABLED']]

/** Keys of other products and guides that somebody may have left in place. */
const WELL_KNOWN_KEYS = new Set([
  ...['changeme', 'default-lb-auth-key', 'default-auth-key', 'secret', 'test', 'password'],
])
const SHORTEST_KEY = 16
const MAKE_ONE = 'make one with: openssl rand -base64 32'

export interface BalancerConfig {
  /** 0 lets the system choose. */
  readonly port: number
  readonly host: string
  readonly name: string
  readonly environment: string | null
  /** Absolute. */
  readonly workersFile: string
  /** Absolute. */
  readonly dataDir: string
  /** As given; `resolveKeys` makes three keys of them. */
  readonly givenKeys: Readonly<Partial<BalancerKeys>>
  /** Whoever presents it may read only. */
  readonly readKey: string | undefined
  readonly taskTimeoutMs: number
  readonly taskAttempts: number
  readonly defaultPriority: number
  /** What has waited longer gets every 8th start. */
  readonly starvationAfterMs: number
  /** Tasks a lane. */
  readonly queueLimit: number
  readonly queueBytes: number
  readonly queueTimeoutMs: number
  /** Runs on disk that are not final. */
  readonly runLimit: number
  /** Bytes that stay free where DATA_DIR is. */
  readonly diskReserveBytes: number
  readonly runRetentionMs: number
  /** Which tasks in memory are written behind to the store. */
  readonly runHistory: 'none' | 'failed' | 'all'
  /** Keys that are kept. */
  readonly idempotencyLimit: number
  /** What each level of a task's `budget` may use. */
  readonly budgets: BudgetTable
  readonly requestBodyLimitBytes: number
  readonly batchBodyLimitBytes: number
  readonly resultLimitBytes: number
  readonly discoveryIntervalMs: number
  readonly discoveryTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly heartbeatTimeoutMs: number
  readonly workerLeaseMs: number
  readonly runEventsLimitBytes: number
  readonly runLogLines: number
  /** A file of a run, and all of one run. */
  readonly fileLimitBytes: number
  readonly runFilesLimitBytes: number
  readonly webhooks: WebhookConfig
  readonly compat: CompatConfig
  readonly maxLogs: number
  readonly isDashboardEnabled: boolean
  readonly answerHeaders: 'full' | 'minimal'
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
  readonly shutdownTimeoutMs: number
}

/** CONTRACT §3: who presents which key to whom. */
export interface BalancerKeys {
  readonly lbAuthKey: string
  readonly fleetKey: string
  readonly workerAuthKey: string
}

/** What the machine says, for defaults. */
export interface Surroundings {
  readonly hostName: string
  /** Standard output is a terminal. */
  readonly isTerminal: boolean
}

export type ReadConfig =
  | {
      readonly ok: true
      readonly config: BalancerConfig
      readonly warnings: readonly string[]
      /** For `--print-config`: a line a variable with its origin, keys masked. */
      readonly printed: string
    }
  | { readonly ok: false; readonly errors: readonly ConfigError[] }

/** Reads the environment; touches no file but those that a `*_FILE` names. */
export function readConfig(env: Environment, surroundings: Surroundings): ReadConfig {
  const parsed = parseConfig(schema, env, {
    secrets: SECRETS,
    known: NOT_YET_SUPPORTED,
    refused: REFUSED,
    mayBeEmpty: COMPAT_MAY_BE_EMPTY,
  })
  if (!parsed.ok) return parsed
  const variables = parsed.config
  const errors = [
    ...findWeakKeys(variables),
    ...findSharedReadKey(variables),
    ...findOpenHost(variables),
    ...findShortLease(variables),
    ...findMailFaults(variables),
  ]
  if (errors.length > 0) return { ok: false, errors }
  const { values, origins } = fillDefaults(variables, parsed.origins, surroundings)
  return {
    ok: true,
    config: Object.freeze(toConfig(values)),
    warnings: [...parsed.warnings, ...warnOfShortKeys(variables), ...warnOfEmptyKeys(env)],
    printed: formatConfig(values, origins, SECRETS),
  }
}

export type ResolvedKeys =
  | { readonly ok: true; readonly keys: BalancerKeys }
  | { readonly ok: false; readonly errors: readonly ConfigError[] }

/**
 * The three keys: given ones; with `LB_AUTH_KEY` given the others default to it, without it to those of
 * `DATA_DIR/keys.json`, which is made when it is not there.
 */
export function resolveKeys(config: Pick<BalancerConfig, 'dataDir' | 'givenKeys' | 'readKey'>): ResolvedKeys {
  const { lbAuthKey, fleetKey, workerAuthKey } = config.givenKeys
  const { readKey } = config
  if (lbAuthKey !== undefined) {
    const keys = {
      lbAuthKey,
      fleetKey: fleetKey ?? lbAuthKey,
      workerAuthKey: workerAuthKey ?? lbAuthKey,
    }
    return { ok: true, keys: Object.freeze(keys) }
  }
  try {
    const kept = ensureKeyFile(config.dataDir)
    const keys = {
      lbAuthKey: kept.LB_AUTH_KEY,
      fleetKey: fleetKey ?? kept.FLEET_KEY,
      workerAuthKey: workerAuthKey ?? kept.WORKER_AUTH_KEY,
    }
    if (Object.values(keys).some((key) => sameKey(key, readKey)))
      return { ok: false, errors: [sharedReadKey(keyFilePath(config.dataDir))] }
    return { ok: true, keys: Object.freeze(keys) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `cannot keep the keys (${reason}); make the folder writable, or set LB_AUTH_KEY`
    return { ok: false, errors: [{ variable: 'DATA_DIR', message }] }
  }
}

function findWeakKeys(variables: Variables): ConfigError[] {
  return ALL_KEYS.flatMap((variable) => {
    const key = variables[variable]
    const problem = key === undefined ? undefined : describeWeakKey(key)
    return problem === undefined ? [] : [{ variable, message: `${problem}; ${MAKE_ONE}` }]
  })
}

function describeWeakKey(key: string): string | undefined {
  if (WELL_KNOWN_KEYS.has(key.toLowerCase())) return 'is an example, which anybody may know'
  return findKeyProblem(key)
}

/** Whoever was given it to read would have the rights of the other one. */
function findSharedReadKey(variables: Variables): ConfigError[] {
  const { READ_KEY } = variables
  const other = KEYS.find((variable) => sameKey(variables[variable], READ_KEY))
  if (other === undefined) return []
  return [sharedReadKey(other)]
}

function sharedReadKey(other: string): ConfigError {
  const message = `is the same as that of ${other}: viewers need a key of their own; ${MAKE_ONE}`
  return { variable: 'READ_KEY', message }
}

/** Guessable, yet the operator's choice: named, not refused. */
function warnOfShortKeys(variables: Variables): string[] {
  return ALL_KEYS.filter((variable) => (variables[variable]?.length ?? SHORTEST_KEY) < SHORTEST_KEY).map(
    (variable) => `${variable} is shorter than ${SHORTEST_KEY} characters and easily guessed; ${MAKE_ONE}`,
  )
}

/** Somebody meant to set it: a mistake in a shell script or a compose file. */
function warnOfEmptyKeys(env: Environment): string[] {
  return ALL_KEYS.filter((variable) => env[variable] === '' && !env[`${variable}_FILE`]).map(
    (variable) => `${variable} is set but empty, which counts as unset; give it a key, or unset it`,
  )
}

/** A worker would be given up, and its tasks repeated, before it is even called silent. */
function findShortLease(variables: Variables): ConfigError[] {
  const { WORKER_LEASE, WS_HEARTBEAT_INTERVAL, WS_HEARTBEAT_TIMEOUT } = variables
  const silenceMs = WS_HEARTBEAT_INTERVAL + WS_HEARTBEAT_TIMEOUT
  if (WORKER_LEASE >= silenceMs) return []
  const message = `must be at least WS_HEARTBEAT_INTERVAL + WS_HEARTBEAT_TIMEOUT, ${silenceMs} ms (it is ${WORKER_LEASE} ms)`
  return [{ variable: 'WORKER_LEASE', message }]
}

/** A key that was made on this machine is known to this machine alone: of no use to those outside. */
function findOpenHost({ HOST, LB_AUTH_KEY }: Variables): ConfigError[] {
  if (LB_AUTH_KEY !== undefined || isLoopback(HOST)) return []
  const message = `is required when HOST (${JSON.stringify(HOST)}) is not loopback; ${MAKE_ONE}`
  return [{ variable: 'LB_AUTH_KEY', message }]
}

type Filled = Variables & Required<Pick<Variables, 'NAME' | 'QUEUE_TIMEOUT' | 'LOG_FORMAT'>>

/** Adds the defaults that depend on other values, and says where they came from. */
function fillDefaults(
  variables: Variables,
  origins: ConfigOrigins,
  { hostName, isTerminal }: Surroundings,
): { values: Filled; origins: ConfigOrigins } {
  const values: Filled = {
    ...variables,
    NAME: variables.NAME ?? hostName,
    QUEUE_TIMEOUT: variables.QUEUE_TIMEOUT ?? variables.TASK_TIMEOUT,
    LOG_FORMAT: variables.LOG_FORMAT ?? (isTerminal ? 'pretty' : 'json'),
  }
  const keyOrigin =
    variables.LB_AUTH_KEY === undefined ? keyFilePath(variables.DATA_DIR) : 'default: LB_AUTH_KEY'
  const computed: Record<string, string> = {
    NAME: 'default: host name',
    QUEUE_TIMEOUT: 'default: TASK_TIMEOUT',
    LOG_FORMAT: `default: ${isTerminal ? 'a terminal' : 'no terminal'}`,
    LB_AUTH_KEY: keyOrigin,
    FLEET_KEY: keyOrigin,
    WORKER_AUTH_KEY: keyOrigin,
  }
  const filled = Object.entries(origins).map(([name, origin]) => [
    name,
    origin === 'unset' ? (computed[name] ?? origin) : origin,
  ])
  return { values, origins: Object.fromEntries(filled) }
}

function toConfig(values: Filled): BalancerConfig {
  return {
    port: values.PORT,
    host: values.HOST,
    name: values.NAME,
    environment: values.ENVIRONMENT ?? null,
    workersFile: resolve(values.WORKERS_FILE),
    dataDir: resolve(values.DATA_DIR),
    givenKeys: Object.freeze({
      lbAuthKey: values.LB_AUTH_KEY,
      fleetKey: values.FLEET_KEY,
      workerAuthKey: values.WORKER_AUTH_KEY,
    }),
    readKey: values.READ_KEY,
    taskTimeoutMs: values.TASK_TIMEOUT,
    taskAttempts: values.TASK_ATTEMPTS,
    defaultPriority: values.DEFAULT_PRIORITY,
    starvationAfterMs: values.STARVATION_AFTER,
    queueLimit: values.QUEUE_LIMIT,
    queueBytes: values.QUEUE_BYTES,
    queueTimeoutMs: values.QUEUE_TIMEOUT,
    runLimit: values.RUN_LIMIT,
    diskReserveBytes: values.DISK_RESERVE,
    runRetentionMs: values.RUN_RETENTION,
    runHistory: values.RUN_HISTORY,
    idempotencyLimit: values.IDEMPOTENCY_LIMIT,
    budgets: values.BUDGETS,
    requestBodyLimitBytes: values.REQUEST_BODY_LIMIT,
    batchBodyLimitBytes: values.BATCH_BODY_LIMIT,
    resultLimitBytes: values.RESULT_LIMIT,
    discoveryIntervalMs: values.WORKER_DISCOVERY_INTERVAL,
    discoveryTimeoutMs: values.WORKER_DISCOVERY_TIMEOUT,
    heartbeatIntervalMs: values.WS_HEARTBEAT_INTERVAL,
    heartbeatTimeoutMs: values.WS_HEARTBEAT_TIMEOUT,
    workerLeaseMs: values.WORKER_LEASE,
    runEventsLimitBytes: values.RUN_EVENTS_LIMIT,
    runLogLines: values.RUN_LOG_LINES,
    fileLimitBytes: values.FILE_LIMIT,
    runFilesLimitBytes: values.RUN_FILES_LIMIT,
    webhooks: toWebhookConfig(values),
    compat: toCompatConfig(values),
    maxLogs: values.MAX_LOGS,
    isDashboardEnabled: values.DASHBOARD_ENABLED,
    answerHeaders: values.ANSWER_HEADERS,
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT,
  }
}
