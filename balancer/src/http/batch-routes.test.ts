/** `POST /tasks` over real sockets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { ManualClock, systemClock } from '@berth/runtime'
import type { DoorPort, Settlement, Submission, SubmitPort } from '../ports/submission.ts'
import { createApp } from './app.ts'
import { batchRoutes, mayReceiveBatch } from './batch-routes.ts'
import { Door } from './door.ts'
import { createRunIds } from './run-id.ts'
import { createHttpServer } from './server.ts'
import { Tasks } from './tasks.ts'
import { KEY, makeBench } from './test-bench.ts'

const LIMIT = 1_000_000

function complete(json: string): Settlement {
  const ended = { worker: 'w1', attempt: 1, queueMs: 1, runMs: 2, mediaType: '' }
  return { kind: 'completed', result: Buffer.from(json), ...ended }
}

/** A core that answers at once with what the task is called, or holds it. */
class FakeCore implements SubmitPort, DoorPort {
  readonly submissions: Submission[] = []
  readonly cancelled: string[] = []
  result: ((submission: Submission) => string) | undefined = ({ function: name }) => JSON.stringify(name)

  submit(submission: Submission) {
    this.submissions.push(submission)
    const json = this.result?.(submission)
    if (json !== undefined) queueMicrotask(() => submission.onSettled(complete(json)))
    return { ok: true as const }
  }
  cancel(run: string): boolean {
    this.cancelled.push(run)
    return true
  }
  refuseAtDoor(own: number, others: number) {
    return own + others <= 2 * LIMIT ? undefined : ({ code: 'QUEUE_FULL', detail: 'no room' } as const)
  }
}

async function serve(t: TestContext, patienceMs?: number) {
  const core = new FakeCore()
  const door = new Door(core)
  const { deps } = makeBench()
  const tasks = new Tasks({
    scheduler: core,
    clock: new ManualClock(),
    log: deps.log,
    createRunId: createRunIds(1, () => 0),
    taskTimeoutMs: 300_000,
    queueTimeoutMs: 60_000,
    defaultPriority: 100,
    answerHeaders: 'full',
  })
  const routes = batchRoutes({
    tasks,
    clock: systemClock,
    door,
    bodyLimitBytes: 1000,
    batchLimitBytes: LIMIT,
    ...(patienceMs === undefined ? {} : { patienceMs }),
  })
  const server = createHttpServer({
    app: createApp({ ...deps, routes }),
    log: deps.log,
    host: '127.0.0.1',
    port: 0,
    mayContinue: mayReceiveBatch({ door, batchLimitBytes: LIMIT }),
  })
  await server.start()
  t.after(() => server.stop())
  const { port } = server.address()
  const dial = () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    return socket
  }
  return {
    core,
    door,
    log: deps.log,
    async post(body: string, headers: Record<string, string> = {}, path = '/tasks') {
      const init = { method: 'POST', headers: { authorization: KEY, ...headers }, body }
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, init)
      const text = await answer.text()
      return { status: answer.status, type: answer.headers.get('content-type'), text }
    },
    dial,
    open(body: string, version = '1.1') {
      const socket = dial()
      socket.write(
        `POST /tasks HTTP/${version}\r\nHost: a\r\nAuthorization: ${KEY}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
      return socket
    },
  }
}

/** Asks again each turn; a test that waits for ever is ended by the runner. */
async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise(setImmediate)
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `f${i}`)
const batchOf = (functions: readonly string[]) =>
  `[${functions.map((name) => `{"function":"${name}"}`).join(', ')}]`

test('answers every task of an array and of lines, its bytes passed on as they came', async (t) => {
  const { core, door, post } = await serve(t)
  const lines = '{"function":"f0"}\n {"function" : "f1"}\n'
  for (const body of [batchOf(names(2)), lines]) {
    core.submissions.length = 0
    const { status, type, text } = await post(body)
    assert.deepEqual([status, type], [200, 'application/x-ndjson'])
    const answers = text.trimEnd().split('\n')
    assert.deepEqual(
      answers.map((line) => JSON.parse(line)).map(({ index, status, result }) => [index, status, result]),
      [
        [0, 200, 'f0'],
        [1, 200, 'f1'],
      ],
    )
    for (const { payload } of core.submissions) {
      assert.equal(payload.isEnvelope, true)
      assert.ok(body.includes(String(payload.bytes)))
    }
  }
  await until(() => door.bytes === 0)
})

test('refuses as a whole what is wrong with the whole, and submits nothing', async (t) => {
  const { core, door, post } = await serve(t)
  for (const [status, body, headers, path] of [
    [400, '[]'],
    [400, '[{"function":"f"}'],
    [400, '[{"function":"f"},{"function":"f","mode":"stream"}]'],
    [400, '[{"function":"f"}]', { 'idempotency-key': '\u00e9' }],
    [400, '[{"function":"f"}]', {}, '/tasks?x=1'],
    [401, '[{"function":"f"}]', { authorization: 'wrong' }],
    [413, ' '.repeat(LIMIT + 1)],
    [415, '[{"function":"f"}]', { 'content-encoding': 'gzip' }],
  ] as [number, string, Record<string, string>?, string?][]) {
    const answer = await post(body, headers, path)
    assert.deepEqual([answer.status, answer.type], [status, 'application/problem+json'], body.slice(0, 60))
  }
  assert.deepEqual(core.submissions, [])
  assert.equal(door.bytes, 0)
})

test('a batch counts at the door until its last answer', async (t) => {
  const { core, door, open } = await serve(t)
  core.result = undefined
  const body = batchOf(names(3))
  const socket = open(body)
  await until(() => core.submissions.length === 3)
  assert.equal(door.bytes, body.length)
  for (const { onSettled } of core.submissions) onSettled(complete('1'))
  socket.resume()
  await until(() => door.bytes === 0)
})

test('a caller that leaves has all its tasks cancelled', async (t) => {
  const { core, door, open, log } = await serve(t)
  core.result = undefined
  const socket = open(batchOf(names(20)))
  await until(() => core.submissions.length === 20)
  socket.resetAndDestroy()
  await until(() => core.cancelled.length === 20)
  assert.deepEqual(
    core.cancelled,
    core.submissions.map(({ run }) => run),
  )
  await until(() => door.bytes === 0)
  assert.deepEqual(
    log.entries().filter(({ level }) => level === 'error'),
    [],
  )
})

test('a reader that takes nothing stops the batch, and is cut off in the end', async (t) => {
  const { core, door, open } = await serve(t, 300)
  core.result = () => JSON.stringify('x'.repeat(500_000))
  const socket = open(batchOf(names(10_000)))
  socket.pause()
  await until(() => core.submissions.length > 0)
  await until(() => door.bytes === 0)
  assert.ok(core.submissions.length < 1_000, `${core.submissions.length} tasks were begun for nobody`)
})

test('an HTTP/1.0 caller reads to the end of the connection', async (t) => {
  const { open } = await serve(t)
  const socket = open(batchOf(names(100)), '1.0')
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes
  })
  await once(socket, 'close')
  assert.doesNotMatch(answer, /transfer-encoding/i)
  const lines = answer.slice(answer.indexOf('\r\n\r\n') + 4).split('\n')
  assert.equal(lines.length, 101)
})

test('a batch for which there is no room is refused before it is sent', async (t) => {
  const { core, door, dial } = await serve(t)
  door.enter(2 * LIMIT - 100)
  for (const [length, status] of [
    [LIMIT + 1, 413],
    [101, 429],
    [18, 100],
  ] as const) {
    const socket = dial()
    const head = `Host: a\r\nAuthorization: ${KEY}\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
    socket.write(`POST /tasks HTTP/1.1\r\n${head}`)
    const [answer] = await once(socket, 'data')
    assert.match(String(answer), new RegExp(`^HTTP/1\\.1 ${status}`))
  }
  assert.deepEqual(core.submissions, [])
})
