/** The bounds on connections, over real sockets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { CONNECTION_LIMITS, limitConnections, readDescriptorLimit } from './connections.ts'
import { createHttpServer, type HttpServerDeps } from './server.ts'
import { KEY, makeBench } from './test-bench.ts'

const GET = 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n'

async function serve(t: TestContext, deps: Partial<HttpServerDeps>) {
  const { app, log } = makeBench()
  const server = createHttpServer({ app, log, host: '127.0.0.1', port: 0, ...deps })
  await server.start()
  t.after(() => server.stop())
  const { port } = server.address()
  /** A connection that the server has seen, with what has come back on it. */
  const open = async (text = '') => {
    const socket = connect(port, '127.0.0.1')
    const seen = { socket, answer: '', isClosed: false }
    socket.on('data', (bytes) => {
      seen.answer += bytes
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      seen.isClosed = true
    })
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    if (text) socket.write(text)
    return seen
  }
  return { open }
}

async function answered(seen: { socket: Socket; answer: string }): Promise<string> {
  while (seen.answer === '') await once(seen.socket, 'data')
  return seen.answer
}

async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise(setImmediate)
}

test('of connections that never send a whole head the oldest go, and who speaks stays', async (t) => {
  const { open } = await serve(t, { connections: { open: 100, silent: 3, graceMs: 0 } })
  const speaker = await open(GET)
  await answered(speaker)
  const dribblers = [await open('GET /'), await open('GET /livez HTTP/1.1\r\nX: '), await open()]
  const late = await open()
  await until(() => dribblers[0]?.isClosed === true)
  assert.equal(dribblers[0]?.answer, '')
  assert.deepEqual([dribblers[1]?.isClosed, dribblers[2]?.isClosed, late.isClosed], [false, false, false])
  late.socket.write(GET)
  assert.match(await answered(late), /^HTTP\/1\.1 200/)
  // It has spoken: the next dribbler takes its place among the silent, and drives nobody out.
  const next = await open()
  next.socket.write(GET)
  assert.match(await answered(next), /^HTTP\/1\.1 200/)
  assert.equal(dribblers[1]?.isClosed, false)
  speaker.answer = ''
  speaker.socket.write(GET)
  assert.match(await answered(speaker), /^HTTP\/1\.1 200/)
})

test('a burst of callers who are not read yet loses none of them', async (t) => {
  const { open } = await serve(t, { connections: { open: 100, silent: 3, graceMs: 60_000 } })
  const burst = await Promise.all(Array.from({ length: 20 }, () => open()))
  for (const caller of burst) caller.socket.write(GET)
  for (const caller of burst) assert.match(await answered(caller), /^HTTP\/1\.1 200/)
})

test('who is silent beyond a moment goes, also when nobody comes after', async (t) => {
  const { open } = await serve(t, { connections: { open: 100, silent: 3, graceMs: 300 } })
  const burst = await Promise.all(Array.from({ length: 20 }, () => open('GET /')))
  assert.ok(burst.every(({ isClosed }) => !isClosed))
  await until(() => burst.filter(({ isClosed }) => !isClosed).length <= 3)
  assert.equal(burst.filter(({ isClosed }) => !isClosed).length, 3)
  assert.ok(
    burst.every(({ answer }) => answer === ''),
    'long before the bound on heads',
  )
})

test('a connection too many: no task on it, health and operators all the same, and then it ends', async (t) => {
  let tasks = 0
  const hot: HttpServerDeps['hot'] = (req, res) => {
    if (req.url !== '/task') return false
    tasks++
    // The first ones are under way and stay.
    if (tasks > 2) res.end('ran')
    return true
  }
  const { open } = await serve(t, { hot, connections: { open: 2, silent: 100, graceMs: 0 } })
  const post = 'POST /task HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'
  for (let i = 0; i < 2; i++) await open(post)
  await until(() => tasks === 2)
  for (const path of ['/task', '/tasks', '/task/default/hello', '/task?x=1']) {
    const shed = await open(post.replace('/task', path))
    const answer = await answered(shed)
    assert.match(answer, /^HTTP\/1\.1 429/, path)
    assert.match(answer, /retry-after: \d/i)
    await until(() => shed.isClosed)
  }
  assert.equal(tasks, 2)
  const health = await open(GET)
  assert.match(await answered(health), /^HTTP\/1\.1 200.*connection: close/is)
  const workers = await open(`GET /workers HTTP/1.1\r\nHost: a\r\nAuthorization: ${KEY}\r\n\r\n`)
  assert.match(await answered(workers), /^HTTP\/1\.1 200/)
})

test('connections that idle make room when there are too many', async (t) => {
  const { open } = await serve(t, { connections: { open: 2, silent: 100, graceMs: 0 } })
  const idle = await open(GET)
  await answered(idle)
  const other = await open(GET)
  await answered(other)
  const surplus = await open(GET)
  await until(() => idle.isClosed && other.isClosed)
  assert.match(await answered(surplus), /^HTTP\/1\.1 200/)
  const again = await open('POST /task HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
  assert.match(await answered(again), /^HTTP\/1\.1 40[14]/, 'there is room for it')
})

test('a client that is still sending reads its last answer, and no reset', async (t) => {
  const { open } = await serve(t, {})
  const piece = Buffer.alloc(100_000)
  for (const way of ['HTTP/1.1\r\nConnection: close', 'HTTP/1.0']) {
    const seen = await open(`POST /workers/w1/off ${way}\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n`)
    let failure: Error | undefined
    seen.socket.on('error', (error) => {
      failure = error
    })
    for (let sent = 0; sent < 10_000_000 && !seen.isClosed; sent += piece.length)
      if (!seen.socket.write(piece))
        await Promise.race([once(seen.socket, 'drain'), once(seen.socket, 'close')])
    seen.socket.end()
    await until(() => seen.isClosed)
    assert.equal(failure, undefined)
    assert.match(seen.answer, /^HTTP\/1\.1 401/)
  }
})

test('what is sent behind the last answer starts nothing', async (t) => {
  const paths: (string | undefined)[] = []
  const hot: HttpServerDeps['hot'] = (req, res) => {
    paths.push(req.url)
    res.shouldKeepAlive = false
    res.end('last')
    return true
  }
  const { open } = await serve(t, { hot })
  const seen = await open('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n')
  await answered(seen)
  seen.socket.write('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => seen.isClosed)
  assert.deepEqual(paths, ['/1'])
  assert.equal(seen.answer.match(/HTTP\/1\.1/g)?.length, 1)
})

test('a connection is kept longer than clients keep theirs', async (t) => {
  const { open } = await serve(t, {})
  assert.match(await answered(await open(GET)), /^keep-alive: timeout=65\b/im)
})

test('where few files may be open, fewer connections are taken', () => {
  assert.deepEqual(limitConnections(undefined), CONNECTION_LIMITS)
  assert.deepEqual(limitConnections(1_048_576), CONNECTION_LIMITS)
  assert.deepEqual(limitConnections(1_024), { open: 768, silent: 768, graceMs: 2_000 })
  const limit = readDescriptorLimit()
  assert.ok(limit === undefined || limit >= 64)
  assert.equal(readDescriptorLimit('/proc/self/nothing'), undefined)
  assert.equal(readDescriptorLimit(import.meta.filename), undefined)
})

test('nobody is let in beyond the surplus, and who is in stays', async (t) => {
  const { open } = await serve(t, { connections: { open: 2, silent: 100, graceMs: 0 } })
  const inside = []
  for (let i = 0; i < 18; i++) inside.push(await open('GET /'))
  const beyond = await open()
  await until(() => beyond.isClosed)
  assert.ok(inside.every(({ isClosed }) => !isClosed))
  inside[0]?.socket.write('livez HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await answered(inside[0] as never), /^HTTP\/1\.1 200/)
})
