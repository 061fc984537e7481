/**
 * Signs and checks webhooks by the Standard Webhooks specification: HMAC-SHA-256 over `id.timestamp.body`, with one
 * secret or, while it is being changed, two. Used by whoever delivers, and by receivers that want to be sure.
 * Invariants: what is signed is the very bytes that are sent; signatures are compared in constant time.
 */
import { createHmac } from 'node:crypto'
import { sameKey } from './keys.ts'

export type ParsedSecrets =
  | { readonly ok: true; readonly secrets: readonly Uint8Array[] }
  | { readonly ok: false; readonly problem: string }

export interface SignedMessage {
  /** The same for every delivery of one message. */
  readonly id: string
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly body: Uint8Array
}

export type SignatureVerdict = 'valid' | 'unsigned' | 'too-old' | 'wrong'

const SECRET = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/
const SECRET_BYTES = { min: 24, max: 64 }
/** Beyond it a message may be one that somebody has kept and sends again. */
const TOLERANCE_S = 300

/** Reads one or two `whsec_…` (base64 of 24 to 64 bytes) separated by a space. */
export function parseWebhookSecrets(text: string): ParsedSecrets {
  const words = text.trim().split(/\s+/)
  if (words.length > 2) return { ok: false, problem: 'must hold one or two secrets separated by a space' }
  const secrets: Uint8Array[] = []
  for (const word of words) {
    const secret = Buffer.from(SECRET.exec(word)?.[1] ?? '', 'base64')
    if (secret.length < SECRET_BYTES.min || secret.length > SECRET_BYTES.max)
      return { ok: false, problem: 'must be whsec_ followed by the base64 of 24 to 64 random bytes' }
    secrets.push(secret)
  }
  return { ok: true, secrets }
}

/** The value of `webhook-signature`: a signature for each secret. */
export function signWebhook(secrets: readonly Uint8Array[], message: SignedMessage): string {
  return secrets.map((secret) => `v1,${signatureOf(secret, message)}`).join(' ')
}

export interface PresentedWebhook {
  readonly id: string | undefined
  readonly timestamp: string | undefined
  readonly signature: string | undefined
  /** As received, before anything parsed it. */
  readonly body: Uint8Array
}

/**
 * Whether one of the presented signatures is by one of the secrets, and of the last five minutes. A receiver that
 * must not act twice also keeps the ids it has seen.
 */
export function verifyWebhook(
  secrets: readonly Uint8Array[],
  { id, timestamp, signature, body }: PresentedWebhook,
  nowMs: number,
): SignatureVerdict {
  if (!id || !signature || !timestamp || !/^\d{1,12}$/.test(timestamp)) return 'unsigned'
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > TOLERANCE_S) return 'too-old'
  const message = { id, timestamp: Number(timestamp), body }
  const expected = secrets.map((secret) => signatureOf(secret, message))
  const presented = signature.split(' ').filter((word) => word.startsWith('v1,'))
  const isValid = presented.some((word) => expected.some((own) => sameKey(word.slice(3), own)))
  return isValid ? 'valid' : 'wrong'
}

function signatureOf(secret: Uint8Array, { id, timestamp, body }: SignedMessage): string {
  return createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest('base64')
}
