import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { meSchema } from '@berth/protocol'
import {
  type AskInit,
  type Bench,
  codeOf,
  fromPage,
  KEY,
  makeBench,
  ORIGIN,
  READ_KEY,
  withKey,
} from './test-bench.ts'

function signIn(bench: Bench, body: unknown, changes: AskInit = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...changes.headers }
  return bench.ask('/sign-in', { method: 'POST', ...changes, headers, body: JSON.stringify(body) })
}

function cookieOf(answer: Response): string {
  return (answer.headers.getSetCookie()[0] ?? '').split(';')[0] ?? ''
}

async function makeToken(bench: Bench): Promise<{ token: string; expiresAt: string }> {
  const answer = await bench.ask('/sign-in/tokens', withKey('POST', {}))
  assert.equal(answer.status, 201)
  return (await answer.json()) as { token: string; expiresAt: string }
}

describe('POST /sign-in', () => {
  it('takes the key and gives a session that works', async () => {
    const bench = makeBench()
    const answer = await signIn(bench, { key: KEY })
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), { ok: true })
    assert.match(
      answer.headers.getSetCookie()[0] ?? '',
      /^berth_session=[\w-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict$/,
    )
    const me = await bench.ask('/me', fromPage(cookieOf(answer), 'GET'))
    assert.equal(meSchema.parse(await me.json()).role, 'operator')
    assert.equal(bench.writes[0]?.kind, 'session-opened')
  })

  it('takes the read key and gives a session that may read only', async () => {
    const bench = makeBench()
    const cookie = cookieOf(await signIn(bench, { key: READ_KEY }))
    assert.equal((await bench.ask('/workers', fromPage(cookie, 'GET'))).status, 200)
    assert.equal((await bench.ask('/workers/w1/off', fromPage(cookie))).status, 403)
    assert.deepEqual(bench.fleet.wishes, [])
    const opened = bench.writes.filter((write) => write.kind === 'session-opened')
    assert.equal(opened[0]?.session.role, 'viewer')
  })

  it('is fixed to no session that was there before: the cookie that came along ends', async () => {
    const bench = makeBench()
    const before = bench.signIn()
    const headers = { cookie: before, origin: ORIGIN }
    const after = cookieOf(await signIn(bench, { key: KEY }, { headers }))
    assert.notEqual(after, before)
    assert.equal((await bench.ask('/me', fromPage(before, 'GET'))).status, 401)
    const planted = `berth_session=${'A'.repeat(43)}`
    assert.notEqual(cookieOf(await signIn(bench, { key: KEY }, { headers: { cookie: planted } })), planted)
    assert.equal((await bench.ask('/me', fromPage(planted, 'GET'))).status, 401)
  })

  it('gives another session each time', async () => {
    const bench = makeBench()
    assert.notEqual(cookieOf(await signIn(bench, { key: KEY })), cookieOf(await signIn(bench, { key: KEY })))
  })

  it('binds the cookie to host and TLS when the page came by TLS', async () => {
    const answer = await signIn(makeBench(), { key: KEY }, { headers: { origin: 'https://berth.test:4000' } })
    const cookie = answer.headers.getSetCookie()[0] ?? ''
    assert.match(cookie, /^__Host-berth_session=.*; Secure$/)
    assert.doesNotMatch(cookie, /Domain/i)
  })

  it('takes a token once', async () => {
    const bench = makeBench()
    const { token } = await makeToken(bench)
    assert.equal((await signIn(bench, { token })).status, 200)
    const again = await signIn(bench, { token })
    assert.equal(again.status, 401)
    assert.deepEqual(again.headers.getSetCookie(), [])
  })

  it('takes a token for 15 minutes', async () => {
    const bench = makeBench()
    const { token, expiresAt } = await makeToken(bench)
    assert.equal(expiresAt, '2026-01-01T00:15:00.000Z')
    bench.clock.advance(15 * 60_000)
    assert.equal((await signIn(bench, { token })).status, 401)
  })

  it('says the same of a wrong key and of a wrong token', async () => {
    const bench = makeBench()
    const texts = new Set<string>()
    for (const body of [{ key: 'wrong' }, { key: '' }, { token: 'wrong' }, { token: '' }])
      texts.add(await (await signIn(bench, body)).text())
    assert.equal(texts.size, 1)
    assert.match(bench.log.lines().join(), /sign-in refused/)
    assert.ok(!bench.log.lines().join().includes('wrong'))
  })

  it('refuses any other body', async () => {
    const bench = makeBench()
    for (const body of [{}, { key: KEY, token: 'x' }, { key: 1 }, { key: KEY, more: 1 }, [], null, 'x'])
      assert.equal((await signIn(bench, body)).status, 400, JSON.stringify(body))
    assert.equal(bench.sessions.size, 0)
  })

  it('refuses a page of another origin and a body that is not JSON', async () => {
    const bench = makeBench()
    const foreign = await signIn(bench, { key: KEY }, { headers: { origin: 'http://evil.test' } })
    assert.equal(foreign.status, 403)
    const text = await signIn(
      bench,
      { key: KEY },
      { headers: { origin: ORIGIN, 'content-type': 'text/plain' } },
    )
    assert.equal(text.status, 415)
    assert.equal(bench.sessions.size, 0)
  })

  it('makes an address wait after ten failures, and no other', async () => {
    const bench = makeBench()
    for (let i = 0; i < 10; i++) assert.equal((await signIn(bench, { key: `no${i}` })).status, 401)
    const held = await signIn(bench, { key: 'no10' })
    assert.equal(held.status, 429)
    assert.equal(held.headers.get('retry-after'), '60')
    assert.equal(await codeOf(held), 'RATE_LIMITED')
    assert.equal((await signIn(bench, { key: 'no' }, { address: '10.0.0.2' })).status, 401)
    bench.clock.advance(60_000)
    assert.equal((await signIn(bench, { key: 'no' })).status, 401)
  })

  it('lets what is right pass whatever others tried from the same address', async () => {
    const bench = makeBench()
    const { token } = await makeToken(bench)
    for (let i = 0; i < 20; i++) await signIn(bench, { key: `no${i}` })
    assert.equal((await signIn(bench, { key: 'no' })).status, 429)
    assert.equal((await signIn(bench, { key: KEY })).status, 200)
    assert.equal((await signIn(bench, { token })).status, 200)
    assert.equal((await signIn(bench, { token })).status, 429, 'a token is good once')
  })
})

describe('POST /sign-in/tokens', () => {
  it('takes the key and no session', async () => {
    const bench = makeBench()
    const answer = await bench.ask('/sign-in/tokens', fromPage(bench.signIn()))
    assert.equal(answer.status, 403)
    assert.equal(await codeOf(answer), 'FORBIDDEN')
  })
})

describe('POST /sign-out', () => {
  it('ends the session and takes the cookie away', async () => {
    const bench = makeBench()
    const cookie = bench.signIn()
    const ended: string[] = []
    bench.sessions.onEnded((hash) => ended.push(hash))
    const answer = await bench.ask('/sign-out', fromPage(cookie))
    assert.equal(answer.status, 200)
    assert.ok(answer.headers.getSetCookie().every((value) => value.includes('Max-Age=0')))
    assert.equal(ended.length, 1)
    assert.equal((await bench.ask('/me', fromPage(cookie, 'GET'))).status, 401)
    assert.equal((await bench.ask('/sign-out', fromPage(cookie))).status, 401)
  })

  it('leaves the other sessions', async () => {
    const bench = makeBench()
    const [mine, other] = [bench.signIn(), bench.signIn()]
    await bench.ask('/sign-out', fromPage(mine))
    assert.equal((await bench.ask('/me', fromPage(other, 'GET'))).status, 200)
  })
})

describe('GET /me', () => {
  it('tells a key from a session, with its end', async () => {
    const bench = makeBench()
    const here = { balancer: 'b', environment: null, version: '0.1.0' }
    const key = await (await bench.ask('/me', withKey())).json()
    assert.deepEqual(key, { name: 'key', role: 'operator', session: null, ...here })
    const headers = { authorization: READ_KEY }
    const reader = await (await bench.ask('/me', { headers })).json()
    assert.deepEqual(reader, { name: 'read key', role: 'viewer', session: null, ...here })
    const me = meSchema.parse(await (await bench.ask('/me', fromPage(bench.signIn('viewer'), 'GET'))).json())
    assert.match(me.name, /^session [0-9a-f]{8}$/)
    const session = { createdAt: '2026-01-01T00:00:00.000Z', expiresAt: '2026-01-08T00:00:00.000Z' }
    assert.deepEqual(me, { name: me.name, role: 'viewer', session, ...here })
  })
})
