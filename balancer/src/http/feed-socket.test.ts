import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { WebSocket } from 'ws'
import { createFeedSocket, type FeedSink, type FeedSocket, type FeedSocketDeps } from './feed-socket.ts'
import { createHttpServer, type HttpServer } from './server.ts'
import { type Bench, fromPage, KEY, makeBench } from './test-bench.ts'

class FakeFeed extends EventEmitter {
  readonly pages: { sink: FeedSink; since: number | undefined; watched: string[][]; isDetached: boolean }[] =
    []

  attach(sink: FeedSink, since?: number) {
    const page = { sink, since, watched: [] as string[][], isDetached: false }
    this.pages.push(page)
    sink.send('"hello"')
    return {
      watch: (sources: readonly string[]) => {
        page.watched.push([...sources])
        this.emit('watch')
      },
      detach: () => {
        page.isDetached = true
        this.emit('detach')
      },
    }
  }
}

interface Stage {
  readonly bench: Bench
  readonly feed: FakeFeed
  readonly door: FeedSocket
  readonly server: HttpServer
  readonly host: string
}

const stages: Stage[] = []
const clients: WebSocket[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate()
  for (const { door, server } of stages.splice(0)) {
    await door.stop()
    await server.stop()
  }
})

async function setUp(changes: Partial<FeedSocketDeps> = {}): Promise<Stage> {
  const bench = makeBench()
  const feed = new FakeFeed()
  const { gate, sessions, log } = bench.deps
  const door = createFeedSocket({ feed, gate, sessions, log, checkMs: 10, ...changes })
  const onUpgrade: FeedSocket['handleUpgrade'] = (req, socket, head) => door.handleUpgrade(req, socket, head)
  const server = createHttpServer({ app: bench.app, log, host: '127.0.0.1', port: 0, onUpgrade })
  await server.start()
  await door.start()
  const stage = { bench, feed, door, server, host: `127.0.0.1:${server.address().port}` }
  stages.push(stage)
  return stage
}

function dial(stage: Stage, headers: Record<string, string>, path = '/feed', options = {}): WebSocket {
  const client = new WebSocket(`ws://${stage.host}${path}`, { headers, ...options })
  clients.push(client)
  return client
}

function asPage(stage: Stage, cookie = stage.bench.signIn()): Record<string, string> {
  return { cookie, origin: `http://${stage.host}` }
}

/** The status of a refused upgrade. */
async function refusal(client: WebSocket): Promise<number> {
  client.on('error', () => {})
  const [, answer] = await once(client, 'unexpected-response')
  assert.equal(answer.headers['content-type'], 'application/problem+json')
  return answer.statusCode
}

async function closing(client: WebSocket): Promise<number> {
  const [code] = await once(client, 'close')
  return code
}

describe('GET /feed', () => {
  it('attaches a page with a session or the key, and hands on what it watches', async () => {
    const stage = await setUp()
    for (const headers of [asPage(stage), { authorization: `Bearer ${KEY}` }] as Record<string, string>[]) {
      const client = dial(stage, headers, '/feed?since=41')
      assert.equal(String((await once(client, 'message'))[0]), '"hello"')
      assert.equal(client.extensions, '')
      client.send('{"watch":["workers","logs:w1"]}')
      await once(stage.feed, 'watch')
      const page = stage.feed.pages.at(-1)
      assert.deepEqual(page?.watched, [['workers', 'logs:w1']])
      assert.equal(page?.since, 41)
    }
    assert.equal(stage.door.size, 2)
  })

  it('takes no strange number for one', async () => {
    const stage = await setUp()
    for (const since of ['', '-1', '1e3', 'NaN', '9'.repeat(16)]) {
      await once(dial(stage, asPage(stage), `/feed?since=${since}`), 'open')
      assert.equal(stage.feed.pages.at(-1)?.since, undefined)
    }
  })

  it('refuses before the handshake who may not read', async () => {
    const stage = await setUp()
    const { cookie } = asPage(stage) as { cookie: string }
    assert.equal(await refusal(dial(stage, {})), 401)
    assert.equal(await refusal(dial(stage, { authorization: 'wrong' })), 401)
    assert.equal(await refusal(dial(stage, asPage(stage, `berth_session=${'A'.repeat(43)}`))), 401)
    assert.equal(await refusal(dial(stage, { cookie })), 403)
    for (const origin of ['null', 'http://evil.test', `https://${stage.host}1`, 'http://127.0.0.1:1'])
      assert.equal(await refusal(dial(stage, { cookie, origin })), 403, origin)
    assert.equal(await refusal(dial(stage, asPage(stage), '/feed/x')), 404)
    assert.equal(stage.feed.pages.length, 0)
  })

  it('reads no frame that comes with a refused upgrade', async () => {
    const stage = await setUp()
    const socket = connect(stage.server.address().port, '127.0.0.1')
    const lines = ['GET /feed HTTP/1.1', `Host: ${stage.host}`, 'Connection: Upgrade', 'Upgrade: websocket']
    const key = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
    socket.write(`${[...lines, ...key].join('\r\n')}\r\n\r\n\x81\x80\x00\x00\x00\x00`)
    let answer = ''
    socket.on('data', (bytes) => {
      answer += bytes
    })
    await once(socket, 'close')
    assert.match(answer, /^HTTP\/1\.1 401 /)
    assert.equal(answer.split('HTTP/1.1').length, 2)
  })

  it('holds a session to its number of sockets, each session for itself', async () => {
    const stage = await setUp({ perSession: 2 })
    const mine = asPage(stage)
    const first = dial(stage, mine)
    await once(first, 'open')
    await once(dial(stage, mine), 'open')
    assert.equal(await refusal(dial(stage, mine)), 429)
    await once(dial(stage, asPage(stage)), 'open')
    await once(dial(stage, { authorization: KEY }), 'open')
    first.close()
    await once(stage.feed, 'detach')
    await once(dial(stage, mine), 'open')
  })

  it('closes the sockets of a session that signs out, and only those', async () => {
    const stage = await setUp()
    const cookie = stage.bench.signIn()
    const mine = [dial(stage, asPage(stage, cookie)), dial(stage, asPage(stage, cookie))]
    const other = dial(stage, asPage(stage))
    await Promise.all([...mine, other].map((client) => once(client, 'open')))
    const codes = Promise.all(mine.map(closing))
    assert.equal((await stage.bench.ask('/sign-out', fromPage(cookie))).status, 200)
    assert.deepEqual(await codes, [4401, 4401])
    assert.equal(stage.feed.pages.filter((page) => page.isDetached).length, 2)
    assert.equal(other.readyState, WebSocket.OPEN)
  })

  it('closes the sockets of a session that expires', async () => {
    const stage = await setUp()
    const client = dial(stage, asPage(stage))
    await once(client, 'open')
    stage.bench.clock.advance(24 * 3_600_000)
    assert.equal(await closing(client), 4401)
  })

  it('counts an open page as a use of its session', async () => {
    const stage = await setUp()
    const client = dial(stage, asPage(stage))
    await once(client, 'open')
    stage.bench.clock.advance(23 * 3_600_000)
    // The second ping says that the pong of the first has been counted.
    await once(client, 'ping')
    await once(client, 'ping')
    stage.bench.clock.advance(23 * 3_600_000)
    await once(client, 'ping')
    assert.equal(client.readyState, WebSocket.OPEN)
  })

  it('ends a socket that does not answer pings', async () => {
    const stage = await setUp()
    const client = dial(stage, asPage(stage), '/feed', { autoPong: false })
    await once(client, 'open')
    await Promise.all([once(client, 'close'), once(stage.feed, 'detach')])
    assert.equal(stage.door.size, 0)
  })

  it('closes a page that says what is no request', async () => {
    const stage = await setUp()
    for (const message of [
      'x',
      '{}',
      '{"watch":"workers"}',
      '{"watch":[1]}',
      '{"watch":[],"drain":"w1"}',
      JSON.stringify({ watch: Array(33).fill('logs') }),
      Buffer.from('{"watch":[]}'),
    ]) {
      const client = dial(stage, asPage(stage))
      await once(client, 'open')
      client.send(message)
      assert.equal(await closing(client), 1008, String(message).slice(0, 40))
      assert.deepEqual(stage.feed.pages.at(-1)?.watched, [])
      assert.equal(stage.feed.pages.at(-1)?.isDetached, true)
    }
  })

  it('closes a page that sends too much at once', async () => {
    const stage = await setUp({ checkMs: 60_000 })
    const big = dial(stage, asPage(stage))
    await once(big, 'open')
    big.send('x'.repeat(64 * 1024 + 1))
    assert.equal(await closing(big), 1009)
    const often = dial(stage, asPage(stage))
    await once(often, 'open')
    for (let i = 0; i < 11; i++) often.send('{"watch":["workers"]}')
    assert.equal(await closing(often), 1008)
    const pinging = dial(stage, asPage(stage))
    await once(pinging, 'open')
    for (let i = 0; i < 21; i++) pinging.ping()
    assert.equal(await closing(pinging), 1006)
  })

  it('says goodbye when it stops, and lets nobody in afterwards', async () => {
    const stage = await setUp()
    const client = dial(stage, asPage(stage))
    await once(client, 'open')
    const code = closing(client)
    await stage.door.stop()
    assert.equal(await code, 1001)
    assert.equal(stage.door.size, 0)
    assert.equal(await refusal(dial(stage, asPage(stage))), 503)
  })

  it('does not wait for a page that never says goodbye', async () => {
    const stage = await setUp()
    const client = dial(stage, asPage(stage))
    await once(client, 'open')
    client.pause()
    await stage.door.stop()
    assert.equal(stage.door.size, 0)
  })
})
