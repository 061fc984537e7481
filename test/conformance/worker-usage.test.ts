/**
 * What users were promised of a worker, statement by statement, checked on a real worker process.
 * The names of the tests are the statements.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type FromWorker, PROTOCOL, parseFromWorker } from '@berth/protocol'
import { WebSocket } from 'ws'
import { type Answer, KEYS, startWorker, type Worker } from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'

const LIMIT_MS = 60_000

const FILES = {
  'functions/hello.ts': `import { defineFunction } from '@berth/worker'
import { z } from 'zod'
export default defineFunction({
  input: z.object({ name: z.string().default('World') }),
  handler: ({ name }) => ({ message: 'Hello ' + name }),
})`,
  // Runs until the test lets it go: its request to the test's own server is held there.
  'functions/hold.ts': `import { defineFunction } from '@berth/worker'
export default defineFunction({
  params: { url: { type: 'string', required: true }, name: { type: 'string', required: true } },
  async handler({ url, name }, { signal }) {
    await fetch(url + '/hold/' + name, { signal })
    return name
  },
})`,
  'functions/count.ts': `import { defineFunction } from '@berth/worker'
export default defineFunction({
  params: { url: { type: 'string', required: true } },
  config: { supportsStreaming: true },
  async handler({ url }, ctx) {
    await ctx.stream('one ')
    await fetch(url + '/hold/between', { signal: ctx.signal })
    await ctx.stream('two')
    return 'the result of count'
  },
})`,
  'functions/broken.ts': `import { defineFunction } from '@berth/worker'
export default defineFunction({ handler() { throw new Error('no paper left') } })`,
  'functions/speak.ts': `import { defineFunction } from '@berth/worker'
export default defineFunction({
  params: { text: { type: 'string', required: true }, times: { type: 'integer', default: 1 } },
  handler({ text, times }, ctx) {
    for (let index = 1; index <= times; index++) ctx.log.info(text + ' ' + index)
  },
})`,
  'tags/browser.ts': `let version = 100
export const tags = () => ({ chrome: String(version++), models: ['small', 'large'], gpu: false })`,
}

/** Holds requests until the test answers them, and takes webhooks. */
class TestServer {
  readonly hooks: { headers: IncomingHttpHeaders; body: unknown }[] = []
  readonly arrived: string[] = []
  readonly #held = new Map<string, ServerResponse[]>()
  readonly #server: Server
  url = ''

  constructor() {
    this.#server = createServer(async (request, response) => {
      const path = request.url ?? ''
      if (!path.startsWith('/hold/')) {
        const text = (await Array.fromAsync(request)).map(String).join('')
        this.hooks.push({ headers: request.headers, body: JSON.parse(text) })
        return response.end()
      }
      const name = path.slice('/hold/'.length)
      this.arrived.push(name)
      this.#held.set(name, [...(this.#held.get(name) ?? []), response])
      return undefined
    })
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Lets what is held under this name go on; waits until it is there. */
  async release(name: string): Promise<void> {
    const response = await until(() => this.#held.get(name)?.shift(), LIMIT_MS, `${name} is held`)
    response.end()
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}

describe('the usage of a worker', () => {
  const scope = createScope()
  const server = new TestServer()
  let folder: string
  let worker: Worker

  before(async () => {
    await server.start()
    scope.after(() => server.stop())
    folder = await makeFolder(scope, 'project')
    for (const [name, text] of Object.entries(FILES)) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), text)
    }
    const env = {
      TAGS: 'site=lab',
      WEBHOOK_ALLOW: '127.0.0.1',
      WEBHOOK_HEADERS: '{"x-from":"fleet","x-kept":"yes"}',
    }
    worker = await startWorker(scope, { folder, env })
  })
  after(() => scope.end())

  const post = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    worker.request(path, {
      method: 'POST',
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  const task = (body: object) => post('/task', body)
  const health = async () => (await worker.request('/health')).body as Record<string, unknown>
  const slots = async () => (await health()).slots as Record<string, number>
  const hold = (name: string, more: object = {}) =>
    task({ function: 'hold', input: { url: server.url, name }, ...more })
  const resultOf = ({ status, body }: Answer) => {
    assert.equal(status, 200, JSON.stringify(body))
    return (body as { result: unknown }).result
  }
  const codeOf = ({ body }: Answer) => (body as { code?: string }).code
  /** As somebody without a key. */
  const open = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(worker.url + path, init)
    const text = await response.text()
    return { status: response.status, text, body: text.startsWith('{') ? JSON.parse(text) : undefined }
  }
  let busy = 0
  /** Takes all slots. */
  const saturate = async () => {
    const { available = 0 } = await slots()
    const names = Array.from({ length: available }, () => `busy-${++busy}`)
    const running = names.map((name) => hold(name))
    await until(() => names.every((name) => server.arrived.includes(name)), LIMIT_MS, 'all slots are taken')
    assert.equal((await slots()).available, 0)
    return {
      async freeOne() {
        await server.release(names.pop() ?? '')
      },
      async letGo() {
        for (const name of names) await server.release(name)
        await Promise.all(running)
      },
    }
  }

  describe('Endpoints', () => {
    test('POST /task: submit a task to the worker', async () => {
      assert.deepEqual(resultOf(await task({ function: 'hello' })), { message: 'Hello World' })
    })

    test('GET /health: public info, more details with authentication', async () => {
      const { status: code, body } = await open('/health')
      assert.deepEqual([code, body], [200, { status: 'ready' }])
      const { status, functions, slots: shown, tags } = (await health()) as Record<string, unknown>
      assert.equal(status, 'ready')
      assert.ok(functions && shown && tags)
      const wrong = await worker.request('/health', { headers: { authorization: 'wrong' } })
      assert.equal(wrong.status, 401)
    })

    test('GET /logs: authentication required', async () => {
      assert.equal((await open('/logs')).status, 401)
      const { logs } = (await worker.request('/logs')).body as { logs: string[] }
      assert.ok(logs.every((line) => typeof line === 'string'))
      assert.ok(logs.some((line) => line.includes('worker ready')))
    })

    test('every switch and task needs the key', async () => {
      for (const path of ['/task', '/on', '/off'])
        assert.equal((await open(path, { method: 'POST', body: '{}' })).status, 401, path)
      assert.equal((await health()).status, 'ready')
    })
  })

  describe('Slot Management', () => {
    test('each worker manages a number of parallel slots (10 unless told otherwise)', async () => {
      assert.deepEqual(await slots(), { used: 0, available: 10, limit: 10, queue: 0, stuck: 0 })
      const { letGo } = await saturate()
      assert.equal((await slots()).used, 10)
      await letGo()
      assert.equal((await slots()).used, 0)
    })

    test('if all slots are busy, new tasks are queued and prioritized: 1 first, otherwise FIFO', async () => {
      const { letGo } = await saturate()
      const waiting: Promise<unknown>[] = []
      const order = [
        ['late', 100],
        ['b', 5],
        ['c', 5],
        ['first', 1],
        ['default', undefined],
        ['d', 5],
      ] as const
      for (const [index, [name, priority]] of order.entries()) {
        const more = priority === undefined ? {} : { priority }
        waiting.push(task({ function: 'speak', input: { text: `turn ${name}` }, ...more }))
        await until(async () => (await slots()).queue === index + 1, LIMIT_MS, `${name} waits`)
      }
      await letGo()
      await Promise.all(waiting)
      const { logs } = (await worker.request('/logs')).body as { logs: string[] }
      const turns = logs.flatMap((line) => /turn (\w+)/.exec(line)?.[1] ?? [])
      assert.deepEqual(turns, ['first', 'b', 'c', 'd', 'late', 'default'])
    })

    test('slot availability is updated in real time and pushed to the Load Balancer via WebSocket', async () => {
      const socket = new WebSocket(`${worker.url.replace('http', 'ws')}/link`, PROTOCOL, {
        headers: { 'x-lb-auth': KEYS.fleet, authorization: KEYS.worker },
        perMessageDeflate: false,
      })
      const heard: FromWorker[] = []
      socket.on('message', (data, isBinary) => {
        const parsed = isBinary ? undefined : parseFromWorker(String(data))
        if (parsed?.kind === 'message') heard.push(parsed.message)
      })
      await once(socket, 'open')
      const hello = await until(() => heard.find(({ type }) => type === 'hello'), LIMIT_MS)
      assert.ok(hello.type === 'hello')
      assert.deepEqual([hello.slots.limit, hello.slots.used], [10, 0])
      socket.send(
        JSON.stringify({
          type: 'welcome',
          at: 0,
          protocol: 1,
          name: 'test',
          bootId: 'boot-of-the-test',
          heartbeatIntervalMs: 3000,
          heartbeatTimeoutMs: 3000,
          leaseMs: 30_000,
          adopt: [],
        }),
      )
      const used = () =>
        heard.findLast(({ type }) => type === 'state') as { slots: { used: number } } | undefined
      // The best of some counts: what else the machine does is not the worker's.
      const tookMs: number[] = []
      const pushed = async (count: number) => {
        const startedAt = performance.now()
        await until(() => used()?.slots.used === count, LIMIT_MS, `${count} in use is pushed`)
        return performance.now() - startedAt
      }
      while (tookMs.length < 10 && Math.min(...tookMs) >= 1_000) {
        const running = hold('pushed')
        const takenMs = await pushed(1)
        await server.release('pushed')
        await running
        tookMs.push(Math.max(takenMs, await pushed(0)))
      }
      assert.ok(Math.min(...tookMs) < 1_000, `within a second: ${tookMs}`)
      socket.close()
      await once(socket, 'close')
    })
  })

  describe('Task Handling', () => {
    test('tasks specify group, function, contract and optional priority', async () => {
      const whole = { group: 'default', function: 'hello', contract: 1 }
      assert.equal((await task(whole)).status, 200)
      assert.equal((await task({ ...whole, priority: 7 })).status, 200)
      assert.equal(codeOf(await task({ ...whole, group: 'other' })), 'UNKNOWN_FUNCTION')
      assert.equal(codeOf(await task({ ...whole, contract: 2 })), 'CONTRACT_MISMATCH')
      assert.equal(codeOf(await task({ ...whole, function: 'none' })), 'UNKNOWN_FUNCTION')
      assert.equal((await task({ ...whole, priority: 0 })).status, 400)
    })

    test('`input` represents the parameters accepted by the called function', async () => {
      assert.deepEqual(resultOf(await task({ function: 'hello', input: { name: 'Ada' } })), {
        message: 'Hello Ada',
      })
      const { functions } = (await health()) as { functions: { name: string; params: object }[] }
      assert.deepEqual(functions.find(({ name }) => name === 'hello')?.params, {
        type: 'object',
        properties: { name: { type: 'string', default: 'World' } },
        additionalProperties: false,
      })
    })

    test('the worker validates the request and executes the corresponding function', async () => {
      for (const [body, status, pointer] of [
        [{ function: 'hello', input: { name: 7 } }, 422, '/input/name'],
        [{ function: 'hello', input: { nam: 'Ada' } }, 422, '/input/nam'],
        [{ function: 'hold', input: {} }, 422, '/input/url'],
        [{ function: 'hello', input: [] }, 400, '/input'],
        [{ function: 'hello', wrong: 1 }, 400, '/wrong'],
        [{}, 400, '/function'],
      ] as const) {
        const answer = await task(body)
        const { errors } = answer.body as { errors: { pointer: string }[] }
        assert.deepEqual([answer.status, errors[0]?.pointer], [status, pointer], JSON.stringify(body))
      }
      const failed = await task({ function: 'broken' })
      assert.equal(failed.status, 500)
      assert.equal((failed.body as { error: string }).error, 'no paper left')
    })

    test('if the worker is saturated, tasks are queued and processed as slots become available', async () => {
      const { freeOne, letGo } = await saturate()
      const waiting = hold('waited')
      await until(async () => (await slots()).queue === 1, LIMIT_MS, 'it waits')
      assert.equal(server.arrived.includes('waited'), false)
      await freeOne()
      await server.release('waited')
      assert.equal(resultOf(await waiting), 'waited')
      await letGo()
    })

    test('the example of contacting a worker directly works as it is', async () => {
      const example = { function: 'hello', input: { name: 'Andera' }, contract: 1, priority: 1, mode: 'sync' }
      assert.deepEqual((await task(example)).body, { success: true, result: { message: 'Hello Andera' } })
    })
  })

  describe('Response Modes', () => {
    test('sync: the worker returns the result in the HTTP response; if `mode` is omitted, sync is used', async () => {
      for (const mode of [{ mode: 'sync' }, {}]) {
        const answer = await task({ function: 'hello', input: { name: 'Andera' }, ...mode })
        assert.deepEqual(answer.body, { success: true, result: { message: 'Hello Andera' } })
        assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
      }
    })

    test('stream: the worker streams the result back as it is produced', async () => {
      const response = await fetch(`${worker.url}/task`, {
        method: 'POST',
        headers: { authorization: KEYS.worker },
        body: JSON.stringify({
          function: 'count',
          input: { url: server.url },
          contract: 1,
          priority: 1,
          mode: 'stream',
        }),
      })
      assert.equal(response.status, 200)
      const chunks: string[] = []
      for await (const bytes of response.body ?? []) {
        chunks.push(Buffer.from(bytes).toString())
        if (chunks.length === 1) await server.release('between')
      }
      assert.deepEqual(chunks, ['one ', 'two'], 'the first one came while the function was still at work')
    })

    test('stream: the function must have `supportsStreaming: true` in its config', async () => {
      const answer = await task({ function: 'hello', mode: 'stream' })
      assert.deepEqual([answer.status, codeOf(answer)], [400, 'INVALID_REQUEST'])
    })

    const hooked = (path: string) => server.hooks.find(({ headers }) => headers['x-path'] === path)
    const webhook = (path: string, headers: object = {}) => ({
      mode: 'webhook',
      webhook: { url: `${server.url}/hook`, headers: { 'x-path': path, ...headers } },
    })

    test('webhook: the worker sends the result to the URL instead of returning it in the HTTP response', async () => {
      const answer = await task({
        function: 'hello',
        input: { name: 'Andera' },
        contract: 1,
        ...webhook('result'),
      })
      assert.equal(answer.status, 202)
      const { success, runId, result } = answer.body as Record<string, unknown>
      assert.deepEqual([success, typeof runId, result], [true, 'string', undefined])
      const { body, headers } = await until(() => hooked('result'), LIMIT_MS, 'the webhook')
      assert.deepEqual(body, { message: 'Hello Andera' })
      assert.equal(headers['x-run-status'], 'completed')
    })

    test('webhook: the worker notifies the other service upon completion of what failed, too', async () => {
      await task({ function: 'broken', ...webhook('failure') })
      const { body, headers } = await until(() => hooked('failure'), LIMIT_MS, 'the webhook')
      assert.deepEqual(body, { success: false, error: 'no paper left', code: 'FUNCTION_FAILED' })
      assert.equal(headers['x-run-status'], 'failed')
    })

    test('webhook: the `webhook` object with its `url` is mandatory', async () => {
      for (const more of [
        {},
        { webhook: {} },
        { webhook: { headers: {} } },
        { webhook: { url: 'no address' } },
      ]) {
        const answer = await task({ function: 'hello', mode: 'webhook', ...more })
        assert.deepEqual([answer.status, codeOf(answer)], [400, 'INVALID_REQUEST'], JSON.stringify(more))
      }
    })

    test('webhook: the headers are optional', async () => {
      const before = server.hooks.length
      await task({ function: 'hello', mode: 'webhook', webhook: { url: `${server.url}/hook` } })
      const hook = await until(() => server.hooks[before], LIMIT_MS, 'the webhook')
      assert.deepEqual(hook.body, { message: 'Hello World' })
    })

    test('webhook: the headers override or add to the default headers of WEBHOOK_HEADERS', async () => {
      const own = { 'X-From': 'caller', Authorization: 'Bearer my-token', 'X-Custom-Header': 'value' }
      await task({ function: 'hello', ...webhook('headers', own) })
      const { headers } = await until(() => hooked('headers'), LIMIT_MS, 'the webhook')
      assert.equal(headers['x-from'], 'caller')
      assert.equal(headers['x-kept'], 'yes')
      assert.equal(headers['x-custom-header'], 'value')
      assert.equal(headers.authorization, 'Bearer my-token')
    })
  })

  describe('Maintenance Mode', () => {
    test('POST /off refuses new tasks, ongoing ones continue until completion; POST /on accepts again', async () => {
      const running = hold('ongoing')
      await until(async () => (await slots()).used === 1, LIMIT_MS, 'it runs')
      const off = await post('/off', undefined, { authorization: KEYS.worker })
      assert.deepEqual([off.status, (off.body as { status: string }).status], [200, 'maintenance'])
      assert.deepEqual([(await health()).status, (await slots()).available], ['maintenance', 0])
      const refused = await task({ function: 'hello' })
      assert.deepEqual([refused.status, codeOf(refused)], [503, 'MAINTENANCE'])
      await server.release('ongoing')
      assert.equal(resultOf(await running), 'ongoing')
      const on = await post('/on', undefined, { authorization: KEYS.worker })
      assert.deepEqual([on.status, (on.body as { status: string }).status], [200, 'ready'])
      assert.equal((await task({ function: 'hello' })).status, 200)
    })

    test('a worker that is stopped after /off loses no task', async () => {
      const other = await startWorker(scope, { folder })
      const running = other.request('/task', {
        method: 'POST',
        body: JSON.stringify({ function: 'hold', input: { url: server.url, name: 'last' } }),
      })
      await until(() => server.arrived.includes('last'), LIMIT_MS, 'it runs')
      await other.request('/off', { method: 'POST' })
      const stopped = other.stop()
      await server.release('last')
      assert.equal(resultOf(await running), 'last')
      assert.deepEqual(await stopped, { code: 0, signal: null })
    })
  })

  describe('Logs and Tags', () => {
    test('/logs provides the last 1000 log lines', async () => {
      const times = 1100
      await task({ function: 'speak', input: { text: 'line', times } })
      const { logs } = (await worker.request('/logs')).body as { logs: string[] }
      assert.equal(logs.length, 1000)
      assert.match(logs.at(-1) ?? '', /line 1100"/)
      assert.match(logs[0] ?? '', /line 101"/)
      assert.match(logs[0] ?? '', /"run":"r_[0-9a-z]{26}"/, 'a line names its task')
    })

    test('tags are dynamic metadata, accessible via /health with authentication', async () => {
      const read = async () => (await health()).tags as Record<string, unknown>
      const first = await read()
      assert.deepEqual([first.site, first.models, first.gpu], ['lab', ['small', 'large'], false])
      const later = await until(async () => {
        const tags = await read()
        return tags.chrome === first.chrome ? undefined : tags
      }, LIMIT_MS)
      assert.ok(Number(later.chrome) > Number(first.chrome))
      assert.equal((await open('/health')).body.tags, undefined)
    })
  })

  describe('OpenAPI & Swagger Documentation', () => {
    test('the worker exposes /docs and /openapi by default', async () => {
      const docs = await open('/docs')
      assert.equal(docs.status, 200)
      assert.match(docs.text, /swagger-ui-bundle\.js/)
      const { body, status } = await open('/openapi')
      assert.equal(status, 200)
      const { openapi, paths } = body as { openapi: string; paths: Record<string, object> }
      assert.match(openapi, /^3\.1/)
      for (const path of ['/task', '/health', '/logs', '/on', '/off']) assert.ok(paths[path], path)
      for (const name of ['hello', 'hold', 'count', 'broken', 'speak'])
        assert.ok(paths[`/task/default/${name}`], name)
    })

    test('OPENAPI_ENABLED=false turns both off', async () => {
      const silent = await startWorker(scope, { folder, env: { OPENAPI_ENABLED: 'false' } })
      for (const path of ['/docs', '/openapi', '/docs/swagger-ui.css'])
        assert.equal((await silent.request(path)).status, 404, path)
      await silent.stop()
    })

    test('where others can reach the worker, they need its key', async () => {
      const exposed = await startWorker(scope, { folder, env: { HOST: '0.0.0.0' } })
      for (const path of ['/docs', '/openapi']) {
        assert.equal((await fetch(exposed.url + path)).status, 401, path)
        assert.equal((await exposed.request(path)).status, 200, path)
        const basic = `Basic ${Buffer.from(`me:${KEYS.worker}`).toString('base64')}`
        assert.equal((await exposed.request(path, { headers: { authorization: basic } })).status, 200, path)
      }
      await exposed.stop()
    })
  })
})
