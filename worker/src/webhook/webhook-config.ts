/**
 * The worker's WEBHOOK_ variables (CONTRACT §2): their fields for `config.ts`, and what `compose.ts` makes of them.
 * Invariant: a value that would only fail at the first delivery is an error at start.
 */
import {
  durationMs,
  integer,
  type Log,
  list,
  Outbound,
  OutboundRules,
  parseAllow,
  parseWebhookSecrets,
  systemClock,
  text,
} from '@berth/runtime'
import { z } from 'zod'
import { Deliveries } from './deliveries.ts'
import { findHeaderProblem } from './webhook-headers.ts'

const headersField = z.string().transform((value, context): Readonly<Record<string, string>> => {
  const parsed = z.record(z.string(), z.string()).safeParse(parseJson(value))
  const problem = parsed.success
    ? findHeaderProblem(parsed.data)
    : { problem: 'must be a JSON object whose values are texts' }
  if (parsed.success && !problem) return parsed.data
  const message = problem?.name === undefined ? problem?.problem : `${problem.name}: ${problem.problem}`
  context.addIssue({ code: 'custom', message: message ?? 'is not usable' })
  return z.NEVER
})

export const WEBHOOK_SECRETS = ['WEBHOOK_SECRET', 'WEBHOOK_HEADERS'] as const

export const webhookFields = {
  WEBHOOK_TIMEOUT: durationMs({ min: 1, default: 5_000 }),
  WEBHOOK_MAX_RETRIES: integer({ min: 0, max: 1_000, default: 3 }),
  WEBHOOK_RETRY_DELAY: durationMs({ default: 1_000 }),
  WEBHOOK_HEADERS: headersField.default({}),
  WEBHOOK_SECRET: text()
    .superRefine((value, context) => {
      const parsed = parseWebhookSecrets(value)
      if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.problem })
    })
    .optional(),
  WEBHOOK_ALLOW: list({ default: [] }).superRefine((value, context) => {
    const parsed = parseAllow(value)
    if (!parsed.ok)
      context.addIssue({ code: 'custom', message: `has an entry that cannot be read: ${parsed.problem}` })
  }),
}

export interface WebhookConfig {
  readonly WEBHOOK_TIMEOUT: number
  readonly WEBHOOK_MAX_RETRIES: number
  readonly WEBHOOK_RETRY_DELAY: number
  readonly WEBHOOK_HEADERS: Readonly<Record<string, string>>
  readonly WEBHOOK_SECRET?: string | undefined
  readonly WEBHOOK_ALLOW: readonly string[]
}

export function makeDeliveries(config: WebhookConfig, log: Log): Deliveries {
  const allow = parseAllow(config.WEBHOOK_ALLOW)
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

/** What no log line may hold: the words of the secret, and the values of the headers. */
export function webhookTexts({ WEBHOOK_SECRET = '', WEBHOOK_HEADERS }: WebhookConfig): string[] {
  return [...WEBHOOK_SECRET.split(/\s+/), ...Object.values(WEBHOOK_HEADERS)].filter(
    (word) => word.length >= 8,
  )
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}
