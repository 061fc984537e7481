/**
 * The secret that signs webhooks when the operator has given none: made once and kept in the data folder, readable
 * by its owner alone. Called at start.
 * Invariant: processes that start together, and every later start, sign with the same secret.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { createFileAtomic, ensureFolder, readSmallFile } from './files.ts'
import { parseWebhookSecrets } from './webhook-signature.ts'

const SECRET_BYTES = 32
const FILE_BYTES = 4096

/** `whsec_` and the base64 of 32 random bytes. */
export function makeWebhookSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
}

/** Where the secret of a data folder lies. */
export function webhookSecretPath(dir: string): string {
  return join(dir, 'webhook-secret')
}

/**
 * The secret of a data folder, made when there is none. The file may hold two, separated by a space, while they are
 * being changed. Throws on a file that holds no secret, and on what the system says.
 */
export function ensureWebhookSecret(dir: string): string {
  const path = webhookSecretPath(dir)
  ensureFolder(dir)
  createFileAtomic(path, `${makeWebhookSecret()}\n`)
  const text = readSmallFile(path, FILE_BYTES).toString('utf8').trim()
  const parsed = parseWebhookSecrets(text)
  if (!parsed.ok)
    throw new Error(`${path} ${parsed.problem}; restore it, or remove it to have a new one made`)
  tighten(path)
  return text
}

/** A copy or a restore may have opened the file to others; one that belongs to another user stays as it is. */
function tighten(path: string): void {
  try {
    chmodSync(path, 0o600)
  } catch {}
}
