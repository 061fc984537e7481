/** Fault cases H8 and H9: signatures of webhooks, judged by the specification's own vector and library. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { parseWebhookSecrets, signWebhook, verifyWebhook } from './webhook-signature.ts'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OTHER = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

function secretsOf(text: string): readonly Uint8Array[] {
  const parsed = parseWebhookSecrets(text)
  return parsed.ok ? parsed.secrets : assert.fail(parsed.problem)
}

function messageOf(text: string, { id = 'r_1', timestamp = 1_700_000_000 } = {}) {
  return { id, timestamp, body: Buffer.from(text) }
}

function presented(signature: string, text: string, more: { id?: string; timestamp?: string } = {}) {
  return { id: 'r_1', timestamp: '1700000000', signature, body: Buffer.from(text), ...more }
}

const NOW = 1_700_000_000_000

describe('signWebhook', () => {
  it('H9: agrees with the vector of the specification, and with one made in Python', () => {
    const spec = messageOf('{"test": 2432232314}', {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: 1_614_265_330,
    })
    assert.equal(signWebhook(secretsOf(SECRET), spec), 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
    // Numbers and characters that another writing of the same JSON would change.
    const odd = messageOf('{"a":1.0,"b":1e21,"c":"ü🎈\\u2028"}')
    assert.equal(signWebhook(secretsOf(SECRET), odd), 'v1,3U1xWJqlWbeqwMxjPMZiTKn2iHMGERh4YlPfVh2rrbA=')
  })

  it('is accepted by the library of the specification, with each of two secrets', () => {
    const text = '{"a":1.0,"c":"ü🎈"}'
    const timestamp = Math.floor(Date.now() / 1000)
    const signature = signWebhook(secretsOf(`${SECRET} ${OTHER}`), messageOf(text, { timestamp }))
    assert.equal(signature.split(' ').length, 2)
    const headers = {
      'webhook-id': 'r_1',
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signature,
    }
    for (const secret of [SECRET, OTHER])
      assert.deepEqual(new Webhook(secret).verify(text, headers), JSON.parse(text))
    assert.throws(() => new Webhook(`whsec_${randomBytes(32).toString('base64')}`).verify(text, headers))
  })
})

describe('verifyWebhook', () => {
  const text = '{"a":1}'
  const signature = signWebhook(secretsOf(SECRET), messageOf(text))

  it('takes what one of the secrets signed', () => {
    assert.equal(verifyWebhook(secretsOf(SECRET), presented(signature, text), NOW), 'valid')
    assert.equal(verifyWebhook(secretsOf(`${OTHER} ${SECRET}`), presented(signature, text), NOW), 'valid')
    const both = signWebhook(secretsOf(`${OTHER} ${SECRET}`), messageOf(text))
    assert.equal(verifyWebhook(secretsOf(SECRET), presented(both, text), NOW), 'valid')
  })

  it('H8: refuses every other signature, of any length and algorithm', () => {
    const bare = signature.slice(3)
    const cases = [
      'v1,',
      'v1,x',
      `v1,${bare}=`,
      `v1,${bare.slice(1)}`,
      `v1a,${bare}`,
      `v2,${bare}`,
      bare,
      `v1,${'A'.repeat(100_000)}`,
      `V1,${bare}`,
      'v1,ü',
    ]
    for (const wrong of cases)
      assert.equal(verifyWebhook(secretsOf(SECRET), presented(wrong, text), NOW), 'wrong', wrong.slice(0, 50))
    assert.equal(verifyWebhook(secretsOf(OTHER), presented(signature, text), NOW), 'wrong')
    assert.equal(verifyWebhook(secretsOf(SECRET), presented(signature, '{"a":1.0}'), NOW), 'wrong')
    assert.equal(verifyWebhook(secretsOf(SECRET), presented(signature, text, { id: 'r_2' }), NOW), 'wrong')
    assert.equal(verifyWebhook([], presented(signature, text), NOW), 'wrong')
  })

  it('refuses what is old, from the future, or not signed', () => {
    for (const shiftMs of [301_000, -301_000])
      assert.equal(verifyWebhook(secretsOf(SECRET), presented(signature, text), NOW + shiftMs), 'too-old')
    assert.equal(verifyWebhook(secretsOf(SECRET), presented(signature, text), NOW + 299_000), 'valid')
    for (const more of [{ id: '' }, { timestamp: 'x' }, { timestamp: '' }])
      assert.equal(verifyWebhook(secretsOf(SECRET), presented(signature, text, more), NOW), 'unsigned')
    assert.equal(verifyWebhook(secretsOf(SECRET), presented('', text), NOW), 'unsigned')
  })
})

describe('parseWebhookSecrets', () => {
  it('takes one or two of 24 to 64 bytes', () => {
    assert.equal(secretsOf(SECRET)[0]?.length, 24)
    assert.equal(secretsOf(`${SECRET}  ${OTHER}`).length, 2)
    assert.equal(secretsOf(`whsec_${Buffer.alloc(64).toString('base64')}`)[0]?.length, 64)
    const bad = [
      '',
      'whsec_',
      'whsec_c2hvcnQ=',
      SECRET.slice(6),
      `${SECRET} ${OTHER} ${OTHER}`,
      `${SECRET},${OTHER}`,
      `whsec_${Buffer.alloc(65).toString('base64')}`,
      `whsec_${'*'.repeat(40)}`,
    ]
    for (const text of bad) assert.equal(parseWebhookSecrets(text).ok, false, text)
  })
})
