/** The short way of plain calls, over real sockets: what it takes, what it leaves to Node, and when it lets go. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { TaskError } from '@berth/protocol'
import type { ConnectionLimits } from './connections.ts'
import { createHttpServer } from './server.ts'
import { Shortcut } from './shortcut.ts'
import type { TaskCall } from './task-call.ts'
import type { TaskAnswer, TaskReply } from './tasks.ts'
import { KEY, makeBench } from './test-bench.ts'

const LIMIT = { timeout: 20_000 }
const BODY_LIMIT = 10_000
const OK: TaskAnswer = { status: 200, headers: { 'x-run-id': 'r_1' }, body: 'short' }

interface Call {
  readonly call: TaskCall
  readonly reply: TaskReply
  isAbandoned: boolean
}

interface Changes {
  readonly plan?: ((reply: TaskReply) => void) | undefined
  readonly refusal?: TaskError
  readonly firstMs?: number
  readonly connections?: ConnectionLimits
}

/** The shortcut before a Node server that answers `node` to everything; without a plan calls wait for the test. */
async function serve(t: TestContext, { plan, refusal, firstMs, connections }: Changes = {}) {
  const { app, log } = makeBench()
  const calls: Call[] = []
  const events = new EventEmitter()
  const tasks = {
    handle(call: TaskCall, reply: TaskReply) {
      const made: Call = { call, reply, isAbandoned: false }
      calls.push(made)
      plan?.(reply)
      events.emit('change')
      return () => {
        made.isAbandoned = true
        events.emit('change')
      }
    },
  }
  const shortcut = new Shortcut({
    tasks,
    log,
    key: KEY,
    bodyLimitBytes: BODY_LIMIT,
    door: { refuse: () => refusal },
    ...(firstMs === undefined ? {} : { firstMs }),
  })
  const server = createHttpServer({
    app,
    log,
    host: '127.0.0.1',
    port: 0,
    shortcut,
    hot: (req, res) => {
      req.resume().on('end', () => res.end('node'))
      return true
    },
    ...(connections ? { connections } : {}),
  })
  await server.start()
  t.after(() => server.stop())
  const dial = async (): Promise<Socket> => {
    const socket = connect(server.address().port, '127.0.0.1')
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  const until = async (isMet: () => boolean) => {
    while (!isMet()) await once(events, 'change')
  }
  return { server, calls, dial, until, log }
}

const CALL = '{"function":"hello"}'
const AUTH = `Authorization: Bearer ${KEY}\r\n`

function request(body = CALL, more = '', auth = AUTH): string {
  return `POST /task HTTP/1.1\r\nHost: a\r\n${auth}Content-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`
}

/** What comes until it holds all of `ends`, one behind the other; rejects when the connection ends before. */
async function read(socket: Socket, ...ends: string[]): Promise<string> {
  let text = ''
  for await (const piece of socket.iterator({ destroyOnReturn: false })) {
    text += piece
    if (ends.reduce((at, end) => (at < 0 ? at : text.indexOf(end, at + 1)), 0) >= 0) return text
  }
  throw new Error(`the connection ended after: ${text}`)
}

/** Both ends are in this process: some turns of its loop later, what was written has been read. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  for await (const piece of socket) text += piece
  return text
}

const answering = (reply: TaskReply) => reply.answer(OK)

test('plain calls of one connection are answered one after another', LIMIT, async (t) => {
  const { dial, calls } = await serve(t, { plan: answering })
  const socket = await dial()
  for (const more of ['', 'traceparent: 00-a\r\n', '']) {
    socket.write(request(CALL, more))
    const answer = await read(socket, 'short')
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
    const headers = new Headers(
      answer
        .split('\r\n')
        .slice(1, -2)
        .map((line) => line.split(/: (.*)/, 2) as [string, string]),
    )
    assert.equal(headers.get('x-run-id'), 'r_1')
    assert.equal(headers.get('content-length'), '5')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('connection'), 'keep-alive')
    assert.equal(headers.get('keep-alive'), 'timeout=65, max=100000')
    assert.ok(Math.abs(Date.parse(headers.get('date') ?? '') - Date.now()) < 60_000)
  }
  assert.deepEqual(
    calls.map(({ call }) => String(call.bytes)),
    [CALL, CALL, CALL],
  )
  assert.deepEqual(
    calls.map(({ call }) => call.head.traceparent),
    [undefined, '00-a', undefined],
  )
})

test('where the address names the function the body is never looked at', LIMIT, async (t) => {
  const { dial, calls } = await serve(t, { plan: answering })
  const socket = await dial()
  const body = '{"mode":"stream","a":"\\u0041"}'
  socket.write(request(body).replace('/task', '/task/g/f'))
  await read(socket, 'short')
  assert.equal(String(calls[0]?.call.bytes), body)
  assert.deepEqual(calls[0]?.call.target, { group: 'g', function: 'f', query: '' })
})

test('a body of any other mode is taken', LIMIT, async (t) => {
  const { dial, calls } = await serve(t, { plan: answering })
  const socket = await dial()
  for (const mode of ['sync', 'async', 'webhook']) {
    socket.write(request(`{"function":"hello","mode":"${mode}"}`))
    await read(socket, 'short')
  }
  assert.equal(calls.length, 3)
})

const wide = `{"function":"hello","input":{"a":"${'x'.repeat(BODY_LIMIT)}"}}`
const LEFT: Record<string, string> = {
  'another address': `GET /health HTTP/1.1\r\nHost: a\r\n\r\n`,
  'a header that it does not know': request(CALL, 'X-Later: 1\r\n'),
  'a wrong key': request(CALL, '', 'Authorization: Bearer wrong\r\n'),
  'no key': request(CALL, '', ''),
  'a body that asks for a stream': request('{"function":"hello","mode":"stream"}'),
  'a body that may ask for one in escapes': request('{"function":"hello","mode":"\\u0073tream"}'),
  'a body that may say its mode in escapes': request('{"function":"hello","\\u006dode":"stream"}'),
  'a body over the limit': request(wide),
  'a long head': request(CALL, `User-Agent: ${'x'.repeat(2_000)}\r\n`),
}
for (const [what, text] of Object.entries(LEFT))
  test(`${what} goes to Node, and so does what follows on the connection`, LIMIT, async (t) => {
    const { dial, calls } = await serve(t, { plan: answering })
    const socket = await dial()
    for (const [sent, answered] of [
      [request(), 'short'],
      [text, 'node'],
      [request(), 'node'],
    ]) {
      socket.write(sent ?? '')
      assert.match(await read(socket, answered ?? ''), /^HTTP\/1\.1 200 OK\r\n/)
    }
    assert.equal(calls.length, 1)
  })

test('a head or a body in two pieces goes to Node as one request', LIMIT, async (t) => {
  const { dial, calls } = await serve(t, { plan: answering })
  for (const cut of [1, 30, request().length - 30, request().length - 5]) {
    const socket = await dial()
    socket.setNoDelay(true)
    socket.write(request().slice(0, cut))
    await settle()
    socket.write(request().slice(cut))
    assert.match(await read(socket, 'node'), /^HTTP\/1\.1 200 OK\r\n/)
    socket.destroy()
  }
  assert.equal(calls.length, 0)
})

test('two requests at once go to Node, both', LIMIT, async (t) => {
  const { dial, calls } = await serve(t, { plan: answering })
  const socket = await dial()
  socket.write(request() + request())
  await read(socket, 'node', 'node')
  assert.equal(calls.length, 0)
})

test('what comes behind a call under way waits for its answer', LIMIT, async (t) => {
  const { dial, calls, until } = await serve(t)
  const socket = await dial()
  socket.write(request())
  await until(() => calls.length === 1)
  socket.write(request('{"function":"second"}'))
  socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n')
  await settle()
  assert.equal(calls.length, 1)
  calls[0]?.reply.answer(OK)
  const answers = await read(socket, 'short', 'node', 'node')
  assert.equal(answers.match(/HTTP\/1\.1 200/g)?.length, 3)
})

test('a caller that goes away ends its task, and one that has its answer does not', LIMIT, async (t) => {
  const { dial, calls, until } = await serve(t)
  const socket = await dial()
  socket.write(request())
  await until(() => calls.length === 1)
  calls[0]?.reply.answer(OK)
  await read(socket, 'short')
  socket.write(request())
  await until(() => calls.length === 2)
  socket.destroy()
  await until(() => calls[1]?.isAbandoned ?? false)
  assert.equal(calls[0]?.isAbandoned, false)
})

test('who ends its half behind the call is asked, answered, and then ended', LIMIT, async (t) => {
  const { dial, calls, until } = await serve(t)
  const socket = await dial()
  socket.end(request())
  await until(() => calls.length === 1)
  await read(socket, 'HTTP/1.1 100 Continue')
  calls[0]?.reply.answer(OK)
  assert.match(await readAll(socket), /HTTP\/1\.1 200 OK.*Connection: close.*short$/s)
  assert.equal(calls[0]?.isAbandoned, false)
})

for (const [what, more, second] of [
  ['a plain call', '', 'short'],
  ['a request for Node', 'X-Other: 1\r\n', 'node'],
] as const)
  test(`who ends its half behind a call and ${what} has both answered`, LIMIT, async (t) => {
    const { dial, calls, until } = await serve(t)
    const socket = await dial()
    socket.write(request())
    await until(() => calls.length === 1)
    socket.write(request(CALL, more))
    await settle()
    socket.end()
    await settle()
    calls[0]?.reply.answer(OK)
    const both = readAll(socket)
    if (second === 'short') {
      await until(() => calls.length === 2)
      calls[1]?.reply.answer(OK)
    }
    assert.match(await both, new RegExp(`200 OK.*short.*200 OK.*${second}$`, 's'))
    assert.deepEqual(
      calls.map(({ isAbandoned }) => isAbandoned),
      calls.map(() => false),
    )
  })

test('who ends its half between calls is ended', LIMIT, async (t) => {
  const { dial } = await serve(t, { plan: answering })
  const socket = await dial()
  socket.write(request())
  await read(socket, 'short')
  socket.end()
  assert.equal(await readAll(socket), '')
})

test('who does not take an answer is not read any further', LIMIT, async (t) => {
  const large = Buffer.alloc(32 * 1024 * 1024, 'x')
  const { dial, calls, until } = await serve(t)
  const socket = await dial()
  socket.write(request())
  await until(() => calls.length === 1)
  calls[0]?.reply.answer({ ...OK, body: [large] })
  socket.write(request())
  await once(socket, 'readable')
  await settle()
  assert.equal(calls.length, 1)
  socket.on('data', () => {})
  await until(() => calls.length === 2)
})

test('answers of every form arrive whole', LIMIT, async (t) => {
  const bodies = [
    '',
    '{"detail":"é ✓"}',
    Buffer.from([0, 255, 10]),
    [Buffer.from('{'), Buffer.alloc(100_000, 'y'), Buffer.from('}')],
  ]
  const { dial, calls, until } = await serve(t)
  const socket = await dial()
  for (const [index, body] of bodies.entries()) {
    const bytes = Array.isArray(body) ? Buffer.concat(body) : Buffer.from(body as string)
    socket.write(request())
    await until(() => calls.length === index + 1)
    calls[index]?.reply.answer({ status: 503, headers: {}, body })
    const pieces: Buffer[] = []
    for await (const piece of socket.iterator({ destroyOnReturn: false })) {
      pieces.push(piece)
      const all = Buffer.concat(pieces)
      const end = all.indexOf('\r\n\r\n') + 4
      if (end > 3 && all.length - end >= bytes.length) {
        assert.ok(all.subarray(end).equals(bytes))
        assert.match(
          all.toString('latin1', 0, end),
          new RegExp(`^HTTP/1.1 503 Service Unavailable\r\n[^]*content-length: ${bytes.length}\r\n`),
        )
        break
      }
    }
  }
})

test('a header that would break the head is not written', LIMIT, async (t) => {
  const { dial } = await serve(t, {
    plan: (reply) => reply.answer({ ...OK, headers: { 'x-worker': 'a\r\nSet-Cookie: b' } }),
  })
  const socket = await dial()
  socket.write(request())
  const answer = await readAll(socket)
  assert.match(answer, /^HTTP\/1\.1 500 Internal Server Error\r\n/)
  assert.doesNotMatch(answer, /set-cookie/i)
})

test('a fault of ours is answered and logged, and the connection goes on', LIMIT, async (t) => {
  let turn = 0
  const { dial, log } = await serve(t, {
    plan: (reply) => {
      if (turn++ === 0) throw new Error('inside')
      reply.answer(OK)
    },
  })
  const socket = await dial()
  socket.write(request())
  assert.match(await read(socket, '"INTERNAL"'), /^HTTP\/1\.1 500 /)
  assert.ok(log.lines().some((line) => line.includes('a request failed inside')))
  socket.write(request())
  await read(socket, 'short')
})

test('a drain leaves idle connections to Node, and ends the others with their answer', LIMIT, async (t) => {
  const { dial, calls, until, server } = await serve(t)
  const [idle, busy, behind] = [await dial(), await dial(), await dial()]
  busy.write(request())
  behind.write(request())
  await until(() => calls.length === 2)
  behind.write(request())
  await settle()
  let hasDrained = false
  const drained = server.drain(10_000).then(() => {
    hasDrained = true
  })
  idle.write(request())
  assert.match(await readAll(idle), /Connection: close.*node$/s)
  assert.equal(hasDrained, false)
  for (const { reply } of calls) reply.answer(OK)
  assert.match(await readAll(busy), /Connection: close.*short$/s)
  assert.match(await readAll(behind), /keep-alive.*short.*Connection: close.*node$/s)
  await drained
  assert.equal(calls.length, 2)
})

test(
  'a connection that says nothing, one too many, and a body that may not come are left to Node',
  LIMIT,
  async (t) => {
    const cases: Changes[] = [
      { firstMs: 10 },
      { connections: { open: 0, silent: 10, graceMs: 1_000 } },
      { refusal: { code: 'QUEUE_FULL', detail: 'full' } },
    ]
    for (const changes of cases) {
      const { dial, calls } = await serve(t, { plan: answering, ...changes })
      const socket = await dial()
      // Timers of one process run in the order of their instants.
      if (changes.firstMs !== undefined) await new Promise((resolve) => setTimeout(resolve, 100))
      socket.write(request())
      assert.match(
        await read(socket, '\r\n\r\n'),
        changes.connections ? /^HTTP\/1\.1 429 / : /^HTTP\/1\.1 200 /,
      )
      assert.equal(calls.length, 0)
    }
  },
)
