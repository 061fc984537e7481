/** Both ends of a WebSocket against each other, over a real server. */
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { WIRE_HEAD_BYTES, type WireSocket } from './web-socket.ts'
import { acceptWire, findHandshakeFault } from './web-socket-accept.ts'
import { dialWire, type WireDialled } from './web-socket-dial.ts'

const TERMS = { limits: { textBytes: 1_000_000, binaryBytes: 1_000_000 }, closeWaitMs: 2_000 }

class Heard {
  readonly texts: string[] = []
  readonly frames: Buffer[] = []
  closed: { code: number; reason: string } | undefined
  #wake = () => {}

  readonly onText = (text: string): void => {
    this.texts.push(text)
    this.#wake()
  }

  readonly onBinary = (bytes: Buffer): void => {
    this.frames.push(bytes)
    this.#wake()
  }

  readonly onClosed = (code: number, reason: string): void => {
    assert.equal(this.closed, undefined, 'closed twice')
    this.closed = { code, reason }
    this.#wake()
  }

  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

interface Site {
  readonly url: URL
  readonly accepted: Promise<{ wire: WireSocket; socket: Socket }>
}

async function listen(t: TestContext): Promise<Site> {
  const accepted = Promise.withResolvers<{ wire: WireSocket; socket: Socket }>()
  const sockets = new Set<Socket>()
  const server: Server = createServer()
  server.on('connection', (socket) => sockets.add(socket))
  server.on('upgrade', (request, duplex, head) => {
    const socket = duplex as Socket
    const fault = findHandshakeFault(request)
    if (fault !== undefined) return void socket.end(`HTTP/1.1 400 ${fault}\r\n\r\n`)
    accepted.resolve({ wire: acceptWire(request, socket, { head, protocol: 'p.v1', ...TERMS }), socket })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { url: new URL(`http://127.0.0.1:${port}/link?a=b`), accepted: accepted.promise }
}

function dialTo(url: URL, protocol = 'p.v1'): Promise<WireDialled> {
  return dialWire({ url, protocol, headers: { 'x-key': 'k' }, timeoutMs: 5_000, terms: TERMS })
}

async function connect(t: TestContext) {
  const { url, accepted } = await listen(t)
  const dialled = await dialTo(url)
  assert.equal(dialled.kind, 'open')
  if (dialled.kind !== 'open') throw new Error('no socket')
  const { wire: server, socket } = await accepted
  t.after(() => dialled.wire.terminate())
  return { client: dialled.wire, server, socket, atClient: new Heard(), atServer: new Heard() }
}

function framed(bytes: Uint8Array): Uint8Array {
  const memory = new Uint8Array(WIRE_HEAD_BYTES + bytes.length)
  memory.set(bytes, WIRE_HEAD_BYTES)
  return memory.subarray(WIRE_HEAD_BYTES)
}

function makeBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32BE(i, i)
  return bytes
}

test('messages of every length pass both ways, and say when the system has them', async (t) => {
  const { client, server, atClient, atServer } = await connect(t)
  client.start(atClient)
  server.start(atServer)
  const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000, 1_000_000]
  const sides: [WireSocket, Heard][] = [
    [client, atServer],
    [server, atClient],
  ]
  for (const [from, heard] of sides) {
    for (const length of lengths) {
      const handedOver = Promise.withResolvers<unknown>()
      from.sendBinary(framed(makeBytes(length)), handedOver.resolve)
      from.sendText('ä'.repeat(length / 2))
      assert.ok(!(await handedOver.promise))
    }
    await heard.until(() => heard.texts[lengths.length - 1])
    assert.deepEqual(
      heard.frames.map(({ length }) => length),
      lengths,
    )
    assert.ok(heard.frames.every((bytes) => bytes.equals(makeBytes(bytes.length))))
    assert.deepEqual(
      heard.texts.map(({ length }) => length),
      lengths.map((length) => Math.floor(length / 2)),
    )
  }
})

test('what came before anybody listened is there, also behind the handshake', async (t) => {
  const { client, server, atClient } = await connect(t)
  server.sendText('early')
  server.sendText('bird')
  await new Promise((resolve) => setImmediate(resolve))
  client.start(atClient)
  assert.deepEqual(atClient.texts, [], 'nothing comes before the caller is done')
  await atClient.until(() => atClient.texts[1])
  assert.deepEqual(atClient.texts, ['early', 'bird'])
})

test('a close is agreed to and told with its words at the other end, once', async (t) => {
  for (const closer of ['client', 'server'] as const) {
    const { client, server, atClient, atServer } = await connect(t)
    client.start(atClient)
    server.start(atServer)
    const [from, to] = closer === 'client' ? [client, atServer] : [server, atClient]
    from.close(4001, `wrong key ${'ü'.repeat(100)}`)
    assert.equal(from.isOpen, false)
    from.sendText('too late')
    const { code, reason } = await to.until(() => to.closed)
    assert.equal(code, 4001)
    assert.match(reason, /^wrong key ü{50,60}$/)
    const back = closer === 'client' ? atClient : atServer
    assert.equal((await back.until(() => back.closed)).code, 4001)
    assert.deepEqual(to.texts, [])
  }
})

test('one that is cut is told as 1006, also before anybody listened', async (t) => {
  const { client, server, atClient, atServer } = await connect(t)
  server.start(atServer)
  client.terminate()
  assert.equal((await atServer.until(() => atServer.closed)).code, 1006)
  client.start(atClient)
  assert.equal((await atClient.until(() => atClient.closed)).code, 1006)
})

test('who breaks the protocol hears why, and nothing behind it is read', async (t) => {
  const { client, server, socket, atClient, atServer } = await connect(t)
  client.start(atClient)
  server.start(atServer)
  socket.write(Buffer.from([0x83, 0x01, 0x00, 0x81, 0x01, 0x41]))
  assert.equal((await atServer.until(() => atServer.closed)).code, 1002)
  assert.equal((await atClient.until(() => atClient.closed)).code, 1002)
  assert.deepEqual(atClient.texts, [])
})

test('a peer that does not agree to a close is waited for no longer than said', async (t) => {
  const { client, server, socket, atClient } = await connect(t)
  client.start(atClient)
  socket.pause()
  server.start({ onText: () => {}, onBinary: () => {}, onClosed: () => {} })
  process.nextTick(() => socket.pause())
  client.close(1001, 'over')
  assert.ok(await atClient.until(() => atClient.closed))
})

test('another protocol is told from one that is no WebSocket', async (t) => {
  const { url } = await listen(t)
  assert.deepEqual(await dialTo(url, 'p.v2'), { kind: 'foreign', lacks: 'protocol' })
})
