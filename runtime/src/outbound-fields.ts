/**
 * The variables of whoever sends webhooks (CONTRACT §2) as fields for its `config.ts`: headers, secret, exceptions.
 * Invariant: a value that would only fail at the first delivery is an error at start.
 */
import { z } from 'zod'
import { type DefaultedField, type Field, list, text } from './config-fields.ts'
import { findHeaderProblem } from './outbound-headers.ts'
import { parseAllow } from './outbound-rules.ts'
import { parseWebhookSecrets } from './webhook-signature.ts'

/** A JSON object of texts; none unless given. */
export function outboundHeaders(): DefaultedField<Readonly<Record<string, string>>> {
  const field: Field<Readonly<Record<string, string>>> = z.string().transform((value, context) => {
    const parsed = z.record(z.string(), z.string()).safeParse(parseJson(value))
    const problem = parsed.success
      ? findHeaderProblem(parsed.data)
      : { problem: 'must be a JSON object whose values are texts' }
    if (parsed.success && !problem) return parsed.data
    const message = problem?.name === undefined ? problem?.problem : `${problem.name}: ${problem.problem}`
    context.addIssue({ code: 'custom', message: message ?? 'is not usable' })
    return z.NEVER
  })
  return field.default({})
}

/** One or two `whsec_…`, as `parseWebhookSecrets` reads them. */
export function webhookSecret(): Field<string> {
  return text().superRefine((value, context) => {
    const parsed = parseWebhookSecrets(value)
    if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.problem })
  })
}

/** The entries that `parseAllow` reads; none unless given. */
export function outboundAllow() {
  return list({ default: [] }).superRefine((value, context) => {
    const parsed = parseAllow(value)
    if (!parsed.ok)
      context.addIssue({ code: 'custom', message: `has an entry that cannot be read: ${parsed.problem}` })
  })
}

/** What no log line may hold: the words of the secret, and the values of the headers. */
export function textsOfWebhooks(
  secret: string | undefined,
  headers: Readonly<Record<string, string>>,
): string[] {
  return [...(secret ?? '').split(/\s+/), ...Object.values(headers)].filter((word) => word.length >= 8)
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}
