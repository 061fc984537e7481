/** Who ends only its half is answered; who ends for good is noticed; neither sees what it does not understand. */
import assert from 'node:assert/strict'
import { EventEmitter, on, once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { serveHalfOpen } from './half-open.ts'

const LIMIT = { timeout: 20_000 }

/** A server that leaves its answers to the test. */
async function serve(context: TestContext) {
  const events = new EventEmitter()
  const server = createServer((request, response) => {
    request.resume().once('end', () => events.emit('request', response))
    response.once('close', () => events.emit('gone', response))
  })
  const listOpen = serveHalfOpen(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const dial = (): Socket => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.on('error', () => {})
    context.after(() => socket.destroy())
    return socket
  }
  const nextRequest = async () => ((await once(events, 'request')) as [ServerResponse])[0]
  return { dial, events, nextRequest, listOpen }
}

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}'

/** All that comes until the other side ends. */
async function collect(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (bytes) => {
    text += bytes
  })
  await once(socket, 'close')
  return text
}

test('who ends its half behind the body gets the answer, and then the end', LIMIT, async (context) => {
  const { dial, nextRequest } = await serve(context)
  const socket = dial()
  const answer = collect(socket)
  const arrived = nextRequest()
  socket.end(POST)
  const response = await arrived
  // The end has been read: the question came.
  await once(socket, 'data')
  response.end('late')
  assert.match(await answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n.*late/s)
})

test('all that were sent on one connection are answered in turn', LIMIT, async (context) => {
  const { dial, events } = await serve(context)
  const socket = dial()
  const answer = collect(socket)
  const responses: ServerResponse[] = []
  events.on('request', (response) => responses.push(response))
  socket.end(POST + POST)
  await once(socket, 'data')
  while (responses.length < 2) await once(events, 'request')
  responses[1]?.end('second')
  responses[0]?.end('first')
  assert.match(await answer, /first.*second/s)
})

test('who has gone is noticed', LIMIT, async (context) => {
  const { dial, events, nextRequest } = await serve(context)
  const socket = dial()
  const arrived = nextRequest()
  socket.write(POST)
  const response = await arrived
  const gone = once(events, 'gone')
  socket.destroy()
  assert.deepEqual(await gone, [response])
  assert.equal(response.writableFinished, false)
})

test('who ends in the middle of an answer has gone, behind a whole one gets it', LIMIT, async (context) => {
  const { dial, events, nextRequest } = await serve(context)
  const reader = dial()
  const arrived = nextRequest()
  reader.write(POST)
  const response = await arrived
  const gone = once(events, 'gone')
  response.write('first chunk')
  await once(reader, 'data')
  reader.end()
  assert.deepEqual(await gone, [response])
  const whole = 'x'.repeat(4 * 1024 * 1024)
  const slow = dial()
  events.once('request', (large: ServerResponse) => large.end(whole))
  slow.end(POST)
  assert.ok((await collect(slow)).endsWith('xxxx'))
})

test('who speaks HTTP/1.0 is asked nothing', LIMIT, async (context) => {
  const { dial, nextRequest } = await serve(context)
  const socket = dial()
  const answer = collect(socket)
  const arrived = nextRequest()
  socket.end('POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}')
  const response = await arrived
  const { socket: ours } = response
  if (ours !== null && !ours.readableEnded) await once(ours, 'end')
  response.end('late')
  assert.match(await answer, /^HTTP\/1\.1 200 OK/)
})

test('what a connection still waits for is counted', LIMIT, async (context) => {
  const { dial, events, listOpen } = await serve(context)
  const socket = dial()
  const arrived = on(events, 'request')
  const next = async () => ((await arrived.next()).value as [ServerResponse])[0]
  socket.write(POST + POST)
  const responses = [await next(), await next()]
  const ours = responses[0]?.socket as Socket
  for (let left = 2; left > 0; left--) {
    assert.equal(listOpen(ours).length, left)
    const gone = once(events, 'gone')
    responses[2 - left]?.end()
    await gone
  }
  assert.equal(listOpen(ours).length, 0)
  socket.write(POST)
  responses.push(await next())
  assert.equal(listOpen(ours).length, 1, 'those that have closed do not count')
  assert.equal(listOpen(dial()).length, 0, 'a connection of somebody else')
})
