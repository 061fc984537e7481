/** What a worker answers on the wire to requests that are none, or not for it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { script, startTestWorker, TEST_KEYS, type TestWorker } from '../fixtures/test-worker.ts'

let worker: TestWorker
before(async () => {
  worker = await startTestWorker({ REQUEST_BODY_LIMIT: '100kb' })
})
after(() => worker[Symbol.asyncDispose]())

const AUTH = `Authorization: ${TEST_KEYS.authKey}\r\n`
const END = 'Connection: close\r\n\r\n'

/** Everything that comes back until the worker ends the connection; `text` may end its half. */
async function send(text: string, isHalfEnded = false): Promise<string> {
  const { hostname, port } = new URL(worker.url)
  const socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes
  })
  socket.on('error', () => {})
  if (isHalfEnded) socket.end(text)
  else socket.write(text)
  await once(socket, 'close')
  return answer
}

function statuses(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]))
}

describe("the worker's server", () => {
  it('answers a request that offers another protocol as the plain request it is', async () => {
    const body = '{"function":"scripted","input":{}}'
    script.handler = () => 'plain'
    for (const upgrade of ['h2c', 'foo', 'TLS/1.0, HTTP/1.1']) {
      const offer = `Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: ${upgrade}\r\nHTTP2-Settings: AAMAAABk\r\n`
      assert.match(await send(`GET /health HTTP/1.1\r\nHost: a\r\n${offer}\r\n`), /200 OK.*"ready"/s)
      const task = `POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}${offer}Content-Length: ${body.length}\r\n\r\n${body}`
      assert.match(await send(task), /200 OK.*plain/s)
    }
  })

  it('refuses a head on which two readers could disagree, in the form of every error', async () => {
    for (const [head, status] of [
      [`POST /task HTTP/1.1\r\nHost: a\r\nHost: b\r\n${AUTH}`, 400],
      [`POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}authorization: wrong\r\n`, 400],
      [`POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}x-lb-auth: a\r\nX-LB-Auth: b\r\n`, 400],
      [`GET http://a/health HTTP/1.1\r\nHost: a\r\n${AUTH}`, 400],
      [`OPTIONS * HTTP/1.1\r\nHost: a\r\n${AUTH}`, 400],
      [`TRACE /health HTTP/1.1\r\nHost: a\r\n${AUTH}`, 405],
      [`CONNECT a:80 HTTP/1.1\r\nHost: a\r\n${AUTH}`, 405],
      [`GET /${'x'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n${AUTH}`, 414],
      [`POST /task HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n${AUTH}`, 417],
      [`GET /health HTTP/1.1\r\nHost: a\r\n${'a:b\r\n'.repeat(1000)}`, 431],
      [`GET /health HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n`, 431],
    ] as const) {
      const answer = await send(`${head}\r\n`)
      assert.deepEqual(statuses(answer), [status], head.slice(0, 60))
      assert.match(answer, /content-type: application\/problem\+json/i)
      assert.match(answer, /"success":false/)
    }
  })

  it('answers broken framing once and ends the connection', async () => {
    let calls = 0
    script.handler = () => ++calls
    const post = `POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}`
    for (const head of [
      `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `${post}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
      `${post}Content-Length : 5\r\n\r\nhello`,
      'POST /task HTTP/1.1\r\n\r\n',
      `GET /health HTTP/1.1\r\nHost: a/b@c\r\n${END}`,
      'nonsense\r\n\r\n',
      `${post}Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n`,
      `${post}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nZZ\r\n`,
    ]) {
      const answer = await send(head)
      assert.deepEqual(statuses(answer), [400], JSON.stringify(head))
      assert.match(answer, /application\/problem\+json/)
    }
    assert.equal(calls, 0)
  })

  it('lets only who may send a body send it', async () => {
    const post = (headers: string) =>
      send(`POST /task HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${headers}${END}`)
    assert.deepEqual(statuses(await post('Authorization: wrong\r\nContent-Length: 2\r\n')), [401])
    assert.deepEqual(statuses(await post(`${AUTH}x-lb-auth: wrong\r\nContent-Length: 2\r\n`)), [401])
    assert.deepEqual(statuses(await post(`${AUTH}Content-Length: 999999\r\n`)), [413])
    assert.deepEqual(statuses(await post(`${AUTH}Host: b\r\nContent-Length: 2\r\n`)), [400])
    const body = '{"function":"scripted"}'
    script.handler = () => 'asked first'
    const head = `POST /task HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${AUTH}Content-Length: ${body.length}\r\n`
    assert.match(await send(head + END + body), /^HTTP\/1\.1 100 .*200 OK.*asked first/s)
  })

  it('answers who ends its half behind its body', async () => {
    const body = '{"function":"scripted"}'
    const started = Promise.withResolvers<void>()
    const release = Promise.withResolvers<string>()
    script.handler = () => {
      started.resolve()
      return release.promise
    }
    const head = `POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}Content-Length: ${body.length}\r\n\r\n`
    const answer = send(head + body, true)
    await started.promise
    // The connection has been read to its end once another one was served.
    await worker.send('/health', { method: 'GET' })
    release.resolve('still here')
    assert.match(await answer, /200 OK.*still here/s)
  })

  it('refuses an upgrade that is none of ours in the form of every error', async () => {
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
    for (const [path, headers, status] of [
      ['/elsewhere', AUTH, 404],
      ['/link', AUTH, 401],
      ['/link', `${AUTH}x-lb-auth: ${TEST_KEYS.fleetKey}\r\n`, 400],
      ['/link', `${AUTH}x-lb-auth: ${TEST_KEYS.fleetKey}\r\nHost: b\r\n`, 400],
      ['http://a/link', `${AUTH}x-lb-auth: ${TEST_KEYS.fleetKey}\r\n`, 400],
    ] as const) {
      const answer = await send(`GET ${path} HTTP/1.1\r\nHost: a\r\n${upgrade}${headers}\r\n`)
      assert.deepEqual(statuses(answer), [status], `${path} ${headers}`)
      assert.match(answer, /application\/problem\+json/)
    }
  })
})
