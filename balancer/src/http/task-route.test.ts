/** `POST /task` over real sockets, by the hot route and by the router: both must answer the same. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import type { TaskError } from '@berth/protocol'
import type { Settlement } from '../ports/submission.ts'
import { AUTH, complete, FakeCore, fail, LIMIT, serve, WAYS } from './task-bench.ts'
import { type TaskAnswer, Tasks } from './tasks.ts'
import { KEY, makeBench } from './test-bench.ts'

const CALL = '{"function":"hello"}'

/** Sent to both; `settle` is what the core says. */
const CASES: {
  what: string
  status: number
  body?: string
  headers?: Record<string, string>
  settle?: Settlement
  refusal?: TaskError
}[] = [
  { what: 'a result', status: 200 },
  { what: 'an empty result', status: 200, settle: complete('') },
  { what: 'a result that is bytes', status: 200, settle: complete(Buffer.from([0, 255, 1]), 'image/png') },
  { what: 'a big result', status: 200, settle: complete(JSON.stringify('x'.repeat(500_000))) },
  { what: 'not JSON', status: 400, body: '{' },
  { what: 'an unknown field', status: 400, body: '{"function":"hello","x":1}' },
  { what: 'an empty body', status: 400, body: '' },
  { what: 'no key', status: 401, headers: { authorization: '' } },
  { what: 'a wrong key', status: 401, headers: { authorization: 'Bearer wrong' } },
  {
    what: 'a body over the limit',
    status: 413,
    body: JSON.stringify({ function: 'hello', input: { a: 'x'.repeat(LIMIT) } }),
  },
  { what: 'multipart', status: 415, headers: { 'content-type': 'multipart/form-data; boundary=x' } },
  { what: 'gzip', status: 415, headers: { 'content-encoding': 'gzip' } },
  { what: 'a run on disk', status: 202, headers: { prefer: 'respond-async' } },
  { what: 'a wrong preference', status: 400, headers: { prefer: 'wait=x' } },
  { what: 'full', status: 429, refusal: { code: 'QUEUE_FULL', detail: 'full', retryAfterMs: 2_100 } },
  { what: 'unknown', status: 404, refusal: { code: 'UNKNOWN_FUNCTION', detail: 'no worker' } },
  { what: 'no capacity', status: 503, refusal: { code: 'NO_CAPACITY', detail: 'none' } },
  {
    what: 'bad input',
    status: 422,
    settle: fail({
      code: 'INVALID_INPUT',
      detail: 'no',
      errors: [{ pointer: '/input/s', detail: 'must be' }],
    }),
  },
  { what: 'a failure', status: 500, settle: fail({ code: 'FUNCTION_FAILED', detail: 'it threw "é"\n' }) },
  { what: 'a loss', status: 502, settle: fail({ code: 'WORKER_LOST', detail: 'lost' }) },
  {
    what: 'a timeout in the queue',
    status: 504,
    settle: fail({ code: 'TIMEOUT', detail: 'queue' }, { worker: undefined, attempt: 0 }),
  },
]

for (const { what, status, body = CALL, headers = {}, settle, refusal } of CASES)
  test(`both routes answer the same: ${what} (${status})`, async (t) => {
    const answers = []
    for (const way of WAYS) {
      const { core, post } = await serve(t, way, { createRunId: () => 'r_same' })
      core.refusal = refusal
      if (settle) core.plan = () => settle
      const answer = await post(body, headers)
      assert.equal(answer.status, status, `${way}: ${answer.text}`)
      const plain = Object.fromEntries(answer.headers)
      for (const name of ['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'])
        delete plain[name]
      answers.push({ text: answer.text, headers: plain })
    }
    assert.deepEqual(answers[0], answers[1])
    assert.deepEqual(answers[0], answers[2])
    const { text, headers: got } = answers[0] ?? assert.fail()
    assert.equal(got['cache-control'], 'no-store')
    assert.equal(got['x-content-type-options'], 'nosniff')
    const json = JSON.parse(text)
    assert.equal(json.success, status < 400)
    if (status < 400) return
    assert.equal(got['content-type'], 'application/problem+json')
    assert.deepEqual([json.status, json.error], [status, json.detail])
    assert.equal(json.type, `/problems/${json.code.toLowerCase().replaceAll('_', '-')}`)
    assert.equal(got['retry-after'], what === 'full' ? '3' : status === 503 ? '1' : undefined)
  })

for (const way of WAYS)
  describe(`the ${way} route`, () => {
    test('words a result and where it comes from', async (t) => {
      const { core, post } = await serve(t, way)
      const answer = await post('{"function":"hello","input":{"a":1}}')
      assert.equal(answer.text, '{"success":true,"result":{"hello":1}}')
      const { headers } = answer
      assert.match(headers.get('x-run-id') ?? '', /^r_[0-9a-hjkmnp-tv-z]{26}$/)
      assert.equal(headers.get('x-worker'), 'w1')
      assert.equal(headers.get('x-attempt'), '1')
      assert.equal(headers.get('server-timing'), 'queue;dur=1.23, run;dur=20')
      core.plan = () => complete('')
      assert.equal((await post(CALL)).text, '{"success":true,"result":null}')
      core.plan = () => complete(Buffer.from([0, 255]), 'image/png')
      const bytes = JSON.parse((await post(CALL)).text)
      assert.deepEqual(bytes.result, { mediaType: 'image/png', base64: 'AP8=' })
      core.plan = () => ({ ...complete('1'), worker: 'host:80/path#3' })
      assert.equal((await post(CALL)).headers.get('x-worker'), 'host:80/path')
      core.plan = () => fail({ code: 'TIMEOUT', detail: 'queue' }, { worker: undefined, attempt: 0 })
      const waited = await post(CALL)
      assert.deepEqual([waited.headers.get('x-worker'), waited.headers.get('x-attempt')], [null, null])
      assert.ok(waited.headers.get('x-run-id'))
    })

    test('minimal headers are the run id alone', async (t) => {
      const { post } = await serve(t, way, { answerHeaders: 'minimal' })
      const { headers } = await post(CALL)
      assert.ok(headers.get('x-run-id'))
      for (const name of ['x-worker', 'x-attempt', 'server-timing']) assert.equal(headers.get(name), null)
    })

    test('an error says where it comes from as a result does, full or minimal', async (t) => {
      const names = ['x-run-id', 'x-worker', 'x-attempt', 'server-timing']
      for (const answerHeaders of ['full', 'minimal'] as const) {
        const { core, post } = await serve(t, way, { answerHeaders })
        const seen = async () => {
          const { headers } = await post(CALL)
          return names.filter((name) => headers.get(name) !== null)
        }
        const isFull = answerHeaders === 'full'
        for (const code of ['FUNCTION_FAILED', 'WORKER_LOST', 'TIMEOUT', 'CANCELLED', 'POISONED'] as const) {
          core.plan = () => fail({ code, detail: 'why' })
          assert.deepEqual(await seen(), isFull ? names : ['x-run-id'], code)
        }
        core.plan = () => fail({ code: 'DRAINING', detail: 'why' }, { worker: undefined, attempt: 0 })
        assert.deepEqual(await seen(), isFull ? ['x-run-id', 'server-timing'] : ['x-run-id'])
        for (const code of ['NO_CAPACITY', 'QUEUE_FULL', 'UNKNOWN_FUNCTION', 'PAUSED'] as const) {
          core.refusal = { code, detail: 'why', retryAfterMs: 3_000 }
          assert.deepEqual(await seen(), ['x-run-id'], code)
          assert.equal((await post(CALL)).headers.get('retry-after'), '3')
        }
      }
    })

    test('hands the core what the body says, and defaults for the rest', async (t) => {
      const { core, clock, post } = await serve(t, way)
      const deadline = new Date(clock.wallMs() + 5_000).toISOString()
      const body = JSON.stringify({
        function: 'f',
        group: 'g',
        contract: 2,
        priority: 7,
        fairnessKey: '__proto__',
        timeout: 99,
        attempts: 4,
        idempotent: false,
        tags: { gpu: 'h200' },
        deadline,
        metadata: { order: '7' },
        input: { a: 1 },
      })
      await post(body, { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` })
      await post(CALL, { traceparent: '00-x' })
      await post(JSON.stringify({ function: 'f', deadline: '2001-01-01T00:00:00Z' }))
      const [named, plain, late] = core.submissions
      const { onSettled: _, run: __, onItem: ___, ...more } = named ?? assert.fail()
      const { payload, selector, ...rest } = more
      assert.deepEqual(rest, {
        group: 'g',
        function: 'f',
        contract: 2,
        priority: 7,
        fairnessKey: '__proto__',
        mode: 'sync',
        isDurable: false,
        attempts: 4,
        idempotent: false,
        timeoutMs: 99,
        deadlineAt: 5_000,
        queueUntilAt: 60_000,
        trace: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
        metadata: { order: '7' },
        budget: undefined,
        meter: undefined,
        workerKey: undefined,
        trigger: undefined,
        onFile: undefined,
      })
      assert.deepEqual(selector.tagKeys, ['gpu'])
      assert.deepEqual([String(payload.bytes), payload.mediaType, payload.isEnvelope], [body, '', true])
      assert.deepEqual(
        [plain?.group, plain?.priority, plain?.contract, plain?.deadlineAt, plain?.trace],
        ['default', 100, undefined, 300_000, ''],
      )
      assert.equal(late?.deadlineAt, 0)
    })

    test('who has shown the key on a connection shows it with every request on it', async (t) => {
      const { core, exchange } = await serve(t, way)
      const request = (auth: string, more = '') =>
        `POST /task HTTP/1.1\r\nHost: a\r\n${auth}${more}Content-Length: ${CALL.length}\r\n\r\n${CALL}`
      const wrong = AUTH.replace(/.\r\n$/, '~\r\n')
      const answers = await exchange(
        request(AUTH) +
          request(wrong) +
          request('') +
          request(AUTH) +
          request(wrong, 'Connection: close\r\n'),
      )
      assert.deepEqual(
        answers.match(/HTTP\/1\.1 \d+/g)?.map((line) => line.slice(-3)),
        ['200', '401', '401', '200', '401'],
      )
      assert.equal(core.submissions.length, 2)
    })

    test('bodies of an announced length, in pieces and behind each other, are each taken once', async (t) => {
      const { core, exchange, door } = await serve(t, way)
      const long = JSON.stringify({ function: 'hello', input: { a: 'x'.repeat(50_000) } })
      const request = (body: string, more = '') =>
        `POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}${more}Content-Length: ${body.length}\r\n\r\n${body}`
      const whole = request(long) + request(CALL) + request(long, 'Connection: close\r\n')
      const pieces = Array.from({ length: 9 }, (_, i) =>
        whole.slice((i * whole.length) / 9, ((i + 1) * whole.length) / 9),
      )
      const answers = await exchange(...pieces)
      assert.equal(answers.match(/HTTP\/1\.1 200/g)?.length, 3)
      assert.deepEqual(
        core.submissions.map(({ payload }) => String(payload.bytes)),
        [long, CALL, long],
      )
      assert.equal(door.bytes, 0)
    })

    test('a body in many pieces, and a chunked one, arrive whole', async (t) => {
      const { core, exchange } = await serve(t, way)
      const body = JSON.stringify({ function: 'hello', input: { a: 'é'.repeat(20_000) } })
      const chunks = [...Buffer.from(body)].map((byte) => Buffer.from([0x31, 13, 10, byte, 13, 10]))
      const head = `POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`
      const answer = await exchange(head, Buffer.concat(chunks), '0\r\n\r\n')
      assert.match(answer, /^HTTP\/1\.1 200/)
      assert.equal(String(core.submissions[0]?.payload.bytes), body)
    })

    for (const framing of ['declared', 'chunked'] as const)
      test(`a ${framing} body over the limit: the client reads 413 and not a reset, and may go on`, async (t) => {
        const { core, open, log } = await serve(t, way)
        const socket = open()
        let answer = ''
        let failure: Error | undefined
        socket.on('data', (bytes) => {
          answer += bytes
        })
        socket.on('error', (error) => {
          failure = error
        })
        const piece = Buffer.alloc(64 * 1024, 'x')
        const pieces = 176
        const length =
          framing === 'declared' ? `Content-Length: ${pieces * piece.length}` : 'Transfer-Encoding: chunked'
        socket.write(`POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}${length}\r\n\r\n`)
        for (let i = 0; i < pieces && !failure; i++) {
          if (framing === 'chunked') socket.write('10000\r\n')
          if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
          if (framing === 'chunked') socket.write('\r\n')
        }
        if (framing === 'chunked') socket.write('0\r\n\r\n')
        socket.write(
          `POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}Connection: close\r\nContent-Length: ${CALL.length}\r\n\r\n${CALL}`,
        )
        await once(socket, 'close')
        assert.equal(failure, undefined)
        const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])
        assert.equal(statuses[0], '413')
        assert.match(answer, /REQUEST_BODY_LIMIT/)
        assert.deepEqual(statuses, ['413', '200'])
        assert.equal(core.submissions.length, 1)
        assert.deepEqual(
          log.entries().filter(({ level }) => level === 'error'),
          [],
        )
      })

    test('what is shed at the door is answered before the body, and asks for none', async (t) => {
      const { core, door, open } = await serve(t, way)
      core.shed = { code: 'QUEUE_FULL', detail: 'no room', retryAfterMs: 2_000 }
      for (const expect of ['', 'Expect: 100-continue\r\n']) {
        const socket = open()
        socket.write(`POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}${expect}Content-Length: 90000\r\n\r\n`)
        const [answer] = await once(socket, 'data')
        assert.match(String(answer), /^HTTP\/1\.1 429/)
        assert.match(String(answer), /retry-after: 2\r/i)
      }
      assert.equal(door.bytes, 0)
    })

    test('a body that breaks off in the middle leaves nothing held', async (t) => {
      const { core, door, open, post } = await serve(t, way)
      const socket = open()
      socket.write(`POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}Content-Length: 90000\r\n\r\n`)
      socket.write(Buffer.alloc(50_000))
      while (door.bytes === 0) await new Promise(setImmediate)
      socket.resetAndDestroy()
      while (door.bytes > 0) await new Promise(setImmediate)
      assert.equal((await post(CALL)).status, 200)
      assert.equal(core.submissions.length, 1)
    })

    test('without a key the answer comes before the body', async (t) => {
      const { core, open } = await serve(t, way)
      for (const key of ['', 'Authorization: wrong\r\n']) {
        const socket = open()
        socket.write(`POST /task HTTP/1.1\r\nHost: a\r\n${key}Content-Length: 1000000\r\n\r\n`)
        const [answer] = await once(socket, 'data')
        assert.match(String(answer), /^HTTP\/1\.1 401/)
        assert.match(String(answer), /www-authenticate: Bearer/i)
      }
      assert.deepEqual(core.submissions, [])
    })

    test('Expect: 100-continue is said only to whom a body may be sent', async (t) => {
      const { open } = await serve(t, way)
      const first = async (headers: string) => {
        const socket = open()
        socket.write(`POST /task HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${headers}\r\n`)
        const [answer] = await once(socket, 'data')
        return { answer: String(answer), socket }
      }
      assert.match((await first('Authorization: no\r\nContent-Length: 20\r\n')).answer, /^HTTP\/1\.1 401/)
      assert.match((await first(`${AUTH}Content-Length: 99999999\r\n`)).answer, /^HTTP\/1\.1 413/)
      const { answer, socket } = await first(`${AUTH}Content-Length: ${CALL.length}\r\n`)
      assert.match(answer, /^HTTP\/1\.1 100/)
      socket.write(CALL)
      assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200/)
    })

    test('a caller that leaves ends its task, one that half-closes does not', async (t) => {
      const { core, open } = await serve(t, way)
      core.plan = undefined
      const request = `POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}Content-Length: ${CALL.length}\r\n\r\n${CALL}`
      const leaving = open()
      leaving.write(request)
      await core.until(() => core.submissions.length === 1)
      leaving.destroy()
      await core.until(() => core.cancelled.length === 1)
      assert.deepEqual(core.cancelled, [core.submissions[0]?.run])
      // What the core then says about the end reaches nobody and harms nothing.
      core.submissions[0]?.onSettled(fail({ code: 'CANCELLED', detail: 'left' }))
      const waiting = open()
      waiting.end(request)
      await core.until(() => core.submissions.length === 2)
      // Its end has been read when it is asked whether it is still there.
      assert.match(String((await once(waiting, 'data'))[0]), /^HTTP\/1\.1 100 Continue/)
      core.submissions[1]?.onSettled(complete('"there"'))
      while (!/^HTTP\/1\.1 200/.test(String((await once(waiting, 'data'))[0])));
      assert.equal(core.cancelled.length, 1)
    })

    test('a caller that leaves in the middle of its body starts nothing and is no fault of ours', async (t) => {
      const { core, open, post, log } = await serve(t, way)
      const socket = open()
      socket.write(`POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}Content-Length: 500\r\n\r\n{"function":`)
      await once(socket, 'connect').catch(() => {})
      socket.resetAndDestroy()
      await once(socket, 'close')
      await post(CALL)
      assert.equal(core.submissions.length, 1)
      assert.deepEqual(
        log.entries().filter(({ level }) => level === 'error'),
        [],
      )
    })

    test('an unknown parameter of the address is refused', async (t) => {
      const { core, url } = await serve(t, way)
      const ask = (query: string) =>
        fetch(`${url}/task${query}`, { method: 'POST', headers: { authorization: KEY }, body: CALL })
      for (const query of ['?x=1', '?priority=5', '?function=hello']) {
        const answer = await ask(query)
        assert.equal(answer.status, 400, query)
        assert.match(await answer.text(), /There is no parameter \\"(x|priority|function)\\" here/)
      }
      assert.equal(core.submissions.length, 0)
      assert.equal((await ask('?')).status, 200)
    })

    test('pipelined calls are answered in order', async (t) => {
      const { core, exchange } = await serve(t, way)
      core.plan = ({ priority }) => complete(String(priority))
      const call = (priority: number, last: boolean) => {
        const body = `{"function":"hello","priority":${priority}}`
        return `POST /task HTTP/1.1\r\nHost: a\r\n${AUTH}${last ? 'Connection: close\r\n' : ''}Content-Length: ${body.length}\r\n\r\n${body}`
      }
      const answer = await exchange(Array.from({ length: 50 }, (_, i) => call(i + 1, i === 49)).join(''))
      const results = [...answer.matchAll(/"result":(\d+)/g)].map((match) => Number(match[1]))
      assert.deepEqual(
        results,
        Array.from({ length: 50 }, (_, i) => i + 1),
      )
    })
  })

test('a call is answered once, in the same turn when it is refused', () => {
  const { deps } = makeBench()
  const core = new FakeCore()
  core.refusal = { code: 'DRAINING', detail: 'going' }
  const tasks = new Tasks({
    scheduler: core,
    clock: deps.clock,
    log: deps.log,
    createRunId: () => 'r_1',
    taskTimeoutMs: 1,
    queueTimeoutMs: 1,
    defaultPriority: 1,
    answerHeaders: 'full',
  })
  const head = {
    contentType: '',
    contentEncoding: undefined,
    prefer: undefined,
    idempotencyKey: undefined,
    traceparent: undefined,
    wantsEvents: false,
  }
  const answers: TaskAnswer[] = []
  const abandon = tasks.handle(
    { head, bytes: Buffer.from(CALL) },
    { answer: (answer) => void answers.push(answer), open: () => assert.fail('no stream') },
  )
  abandon()
  assert.equal(answers.length, 1)
  assert.equal(answers[0]?.status, 503)
  assert.equal(answers[0]?.headers['x-run-id'], 'r_1')
  assert.deepEqual(core.cancelled, [])
})
