/**
 * Owns what the command line reads from the environment; everything else is passed on to the balancer and
 * the workers untouched, and judged there. Called once by each command.
 * Invariant: paths are absolute, so that the children may run anywhere.
 */
import { resolve } from 'node:path'
import {
  type ConfigError,
  durationMs,
  type Environment,
  ensureKeyFile,
  findKeyProblem,
  flag,
  parseConfig,
  port,
  readKeyFile,
  text,
} from '@berth/runtime'
import { z } from 'zod'

const schema = z.object({
  PORT: port({ default: 4000 }),
  HOST: text({ default: '127.0.0.1' }),
  DATA_DIR: text({ default: './.berth' }),
  WORKERS_FILE: text({ default: './workers.json' }),
  DASHBOARD_ENABLED: flag({ default: true }),
  SHUTDOWN_TIMEOUT: durationMs({ default: 30_000 }),
  LB_AUTH_KEY: text().optional(),
  FLEET_KEY: text().optional(),
  WORKER_AUTH_KEY: text().optional(),
})

const SECRETS = ['LB_AUTH_KEY', 'FLEET_KEY', 'WORKER_AUTH_KEY'] as const

export type CliConfig = {
  port: number
  host: string
  dataDir: string
  workersFile: string
  isDashboardEnabled: boolean
  shutdownTimeoutMs: number
  /** Keys that the environment gives; the others lie in the data folder. */
  givenKeys: { client?: string; fleet?: string; worker?: string }
}

/** The keys in force: what callers present to the balancer, and the two that it presents to workers. */
export type Keys = { client: string; fleet: string; worker: string }

export type ReadConfig = { ok: true; config: CliConfig } | { ok: false; errors: ConfigError[] }

export function readCliConfig(env: Environment): ReadConfig {
  const parsed = parseConfig(schema, env, { secrets: SECRETS })
  if (!parsed.ok) return parsed
  const values = parsed.config
  const errors = SECRETS.flatMap((variable) => {
    const key = values[variable]
    const problem = key === undefined ? undefined : findKeyProblem(key)
    return problem === undefined ? [] : [{ variable, message: problem }]
  })
  if (errors.length > 0) return { ok: false, errors }
  const config: CliConfig = {
    port: values.PORT,
    host: values.HOST,
    dataDir: resolve(values.DATA_DIR),
    workersFile: resolve(values.WORKERS_FILE),
    isDashboardEnabled: values.DASHBOARD_ENABLED,
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT,
    givenKeys: { client: values.LB_AUTH_KEY, fleet: values.FLEET_KEY, worker: values.WORKER_AUTH_KEY },
  }
  return { ok: true, config }
}

/** The keys in force, made in the data folder when the environment gives none. */
export function ensureKeys({ givenKeys, dataDir }: CliConfig): Keys {
  const { client, fleet, worker } = givenKeys
  if (client !== undefined) return { client, fleet: fleet ?? client, worker: worker ?? client }
  const kept = ensureKeyFile(dataDir)
  return { client: kept.LB_AUTH_KEY, fleet: fleet ?? kept.FLEET_KEY, worker: worker ?? kept.WORKER_AUTH_KEY }
}

/** The key that callers present; undefined when none is given and none was made. */
export function findClientKey({ givenKeys, dataDir }: CliConfig): string | undefined {
  return givenKeys.client ?? readKeyFile(dataDir)?.LB_AUTH_KEY
}

/** Where to reach, from this machine, a server that listens on `host`. */
export function formatAddress(host: string, portNumber: number): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${portNumber}`
  if (host === '::') return `http://[::1]:${portNumber}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${portNumber}`
}
