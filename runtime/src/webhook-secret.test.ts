import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { ensureWebhookSecret, makeWebhookSecret, webhookSecretPath } from './webhook-secret.ts'
import { parseWebhookSecrets } from './webhook-signature.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'webhook-secret-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const modeOf = (path: string) => statSync(path).mode & 0o777

describe('ensureWebhookSecret', () => {
  it('makes a secret of 32 bytes once, for its owner alone', () => {
    const folder = join(dir, 'new')
    const secret = ensureWebhookSecret(folder)
    const parsed = parseWebhookSecrets(secret)
    assert.equal(parsed.ok && parsed.secrets[0]?.length, 32)
    assert.equal(modeOf(webhookSecretPath(folder)), 0o600)
    assert.equal(ensureWebhookSecret(folder), secret)
    assert.notEqual(ensureWebhookSecret(dir), secret)
  })

  it('takes two while they are being changed, and closes a file that was opened', () => {
    const two = `${makeWebhookSecret()} ${makeWebhookSecret()}`
    writeFileSync(webhookSecretPath(dir), `${two}\n`)
    chmodSync(webhookSecretPath(dir), 0o644)
    assert.equal(ensureWebhookSecret(dir), two)
    assert.equal(modeOf(webhookSecretPath(dir)), 0o600)
  })

  it('refuses a file that holds none, and leaves it as it is', () => {
    writeFileSync(webhookSecretPath(dir), 'mine')
    assert.throws(() => ensureWebhookSecret(dir), /webhook-secret must be whsec_/)
    assert.throws(() => ensureWebhookSecret(dir), /webhook-secret must be whsec_/)
  })
})
