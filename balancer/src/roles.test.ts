/**
 * I10: every role at every route of a whole balancer, from its own table: a route that is added is walked, too. The
 * balancer is composed and not started; its store has no disk, and notes what is written.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createLog, systemClock } from '@berth/runtime'
import { type Balancer, composeBalancer } from './compose.ts'
import { readConfig } from './config.ts'
import type { Route } from './http/routes.ts'
import { SECURITY_HEADERS } from './http/security-headers.ts'
import type { StoreWrite } from './ports/store.ts'
import { MemoryStore } from './store/memory-store.ts'
import { StoreKeeper } from './store/store-keeper.ts'

const KEYS = {
  LB_AUTH_KEY: 'the-operators-key-0123456789',
  READ_KEY: 'the-viewers-key-0123456789',
  FLEET_KEY: 'the-fleets-key-0123456789',
  WORKER_AUTH_KEY: 'the-workers-key-0123456789',
}
const ORIGIN = 'http://berth.test:4000'
/** What a viewer may do though it is no GET: nothing of it changes anything. */
const VIEWERS_POSTS = new Set([
  'POST /explain',
  'POST /sign-out',
  'POST /config/workers/dry-run',
  'POST /schedules/preview',
  // Another system's way of reading how a run stands.
  ...['', '/production', '/draft'].map((stage) => `POST /applications/:app${stage}/worklets/:worklet/:run`),
])
/** What a viewer may not read: a mail address is the right to write to its worker. */
const OPERATORS_GETS = new Set(['GET /api/workers/:id/email'])

const folder = mkdtempSync(join(tmpdir(), 'berth-roles-'))
const written: StoreWrite[] = []
let store: MemoryStore
let balancer: Balancer
let table: readonly Route[]

before(async () => {
  const env = { ...KEYS, DATA_DIR: folder, WORKERS_FILE: join(folder, 'workers.json'), PORT: '0' }
  const read = readConfig(env, { hostName: 'here', isTerminal: false })
  assert.ok(read.ok)
  const log = createLog({ source: 'test', write: () => {} })
  store = new MemoryStore()
  const apply = store.apply.bind(store)
  store.apply = (writes) => {
    written.push(...writes)
    return apply(writes)
  }
  const keeper = new StoreKeeper({ store, clock: systemClock, log })
  const contents = await store.open(keeper)
  const { LB_AUTH_KEY: lbAuthKey, FLEET_KEY: fleetKey, WORKER_AUTH_KEY: workerAuthKey } = KEYS
  const keys = { lbAuthKey, fleetKey, workerAuthKey }
  const webhookSecret = `whsec_${Buffer.alloc(32).toString('base64')}`
  balancer = composeBalancer({ config: read.config, keys, webhookSecret, log, store, keeper, contents })
  table = balancer.routes()
  // So that a task is refused at once instead of waiting for a fleet that nobody has read yet.
  await balancer.services.find(({ name }) => name === 'roster')?.start()
})

after(async () => {
  for (const service of [...balancer.services].reverse()) await service.stop()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

type Outcome = 'passes' | 401 | 403
type Role = {
  readonly headers: () => Promise<Record<string, string>>
  readonly may: (route: Route) => Outcome
}

const always = (outcome: Outcome) => () => outcome
const ROLES: Readonly<Record<string, Role>> = {
  anonymous: { headers: async () => ({}), may: always(401) },
  'the key of workers': { headers: async () => bearer(KEYS.WORKER_AUTH_KEY), may: always(401) },
  'the key of the fleet': {
    headers: async () => ({ ...bearer(KEYS.FLEET_KEY), 'x-lb-auth': KEYS.FLEET_KEY }),
    may: always(401),
  },
  'the read key': { headers: async () => bearer(KEYS.READ_KEY), may: readsOnly },
  'a viewer session': { headers: () => fromPage(KEYS.READ_KEY), may: readsOnly },
  'the operator key': { headers: async () => bearer(KEYS.LB_AUTH_KEY), may: always('passes') },
  'an operator session': { headers: () => fromPage(KEYS.LB_AUTH_KEY), may: always('passes') },
}

const label = ({ method, path }: Route) => `${method} ${path}`
const pathOf = ({ path }: Route) => path.replaceAll(/:\w+(\{[^}]*\})?/g, 'nobody').replace('*', 'x')

function readsOnly(route: Route): Outcome {
  if (OPERATORS_GETS.has(label(route))) return 403
  return route.method === 'GET' || VIEWERS_POSTS.has(label(route)) ? 'passes' : 403
}

function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` }
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  return balancer.app.request(`${ORIGIN}${path}`, init)
}

/** As a page sends it that has signed in with the key. */
async function fromPage(key: string): Promise<Record<string, string>> {
  const headers = { 'content-type': 'application/json', origin: ORIGIN, 'sec-fetch-site': 'same-origin' }
  const answer = await ask('/sign-in', { method: 'POST', headers, body: JSON.stringify({ key }) })
  assert.equal(answer.status, 200)
  return { ...headers, cookie: answer.headers.getSetCookie()[0]?.split(';')[0] ?? '' }
}

/** A body that is right nowhere, so that whoever is let in changes nothing either. */
function requestOf(route: Route, headers: Record<string, string>): RequestInit {
  const body = route.method === 'GET' ? {} : { body: JSON.stringify({ nothing: 1 }) }
  return { method: route.method, headers: { 'content-type': 'application/json', ...headers }, ...body }
}

describe('the policies of the table', () => {
  it('let a viewer read, and say so by name at every route', () => {
    assert.ok(table.length > 50, `${table.length} routes`)
    for (const route of table) {
      if (route.policy === 'public' || route.policy === 'loopback-or-key') continue
      assert.equal(route.policy, readsOnly(route) === 'passes' ? 'read' : 'key', label(route))
    }
  })
})

describe('role × route', () => {
  for (const [name, { headers, may }] of Object.entries(ROLES))
    it(name, async () => {
      for (const route of table) {
        const given = await headers()
        written.length = 0
        const answer = await ask(pathOf(route), requestOf(route, given))
        const outcome =
          route.policy === 'public' || route.policy === 'loopback-or-key' ? 'passes' : may(route)
        const cell = `${name}: ${label(route)} answers ${answer.status}`
        if (outcome === 'passes') assert.ok(isPassed(answer.status, route, name), cell)
        else {
          assert.equal(answer.status, outcome, cell)
          const text = await answer.clone().text()
          if (outcome === 403) assert.match(text, /role viewer .* role operator/, cell)
          assert.deepEqual(written, [], cell)
        }
        await answer.body?.cancel()
      }
    })
})

/** 401 of a sign-in means the body; a token to sign in by is made with the key, not with a session. */
function isPassed(status: number, route: Route, name: string): boolean {
  if (label(route) === 'POST /sign-in/tokens' && name.endsWith('session')) return status === 403
  return ![401, 403].includes(status)
}

describe('I11: the headers', () => {
  it('stand on every answer of every route, refused and let in', async () => {
    const operator = bearer(KEYS.LB_AUTH_KEY)
    for (const route of table)
      for (const headers of [{}, operator]) {
        const answer = await ask(pathOf(route), requestOf(route, headers as Record<string, string>))
        // A file of a run stands in a sandbox of its own.
        for (const [name, value] of Object.entries(SECURITY_HEADERS))
          if (name !== 'content-security-policy' || !route.path.includes('/files/'))
            assert.equal(answer.headers.get(name), value, `${label(route)} ${answer.status}: ${name}`)
        assert.equal(answer.headers.get('access-control-allow-origin'), null, label(route))
        await answer.body?.cancel()
      }
  })

  it('let no page run what it was not built with, nor be framed', () => {
    const policy = SECURITY_HEADERS['content-security-policy'] ?? ''
    for (const part of [
      "default-src 'self'",
      "object-src 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ])
      assert.ok(policy.includes(part), part)
    assert.doesNotMatch(policy, /unsafe|\*/)
    assert.equal(SECURITY_HEADERS['x-content-type-options'], 'nosniff')
    assert.equal(SECURITY_HEADERS['referrer-policy'], 'no-referrer')
    assert.equal(SECURITY_HEADERS['cache-control'], 'no-store')
  })
})

describe('what is not in the table', () => {
  it('says nothing without a key, and to a viewer no more than to an operator', async () => {
    for (const path of ['/nothing', '/admin', '/workers/w1/reboot']) {
      assert.equal((await ask(path, {})).status, 401)
      for (const key of [KEYS.LB_AUTH_KEY, KEYS.READ_KEY])
        assert.equal((await ask(path, { headers: bearer(key) })).status, 404)
    }
  })
})

describe('a viewer', () => {
  it('is not made an operator by anything it sends along', async () => {
    const page = await fromPage(KEYS.READ_KEY)
    const off = (headers: Record<string, string>) =>
      ask('/fleet/off', { method: 'POST', headers, body: '{"select":{"group":"default"}}' })
    for (const more of [
      {},
      { 'x-lb-auth': KEYS.LB_AUTH_KEY, 'x-wr-auth': KEYS.LB_AUTH_KEY },
      { 'x-http-method-override': 'GET' },
      { 'x-role': 'operator' },
      { cookie: `${page.cookie}; role=operator` },
      bearer(KEYS.READ_KEY),
    ])
      assert.equal((await off({ ...page, ...more })).status, 403)
    const operator = await fromPage(KEYS.LB_AUTH_KEY)
    assert.equal((await off({ ...page, cookie: `${page.cookie}; ${operator.cookie}` })).status, 401)
  })

  it('may preview, explain and sign out', async () => {
    const page = await fromPage(KEYS.READ_KEY)
    const body = JSON.stringify({ function: 'hello' })
    assert.equal((await ask('/explain', { method: 'POST', headers: page, body })).status, 200)
    assert.equal((await ask('/sign-out', { method: 'POST', headers: page, body: '{}' })).status, 200)
    assert.equal((await ask('/me', { headers: { cookie: page.cookie ?? '' } })).status, 401)
  })
})
