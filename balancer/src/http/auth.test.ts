import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findForgery, Gate, isOwnOrigin, type RequestHead } from './auth.ts'
import { formatClearedCookies, formatSessionCookie, readSessionCookie } from './cookies.ts'
import { fromPage, KEY, makeBench, ORIGIN } from './test-bench.ts'

const secret = 'A'.repeat(43)

function head(changes: Partial<RequestHead>): RequestHead {
  return {
    method: 'POST',
    authorization: undefined,
    cookie: undefined,
    host: 'berth.test:4000',
    origin: undefined,
    secFetchSite: undefined,
    contentType: 'application/json',
    ...changes,
  }
}

describe('Gate', () => {
  const gate = new Gate({
    key: KEY,
    sessions: { find: (given) => (given === secret ? { hash: 'h', role: 'operator' } : undefined) },
  })
  const cookie = `other=1; berth_session=${secret}`

  it('tells key, session and nobody apart', () => {
    assert.deepEqual(gate.authorise({ authorization: `Api-Key ${KEY}`, cookie: undefined }), {
      kind: 'key',
      role: 'operator',
    })
    assert.deepEqual(gate.authorise({ authorization: undefined, cookie }), {
      kind: 'session',
      hash: 'h',
      role: 'operator',
    })
    assert.deepEqual(gate.authorise({ authorization: undefined, cookie: undefined }), { kind: 'none' })
  })

  it('does not fall back to a cookie when a wrong key was presented', () => {
    assert.deepEqual(gate.authorise({ authorization: 'wrong', cookie }), { kind: 'none' })
  })

  it('never throws on a strange key', () => {
    for (const authorization of ['', ' ', 'Bearer ', '\u{1F600}', 'x'.repeat(1_000_000)])
      assert.deepEqual(gate.authorise({ authorization, cookie: undefined }), { kind: 'none' })
  })

  it('admits a key whatever the rest of the head says, a session only from its own pages', () => {
    const foreign = { origin: 'http://evil.test', contentType: 'text/plain' }
    assert.equal(gate.admit(head({ ...foreign, authorization: KEY, cookie })).ok, true)
    const refused = gate.admit(head({ ...foreign, cookie }))
    assert.equal(!refused.ok && refused.error.code, 'FORBIDDEN')
    const anonymous = gate.admit(head(foreign))
    assert.equal(!anonymous.ok && anonymous.error.code, 'UNAUTHORIZED')
  })
})

describe('findForgery', () => {
  const cases: [string, Partial<RequestHead>, string | undefined][] = [
    ['a page of our own', { origin: ORIGIN, secFetchSite: 'same-origin' }, undefined],
    ['a script without a browser', {}, undefined],
    ['the same behind TLS', { origin: 'https://berth.test:4000' }, undefined],
    ['JSON with a charset', { contentType: 'Application/JSON; charset=utf-8' }, undefined],
    ['another site', { secFetchSite: 'cross-site' }, 'FORBIDDEN'],
    [
      'another port of this site',
      { origin: 'http://berth.test:5173', secFetchSite: 'same-site' },
      'FORBIDDEN',
    ],
    ['another port, by origin alone', { origin: 'http://berth.test:5173' }, 'FORBIDDEN'],
    ['no page at all', { secFetchSite: 'none' }, 'FORBIDDEN'],
    ['an opaque origin', { origin: 'null' }, 'FORBIDDEN'],
    ['a host that only begins alike', { origin: 'http://berth.test:4000.evil.test' }, 'FORBIDDEN'],
    ['our host as user name', { origin: 'http://berth.test:4000@evil.test' }, 'FORBIDDEN'],
    ['our host with a user name', { origin: 'http://user@berth.test:4000' }, 'FORBIDDEN'],
    ['another scheme', { origin: 'file://berth.test:4000' }, 'FORBIDDEN'],
    ['no host', { origin: ORIGIN, host: undefined }, 'FORBIDDEN'],
    ['a form', { contentType: 'application/x-www-form-urlencoded' }, 'UNSUPPORTED_MEDIA_TYPE'],
    ['text', { contentType: 'text/plain' }, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a type that only begins alike', { contentType: 'application/jsonx' }, 'UNSUPPORTED_MEDIA_TYPE'],
    ['no type', { contentType: undefined }, 'UNSUPPORTED_MEDIA_TYPE'],
    ['text from another site', { contentType: 'text/plain', secFetchSite: 'cross-site' }, 'FORBIDDEN'],
  ]
  for (const [name, changes, code] of cases)
    it(`${code === undefined ? 'passes' : 'refuses'} ${name}`, () => {
      assert.equal(findForgery(head(changes))?.code, code)
      assert.equal(findForgery(head({ ...changes, method: 'DELETE' }))?.code, code)
    })

  it('leaves reading alone', () => {
    for (const method of ['GET', 'HEAD'])
      assert.equal(
        findForgery(head({ method, secFetchSite: 'cross-site', contentType: undefined })),
        undefined,
      )
  })

  it('stands before the handler: a forged switch changes nothing', async () => {
    const bench = makeBench()
    const right = fromPage(bench.signIn())
    const cases: [Record<string, string>, number][] = [
      [{ origin: 'http://evil.test' }, 403],
      [{ 'sec-fetch-site': 'cross-site' }, 403],
      [{ 'content-type': 'text/plain' }, 415],
    ]
    for (const [changes, status] of cases) {
      const answer = await bench.ask('/workers/w1/off', {
        ...right,
        headers: { ...right.headers, ...changes },
      })
      assert.equal(answer.status, status)
    }
    assert.deepEqual(bench.fleet.wishes, [])
    assert.equal((await bench.ask('/workers/w1/off', right)).status, 200)
    assert.equal(bench.fleet.wishes.length, 1)
  })
})

describe('isOwnOrigin', () => {
  it('leaves default ports aside', () => {
    assert.equal(isOwnOrigin('https://b.test', 'b.test:443'), true)
    assert.equal(isOwnOrigin('http://b.test', 'b.test'), true)
    assert.equal(isOwnOrigin('https://b.test', 'b.test:80'), false)
    assert.equal(isOwnOrigin('http://[::1]:4000', '[::1]:4000'), true)
  })
})

describe('the cookie', () => {
  it('is out of reach of scripts and of other sites, and bound to the host over TLS', () => {
    const plain = formatSessionCookie(secret, { isSecure: false, maxAgeS: 60 })
    assert.equal(plain, `berth_session=${secret}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict`)
    const secure = formatSessionCookie(secret, { isSecure: true, maxAgeS: 60 })
    assert.equal(
      secure,
      `__Host-berth_session=${secret}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure`,
    )
    for (const cleared of formatClearedCookies()) assert.match(cleared, /berth_session=; .*Max-Age=0/)
  })

  it('is read under both names, the safer one first', () => {
    const other = 'B'.repeat(43)
    assert.equal(readSessionCookie(`a=b; berth_session=${secret}`), secret)
    assert.equal(readSessionCookie(`berth_session=${secret}; __Host-berth_session=${other}`), other)
  })

  it('is nothing when it is malformed or ambiguous', () => {
    const other = 'B'.repeat(43)
    for (const header of [
      undefined,
      '',
      ';;=;',
      `xberth_session=${secret}`,
      `berth_session=${secret}A`,
      'berth_session=',
      `berth_session=${secret}; berth_session=${other}`,
    ])
      assert.equal(readSessionCookie(header), undefined, header ?? 'nothing')
  })
})
