/** Every way in which a dial can end, against real sockets. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Dialled, dial } from './dial.ts'
import { ScriptedWorker } from './testing/scripted-worker.ts'

const KEYS = { fleetKey: 'f', workerKey: 'w' }

async function dialTo(url: string, timeoutMs = 2_000, keys = KEYS): Promise<Dialled> {
  const dialled = await dial({ url, timeoutMs, ...keys })
  if (dialled.kind === 'open') dialled.socket.terminate()
  return dialled
}

/** A bare server that hands its connections to the test. */
async function listen(t: TestContext, onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

async function start(t: TestContext, script: ConstructorParameters<typeof ScriptedWorker>[0] = {}) {
  const worker = await ScriptedWorker.start(script)
  t.after(() => worker.stop())
  return worker
}

test('an open socket comes with both keys sent and the subprotocol agreed', async (t) => {
  const worker = await start(t)
  const dialled = await dial({ url: worker.url, timeoutMs: 2_000, fleetKey: 'f-key', workerKey: 'w-key' })
  assert.equal(dialled.kind, 'open')
  const link = await worker.link()
  assert.equal(link.request.headers['x-lb-auth'], 'f-key')
  assert.equal(link.request.headers.authorization, 'w-key')
  assert.equal(link.request.headers['sec-websocket-protocol'], 'berth.v1')
  assert.equal(link.request.headers['sec-websocket-extensions'], undefined)
  if (dialled.kind === 'open') dialled.socket.terminate()
})

test('a hello in one write with the answer of the upgrade is there for whoever listens later', async (t) => {
  const url = await listen(t, (socket) => {
    socket.once('data', (request) => {
      const key = /sec-websocket-key: (.+)\r\n/i.exec(String(request))?.[1]
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      socket.write(
        `HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: berth.v1\r\n\r\n\x81\x05hello`,
        'latin1',
      )
    })
  })
  const dialled = await dial({ url, timeoutMs: 2_000, ...KEYS })
  assert.equal(dialled.kind, 'open')
  if (dialled.kind !== 'open') return
  const { socket } = dialled
  await new Promise((resolve) => setImmediate(resolve))
  const heard = Promise.withResolvers<string>()
  socket.start({ onText: heard.resolve, onBinary: () => {}, onClosed: () => {} })
  assert.equal(await heard.promise, 'hello')
  socket.terminate()
})

test('a port that refuses says so, by address and by name', async (t) => {
  const worker = await start(t)
  const { port } = worker
  await worker.stop()
  const refused = { kind: 'refused', reason: 'nothing listens at this address' }
  assert.deepEqual(await dialTo(`http://127.0.0.1:${port}`), refused)
  assert.deepEqual(await dialTo(`http://localhost:${port}`), refused)
})

test('a wrong key, a foreign server and any other answer are told apart', async (t) => {
  const worker = await start(t)
  const reasons: [number, RegExp][] = [
    [401, /refuses our keys.*FLEET_KEY.*WORKER_AUTH_KEY/],
    [403, /refuses our keys/],
    [404, /no Berth worker/],
    [200, /answered 200/],
    [503, /answered 503/],
    [301, /answered 301/],
  ]
  for (const [status, reason] of reasons) {
    worker.script.refuseWith = status
    const dialled = await dialTo(worker.url)
    assert.equal(dialled.kind, 'failed')
    assert.match('reason' in dialled ? dialled.reason : '', reason)
  }
})

test('an upgrade that is never answered ends in time, and so does one that dribbles', async (t) => {
  const mute = await start(t, { isMute: true })
  const late = { kind: 'failed', reason: 'no answer in time' }
  const before = performance.now()
  assert.deepEqual(await dialTo(mute.url, 100), late)
  const dribbling = await listen(t, (socket) => {
    socket.write('HTTP/1.1 101 ')
    const timer = setInterval(() => socket.write('x'), 20)
    socket.on('close', () => clearInterval(timer))
  })
  assert.deepEqual(await dialTo(dribbling, 100), late)
  assert.ok(performance.now() - before < 15_000)
})

test('what is no worker: another protocol, no WebSocket, no HTTP, a cut in the middle', async (t) => {
  const answers: [string, RegExp][] = [
    [
      'HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
      /WebSocket/,
    ],
    ['HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n', /WebSocket/],
    ['SSH-2.0-OpenSSH_9.2\r\n', /WebSocket/],
    ['', /the connection failed \(ECONNRESET\)/],
  ]
  for (const [answer, reason] of answers) {
    const url = await listen(t, (socket) => socket.once('data', () => socket.end(answer)))
    const dialled = await dialTo(url)
    assert.equal(dialled.kind, 'failed', answer)
    assert.match('reason' in dialled ? dialled.reason : '', reason)
  }
})

test('a name that does not resolve is a failure, not a refusal', async () => {
  const dialled = await dialTo('http://no-such-host.invalid:1')
  assert.deepEqual(dialled, { kind: 'failed', reason: 'the host name cannot be resolved' })
})

test('a key that no header can carry is told, not thrown, and not repeated', async (t) => {
  const worker = await start(t)
  for (const key of ['schlüssel-ключ', 'two\nlines', 'nul\0'])
    for (const keys of [
      { fleetKey: key, workerKey: 'w' },
      { fleetKey: 'f', workerKey: key },
    ]) {
      const dialled = await dialTo(worker.url, 500, keys)
      assert.equal(dialled.kind, 'failed')
      if (dialled.kind === 'failed') {
        assert.match(dialled.reason, /no header can carry/)
        assert.ok(!dialled.reason.includes(key))
      }
    }
})
