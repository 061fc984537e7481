/**
 * The balancer's settings for the APIs of other systems (CONTRACT §2, "Other APIs"): their fields for `config.ts`, and
 * what compose makes of them. Invariant: an API that is not named does nothing.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { isName } from '@berth/protocol'
import {
  type ConfigError,
  createFileAtomic,
  ensureFolder,
  list,
  port,
  readSmallFile,
  text,
} from '@berth/runtime'
import { z } from 'zod'

export const COMPAT_APIS = ['worklets', 'workers'] as const
export type CompatApi = (typeof COMPAT_APIS)[number]

/** Of which an empty value says something: none. */
export const COMPAT_MAY_BE_EMPTY = ['COMPAT']

const DOMAIN = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/

export const compatFields = {
  COMPAT: list({ default: COMPAT_APIS }).pipe(
    z.array(z.enum(COMPAT_APIS, `must be some of ${COMPAT_APIS.join(',')}, or empty for none`)),
  ),
  AGENT_FUNCTION: text({ maxLength: 128, default: 'agent' }).refine(
    isName,
    'must be the name of a function of the group "default"',
  ),
  EMAIL_DOMAIN: text({ maxLength: 253, pattern: DOMAIN }).optional(),
  EMAIL_PORT: port().optional(),
}

/** Mail for nobody is no use, and mail to a worker needs its API. */
export function findMailFaults(variables: CompatVariables): ConfigError[] {
  const { EMAIL_PORT, EMAIL_DOMAIN, COMPAT } = variables
  if (EMAIL_PORT === undefined) return []
  const faults: ConfigError[] = []
  if (EMAIL_DOMAIN === undefined)
    faults.push({
      variable: 'EMAIL_DOMAIN',
      message: 'is required with EMAIL_PORT: workers have addresses there',
    })
  if (!COMPAT.includes('workers'))
    faults.push({ variable: 'EMAIL_PORT', message: 'needs the API of workers: name it in COMPAT' })
  return faults
}

const SECRET_BYTES = 32

/** What the addresses of workers are made with, in DATA_DIR; made when there is none. */
export function ensureEmailSecret(dataDir: string): string {
  const path = join(dataDir, 'email-secret')
  ensureFolder(dataDir)
  createFileAtomic(path, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`)
  const secret = readSmallFile(path, 4096).toString('utf8').trim()
  if (secret.length < SECRET_BYTES)
    throw new Error(
      `${path} holds no secret; restore it, or remove it to have a new one made (addresses change)`,
    )
  return secret
}

interface CompatVariables {
  readonly COMPAT: readonly CompatApi[]
  readonly AGENT_FUNCTION: string
  readonly EMAIL_DOMAIN?: string | undefined
  readonly EMAIL_PORT?: number | undefined
}

export interface CompatConfig {
  readonly apis: ReadonlySet<CompatApi>
  readonly agentFunction: string
  /** Undefined: workers have no addresses. */
  readonly emailDomain: string | undefined
  /** Undefined: no mail is taken here. */
  readonly emailPort: number | undefined
}

export function toCompatConfig(variables: CompatVariables): CompatConfig {
  return Object.freeze({
    apis: new Set(variables.COMPAT),
    agentFunction: variables.AGENT_FUNCTION,
    emailDomain: variables.EMAIL_DOMAIN,
    emailPort: variables.EMAIL_PORT,
  })
}
