import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { listRoutes } from './app.ts'
import type { Route } from './routes.ts'
import { SECURITY_HEADERS } from './security-headers.ts'
import { codeOf, fromPage, KEY, makeBench, withKey } from './test-bench.ts'

const extra: Route[] = [
  { method: 'POST', path: '/task', policy: 'key', handle: (c) => c.json({ ran: true }) },
  { method: 'GET', path: '/openapi', policy: 'loopback-or-key', handle: (c) => c.json({}) },
  { method: 'GET', path: '/broken', policy: 'read', handle: () => assert.fail('/srv/secret/path') },
]
/** CONTRACT §3 names what is public; a new public route has to be added here on purpose. */
const PUBLIC = [
  'POST /sign-in',
  'GET /health',
  'GET /livez',
  'GET /readyz',
  'GET /',
  'GET /dashboard',
  'GET /dashboard/*',
]

const table = listRoutes(makeBench({ routes: extra }).deps)
const label = ({ method, path }: Route) => `${method} ${path}`
const pathOf = (route: Route) => route.path.replace(':id', 'w1').replace('*', 'page')
/** A body that no handler takes for right, so that a cell of the matrix changes nothing. */
const wrongBody = (method: string) => (method === 'GET' ? undefined : { nothing: 1 })

describe('the route table', () => {
  it('names a policy for everything that the app serves', () => {
    const { app } = makeBench({ routes: extra })
    const known = new Map(table.map((route) => [label(route), route.policy]))
    const paths = new Set(table.map((route) => route.path))
    for (const { method, path } of app.routes) {
      if (method === 'ALL') assert.ok(path === '/*' || paths.has(path), path)
      else assert.match(known.get(`${method} ${path}`) ?? 'none', /^(public|key|read|loopback-or-key)$/, path)
    }
    assert.equal(known.size, table.length, 'a route stands in the table twice')
  })

  it('has only the public routes that the contract names', () => {
    const open = table.filter((route) => route.policy === 'public').map(label)
    assert.deepEqual(open.sort(), [...PUBLIC].sort())
  })

  for (const route of table) {
    for (const isLoopbackHost of [true, false]) {
      const isOpen = route.policy === 'public' || (route.policy === 'loopback-or-key' && isLoopbackHost)
      const who = `${label(route)} on ${isLoopbackHost ? 'loopback' : 'any host'}`
      const body = wrongBody(route.method)
      const init = (headers: Record<string, string>) => ({
        method: route.method,
        headers: { 'content-type': 'application/json', ...headers },
        body: body && JSON.stringify(body),
      })

      it(`${who}: nobody ${isOpen ? 'passes' : 'is refused'} without a key`, async () => {
        const bench = makeBench({ routes: extra, isLoopbackHost })
        for (const headers of [
          {},
          { authorization: 'wrong' },
          { authorization: `Bearer ${KEY}x` },
          { authorization: 'Bearer' },
          { cookie: `berth_session=${'A'.repeat(43)}` },
          { authorization: 'wrong', cookie: bench.signIn() },
        ] as Record<string, string>[]) {
          const answer = await bench.ask(pathOf(route), init(headers))
          if (isOpen) assert.notEqual(answer.status, 401)
          else {
            assert.equal(answer.status, 401)
            assert.equal(answer.headers.get('content-type'), 'application/problem+json')
            assert.equal(await codeOf(answer), 'UNAUTHORIZED')
          }
        }
        assert.deepEqual(bench.fleet.wishes, [])
      })

      it(`${who}: the key passes in each of its forms`, async () => {
        const bench = makeBench({ routes: extra, isLoopbackHost })
        for (const authorization of [KEY, `Bearer ${KEY}`, `Api-Key ${KEY}`]) {
          const answer = await bench.ask(pathOf(route), init({ authorization }))
          assert.ok(![401, 403].includes(answer.status), `${answer.status}`)
        }
      })

      it(`${who}: a session passes from a page of our own, and from no other`, async () => {
        const bench = makeBench({ routes: extra, isLoopbackHost })
        const cookie = bench.signIn()
        const own = await bench.ask(pathOf(route), fromPage(cookie, route.method, body))
        const isKeyOnly = route.path === '/sign-in/tokens'
        assert.ok(isKeyOnly ? own.status === 403 : ![401, 403, 415].includes(own.status), `${own.status}`)
        if (route.method === 'GET' || isKeyOnly) return
        const foreign = fromPage(bench.signIn(), route.method, {})
        foreign.headers = { ...foreign.headers, origin: 'http://evil.test' }
        assert.equal((await bench.ask(pathOf(route), foreign)).status, 403)
      })
    }
  }

  it('carries the security headers on every answer', async () => {
    const bench = makeBench({ routes: extra })
    const asked = [...table.map((route) => [pathOf(route), { method: route.method }] as const)]
    for (const [path, init] of [...asked, ['/nothing', {}] as const, ['/broken', withKey()] as const]) {
      const { headers } = await bench.ask(path, init)
      for (const [name, value] of Object.entries(SECURITY_HEADERS))
        assert.equal(headers.get(name), value, path)
      assert.equal(headers.get('access-control-allow-origin'), null)
    }
    const policy = SECURITY_HEADERS['content-security-policy'] ?? ''
    for (const part of [
      "default-src 'self'",
      "object-src 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ])
      assert.ok(policy.includes(part), part)
    assert.doesNotMatch(policy, /unsafe/)
  })
})

describe('what is in no route', () => {
  it('says nothing without a key, and 404 with one', async () => {
    const bench = makeBench()
    for (const path of ['/nothing', '//workers', '/workers/', '/WORKERS', '/runs', '/task/../admin', '/%00'])
      for (const method of ['GET', 'PUT', 'OPTIONS']) {
        assert.equal((await bench.ask(path, { method })).status, 401, path)
        const answer = await bench.ask(path, withKey(method))
        assert.equal(answer.status, 404, path)
        assert.equal(await codeOf(answer), 'NOT_FOUND')
      }
  })

  it('answers another method with what is allowed', async () => {
    const bench = makeBench({ routes: extra })
    assert.equal((await bench.ask('/task', { method: 'PUT' })).status, 401)
    const answer = await bench.ask('/task', withKey('PUT'))
    assert.equal(answer.status, 405)
    assert.equal(answer.headers.get('allow'), 'POST')
    assert.equal(await codeOf(answer), 'METHOD_NOT_ALLOWED')
    assert.equal((await bench.ask('/workers', withKey('DELETE'))).headers.get('allow'), 'GET, HEAD')
    assert.equal((await bench.ask('/health', { method: 'POST' })).status, 405)
    assert.equal((await bench.ask('/sign-in')).headers.get('allow'), 'POST')
  })

  it('answers HEAD as GET without a body', async () => {
    const answer = await makeBench().ask('/workers', withKey('HEAD'))
    assert.equal(answer.status, 200)
    assert.equal(await answer.text(), '')
  })

  it('spells a path one way for guard and handler', async () => {
    const bench = makeBench()
    for (const path of ['/%77orkers', '/workers/%77%31', '/workers%2Fw1', '/./workers'])
      assert.equal((await bench.ask(path)).status, 401, path)
  })
})

describe('a failure inside', () => {
  it('is logged, and answered with nothing of it', async () => {
    const bench = makeBench({ routes: extra })
    const answer = await bench.ask('/broken', withKey())
    assert.equal(answer.status, 500)
    const text = await answer.text()
    assert.equal(JSON.parse(text).code, 'INTERNAL')
    assert.doesNotMatch(text, /secret|assert|stack|\.ts/i)
    assert.match(bench.log.lines().join(), /secret/)
  })
})
