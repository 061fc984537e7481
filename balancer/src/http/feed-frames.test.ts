/** F11, F12: frames that break the WebSocket protocol, byte by byte, at the feed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createFeedSocket } from './feed-socket.ts'
import { createHttpServer } from './server.ts'
import { KEY, makeBench } from './test-bench.ts'

const FIN = 0x80
const MASKED = 0x80
const TEXT = 1
const BINARY = 2
const PING = 9
const PROTOCOL_ERROR = 1002
const BAD_TEXT = 1007
const TOO_BIG = 1009

/** A page's socket behind its handshake, without any library at this end. */
async function openFeed(t: TestContext) {
  const { app, deps } = makeBench()
  const { gate, sessions, log } = deps
  const watched: unknown[] = []
  const page = { watch: (sources: readonly string[]) => void watched.push(sources), detach() {} }
  const door = createFeedSocket({ feed: { attach: () => page }, gate, sessions, log })
  const server = createHttpServer({
    app,
    log,
    host: '127.0.0.1',
    port: 0,
    onUpgrade: (req, socket, head) => door.handleUpgrade(req, socket, head),
  })
  await server.start()
  await door.start()
  t.after(async () => {
    await door.stop()
    await server.stop()
  })
  const socket = connect(server.address().port, '127.0.0.1')
  t.after(() => void socket.destroy())
  socket.on('error', () => {})
  socket.write(
    `GET /feed HTTP/1.1\r\nHost: a\r\nAuthorization: ${KEY}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`,
  )
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  const answer = String(bytes)
  assert.match(answer, /^HTTP\/1\.1 101/)
  assert.doesNotMatch(answer, /permessage-deflate/i, 'compression is off (F13)')
  return { socket, watched, door }
}

/** With a mask of zeros, as any frame of a client has one. */
function frame(first: number, payload: Buffer | string = '', length = Buffer.from(payload).length): Buffer {
  const body = Buffer.from(payload)
  const header = length < 126 ? Buffer.from([first, MASKED | length]) : Buffer.alloc(4)
  if (length >= 126) {
    header.set([first, MASKED | 126])
    header.writeUInt16BE(length, 2)
  }
  return Buffer.concat([header, Buffer.alloc(4), body])
}

function longFrame(first: number, highBytes: number, lowBytes: number): Buffer {
  const header = Buffer.alloc(14)
  header.set([first, MASKED | 127])
  header.writeUInt32BE(highBytes, 2)
  header.writeUInt32BE(lowBytes, 6)
  return header
}

/** The close code that the server says before it ends the connection. */
async function closeCode(socket: Socket): Promise<number | undefined> {
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  await once(socket, 'close')
  const all = Buffer.concat(pieces)
  const at = all.indexOf(FIN | 8)
  return at < 0 ? undefined : all.readUInt16BE(at + 2)
}

const WATCH = '{"watch":["workers"]}'

for (const [what, bytes, code] of [
  ['an unmasked frame', Buffer.concat([Buffer.from([FIN | TEXT, 2]), Buffer.from('{}')]), PROTOCOL_ERROR],
  ['a reserved bit', frame(FIN | 0x40 | TEXT, WATCH), PROTOCOL_ERROR],
  ['two reserved bits', frame(FIN | 0x30 | TEXT, WATCH), PROTOCOL_ERROR],
  ['an opcode that is none', frame(FIN | 3, WATCH), PROTOCOL_ERROR],
  ['a control opcode that is none', frame(FIN | 0xb, ''), PROTOCOL_ERROR],
  ['a fragmented ping', frame(PING, 'x'), PROTOCOL_ERROR],
  ['a ping of 126 bytes', frame(FIN | PING, 'x'.repeat(126)), PROTOCOL_ERROR],
  ['a continuation of nothing', frame(FIN, 'x'), PROTOCOL_ERROR],
  ['a text within a text', Buffer.concat([frame(TEXT, 'a'), frame(TEXT, 'b')]), PROTOCOL_ERROR],
  ['a text that is no UTF-8', frame(FIN | TEXT, Buffer.from([0xff, 0xfe])), BAD_TEXT],
  ['a length of 4 GB', longFrame(FIN | BINARY, 1, 0), TOO_BIG],
  ['a length of 2 GB', longFrame(FIN | TEXT, 0, 0x8000_0000), TOO_BIG],
  ['a length beyond all numbers', longFrame(FIN | TEXT, 0xffff_ffff, 0xffff_ffff), TOO_BIG],
  ['fragments that grow over the limit', growing(), TOO_BIG],
] as const)
  test(`${what} ends the socket with ${code}, and the process goes on`, async (t) => {
    const { socket, watched, door } = await openFeed(t)
    const closed = closeCode(socket)
    socket.write(bytes)
    assert.equal(await closed, code)
    while (door.size > 0) await new Promise(setImmediate)
    assert.deepEqual(watched, [])
  })

test('a million empty fragments end the socket, and memory stays', async (t) => {
  const { socket, watched } = await openFeed(t)
  const before = process.memoryUsage().rss
  const closed = once(socket, 'close')
  socket.resume()
  socket.write(frame(TEXT, ''))
  const empty = Buffer.concat(Array.from({ length: 10_000 }, () => frame(0, '')))
  for (let i = 0; i < 100 && !socket.destroyed; i++)
    if (!socket.write(empty)) await Promise.race([once(socket, 'drain').catch(() => {}), closed])
  await closed
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024)
  assert.deepEqual(watched, [])
})

function growing(): Buffer {
  const piece = 'x'.repeat(30_000)
  return Buffer.concat([frame(TEXT, piece), frame(0, piece), frame(0, piece)])
}
