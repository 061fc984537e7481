/** Streams over real sockets, by the hot route and by the router, against a core that says what the test says. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { describe, test } from 'node:test'
import type { StreamItem, StreamKind } from '../ports/stream.ts'
import type { Submission } from '../ports/submission.ts'
import { AUTH, complete, fail, serve, WAYS } from './task-bench.ts'
import { KEY } from './test-bench.ts'

const CALL = '{"function":"chat","mode":"stream"}'
const ORIGIN = { worker: 'w7#2', attempt: 2, queueMs: 5 }
const LOST = fail({ code: 'WORKER_LOST', detail: 'gone', retryAfterMs: 50 })

/** The link's end: gives items, and counts what is taken of them. */
class Source {
  sent = 0
  takenBytes = 0
  readonly #submission: Submission
  #waiters: (() => void)[] = []

  constructor(submission: Submission | undefined) {
    assert.ok(submission)
    this.#submission = submission
  }

  give(kind: StreamKind, bytes: string | Uint8Array, isLast = true): void {
    const item: StreamItem = { kind, bytes: Buffer.from(bytes), isLast, source: this }
    this.sent += item.bytes.length
    this.#submission.onItem?.(item, ORIGIN)
  }

  /** As a link would: until a window waits that nobody has taken. */
  async fill(piece: Uint8Array): Promise<void> {
    while (this.sent - this.takenBytes + piece.length <= 256 * 1024) {
      assert.ok(this.sent < 64 * 1024 * 1024, 'what is taken for one who does not read is bounded')
      this.give('chunk', piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  taken(bytes: number): void {
    this.takenBytes += bytes
    for (const wake of this.#waiters.splice(0)) wake()
  }

  async untilAllTaken(): Promise<void> {
    while (this.takenBytes < this.sent) await new Promise<void>((resolve) => this.#waiters.push(resolve))
    assert.equal(this.takenBytes, this.sent, 'nothing is taken twice')
  }
}

function callWith(headers = '', version = '1.1'): string {
  return `POST /task HTTP/${version}\r\nHost: a\r\n${AUTH}${headers}Content-Length: ${CALL.length}\r\n\r\n${CALL}`
}

/** Everything that comes on a connection, and a wait for what it ends with. */
function listen(socket: Socket) {
  let text = ''
  let error: NodeJS.ErrnoException | undefined
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1')
  })
  socket.on('error', (cause) => {
    error = cause
  })
  return {
    closed,
    text: () => text,
    error: () => error,
    async until(ending: string): Promise<string> {
      while (!text.endsWith(ending)) await once(socket, 'data')
      return text
    },
  }
}

for (const way of WAYS)
  describe(`streams by the ${way} route`, () => {
    async function begin(
      t: Parameters<typeof serve>[0],
      headers = '',
      version?: string,
      changes: { readerIdleMs?: number; answerHeaders?: 'minimal' } = {},
    ) {
      const bench = await serve(t, way, changes)
      bench.core.plan = undefined
      const socket = bench.open()
      const heard = listen(socket)
      socket.write(callWith(headers, version))
      await bench.core.until(() => bench.core.submissions.length === 1)
      const [submission] = bench.core.submissions
      assert.equal(submission?.mode, 'stream')
      return { ...bench, socket, heard, source: new Source(submission), submission }
    }

    test('a text begins with its first chunk and brings each at once', async (t) => {
      const { heard, source, submission } = await begin(t)
      source.give('log', '{"text":"not for a text"}')
      source.give('progress', '{"fraction":0.5}')
      assert.equal(heard.text(), '')
      source.give('chunk', 'one ')
      const head = await heard.until('one \r\n')
      assert.match(head, /^HTTP\/1\.1 200 OK\r\n/)
      assert.match(head, /content-type: text\/plain; charset=utf-8\r\n/)
      assert.match(head, /x-run-id: r_/)
      assert.match(head, /x-worker: w7\r\n/)
      assert.match(head, /x-attempt: 2\r\n/)
      assert.match(head, /server-timing: queue;dur=5\r\n/)
      assert.match(head, /x-accel-buffering: no\r\n/)
      assert.match(head, /x-content-type-options: nosniff\r\n/)
      source.give('chunk', 'two', false)
      source.give('chunk', ' three')
      await heard.until('two three\r\n')
      await source.untilAllTaken()
      submission?.onSettled(complete('"the result is not sent"'))
      const whole = await heard.until('\r\n0\r\n\r\n')
      assert.doesNotMatch(whole, /not for a text|not sent|fraction/)
    })

    test('minimal headers are the run id alone', async (t) => {
      const { heard, source } = await begin(t, '', undefined, { answerHeaders: 'minimal' })
      source.give('chunk', 'x')
      const head = await heard.until('x\r\n')
      assert.match(head, /x-run-id: r_/)
      assert.doesNotMatch(head, /x-worker|x-attempt|server-timing/)
    })

    test('a text without a chunk is an empty one, or a failure with its status', async (t) => {
      const empty = await begin(t)
      empty.submission?.onSettled(complete('1'))
      assert.match(await empty.heard.until('\r\n\r\n0\r\n\r\n'), /^HTTP\/1\.1 200/)
      const failed = await begin(t)
      failed.submission?.onSettled(LOST)
      const text = await failed.heard.until('}')
      assert.match(text, /^HTTP\/1\.1 502 .*application\/problem\+json.*"code":"WORKER_LOST"/s)
    })

    test('a text that fails after its first chunk is cut off behind it', async (t) => {
      const { heard, source, submission } = await begin(t)
      source.give('chunk', 'part')
      submission?.onSettled(LOST)
      await heard.closed
      assert.ok(heard.text().endsWith('4\r\npart\r\n'), heard.text())
      assert.equal(heard.error(), undefined)
    })

    test('a client of HTTP/1.0 tells the end from a cut', async (t) => {
      const whole = await begin(t, '', '1.0')
      whole.source.give('chunk', 'all of ')
      whole.source.give('chunk', 'it')
      whole.submission?.onSettled(complete(''))
      await whole.heard.closed
      assert.ok(whole.heard.text().endsWith('\r\n\r\nall of it'), whole.heard.text())
      assert.equal(whole.heard.error(), undefined)
      const cut = await begin(t, '', '1.0')
      cut.source.give('chunk', 'part')
      await cut.heard.until('part')
      cut.submission?.onSettled(LOST)
      await cut.heard.closed
      assert.equal(cut.heard.error()?.code, 'ECONNRESET')
    })

    test('Connection: close ends the body and the connection', async (t) => {
      const { heard, source, submission } = await begin(t, 'Connection: close\r\n')
      source.give('chunk', 'x')
      submission?.onSettled(complete(''))
      await heard.closed
      assert.ok(heard.text().endsWith('1\r\nx\r\n0\r\n\r\n'))
    })

    test('events: headers and an id at once, then everything by number, and the result', async (t) => {
      const { heard, source, submission } = await begin(t, 'Accept: text/event-stream, */*\r\n')
      assert.match(
        await heard.until('id: 0\n\n\r\n'),
        /content-type: text\/event-stream; charset=utf-8\r\n.*x-run-id/s,
      )
      source.give('chunk', 'a\n\ndata: b')
      await heard.until('id: 1\nevent: chunk\ndata: {"text":"a\\n\\ndata: b"}\n\n\r\n')
      source.give('chunk', Buffer.from([255, 0]))
      await heard.until('id: 2\nevent: chunk\ndata: {"base64":"/wA="}\n\n\r\n')
      source.give('log', '{"text":"l')
      source.give('log', '{"text":"line"}')
      await heard.until('event: log\ndata: {"text":"line"}\n\n\r\n')
      source.give('usage', '{"tokens":5}')
      source.give('progress', '{"fracti', false)
      source.give('progress', 'on":1}')
      await heard.until('event: progress\ndata: {"fraction":1}\n\n\r\n')
      await source.untilAllTaken()
      submission?.onSettled(complete('{"n":3}'))
      const whole = await heard.until('event: result\ndata: {"n":3}\n\n\r\n0\r\n\r\n')
      assert.doesNotMatch(whole, /usage|tokens/)
    })

    test('events: bytes as a result, and an error as the last event', async (t) => {
      const made = await begin(t, 'Accept: text/event-stream\r\n')
      made.submission?.onSettled(complete(Buffer.from([0, 255]), 'image/png'))
      await made.heard.until('data: {"mediaType":"image/png","base64":"AP8="}\n\n\r\n0\r\n\r\n')
      const failed = await begin(t, 'Accept: text/event-stream\r\n')
      failed.submission?.onSettled(LOST)
      await failed.heard.until(
        'id: 1\nevent: error\ndata: {"code":"WORKER_LOST","message":"gone","retryAfterMs":50}\n\n\r\n0\r\n\r\n',
      )
    })

    test('a refusal has its status, with events too', async (t) => {
      const { core, post } = await serve(t, way)
      core.refusal = { code: 'QUEUE_FULL', detail: 'full', retryAfterMs: 900 }
      for (const accept of ['*/*', 'text/event-stream']) {
        const answer = await post(CALL, { accept })
        assert.equal(answer.status, 429)
        assert.equal(answer.headers.get('retry-after'), '1')
        assert.equal(JSON.parse(answer.text).code, 'QUEUE_FULL')
      }
    })

    for (const accept of ['*/*', 'text/event-stream'])
      test(`a caller that leaves in the middle ends its task (${accept})`, async (t) => {
        const { core, heard, source, socket, submission } = await begin(t, `Accept: ${accept}\r\n`)
        source.give('chunk', 'x')
        await heard.until(accept === '*/*' ? 'x\r\n' : '"x"}\n\n\r\n')
        socket.destroy()
        await core.until(() => core.cancelled.length > 0)
        assert.deepEqual(core.cancelled, [submission?.run])
        source.give('chunk', 'to nobody')
        submission?.onSettled(fail({ code: 'CANCELLED', detail: 'left' }))
      })

    test('one who does not read takes nothing; reading, it gets every byte', async (t) => {
      const { core, url } = await serve(t, way)
      core.plan = undefined
      const asked = request(`${url}/task`, { method: 'POST', headers: { authorization: KEY } })
      t.after(() => asked.destroy())
      asked.end(CALL)
      await core.until(() => core.submissions.length === 1)
      const source = new Source(core.submissions[0])
      const piece = Buffer.alloc(64 * 1024, 'berth')
      source.give('chunk', piece)
      const [response] = await once(asked, 'response')
      await source.fill(piece)
      for (const letter of 'tiny') source.give('chunk', letter)
      core.submissions[0]?.onSettled(complete(''))
      let received = 0
      let last = Buffer.alloc(0)
      for await (const bytes of response) {
        received += bytes.length
        last = bytes
      }
      assert.equal(received, source.sent)
      assert.ok(last.toString().endsWith('tiny'))
    })

    test('one who reads again has taken all that waited', async (t) => {
      const { socket, source, heard } = await begin(t, 'Accept: text/event-stream\r\n')
      await heard.until('id: 0\n\n\r\n')
      socket.pause()
      const piece = Buffer.alloc(48 * 1024, '\u0001')
      await source.fill(piece)
      assert.ok(source.takenBytes < source.sent)
      socket.resume()
      await source.untilAllTaken()
    })

    test('one who takes nothing for too long is cut off; one who waits long for a chunk is not', async (t) => {
      const patient = await begin(t, '', undefined, { readerIdleMs: 300 })
      patient.source.give('chunk', 'x')
      await patient.heard.until('x\r\n')
      const { core } = patient
      const socket = patient.open()
      socket.pause()
      socket.write(callWith())
      await core.until(() => core.submissions.length === 2)
      const source = new Source(core.submissions[1])
      const piece = Buffer.alloc(64 * 1024)
      await source.fill(piece)
      await core.until(() => core.cancelled.length > 0)
      assert.deepEqual(core.cancelled, [core.submissions[1]?.run])
      patient.source.give('chunk', 'y')
      await patient.heard.until('1\r\ny\r\n')
    })
  })
