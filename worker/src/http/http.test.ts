/** The worker's own HTTP, on a real server in this process. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createLog } from '@berth/runtime'
import { type RunningWorker, startWorker } from '../compose.ts'
import { readConfig } from '../config.ts'
import { FakeBalancer } from '../fixtures/fake-balancer.ts'
import { makeFolder, type TestFolder } from '../fixtures/test-folder.ts'

const KEYS = { authKey: 'worker-key-of-the-test', fleetKey: 'fleet-key-of-the-test' }

const HELD = `import { defineFunction } from '@berth/worker'
export default defineFunction({
  config: { timeout: 60_000 },
  handler: (_input, { signal }) => new Promise((resolve, reject) => {
    globalThis.berthTest.calls++
    globalThis.berthTest.release = resolve
    signal.addEventListener('abort', () => { globalThis.berthTest.onAbort(); reject(signal.reason) })
    globalThis.berthTest.onCall()
  }),
})`

const FILES = {
  'functions/echo.ts': `import { defineFunction } from '@berth/worker'
import { z } from 'zod'
export default defineFunction({ input: z.looseObject({}), handler: (input) => input })`,
  'functions/add.ts': `import { defineFunction } from '@berth/worker'
import { z } from 'zod'
export default defineFunction({ input: z.object({ a: z.number(), b: z.number().default(1) }), handler: ({ a, b }) => a + b })`,
  'functions/fails.ts': `import { defineFunction } from '@berth/worker'
export default defineFunction({ handler() { throw new Error('the disk is full') } })`,
  'functions/wide.ts': `import { defineFunction } from '@berth/worker'
export default defineFunction({ config: { slots: 9 }, handler: () => 1 })`,
  'functions/held.ts': HELD,
  'tags/host.ts': `export const tags = () => ({ region: 'eu', cores: 8 })`,
}

/** What the function \`held\` and a test say to each other: they share this process. */
const shared = {
  calls: 0,
  release: (_value: unknown) => {},
  onAbort: () => {},
  onCall: () => {},
}
Object.assign(globalThis, { berthTest: shared })

let folder: TestFolder
let worker: RunningWorker

async function startTestWorker(env: Record<string, string> = {}, files: Record<string, string> = FILES) {
  const project = makeFolder(files)
  const parsed = readConfig({ PORT: '0', SLOTS: '1', QUEUE_LIMIT: '1', REQUEST_BODY_LIMIT: '100kb', ...env })
  assert.ok(parsed.ok)
  const log = createLog({ source: 'worker', write: () => {} })
  return { project, running: await startWorker(parsed.config, KEYS, project.path, log) }
}

before(async () => {
  const { project, running } = await startTestWorker()
  folder = project
  worker = running
})
after(async () => {
  await worker.stop()
  folder[Symbol.dispose]()
})

interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

async function call(
  path: string,
  init: RequestInit = {},
  headers: Record<string, string> = {},
): Promise<Reply> {
  const response = await fetch(worker.url + path, {
    ...init,
    headers: { authorization: `Bearer ${KEYS.authKey}`, 'content-type': 'application/json', ...headers },
  })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Reply['body'],
  }
}

const post = (path: string, body: string | Uint8Array<ArrayBuffer> = '', headers?: Record<string, string>) =>
  call(path, { method: 'POST', body }, headers)
const task = (body: unknown, headers?: Record<string, string>) =>
  post('/task', typeof body === 'string' ? body : JSON.stringify(body), headers)
const nextCall = () =>
  new Promise<void>((resolve) => {
    shared.onCall = resolve
  })

/** Raw bytes to the server, and all it answers. */
async function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(worker.url)
  const socket = connect(Number(port), hostname)
  socket.end(text)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += String(chunk)
  })
  await once(socket, 'close')
  return answer
}

describe('POST /task', () => {
  it('runs a function', async () => {
    const { status, body, headers } = await task({
      function: 'add',
      input: { a: 2 },
      group: 'default',
      contract: 1,
    })
    assert.deepEqual([status, body], [200, { success: true, result: 3 }])
    assert.equal(headers.get('content-type'), 'application/json')
    assert.match(headers.get('server-timing') ?? '', /^queue;dur=[\d.]+, run;dur=[\d.]+$/)
  })

  it('answers each mistake with its own code and place', async () => {
    const cases: [unknown, number, string, string?][] = [
      ['', 400, 'INVALID_REQUEST'],
      ['{"function":', 400, 'INVALID_REQUEST'],
      ['null', 400, 'INVALID_REQUEST'],
      [[], 400, 'INVALID_REQUEST'],
      [{ function: 'nothing' }, 404, 'UNKNOWN_FUNCTION'],
      [{ function: 'add', group: 'other', input: { a: 1 } }, 404, 'UNKNOWN_FUNCTION'],
      [{ function: 'add', contract: 2, input: { a: 1 } }, 400, 'CONTRACT_MISMATCH'],
      [{ function: 'add', input: [] }, 400, 'INVALID_REQUEST', '/input'],
      [{ function: 'add', extra: 1 }, 400, 'INVALID_REQUEST', '/extra'],
      [{ function: 'add', priority: 0 }, 400, 'INVALID_REQUEST', '/priority'],
      [{ function: 'add', priority: 1.5 }, 400, 'INVALID_REQUEST', '/priority'],
      ['{"function":"add","priority":1e999}', 400, 'INVALID_REQUEST', '/priority'],
      [{ function: 'add', mode: 'async' }, 400, 'INVALID_REQUEST', '/mode'],
      [{ function: 'add', mode: 'stream' }, 400, 'INVALID_REQUEST', '/mode'],
      [{ function: 'nothing', mode: 'stream' }, 404, 'UNKNOWN_FUNCTION'],
      [{ function: 'add', async: true }, 400, 'INVALID_REQUEST', '/mode'],
      [{ function: 'add', session: 's' }, 400, 'INVALID_REQUEST', '/session'],
      [{ function: 'add', input: { a: '1' } }, 422, 'INVALID_INPUT', '/input/a'],
      [{ function: 'add', input: { a: 1, c: 1 } }, 422, 'INVALID_INPUT', '/input/c'],
      ['{"function":"add","input":{"a":1,"__proto__":{}}}', 422, 'INVALID_INPUT', '/input/__proto__'],
      [{ function: 'wide' }, 422, 'SLOT_COST_TOO_BIG'],
      [{ function: 'fails' }, 500, 'FUNCTION_FAILED'],
      [{ function: 'echo', tags: { region: 'us' } }, 503, 'NO_CAPACITY'],
      [{ function: 'echo', deadline: '2020-01-01T00:00:00Z' }, 504, 'TIMEOUT'],
      [`{"function":"echo","input":{"a":${'['.repeat(5000)}${']'.repeat(5000)}}}`, 400, 'INVALID_REQUEST'],
    ]
    for (const [given, status, code, pointer] of cases) {
      const reply = await task(given)
      const { body } = reply
      assert.deepEqual([reply.status, body.code, body.success], [status, code, false], JSON.stringify(given))
      assert.equal(reply.headers.get('content-type'), 'application/problem+json')
      assert.equal(body.error, body.detail)
      const errors = (body.errors ?? []) as { pointer: string }[]
      if (pointer !== undefined) assert.equal(errors[0]?.pointer, pointer)
    }
  })

  it('tells the message of a function that failed', async () => {
    assert.equal((await task({ function: 'fails' })).body.detail, 'the disk is full')
  })

  it('refuses bytes that are no UTF-8', async () => {
    const bytes = new Uint8Array(Buffer.from('{"function":"echo","input":{"a":"?"}}'))
    bytes[32] = 0xff
    const { status, body } = await post('/task', bytes)
    assert.deepEqual([status, body.detail], [400, 'The body is not UTF-8'])
  })

  it('refuses what is over the limit, with or without a length', async () => {
    const long = `{"function":"echo","input":{"a":"${'x'.repeat(110_000)}"}}`
    assert.deepEqual((await task(long)).status, 413)
    const half = Math.floor(long.length / 2)
    const chunks = [long.slice(0, half), long.slice(half)].map(
      (part) => `${part.length.toString(16)}\r\n${part}\r\n`,
    )
    const answer = await raw(
      `POST /task HTTP/1.1\r\nHost: x\r\nAuthorization: ${KEYS.authKey}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join('')}0\r\n\r\n`,
    )
    assert.match(answer, /^HTTP\/1\.1 413 /)
    const fits = await task(`{"function":"echo","input":{"a":"${'x'.repeat(100_000)}"}}`)
    assert.equal(fits.status, 200)
  })

  it('lets a client that is still sending read the refusal, and go on', async () => {
    const { hostname, port } = new URL(worker.url)
    const socket = connect(Number(port), hostname)
    const head = `Host: x\r\nAuthorization: ${KEYS.authKey}\r\n`
    const ended = new AbortController()
    socket.once('close', () => ended.abort())
    let answer = ''
    const heard = async (pattern: RegExp) => {
      while (!pattern.test(answer)) answer += String((await once(socket, 'data', ended))[0])
    }
    socket.write(`POST /task HTTP/1.1\r\n${head}Content-Length: 200000\r\n\r\nx`)
    await heard(/^HTTP\/1\.1 413 .*"code":"PAYLOAD_TOO_LARGE"/s)
    socket.write(`${'x'.repeat(199_999)}GET /health HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)
    await heard(/HTTP\/1\.1 200 /)
    socket.destroy()
  })

  it('reads JSON whatever its type says, multipart and compressed bodies excepted', async () => {
    const body = { function: 'add', input: { a: 1 } }
    assert.equal((await task(body, { 'content-type': 'text/plain' })).status, 200)
    const parts = await task(body, { 'content-type': 'multipart/form-data; boundary=x' })
    assert.equal(parts.status, 415)
    assert.match(JSON.stringify(parts), /taken by the balancer/)
    assert.equal((await task(body, { 'content-encoding': 'gzip' })).status, 415)
  })

  it('takes what it can say of its tags', async () => {
    assert.equal((await task({ function: 'echo', tags: { region: ['us', 'eu'], cores: '>=8' } })).status, 200)
  })
})

describe('POST /task/{group}/{function}', () => {
  it('takes the input as body, the rest as query', async () => {
    const { body } = await post('/task/default/add?priority=5&contract=1', '{"a":1,"b":5}')
    assert.equal(body.result, 6)
    const curled = await post('/task/default/add', '{"a":1}', {
      'content-type': 'application/x-www-form-urlencoded',
    })
    assert.equal(curled.body.result, 2)
    const inQuery = await post(`/task/default/add?input=${encodeURIComponent('{"a":4}')}`)
    assert.equal(inQuery.body.result, 5)
  })

  it('points into the body, which is the input', async () => {
    const { body } = await post('/task/default/add', '{"a":"x"}')
    assert.deepEqual((body.errors as { pointer: string }[])[0]?.pointer, '/a')
  })

  it('refuses what contradicts itself or is unknown', async () => {
    for (const query of [
      'priority=1&priority=2',
      'priority=x',
      'wrong=1',
      'input={}',
      'group=default',
      'tags=x',
      'input=%7B',
    ])
      assert.equal((await post(`/task/default/echo?${query}`, '{"a":1}')).status, 400, query)
    assert.equal((await post('/task/default/add', '[1]')).status, 400)
    assert.equal((await post('/task/default/add', 'x', { 'content-type': 'image' })).status, 415)
    assert.equal((await post('/task/other/add', '{}')).status, 404)
  })
})

describe('keys', () => {
  const statusOf = async (path: string, headers: Record<string, string>) => {
    const isRead = path === '/health' || path === '/logs'
    const response = await fetch(worker.url + path, {
      method: isRead ? 'GET' : 'POST',
      headers,
      ...(isRead ? {} : { body: '{"function":"echo"}' }),
    })
    await response.text()
    return response.status
  }

  it('open tasks with the worker’s key, and with x-lb-auth only when both are right', async () => {
    const { authKey, fleetKey } = KEYS
    const cases: [Record<string, string>, number][] = [
      [{}, 401],
      [{ authorization: 'wrong' }, 401],
      [{ authorization: fleetKey }, 401],
      [{ 'x-lb-auth': fleetKey }, 401],
      [{ authorization: authKey, 'x-lb-auth': 'wrong' }, 401],
      [{ authorization: authKey, 'x-lb-auth': '' }, 401],
      [{ authorization: 'wrong', 'x-lb-auth': fleetKey }, 401],
      [{ authorization: authKey }, 200],
      [{ authorization: `Bearer ${authKey}` }, 200],
      [{ authorization: `Api-Key ${authKey}` }, 200],
      [{ authorization: authKey, 'x-lb-auth': fleetKey }, 200],
    ]
    for (const [headers, status] of cases)
      assert.equal(await statusOf('/task', headers), status, JSON.stringify(headers))
  })

  it('open health and logs with either', async () => {
    assert.equal(await statusOf('/logs', {}), 401)
    assert.equal(await statusOf('/logs', { 'x-lb-auth': KEYS.fleetKey }), 200)
    assert.equal(await statusOf('/logs', { authorization: KEYS.authKey }), 200)
    assert.equal(await statusOf('/health', {}), 200)
    assert.equal(await statusOf('/health', { authorization: 'wrong' }), 401)
    assert.equal(await statusOf('/health', { 'x-lb-auth': KEYS.fleetKey }), 200)
  })

  it('hide what is not there', async () => {
    for (const path of ['/on', '/off', '/nothing', '/task/default/echo'])
      assert.equal(await statusOf(path, {}), 401, path)
    assert.equal(await statusOf('/nothing', { authorization: KEYS.authKey }), 404)
    const wrongMethod = await call('/task')
    assert.deepEqual([wrongMethod.status, wrongMethod.headers.get('allow')], [405, 'POST'])
  })

  it('a wrong x-lb-auth is named to whom the worker knows, and to nobody else', async () => {
    const detailOf = async (authorization: string) => {
      const headers = { authorization, 'x-lb-auth': 'wrong' }
      const answer = await fetch(`${worker.url}/task`, { method: 'POST', headers, body: '{}' })
      return ((await answer.json()) as { detail: string }).detail
    }
    assert.match(await detailOf(KEYS.authKey), /x-lb-auth/)
    assert.doesNotMatch(await detailOf('wrong'), /x-lb-auth/)
  })

  it('may not come twice, and neither may the host', async () => {
    for (const extra of [`Authorization: ${KEYS.authKey}\r\n`, 'Host: y\r\n']) {
      const answer = await raw(
        `POST /task HTTP/1.1\r\nHost: x\r\nAuthorization: ${KEYS.authKey}\r\n${extra}Content-Length: 0\r\n\r\n`,
      )
      assert.match(answer, /^HTTP\/1\.1 400 /)
    }
  })

  it('both are needed for a link', async () => {
    for (const keys of [
      { ...KEYS, authKey: 'wrong' },
      { ...KEYS, fleetKey: 'wrong' },
    ])
      await assert.rejects(FakeBalancer.dial(worker.url, keys), /401/)
  })
})

describe('GET /health', () => {
  it('is short without a key', async () => {
    const response = await fetch(`${worker.url}/health`)
    assert.deepEqual(await response.json(), { status: 'ready' })
  })

  it('is full with one', async () => {
    const { body } = await call('/health')
    assert.deepEqual(body.tags, { region: 'eu', cores: 8 })
    assert.deepEqual(body.slots, { used: 0, available: 1, limit: 1, queue: 0, stuck: 0 })
    assert.deepEqual([body.group, body.contract, body.protocols], ['default', 1, ['berth.v1']])
    const functions = body.functions as { name: string; params: { properties: object } }[]
    assert.deepEqual(
      functions.map(({ name }) => name),
      ['add', 'echo', 'fails', 'held', 'wide'],
    )
    assert.deepEqual(functions[0]?.params.properties, {
      a: { type: 'number' },
      b: { default: 1, type: 'number' },
    })
  })
})

describe('queue and maintenance', () => {
  it('lets tasks wait, and refuses beyond the queue', async () => {
    const called = nextCall()
    const first = task({ function: 'held' })
    await called
    const second = task({ function: 'add', input: { a: 1 } })
    await untilQueued(1)
    const third = await task({ function: 'add', input: { a: 1 } })
    assert.deepEqual([third.status, third.body.code], [429, 'QUEUE_FULL'])
    assert.ok(Number(third.headers.get('retry-after')) >= 1)
    shared.release('done')
    assert.equal((await first).body.result, 'done')
    assert.equal((await second).body.result, 2)
  })

  it('lets running and queued ones finish in maintenance, and takes none', async () => {
    const called = nextCall()
    const running = task({ function: 'held' })
    await called
    const queued = task({ function: 'add', input: { a: 1 } })
    await untilQueued(1)
    for (const path of ['/off?until=x', '/on?x=1']) {
      const wrong = await post(path)
      assert.deepEqual([wrong.status, wrong.body.code], [400, 'INVALID_REQUEST'])
    }
    assert.equal((await call('/health')).body.status, 'ready')
    assert.deepEqual((await post('/off')).body.status, 'maintenance')
    const refused = await task({ function: 'echo' })
    assert.deepEqual([refused.status, refused.body.code], [503, 'MAINTENANCE'])
    assert.ok(refused.headers.get('retry-after'))
    shared.release(1)
    assert.equal((await running).status, 200)
    assert.equal((await queued).status, 200)
    assert.deepEqual((await post('/on')).body, { status: 'ready', message: 'The worker takes tasks' })
    assert.equal((await task({ function: 'echo' })).status, 200)
  })

  it('takes a client that leaves out of the queue, or aborts what it runs', async () => {
    const called = nextCall()
    const aborted = new Promise<void>((resolve) => {
      shared.onAbort = resolve
    })
    const leaving = new AbortController()
    const running = task2('held', leaving.signal)
    await called
    const { calls } = shared
    const leavingQueue = new AbortController()
    const queued = task2('held', leavingQueue.signal)
    await untilQueued(1)
    leavingQueue.abort()
    await assert.rejects(queued)
    await untilQueued(0)
    leaving.abort()
    await assert.rejects(running)
    await aborted
    assert.equal((await task({ function: 'add', input: { a: 1 } })).status, 200)
    assert.equal(shared.calls, calls, 'the queued one never ran')
  })

  it('keeps its log for GET /logs', async () => {
    const { body } = await call('/logs')
    const logs = body.logs as string[]
    assert.ok(logs.some((line) => line.includes('worker listening')))
    assert.ok(logs.some((line) => line.includes('the disk is full')))
  })
})

async function task2(name: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${worker.url}/task`, {
    method: 'POST',
    body: JSON.stringify({ function: name }),
    headers: { authorization: KEYS.authKey },
    signal,
  })
  await response.text()
}

function untilQueued(count: number): Promise<void> {
  return new Promise((resolve) => {
    const { intake } = worker.parts
    const check = () => {
      if (intake.queued !== count) return
      stop()
      resolve()
    }
    const stop = intake.onChange(check)
    check()
  })
}

describe('a worker with a service that is down', () => {
  it('is unready, lets callers wait for DEFAULT_TIMEOUT, and goes on by itself', async () => {
    const files = {
      ...FILES,
      'services/db.ts': `import { defineService } from '@berth/worker'
export default defineService({ start() {}, status: () => globalThis.berthTest.isUp ?? 'no connection' })`,
    }
    const { project, running } = await startTestWorker({ DEFAULT_TIMEOUT: '50' }, files)
    const { condition } = running.parts
    const until = (status: string) =>
      new Promise<void>((resolve) => {
        const check = () => condition.status === status && resolve()
        condition.onChange(check)
        check()
      })
    await until('unready')
    const send = () =>
      fetch(`${running.url}/task`, {
        method: 'POST',
        body: '{"function":"echo"}',
        headers: { authorization: KEYS.authKey },
      })
    const refused = await send()
    assert.equal(refused.status, 503)
    assert.match(((await refused.json()) as { detail: string }).detail, /db is down \(no connection\)/)
    Object.assign(shared, { isUp: true })
    await until('ready')
    assert.equal((await send()).status, 200)
    await running.stop()
    project[Symbol.dispose]()
  })
})

describe('the end of a drain', () => {
  it('answers who still waits with 503 DRAINING, also when the handler ignores its signal', async () => {
    const files = {
      'functions/deaf.ts': `import { defineFunction } from '@berth/worker'
export default defineFunction({ handler: () => new Promise(() => { globalThis.berthTest.onCall() }) })`,
    }
    const { project, running } = await startTestWorker({}, files)
    const send = () =>
      fetch(`${running.url}/task`, {
        method: 'POST',
        body: '{"function":"deaf"}',
        headers: { authorization: KEYS.authKey },
      }).then(async (response) => [response.status, ((await response.json()) as { code: string }).code])
    const called = nextCall()
    const first = send()
    await called
    const queued = new Promise<void>((resolve) => running.parts.intake.onChange(resolve))
    const second = send()
    await queued
    await running.drain(0)
    assert.deepEqual(await first, [503, 'DRAINING'])
    assert.deepEqual(await second, [503, 'DRAINING'])
    await running.stop()
    project[Symbol.dispose]()
  })
})
