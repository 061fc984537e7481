import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { ListenError } from './listen-error.ts'
import { createHttpServer, type HttpServer, type HttpServerDeps } from './server.ts'
import { KEY, makeBench } from './test-bench.ts'

const open: HttpServer[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of open.splice(0)) await server.stop()
})

async function startServer(changes: Partial<HttpServerDeps> = {}): Promise<HttpServer> {
  const { app, log } = makeBench()
  const server = createHttpServer({ app, log, host: '127.0.0.1', port: 0, ...changes })
  open.push(server)
  await server.start()
  return server
}

function dial(server: HttpServer, port = server.address().port): Socket {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  return socket
}

/** Everything that comes back until the server ends the connection. */
async function send(server: HttpServer, text: string): Promise<string> {
  const socket = dial(server)
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes
  })
  socket.on('error', () => {})
  socket.write(text)
  await once(socket, 'close')
  return answer
}

function statuses(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]))
}

const auth = `Authorization: ${KEY}\r\n`
const end = 'Connection: close\r\n\r\n'

/** A hot route that leaves its answers to the test. */
function hold() {
  const held: { req: IncomingMessage; res: ServerResponse }[] = []
  const arrivals = new EventEmitter()
  return {
    held,
    /** Resolves when so many requests have come. */
    async reached(count: number) {
      while (held.length < count) await once(arrivals, 'arrival')
    },
    hot(req: IncomingMessage, res: ServerResponse): boolean {
      if (req.url !== '/task') return false
      held.push({ req, res })
      arrivals.emit('arrival')
      return true
    },
  }
}

describe('the HTTP server', () => {
  it('offers a request to the hot route first, and to the router otherwise', async () => {
    const server = await startServer({
      hot: (req, res) => {
        if (req.url !== '/task') return false
        res.end('hot')
        return true
      },
    })
    assert.match(await send(server, `POST /task HTTP/1.1\r\nHost: a\r\n${end}`), /hot$/)
    const routed = await send(server, `GET /workers HTTP/1.1\r\nHost: a\r\n${auth}${end}`)
    assert.deepEqual(statuses(routed), [200])
    assert.match(routed, /"items"/)
  })

  it('refuses a head on which two readers could disagree', async () => {
    let hotCalls = 0
    const hot = () => {
      hotCalls += 1
      return false
    }
    const server = await startServer({ hot })
    for (const [head, status] of [
      [`GET /workers HTTP/1.1\r\nHost: a\r\nHost: b\r\n${auth}`, 400],
      [`GET /workers HTTP/1.1\r\nHost: a\r\n${auth}authorization: wrong\r\n`, 400],
      ['POST /task HTTP/1.1\r\nHost: a\r\nIdempotency-Key: a\r\nidempotency-key: b\r\n', 400],
      [`GET http://a/workers HTTP/1.1\r\nHost: a\r\n${auth}`, 400],
      [`OPTIONS * HTTP/1.1\r\nHost: a\r\n${auth}`, 400],
      [`TRACE /workers HTTP/1.1\r\nHost: a\r\n${auth}`, 405],
      [`CONNECT a:80 HTTP/1.1\r\nHost: a\r\n${auth}`, 405],
      [`GET /${'x'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n${auth}`, 414],
      [`POST /task HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n${auth}`, 417],
      [`GET /workers HTTP/1.1\r\nHost: a\r\n${'a:b\r\n'.repeat(1000)}`, 431],
      [`GET /workers HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n`, 431],
      [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n`, 431],
    ] as const) {
      const answer = await send(server, `${head}\r\n`)
      assert.deepEqual(statuses(answer), [status], head.slice(0, 60))
      assert.match(answer, /content-type: application\/problem\+json/i)
      assert.match(answer, /x-content-type-options: nosniff/i)
    }
    assert.equal(hotCalls, 0)
  })

  it('answers broken framing once and ends the connection', async () => {
    let hotCalls = 0
    const hot = (_req: IncomingMessage, res: ServerResponse) => {
      hotCalls += 1
      res.end('ran')
      return true
    }
    const server = await startServer({ hot })
    const post = 'POST /task HTTP/1.1\r\nHost: a\r\n'
    for (const head of [
      `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n`,
      `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
      `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
      `${post}Content-Length : 5\r\n\r\nhello`,
      `${post}X: a\r\n b\r\n\r\n`,
      'POST /task HTTP/1.1\nHost: a\n\n',
      'POST /task HTTP/1.1\r\n\r\n',
      'nonsense\r\n\r\n',
    ]) {
      const answer = await send(server, head)
      assert.deepEqual(statuses(answer), [400], JSON.stringify(head))
    }
    assert.equal(hotCalls, 0)
  })

  it('answers a body whose framing breaks, as long as nobody else has', async () => {
    const routed = await startServer()
    const post = `HTTP/1.1\r\nHost: a\r\n${auth}Transfer-Encoding: chunked\r\n\r\n`
    for (const body of ['ZZ\r\nabc\r\n', '1\r\n{\r\nZZ\r\n']) {
      const answer = await send(routed, `POST /workers/w1/off ${post}${body}`)
      assert.deepEqual(statuses(answer), [400], body)
      assert.match(answer, /problem\+json.*not well-formed/s)
    }
    const { held, reached, hot } = hold()
    const server = await startServer({ hot })
    const socket = connect(server.address().port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`POST /task ${post}1\r\n{\r\n`)
    await reached(1)
    held[0]?.res.write('begun')
    const [begun] = await once(socket, 'data')
    let rest = ''
    socket.on('data', (bytes) => {
      rest += bytes
    })
    socket.write('ZZ\r\n')
    await once(socket, 'close')
    assert.deepEqual([statuses(String(begun)), statuses(rest)], [[200], []])
  })

  it('puts no answer of its own in front of one that is under way', async () => {
    const { held, reached, hot } = hold()
    const server = await startServer({ hot })
    const answer = send(server, 'POST /task HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n')
    await reached(1)
    assert.equal(await answer, '')
    assert.equal(held.length, 1)
  })

  it('refuses a Host that is none', async () => {
    const server = await startServer()
    const answer = await send(server, `GET /workers HTTP/1.1\r\nHost: a/b@c\r\n${auth}${end}`)
    assert.deepEqual(statuses(answer), [400])
    assert.match(answer, /problem\+json/)
  })

  it('keeps what goes wrong inside to itself', async () => {
    const { app, log } = makeBench()
    const server = await startServer({
      app,
      log,
      hot: () => {
        throw new Error('/srv/secret')
      },
    })
    const answer = await send(server, `GET / HTTP/1.1\r\nHost: a\r\n${end}`)
    assert.deepEqual(statuses(answer), [500])
    assert.doesNotMatch(answer, /secret/)
    assert.match(log.lines().join(), /secret/)
  })

  it('answers in the order of the requests on one connection', async () => {
    const { held, reached, hot } = hold()
    const server = await startServer({ hot })
    const done = send(
      server,
      `POST /task HTTP/1.1\r\nHost: a\r\n\r\nPOST /task HTTP/1.1\r\nHost: a\r\n${end}`,
    )
    await reached(2)
    held[1]?.res.end('second')
    held[0]?.res.end('first')
    const answer = await done
    assert.ok(answer.indexOf('first') < answer.indexOf('second'))
  })

  it('tells a client that asks first whether to send its body', async () => {
    const { app, log, deps } = makeBench()
    const mayContinue = (req: IncomingMessage) =>
      deps.gate.authorise({ authorization: req.headers.authorization, cookie: undefined }).kind === 'key'
    const server = await startServer({ app, log, mayContinue })
    const post = 'POST /workers/w1/off HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n'
    assert.deepEqual(statuses(await send(server, `${post}Authorization: wrong\r\n\r\n`)), [401])
    assert.deepEqual(statuses(await send(server, `${post}${auth}${end}{}`)), [100, 200])
  })

  it('says which port is in use and what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { app, log } = makeBench()
    const server = createHttpServer({ app, log, host: '127.0.0.1', port })
    await assert.rejects(server.start(), (error: Error) => {
      assert.ok(error instanceof ListenError)
      assert.match(error.message, new RegExp(`^port ${port} on 127\\.0\\.0\\.1 is in use: .*PORT[^\\n]*$`))
      return true
    })
    await server.stop()
    other.close()
  })

  it('drains: waits for what was under way, listens on, and ends every connection it answers', async () => {
    const { held, reached, hot } = hold()
    const server = await startServer({ hot })
    const early = send(server, 'POST /task HTTP/1.1\r\nHost: a\r\n\r\n')
    await reached(1)
    let isDrained = false
    const drained = server.drain(60_000).then(() => {
      isDrained = true
    })
    const health = await send(server, 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.deepEqual(statuses(health), [200])
    assert.match(health, /^connection: close\r$/im)
    const late = send(server, 'POST /task HTTP/1.1\r\nHost: a\r\n\r\n')
    await reached(2)
    assert.equal(isDrained, false)
    held[0]?.res.end('done')
    await drained
    const answer = await early
    assert.match(answer, /done$/)
    assert.match(answer, /^connection: close\r$/im, 'nobody is invited to ask again')
    held[1]?.res.end('late')
    assert.match(await late, /late$/, 'it was not waited for, and not cut off')
  })

  it('drains: what was pipelined on one connection is all answered', async () => {
    const { held, reached, hot } = hold()
    const server = await startServer({ hot })
    const post = 'POST /task HTTP/1.1\r\nHost: a\r\n\r\n'
    const answer = send(server, `${post}${post}`)
    await reached(2)
    const drained = server.drain(60_000)
    held[0]?.res.end('first')
    held[1]?.res.end('second')
    await drained
    assert.deepEqual(statuses(await answer), [200, 200])
  })

  it('closes: refuses connections and waits for the answers under way', async () => {
    const { held, reached, hot } = hold()
    const server = await startServer({ hot })
    const idle = dial(server)
    const answer = send(server, 'POST /task HTTP/1.1\r\nHost: a\r\n\r\n')
    await reached(1)
    const { port } = server.address()
    await server.drain(1)
    const closed = server.close(60_000)
    // Who stands in line at that moment is still let in.
    const knock = async (): Promise<NodeJS.ErrnoException> => {
      const caller = dial(server, port)
      try {
        await once(caller, 'connect')
      } catch (error) {
        return error as NodeJS.ErrnoException
      }
      caller.destroy()
      // Nobody in line for a turn or two: now it can close.
      for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate)
      return knock()
    }
    assert.equal((await knock()).code, 'ECONNREFUSED')
    held[0]?.res.end('done')
    await closed
    assert.match(await answer, /done$/)
    idle.destroy()
  })

  it('closes: whoever has just been let in is answered, too', async () => {
    const server = await startServer()
    await server.drain(1)
    const callers = Array.from({ length: 50 }, () => dial(server))
    await Promise.all(callers.map((caller) => once(caller, 'connect')))
    const stopped = server.close(60_000).then(() => server.stop())
    const answers = callers.map(async (caller) => {
      caller.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
      const [answer] = await once(caller, 'data')
      return String(answer).slice(0, 15)
    })
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(['HTTP/1.1 200 OK']))
    await stopped
  })

  it('drains and closes at once when it is idle', async () => {
    const server = await startServer()
    const kept = dial(server)
    kept.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(kept, 'data')
    const ended = once(kept, 'close')
    kept.resume()
    await server.drain(60_000)
    await server.close(60_000)
    await ended
  })

  it('gives a drain up at its limit, and stop ends every connection', async () => {
    const { reached, hot } = hold()
    const server = await startServer({ hot })
    const answer = send(server, 'POST /task HTTP/1.1\r\nHost: a\r\n\r\n')
    await reached(1)
    await server.drain(1)
    await server.close(1)
    await server.stop()
    await server.stop()
    assert.equal(await answer, '')
  })

  it('gives an upgrade to its handler, and refuses what that does not want', async () => {
    const seen: string[] = []
    const server = await startServer({
      onUpgrade: (req, socket) => {
        seen.push(req.url ?? '')
        if (req.url !== '/feed') return false
        socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n')
        return true
      },
    })
    const upgrade = (path: string, more = '') =>
      send(
        server,
        `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
      )
    assert.deepEqual(statuses(await upgrade('/feed')), [101])
    assert.deepEqual(statuses(await upgrade('/other')), [404])
    assert.deepEqual(statuses(await upgrade('/feed', 'Host: b\r\n')), [400])
    assert.deepEqual(seen, ['/feed', '/other'])
    const plain = `GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n`
    const socket = dial(server)
    socket.write(plain)
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    assert.deepEqual(statuses(String(bytes)), [200])
  })
})
