/**
 * I4, I5, I6, I12 at a real balancer: what a page of another origin can make a browser send, a cookie that is used
 * again, and addresses that try to leave the dashboard. The units of the same cases stand beside the code.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { WebSocket } from 'ws'
import { type Balancer, KEYS, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'

const LIMIT_MS = 20_000
const READ_KEY = 'the-key-of-the-viewers-0123456789'
const scope = createScope()
let balancer: Balancer

before(async () => {
  const worker = await startWorker(scope, { env: { NAME: 'w1', SLOTS: '2' } })
  const env = { READ_KEY }
  balancer = await startBalancer(scope, { workers: [{ name: 'w1', url: worker.url }], env })
  await waitForWorkers(balancer, 1)
})
after(() => scope.end())

async function signIn(key = KEYS.caller): Promise<string> {
  const answer = await fetch(`${balancer.url}/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ key }),
  })
  assert.equal(answer.status, 200)
  return answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
}

const EVIL = 'http://evil.example'
/** As browsers send them; the cookie goes along though `SameSite=Strict` keeps it back, as an old browser would. */
const FORGERIES: Readonly<Record<string, { headers: Record<string, string>; status: number }>> = {
  'a form of another site': {
    headers: {
      origin: EVIL,
      'sec-fetch-site': 'cross-site',
      'content-type': 'application/x-www-form-urlencoded',
    },
    status: 403,
  },
  'a fetch with no-cors': {
    headers: { origin: EVIL, 'sec-fetch-site': 'cross-site', 'content-type': 'text/plain' },
    status: 403,
  },
  'a fetch with JSON and CORS': {
    headers: { origin: EVIL, 'sec-fetch-site': 'cross-site', 'content-type': 'application/json' },
    status: 403,
  },
  'a page in a sandbox': {
    headers: { origin: 'null', 'sec-fetch-site': 'cross-site', 'content-type': 'application/json' },
    status: 403,
  },
  'a page on another port of this host': {
    headers: {
      origin: 'http://127.0.0.1:1',
      'sec-fetch-site': 'same-site',
      'content-type': 'application/json',
    },
    status: 403,
  },
  'text/plain without an origin': { headers: { 'content-type': 'text/plain' }, status: 415 },
  'a form without an origin': {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    status: 415,
  },
}

describe('I4: what another site makes a browser send', () => {
  for (const [name, { headers, status }] of Object.entries(FORGERIES))
    it(`${name} is ${status} and changes nothing`, async () => {
      const cookie = await signIn()
      const slow = await balancer.request('/task', {
        method: 'POST',
        body: JSON.stringify({ function: 'sleep', input: { ms: 60_000 }, mode: 'async' }),
      })
      const { runId } = slow.body as { runId: string }
      const listed = await readFile(balancer.workersFile, 'utf8')
      const inAMinute = new Date(Date.now() + 60_000).toISOString()
      for (const [method, path, body] of [
        ['POST', '/workers/w1/off', { deadline: inAMinute }],
        ['POST', '/fleet/off', { select: { workers: ['w1'] } }],
        ['DELETE', '/workers/w1/drain', {}],
        ['POST', `/runs/${runId}/cancel`, {}],
        ['POST', `/runs/${runId}/retry`, {}],
        ['PATCH', `/runs/${runId}`, { priority: 1 }],
        ['DELETE', `/runs/${runId}`, {}],
        ['POST', '/bulk', { action: 'cancel', filter: { function: 'sleep' } }],
        ['PUT', '/config/workers', []],
        ['POST', '/config/workers/rollback', { version: 1 }],
        ['PATCH', '/groups/default', { concurrency: 1 }],
        ['POST', '/schedules', { function: 'hello', type: 'delayed', delayInSeconds: 1 }],
        ['POST', '/task', { function: 'hello' }],
        ['POST', '/task/default/hello', {}],
        ['POST', '/tasks', [{ function: 'hello' }]],
        ['POST', '/sign-in/tokens', {}],
        ['POST', '/sign-out', {}],
      ] as const) {
        const answer = await fetch(`${balancer.url}${path}`, {
          method,
          headers: { ...headers, cookie, 'if-match': '*' },
          body: JSON.stringify(body),
        })
        assert.equal(answer.status, status, `${method} ${path}: ${await answer.text()}`)
        assert.equal(answer.headers.get('access-control-allow-origin'), null)
      }
      const { body: run } = await balancer.request(`/runs/${runId}`)
      assert.match((run as { status: string }).status, /^(queued|running)$/)
      const { body: worker } = await balancer.request('/workers/w1')
      assert.equal((worker as { maintenance: unknown }).maintenance, null)
      assert.equal(await readFile(balancer.workersFile, 'utf8'), listed)
      const { body: notes } = await balancer.request('/activity?kind=operator')
      for (const { action } of (notes as { items: { action: string }[] }).items)
        assert.match(action, /^(session\.opened|run\.cancelled)$/)
      assert.equal(
        (await fetch(`${balancer.url}/me`, { headers: { cookie } })).status,
        200,
        'still signed in',
      )
      await balancer.request(`/runs/${runId}/cancel`, { method: 'POST', body: '{}' })
    })
})

/** The status of the answer to an upgrade, or 101; no frame may come. */
async function upgrade(
  headers: Record<string, string>,
): Promise<{ status: number; ws: WebSocket; frames: string[] }> {
  const ws = new WebSocket(`${balancer.url.replace('http', 'ws')}/feed`, { headers })
  const frames: string[] = []
  ws.on('message', (data) => frames.push(String(data)))
  const status = await new Promise<number>((resolve) => {
    ws.once('open', () => resolve(101))
    ws.once('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0)
      response.resume()
    })
    ws.on('error', () => undefined)
  })
  return { status, ws, frames }
}

describe('I5: the feed from another origin', () => {
  it('is refused before the handshake, with a cookie, and sends no frame', async () => {
    const cookie = await signIn()
    for (const origin of [EVIL, 'null', 'http://127.0.0.1:1', undefined]) {
      const { status, frames, ws } = await upgrade({ cookie, ...(origin === undefined ? {} : { origin }) })
      assert.equal(status, 403, `${origin}`)
      assert.deepEqual(frames, [])
      ws.terminate()
    }
    const own = await upgrade({ cookie, origin: balancer.url })
    assert.equal(own.status, 101)
    own.ws.terminate()
    assert.equal((await upgrade({ origin: balancer.url })).status, 401)
  })
})

describe('I6: a session', () => {
  it('is over at log-out: its cookie is 401 and its sockets close within a second', async () => {
    const cookie = await signIn()
    const page = await upgrade({ cookie, origin: balancer.url })
    assert.equal(page.status, 101)
    const closed = new Promise<number>((resolve) => page.ws.once('close', resolve))
    const beganAt = performance.now()
    const headers = { cookie, origin: balancer.url, 'content-type': 'application/json' }
    const out = await fetch(`${balancer.url}/sign-out`, { method: 'POST', headers, body: '{}' })
    assert.equal(out.status, 200)
    assert.equal(await closed, 4401)
    assert.ok(performance.now() - beganAt < 1_000 + LIMIT_MS / 10, 'about a second on a busy machine')
    for (let again = 0; again < 2; again++)
      assert.equal((await fetch(`${balancer.url}/me`, { headers: { cookie } })).status, 401)
    assert.equal((await upgrade({ cookie, origin: balancer.url })).status, 401)
  })

  it('keeps its role over a restart of the balancer, and one that was closed stays closed', async () => {
    const own = createScope()
    try {
      const first = await startBalancer(own, { env: { READ_KEY } })
      const at = (key: string) =>
        fetch(`${first.url}/sign-in`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ key }),
        }).then((answer) => answer.headers.getSetCookie()[0]?.split(';')[0] ?? '')
      const [viewer, gone] = [await at(READ_KEY), await at(KEYS.caller)]
      const headers = { cookie: gone, 'content-type': 'application/json' }
      await fetch(`${first.url}/sign-out`, { method: 'POST', headers, body: '{}' })
      await first.stop()
      const env = { READ_KEY, PORT: String(first.port), DATA_DIR: first.dataDir }
      const second = await startBalancer(own, { env })
      const me = (cookie: string) => fetch(`${second.url}/me`, { headers: { cookie } })
      assert.equal(((await (await me(viewer)).json()) as { role: string }).role, 'viewer')
      assert.equal((await me(gone)).status, 401)
      const refused = await fetch(`${second.url}/fleet/off`, {
        method: 'POST',
        headers: { cookie: viewer, 'content-type': 'application/json' },
        body: '{"select":{"group":"default"}}',
      })
      assert.equal(refused.status, 403)
    } finally {
      await own.end()
    }
  })
})

describe('a task of a page', () => {
  it('says so, in memory, on disk and in a batch; one that comes with the key does not', async () => {
    const cookie = await signIn()
    const page = { cookie, origin: balancer.url, 'content-type': 'application/json' }
    const key = { authorization: `Bearer ${KEYS.caller}` }
    const triggerOf = async (headers: Record<string, string>, path: string, body: unknown) => {
      const init = { method: 'POST', headers, body: JSON.stringify(body) }
      const answer = await fetch(`${balancer.url}${path}`, init)
      const [line = ''] = (await answer.text()).split('\n')
      const id = answer.headers.get('x-run-id') ?? (JSON.parse(line) as { runId: string }).runId
      const { body: run } = await balancer.request(`/runs/${id}`)
      return (run as { trigger: string }).trigger
    }
    const hello = { function: 'hello' }
    for (const [path, body] of [
      ['/task', hello],
      ['/task', { ...hello, mode: 'async' }],
      ['/task/default/hello', {}],
      ['/task/default/hello?mode=async', {}],
      ['/tasks', [hello]],
    ] as const) {
      assert.equal(await triggerOf(page, path, body), 'ui', path)
      assert.equal(await triggerOf(key, path, body), 'api', path)
    }
  })
})

/** Head and body of what a bare request is answered; fetch would put its address in order first. */
async function raw(path: string): Promise<string> {
  const socket = connect(balancer.port, '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${balancer.port}\r\nConnection: close\r\n\r\n`)
  const pieces: Buffer[] = []
  for await (const piece of socket) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString('latin1')
}

describe('I12: addresses that try to leave', () => {
  it('lead to no file but those of the dashboard', async () => {
    for (const path of [
      '/dashboard/../../../../etc/passwd',
      '/dashboard/..%2f..%2f..%2fetc%2fpasswd',
      '/dashboard/%2e%2e/%2e%2e/etc/passwd',
      '/dashboard/..%5c..%5cetc%5cpasswd',
      '/dashboard/....//....//etc/passwd',
      '/dashboard/assets/..%2f..%2fpackage.json',
      '/dashboard/assets/%00',
      '/dashboard/index.html%00.js',
      '/dashboard//etc/passwd',
      '/dashboard/%c0%ae%c0%ae/etc/passwd',
      '/dashboard/%',
    ]) {
      const answer = await raw(path)
      assert.match(answer, /^HTTP\/1\.1 (200|40[014]) /, path)
      assert.doesNotMatch(answer, /root:|"workspace|"private"/, path)
      assert.doesNotMatch(answer, /^location:/im, path)
      assert.match(answer, /^x-content-type-options: nosniff/im, path)
    }
  })

  it('redirect nowhere else, before and after the sign-in', async () => {
    for (const path of [
      '/',
      '//evil.example/',
      '/?next=http://evil.example',
      '/dashboard?next=//evil.example',
    ]) {
      const location = /^location: (.*)\r$/im.exec(await raw(path))?.[1] ?? '/dashboard'
      assert.equal(location, '/dashboard', path)
    }
    const answer = await fetch(`${balancer.url}/sign-in?next=http://evil.example`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ key: KEYS.caller }),
    })
    assert.equal(answer.headers.get('location'), null)
    await until(async () => (await fetch(`${balancer.url}/livez`)).ok, LIMIT_MS, 'the balancer lives')
  })
})
