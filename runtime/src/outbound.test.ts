/** Fault cases H6, H11 and H12: requests to receivers that behave badly and names that lie. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { Resolve, ResolvedAddress } from './name-lookups.ts'
import { Outbound, parseRetryAfter } from './outbound.ts'
import { type OutboundRules, parseAllow } from './outbound-rules.ts'

type Listener = (request: IncomingMessage, response: ServerResponse) => void

let sink: Server
let port = 0
let listener: Listener = () => {}
let hits = 0

before(async () => {
  sink = createServer((request, response) => {
    hits++
    request.on('error', () => {})
    response.on('error', () => {})
    listener(request, response)
  })
  sink.listen(0, '127.0.0.1')
  await once(sink, 'listening')
  port = (sink.address() as AddressInfo).port
})
after(async () => {
  sink.closeAllConnections()
  sink.close()
  await once(sink, 'close')
})

function rulesOf(...entries: string[]): OutboundRules {
  const parsed = parseAllow(entries)
  return parsed.ok ? parsed.rules : assert.fail(parsed.problem)
}

const v4 = (address: string): ResolvedAddress => ({ address, family: 4 })

function post(
  path = '/',
  more: { rules?: OutboundRules; resolve?: Resolve; url?: string; timeoutMs?: number } = {},
) {
  const outbound = new Outbound(more.rules ?? rulesOf('127.0.0.0/8'), more.resolve)
  return outbound.post({
    url: more.url ?? `http://127.0.0.1:${port}${path}`,
    headers: { 'x-own': 'yes', 'content-type': 'application/json' },
    body: Buffer.from('{"a":"ü"}'),
    timeoutMs: more.timeoutMs ?? 5000,
  })
}

describe('post', () => {
  it('sends the very bytes and reads the answer', async () => {
    let heard = ''
    let headers: IncomingMessage['headers'] = {}
    listener = (request, response) => {
      headers = request.headers
      request.on('data', (chunk) => {
        heard += String(chunk)
      })
      request.on('end', () => response.writeHead(201).end('taken'))
    }
    const result = await post('/hook?x=1')
    assert.deepEqual(result, { kind: 'answered', status: 201, retryAfterMs: undefined, body: 'taken' })
    assert.equal(heard, '{"a":"ü"}')
    assert.deepEqual(
      [headers['x-own'], headers['content-length'], headers.connection],
      ['yes', '10', 'close'],
    )
  })

  it('H12: follows no redirect, wherever it points', async () => {
    for (const location of [`http://127.0.0.1:${port}/other`, 'file:///etc/passwd', 'gopher://127.0.0.1/x']) {
      hits = 0
      listener = (_request, response) => response.writeHead(302, { location, 'alt-svc': 'h3=":1"' }).end()
      const result = await post()
      assert.deepEqual([result.kind, result.kind === 'answered' && result.status, hits], ['answered', 302, 1])
    }
  })

  it('H6: reads 64 KB of an answer without end, and counts its status', async () => {
    const closed = Promise.withResolvers<void>()
    listener = (_request, response) => {
      response.on('close', () => closed.resolve())
      const write = () => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024, 'x')));
        if (!response.destroyed) response.once('drain', write)
      }
      write()
    }
    const result = await post()
    assert.equal(result.kind === 'answered' && result.body.length, 64 * 1024)
    await closed.promise
  })

  it('H6: fails in time when nothing comes, or half of it, or a reset', async () => {
    listener = () => {}
    assert.deepEqual(await post('/', { timeoutMs: 30 }), { kind: 'failed', reason: 'no answer within 30 ms' })
    listener = (request) => request.socket.destroy()
    assert.equal((await post()).kind, 'failed')
    listener = (request) => request.socket.resetAndDestroy()
    assert.equal((await post()).kind, 'failed')
    listener = (request) => request.socket.end('HTTP/1.1 200')
    assert.equal((await post()).kind, 'failed')
    listener = (request) => request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
    const cut = await post()
    assert.deepEqual([cut.kind, cut.kind === 'answered' && cut.body], ['answered', 'half'])
    listener = (_request, response) => response.writeHead(503, { 'retry-after': '7' }).write('never ends')
    const slow = await post('/', { timeoutMs: 100 })
    assert.deepEqual(slow, { kind: 'answered', status: 503, retryAfterMs: 7000, body: 'never ends' })
  })

  it('H11: refuses a name when one of its addresses is refused, and connects to none', async () => {
    hits = 0
    const url = `https://receiver.example:8443/`
    const cases = [
      [v4('127.0.0.1')],
      [v4('1.1.1.1'), v4('10.0.0.1')],
      [{ address: '::ffff:169.254.169.254', family: 6 }],
      [{ address: 'fe80::1%lo', family: 6 }],
    ]
    for (const addresses of cases) {
      const result = await post('', { url, rules: rulesOf(), resolve: async () => addresses })
      assert.equal(result.kind, 'refused', JSON.stringify(addresses))
      assert.match(result.kind === 'refused' ? result.reason : '', /is not a public address/)
    }
    assert.equal(hits, 0)
  })

  it('H11: judges at each connection anew, and connects to what it judged', async () => {
    hits = 0
    listener = (_request, response) => response.end('ok')
    // The public name would be somebody else's host: here the allowed network stands for the public one.
    const rules = rulesOf('127.0.0.1')
    let asked = 0
    const resolve = async () => [v4(++asked % 2 === 1 ? '127.0.0.1' : '127.0.0.2')]
    for (let n = 0; n < 100; n++) {
      const result = await post('', { url: `http://rebinding.example:${port}/`, rules, resolve })
      assert.equal(result.kind, n % 2 === 0 ? 'answered' : 'refused')
    }
    assert.deepEqual([asked, hits], [100, 50])
  })

  it('speaks TLS to https, and to nothing else', async () => {
    hits = 0
    const result = await post('', { url: `https://127.0.0.1:${port}/` })
    assert.equal(result.kind, 'failed')
    assert.match(result.kind === 'failed' ? result.reason : '', /ssl|wrong version/i)
    assert.equal(hits, 0)
  })

  it('fails when the name does not resolve', async () => {
    const resolve = () => Promise.reject(new Error('no such name'))
    const result = await post('', { url: 'https://nothing.example/', resolve })
    assert.deepEqual(result, { kind: 'failed', reason: 'no such name' })
  })

  it('H10: does not connect to a literal that the rules refuse, although no lookup is called for it', async () => {
    hits = 0
    const server = createTcpServer(() => hits++)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port: canary } = server.address() as AddressInfo
    for (const host of ['127.0.0.1', '127.1', '2130706433', '[::ffff:127.0.0.1]', 'localhost', '0'])
      for (const scheme of ['http', 'https']) {
        const result = await post('', {
          url: `${scheme}://${host}:${canary}/`,
          rules: rulesOf('example.com'),
        })
        assert.equal(result.kind, 'refused', host)
      }
    assert.equal(hits, 0)
    server.close()
    await once(server, 'close')
  })

  it('gives up when told to', async () => {
    const giveUp = new AbortController()
    listener = () => giveUp.abort()
    const url = `http://127.0.0.1:${port}/`
    const result = await new Outbound(rulesOf('127.0.0.1')).post({
      url,
      headers: {},
      body: new Uint8Array(),
      timeoutMs: 5000,
      signal: giveUp.signal,
    })
    assert.deepEqual(result, { kind: 'failed', reason: 'it was given up' })
  })

  it('H12: uses no proxy of the environment', async () => {
    hits = 0
    let path = ''
    listener = (request, response) => {
      path = request.url ?? ''
      response.end('direct')
    }
    const proxy = createTcpServer((socket) => socket.destroy())
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const code = `
      const { Outbound, parseAllow } = await import(${JSON.stringify(import.meta.resolve('./index.ts'))})
      const { rules } = parseAllow(['127.0.0.1'])
      const url = 'http://127.0.0.1:${port}/hook'
      const result = await new Outbound(rules).post({ url, headers: {}, body: new Uint8Array(), timeoutMs: 5000 })
      console.log(JSON.stringify(result))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      env: {
        NODE_USE_ENV_PROXY: '1',
        HTTP_PROXY: address,
        http_proxy: address,
        HTTPS_PROXY: address,
        ALL_PROXY: address,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const output = Buffer.concat(await Array.fromAsync(child.stdout)).toString()
    assert.match(output, /"body":"direct"/)
    assert.deepEqual([path, hits], ['/hook', 1])
    proxy.close()
    await once(proxy, 'close')
  })
})

describe('parseRetryAfter', () => {
  it('reads seconds and dates, within a day', () => {
    const now = Date.parse('2026-01-01T00:00:00Z')
    assert.equal(parseRetryAfter('2', now), 2000)
    assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now), 5000)
    assert.equal(parseRetryAfter('Thu, 01 Jan 2025 00:00:05 GMT', now), 0)
    assert.equal(parseRetryAfter('999999999', now), 86_400_000)
    assert.equal(parseRetryAfter('soon', now), undefined)
    assert.equal(parseRetryAfter(undefined, now), undefined)
  })
})
