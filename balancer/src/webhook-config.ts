/**
 * The balancer's WEBHOOK_ variables (CONTRACT §2): their fields for `config.ts`, the secret that is made when none is
 * given, and what compose makes of both. Invariant: no secret and no header's value appears in a log or an error.
 */
import {
  type Clock,
  type ConfigError,
  durationMs,
  ensureWebhookSecret,
  type IsOwnAddress,
  integer,
  type Log,
  Outbound,
  OutboundRules,
  outboundAllow,
  outboundHeaders,
  parseAllow,
  parseWebhookSecrets,
  sizeBytes,
  textsOfWebhooks,
  webhookSecret,
} from '@berth/runtime'
import type { RunReads } from './ports/run-reads.ts'
import type { KeepPort } from './ports/store.ts'
import { LADDER_MS } from './runs/webhooks/ladder.ts'
import { Webhooks } from './runs/webhooks/webhooks.ts'

/** Masked where settings are printed, and read from a `*_FILE` too. */
export const WEBHOOK_SECRETS = ['WEBHOOK_SECRET', 'WEBHOOK_HEADERS'] as const

const MIB = 1024 ** 2

export const webhookFields = {
  WEBHOOK_TIMEOUT: durationMs({ min: 1, default: 15_000 }),
  WEBHOOK_MAX_RETRIES: integer({ min: 0, max: 1_000, default: 9 }),
  WEBHOOK_HEADERS: outboundHeaders(),
  WEBHOOK_SECRET: webhookSecret().optional(),
  WEBHOOK_ALLOW: outboundAllow(),
  WEBHOOK_INLINE_LIMIT: sizeBytes({ min: 0, max: 512 * MIB, default: '256kb' }),
}

interface WebhookVariables {
  readonly WEBHOOK_TIMEOUT: number
  readonly WEBHOOK_MAX_RETRIES: number
  readonly WEBHOOK_HEADERS: Readonly<Record<string, string>>
  readonly WEBHOOK_SECRET?: string | undefined
  readonly WEBHOOK_ALLOW: readonly string[]
  readonly WEBHOOK_INLINE_LIMIT: number
}

export interface WebhookConfig {
  readonly timeoutMs: number
  readonly maxRetries: number
  readonly headers: Readonly<Record<string, string>>
  /** As given; `resolveWebhookSecret` makes one when it is not. */
  readonly givenSecret: string | undefined
  readonly allow: readonly string[]
  readonly inlineLimitBytes: number
}

export function toWebhookConfig(variables: WebhookVariables): WebhookConfig {
  return Object.freeze({
    timeoutMs: variables.WEBHOOK_TIMEOUT,
    maxRetries: variables.WEBHOOK_MAX_RETRIES,
    headers: variables.WEBHOOK_HEADERS,
    givenSecret: variables.WEBHOOK_SECRET,
    allow: variables.WEBHOOK_ALLOW,
    inlineLimitBytes: variables.WEBHOOK_INLINE_LIMIT,
  })
}

export type ResolvedSecret =
  | { readonly ok: true; readonly secret: string }
  | { readonly ok: false; readonly errors: readonly ConfigError[] }

/** The given secret, or the one of `DATA_DIR/webhook-secret`, which is made when it is not there. */
export function resolveWebhookSecret(config: {
  readonly dataDir: string
  readonly webhooks: Pick<WebhookConfig, 'givenSecret'>
}): ResolvedSecret {
  const { givenSecret } = config.webhooks
  if (givenSecret !== undefined) return { ok: true, secret: givenSecret }
  try {
    return { ok: true, secret: ensureWebhookSecret(config.dataDir) }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `cannot be kept in DATA_DIR (${reason}); make the folder writable, or set WEBHOOK_SECRET`
    return { ok: false, errors: [{ variable: 'WEBHOOK_SECRET', message }] }
  }
}

/** What no log line may hold. */
export function webhookTexts(secret: string, { headers }: Pick<WebhookConfig, 'headers'>): string[] {
  return textsOfWebhooks(secret, headers)
}

export interface WebhookParts {
  readonly config: WebhookConfig
  readonly secret: string
  /** Where this balancer listens: nothing is sent there. */
  readonly isOwn: IsOwnAddress
  /** `http://host:port`, for whom no better way to it is known. */
  readonly origin: () => string
  readonly reads: RunReads
  readonly keeper: Pick<KeepPort, 'keep'>
  readonly disabledUrls: readonly string[]
  readonly clock: Clock
  readonly log: Log
}

export function makeWebhooks(parts: WebhookParts): Webhooks {
  const { config, secret, isOwn, keeper, log } = parts
  const allow = parseAllow(config.allow, isOwn)
  const signing = parseWebhookSecrets(secret)
  return new Webhooks({
    ...parts,
    keep: (writes) => keeper.keep(writes),
    outbound: new Outbound(allow.ok ? allow.rules : new OutboundRules([], isOwn)),
    log: log.child({ source: 'webhook' }),
    random: Math.random,
    terms: {
      timeoutMs: config.timeoutMs,
      maxRetries: config.maxRetries,
      headers: config.headers,
      inlineLimitBytes: config.inlineLimitBytes,
      origin: parts.origin,
      ladderMs: LADDER_MS,
      secrets: signing.ok ? signing.secrets : [],
    },
  })
}
