/**
 * The worker's WEBHOOK_ variables (CONTRACT §2): their fields for `config.ts`, and what `compose.ts` makes of them.
 * Invariant: a value that would only fail at the first delivery is an error at start.
 */
import {
  durationMs,
  type IsOwnAddress,
  integer,
  type Log,
  Outbound,
  OutboundRules,
  outboundAllow,
  outboundHeaders,
  parseAllow,
  parseWebhookSecrets,
  systemClock,
  textsOfWebhooks,
  webhookSecret,
} from '@berth/runtime'
import { Deliveries } from './deliveries.ts'

export const WEBHOOK_SECRETS = ['WEBHOOK_SECRET', 'WEBHOOK_HEADERS'] as const

export const webhookFields = {
  WEBHOOK_TIMEOUT: durationMs({ min: 1, default: 5_000 }),
  WEBHOOK_MAX_RETRIES: integer({ min: 0, max: 1_000, default: 3 }),
  WEBHOOK_RETRY_DELAY: durationMs({ default: 1_000 }),
  WEBHOOK_HEADERS: outboundHeaders(),
  WEBHOOK_SECRET: webhookSecret().optional(),
  WEBHOOK_ALLOW: outboundAllow(),
}

export interface WebhookConfig {
  readonly WEBHOOK_TIMEOUT: number
  readonly WEBHOOK_MAX_RETRIES: number
  readonly WEBHOOK_RETRY_DELAY: number
  readonly WEBHOOK_HEADERS: Readonly<Record<string, string>>
  readonly WEBHOOK_SECRET?: string | undefined
  readonly WEBHOOK_ALLOW: readonly string[]
}

/** No delivery reaches an address that `isOwn` knows: the worker's own. */
export function makeDeliveries(config: WebhookConfig, log: Log, isOwn?: IsOwnAddress): Deliveries {
  const allow = parseAllow(config.WEBHOOK_ALLOW, isOwn)
  const signing = config.WEBHOOK_SECRET === undefined ? undefined : parseWebhookSecrets(config.WEBHOOK_SECRET)
  return new Deliveries(
    {
      timeoutMs: config.WEBHOOK_TIMEOUT,
      maxRetries: config.WEBHOOK_MAX_RETRIES,
      retryDelayMs: config.WEBHOOK_RETRY_DELAY,
      headers: config.WEBHOOK_HEADERS,
      secrets: signing?.ok ? signing.secrets : [],
    },
    {
      outbound: new Outbound(allow.ok ? allow.rules : new OutboundRules()),
      clock: systemClock,
      log: log.child({ source: 'webhook' }),
      random: Math.random,
    },
  )
}

/** What no log line may hold. */
export function webhookTexts({ WEBHOOK_SECRET, WEBHOOK_HEADERS }: WebhookConfig): string[] {
  return textsOfWebhooks(WEBHOOK_SECRET, WEBHOOK_HEADERS)
}
