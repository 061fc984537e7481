import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { ManualClock } from '@berth/runtime'
import type { StoredSession, StoreWrite } from '../ports/store.ts'
import { FailureThrottle } from './failure-throttle.ts'
import { SESSION_IDLE_MS, SESSION_LIMIT_MS, Sessions } from './sessions.ts'
import { SignInTokens, TOKEN_LIFE_MS } from './sign-in-tokens.ts'
import { recordInto } from './test-bench.ts'

const HOUR_MS = 3_600_000
const KEYS = { operator: 'the-key-of-operators', viewer: 'the-key-of-viewers' }

function make(capacity?: number) {
  const clock = new ManualClock()
  const writes: StoreWrite[] = []
  const sessions = new Sessions({ store: recordInto(writes), stored: [], clock, keys: KEYS, capacity })
  const ended: string[] = []
  sessions.onEnded((hash) => ended.push(hash))
  return { clock, writes, sessions, ended }
}

/** What a restart finds: the last word of each session that was not closed. */
function reopen(
  writes: readonly StoreWrite[],
  clock: ManualClock,
  keys: { operator: string; viewer: string | undefined } = KEYS,
) {
  const stored = new Map<string, StoredSession>()
  for (const write of writes) {
    if (write.kind === 'session-opened') stored.set(write.session.hash, write.session)
    if (write.kind === 'session-closed') stored.delete(write.hash)
  }
  const later: StoreWrite[] = []
  return {
    later,
    sessions: new Sessions({ store: recordInto(later), stored: [...stored.values()], clock, keys }),
  }
}

describe('Sessions', () => {
  it('keeps 256 bits of secret as a hash only', () => {
    const { sessions, writes } = make()
    const { secret, hash } = sessions.open()
    assert.equal(Buffer.from(secret, 'base64url').length, 32)
    const [digest, mark = ''] = hash.split('.')
    assert.equal(digest, createHmac('sha256', KEYS.operator).update(secret).digest('hex'))
    assert.match(mark, /^[0-9a-f]{4}$/)
    assert.ok(!JSON.stringify(writes).includes(secret))
    assert.equal(sessions.find(secret)?.hash, hash)
    assert.equal(sessions.find(`${secret.slice(1)}A`), undefined)
    assert.notEqual(sessions.open().secret, secret)
  })

  it('ends after a day without use, and tells it once', () => {
    const { sessions, clock, writes, ended } = make()
    const { secret, hash } = sessions.open()
    clock.advance(SESSION_IDLE_MS - 1)
    assert.equal(sessions.find(secret)?.hash, hash)
    clock.advance(SESSION_IDLE_MS - 1)
    assert.equal(sessions.find(secret)?.hash, hash)
    clock.advance(SESSION_IDLE_MS)
    assert.equal(sessions.isLive(hash), false)
    assert.equal(sessions.find(secret), undefined)
    assert.deepEqual(ended, [hash])
    assert.deepEqual(writes.at(-1), { kind: 'session-closed', hash })
  })

  it('ends after seven days however much it is used', () => {
    const { sessions, clock, ended } = make()
    const { secret, hash } = sessions.open()
    for (let passed = 0; passed + HOUR_MS < SESSION_LIMIT_MS; passed += HOUR_MS) {
      clock.advance(HOUR_MS)
      assert.equal(sessions.find(secret)?.hash, hash)
    }
    clock.advance(HOUR_MS)
    assert.equal(sessions.find(secret), undefined)
    assert.deepEqual(ended, [hash])
  })

  it('ends at a sign-out and stays so', () => {
    const { sessions, writes, ended } = make()
    const { secret, hash } = sessions.open()
    sessions.close(hash)
    sessions.close(hash)
    assert.equal(sessions.find(secret), undefined)
    assert.deepEqual(ended, [hash])
    assert.equal(writes.filter(({ kind }) => kind === 'session-closed').length, 1)
  })

  it('outlives a restart with its limits', () => {
    const { sessions, clock, writes } = make()
    const used = sessions.open()
    const idle = sessions.open()
    clock.advance(SESSION_IDLE_MS - 1)
    sessions.find(used.secret)
    clock.advance(2)
    const { sessions: next, later } = reopen(writes, clock)
    assert.equal(next.find(used.secret)?.hash, used.hash)
    assert.equal(next.find(idle.secret), undefined)
    assert.deepEqual(later, [{ kind: 'session-closed', hash: idle.hash }])
  })

  it('does not write at every use', () => {
    const { sessions, clock, writes } = make()
    const { secret } = sessions.open()
    for (let i = 0; i < 100; i++) {
      clock.advance(60_000)
      sessions.find(secret)
    }
    assert.equal(writes.length, 2)
  })

  it('makes room by ending the one least recently used', () => {
    const { sessions, ended } = make(2)
    const first = sessions.open()
    const second = sessions.open()
    sessions.find(first.secret)
    sessions.open()
    assert.deepEqual(ended, [second.hash])
    assert.equal(sessions.size, 2)
    assert.equal(sessions.find(first.secret)?.hash, first.hash)
  })

  it('ends with the key that it was opened with', () => {
    const { sessions, writes, clock } = make()
    const [operator, viewer] = [sessions.open('operator'), sessions.open('viewer')]
    const roles = (keys: { operator: string; viewer: string | undefined }) => {
      const again = reopen(writes, clock, keys).sessions
      return [operator, viewer].map(({ secret }) => again.find(secret)?.role)
    }
    assert.deepEqual(roles(KEYS), ['operator', 'viewer'])
    assert.deepEqual(roles({ ...KEYS, operator: 'another' }), [undefined, 'viewer'])
    assert.deepEqual(roles({ ...KEYS, viewer: 'another' }), ['operator', undefined])
    assert.deepEqual(roles({ ...KEYS, viewer: undefined }), ['operator', undefined])
    // A viewer's cookie is no operator's, even where the keys have changed places.
    assert.deepEqual(roles({ operator: KEYS.viewer, viewer: KEYS.operator }), [undefined, undefined])
  })

  it('stays ended when the key that it was opened with comes back', () => {
    const { sessions, writes, clock } = make()
    const [operator, viewer] = [sessions.open('operator'), sessions.open('viewer')]
    const changed = reopen(writes, clock, { ...KEYS, operator: 'another' })
    assert.deepEqual(changed.later, [{ kind: 'session-closed', hash: operator.hash }])
    const back = reopen([...writes, ...changed.later], clock)
    assert.equal(back.sessions.find(operator.secret), undefined)
    assert.equal(back.sessions.find(viewer.secret)?.role, 'viewer')
    // A role without a key has no sessions, now or later.
    const without = reopen(writes, clock, { ...KEYS, viewer: undefined })
    assert.deepEqual(without.later, [{ kind: 'session-closed', hash: viewer.hash }])
    // Nobody knows under which key one was opened that bears no mark.
    const unmarked = writes.flatMap((write) =>
      write.kind === 'session-opened'
        ? [{ ...write.session, hash: write.session.hash.split('.')[0] ?? '' }]
        : [],
    )
    const store = recordInto([])
    assert.equal(new Sessions({ store, stored: unmarked, clock, keys: KEYS }).size, 0)
  })

  it('passes over what it cannot read', () => {
    const stored = [{ hash: 'x', createdAt: 'soon', expiresAt: 'later', role: 'operator' as const }]
    const sessions = new Sessions({ store: recordInto([]), stored, clock: new ManualClock(), keys: KEYS })
    assert.equal(sessions.size, 0)
  })
})

describe('SignInTokens', () => {
  it('is good once', () => {
    const tokens = new SignInTokens(new ManualClock())
    const { token } = tokens.make()
    assert.equal(Buffer.from(token, 'base64url').length, 32)
    assert.equal(tokens.spend(token), true)
    assert.equal(tokens.spend(token), false)
    assert.equal(tokens.spend('anything'), false)
  })

  it('is good for 15 minutes', () => {
    const clock = new ManualClock()
    const tokens = new SignInTokens(clock)
    const early = tokens.make()
    const late = tokens.make()
    assert.equal(Date.parse(early.expiresAt), clock.wallMs() + TOKEN_LIFE_MS)
    clock.advance(TOKEN_LIFE_MS - 1)
    assert.equal(tokens.spend(early.token), true)
    clock.advance(1)
    assert.equal(tokens.spend(late.token), false)
  })

  it('keeps the hundred newest', () => {
    const tokens = new SignInTokens(new ManualClock())
    const made = Array.from({ length: 101 }, () => tokens.make().token)
    assert.equal(tokens.size, 100)
    assert.equal(tokens.spend(made[0] ?? ''), false)
    assert.equal(tokens.spend(made[1] ?? ''), true)
  })
})

describe('FailureThrottle', () => {
  it('holds an address back after ten failures, until the first is a minute old', () => {
    const clock = new ManualClock()
    const throttle = new FailureThrottle(clock)
    for (let i = 0; i < 10; i++) {
      assert.equal(throttle.waitMs('10.0.0.1'), 0)
      throttle.recordFailure('10.0.0.1')
      clock.advance(1000)
    }
    assert.equal(throttle.waitMs('10.0.0.1'), 50_000)
    assert.equal(throttle.waitMs('10.0.0.2'), 0)
    clock.advance(50_000)
    assert.equal(throttle.waitMs('10.0.0.1'), 0)
    throttle.recordFailure('10.0.0.1')
    assert.equal(throttle.waitMs('10.0.0.1'), 1000)
  })

  it('counts an IPv6 network as one, and a mapped IPv4 address as itself', () => {
    const throttle = new FailureThrottle(new ManualClock())
    for (let i = 0; i < 10; i++) throttle.recordFailure(`2001:db8:1:2::${i}`)
    assert.ok(throttle.waitMs('2001:db8:1:2:ffff::1') > 0)
    assert.equal(throttle.waitMs('2001:db8:1:3::1'), 0)
    for (let i = 0; i < 10; i++) throttle.recordFailure('::ffff:10.0.0.9')
    assert.ok(throttle.waitMs('10.0.0.9') > 0)
    assert.equal(throttle.waitMs('::ffff:10.0.0.8'), 0)
    assert.equal(throttle.waitMs('::1'), 0)
  })

  it('remembers a bounded number of addresses', () => {
    const throttle = new FailureThrottle(new ManualClock(), 3)
    for (let i = 0; i < 10; i++) throttle.recordFailure(`10.0.0.${i}`)
    assert.equal(throttle.size, 3)
  })
})
