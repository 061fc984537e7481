/** Mode webhook from the request to the receiver, on real servers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, it } from 'node:test'
import { parseWebhookSecrets, verifyWebhook } from '@berth/runtime'
import { readConfig } from '../config.ts'
import { script, startTestWorker, type TestWorker } from '../fixtures/test-worker.ts'

interface Heard {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`
const OTHER = `whsec_${Buffer.alloc(32, 4).toString('base64')}`

let worker: TestWorker
let receiver: Server
let base = ''
let heard: Heard[] = []
let waiters: (() => void)[] = []
/** The statuses of the next answers; then 200. */
let statuses: number[] = []

before(async () => {
  receiver = createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request))
    response.writeHead(statuses.shift() ?? 200).end()
    heard.push({ path: request.url ?? '', headers: request.headers, body })
    for (const waiter of waiters.splice(0)) waiter()
  })
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  worker = await startTestWorker({
    SLOTS: '1',
    QUEUE_LIMIT: '1',
    WEBHOOK_ALLOW: '127.0.0.1',
    WEBHOOK_RETRY_DELAY: '1',
    WEBHOOK_SECRET: `${SECRET} ${OTHER}`,
    WEBHOOK_HEADERS: '{"X-Team":"operators","authorization":"from the operator"}',
  })
})
after(async () => {
  await worker[Symbol.asyncDispose]()
  receiver.close()
  receiver.closeAllConnections()
})
beforeEach(() => {
  heard = []
  waiters = []
  statuses = []
})

async function untilHeard(count: number): Promise<Heard> {
  while (heard.length < count) await new Promise<void>((resolve) => waiters.push(resolve))
  return heard[count - 1] ?? assert.fail()
}

const hook = (more: object = {}, webhook: object = {}) =>
  worker.task({
    function: 'scripted',
    mode: 'webhook',
    webhook: { url: `${base}/hook`, ...webhook },
    ...more,
  })

async function problemOf(response: Response) {
  const { code, detail, errors } = (await response.json()) as {
    code: string
    detail: string
    errors?: { pointer: string }[]
  }
  return { status: response.status, code, detail, pointer: errors?.[0]?.pointer }
}

describe('mode webhook', () => {
  it('answers 202 at once and delivers the bare result, signed', async () => {
    const end = Promise.withResolvers<void>()
    script.handler = async (input) => {
      await end.promise
      return { got: input, text: 'ü\u2028' }
    }
    const response = await hook({ input: { a: 1 } }, { headers: { Authorization: 'from the caller' } })
    assert.equal(response.status, 202)
    const accepted = (await response.json()) as { success: boolean; runId: string; message: string }
    assert.equal(accepted.success, true)
    assert.equal(accepted.runId, response.headers.get('x-run-id'))
    assert.match(accepted.message, /in memory only/)
    assert.equal(heard.length, 0)
    end.resolve()
    const { path, headers, body } = await untilHeard(1)
    assert.equal(path, '/hook')
    assert.deepEqual(JSON.parse(body.toString()), { got: { a: 1 }, text: 'ü\u2028' })
    assert.deepEqual(
      [headers['x-run-status'], headers['x-run-id'], headers['x-team'], headers.authorization],
      ['completed', accepted.runId, 'operators', 'from the caller'],
    )
    for (const secret of [SECRET, OTHER]) {
      const parsed = parseWebhookSecrets(secret)
      const presented = {
        id: String(headers['webhook-id']),
        timestamp: String(headers['webhook-timestamp']),
        signature: String(headers['webhook-signature']),
        body,
      }
      assert.equal(parsed.ok && verifyWebhook(parsed.secrets, presented, Date.now()), 'valid')
    }
  })

  it('delivers a failure, and says so', async () => {
    script.handler = () => {
      throw new Error('no paper')
    }
    assert.equal((await hook()).status, 202)
    const { headers, body } = await untilHeard(1)
    assert.equal(headers['x-run-status'], 'failed')
    assert.deepEqual(JSON.parse(body.toString()), {
      success: false,
      error: 'no paper',
      code: 'FUNCTION_FAILED',
    })
  })

  it('frees the slot while it tries again', async () => {
    script.handler = () => 'done'
    statuses = [500, 503, 429]
    await hook()
    await untilHeard(1)
    const sync = await worker.task({ function: 'scripted' })
    assert.equal(sync.status, 200)
    const last = await untilHeard(4)
    assert.equal(last.body.toString(), '"done"')
    assert.equal(new Set(heard.map(({ headers }) => headers['webhook-id'])).size, 1)
    await worker.running.parts.deliveries.whenIdle()
    assert.equal(heard.length, 4)
  })

  it('waits in the same queue as every other task', async () => {
    const end = Promise.withResolvers<void>()
    script.handler = () => end.promise
    assert.equal((await hook()).status, 202)
    assert.equal((await hook()).status, 202)
    const refused = await problemOf(await hook())
    assert.deepEqual([refused.status, refused.code], [429, 'QUEUE_FULL'])
    end.resolve()
    await untilHeard(2)
    await worker.running.parts.deliveries.whenIdle()
    assert.equal(heard.length, 2)
  })

  it('refuses what can be known to be wrong', async () => {
    const cases: [object, string | undefined, string][] = [
      [{ webhook: undefined }, '/webhook', ''],
      [{ mode: 'sync' }, '/webhook', ''],
      [{ mode: 'stream' }, '/webhook', ''],
      [{ webhook: { url: 'nonsense' } }, '/webhook/url', ''],
      [{ webhook: { url: 'https://10.0.0.1/' } }, '/webhook/url', 'not a public address'],
      [{ webhook: { url: 'https://[::ffff:169.254.169.254]/' } }, '/webhook/url', 'not a public address'],
      [{ webhook: { url: 'https://1.1.1.1:22/' } }, '/webhook/url', 'port 22'],
      [{ webhook: { url: 'file:///etc/passwd' } }, '/webhook/url', 'not https'],
      [{ webhook: { url: `${worker.running.url}/off` } }, '/webhook/url', 'this server itself'],
      [{ webhook: { url: `${base}/`, format: 'standard' } }, '/webhook/format', 'balancer'],
      [{ webhook: { url: `${base}/`, headers: { Host: 'x' } } }, '/webhook/headers/Host', 'itself'],
      [
        { webhook: { url: `${base}/`, headers: { 'Content-Encoding': 'gzip' } } },
        '/webhook/headers/Content-Encoding',
        'itself',
      ],
      [{ webhook: { url: `${base}/`, headers: { 'a/b': 'x' } } }, '/webhook/headers/a~1b', 'its name has'],
      [{ webhook: { url: `${base}/`, headers: { a: 'x\r\ny: z' } } }, '/webhook/headers/a', 'its value has'],
      [{ webhook: { url: `${base}/`, more: 1 } }, '/webhook/more', ''],
    ]
    for (const [more, pointer, words] of cases) {
      const problem = await problemOf(await hook(more))
      const what = JSON.stringify(more)
      assert.deepEqual(
        [problem.status, problem.code, problem.pointer],
        [400, 'INVALID_REQUEST', pointer],
        what,
      )
      assert.ok(problem.detail.includes(words), problem.detail)
      assert.equal(problem.detail.includes('WEBHOOK_ALLOW'), /address|port 22/.test(words), problem.detail)
    }
    assert.equal((await hook({ input: 3 })).status, 400)
    assert.equal(heard.length, 0)
  })

  it('is there below /task/{group}/{function}, too', async () => {
    script.handler = (input) => input
    const path = `/task/default/scripted?mode=webhook&webhook=${encodeURIComponent(`${base}/q`)}`
    assert.equal((await worker.send(path, { body: '{"a":1}' })).status, 202)
    assert.equal((await untilHeard(1)).path, '/q')
  })

  it('waits at the end of a drain until receivers have answered', async () => {
    await using draining = await startTestWorker({ WEBHOOK_ALLOW: '127.0.0.1', WEBHOOK_RETRY_DELAY: '20' })
    script.handler = () => 'late'
    statuses = [500]
    await draining.task({ function: 'scripted', mode: 'webhook', webhook: { url: `${base}/drain` } })
    await draining.running.drain(5000)
    assert.equal(heard.length, 2)
    assert.equal(heard[1]?.headers['webhook-signature'], undefined)
  })
})

describe('the WEBHOOK_ variables', () => {
  const errorsOf = (env: Record<string, string>) => {
    const parsed = readConfig(env)
    return parsed.ok ? [] : parsed.errors.map(({ variable }) => variable)
  }

  it('are refused by name when they cannot be used', () => {
    assert.deepEqual(errorsOf({ WEBHOOK_TIMEOUT: 'soon' }), ['WEBHOOK_TIMEOUT'])
    assert.deepEqual(errorsOf({ WEBHOOK_MAX_RETRIES: '-1' }), ['WEBHOOK_MAX_RETRIES'])
    for (const WEBHOOK_HEADERS of ['x', '[]', '{"a":1}', '{"host":"x"}', '{"a b":"x"}', '{"a":"x\\n"}'])
      assert.deepEqual(errorsOf({ WEBHOOK_HEADERS }), ['WEBHOOK_HEADERS'], WEBHOOK_HEADERS)
    for (const WEBHOOK_SECRET of ['short', 'whsec_', `${SECRET} ${SECRET} ${SECRET}`])
      assert.deepEqual(errorsOf({ WEBHOOK_SECRET }), ['WEBHOOK_SECRET'])
    assert.deepEqual(errorsOf({ WEBHOOK_ALLOW: 'a b' }), ['WEBHOOK_ALLOW'])
    assert.deepEqual(errorsOf({ WEBHOOK_ALLOW: '10.0.0.0/8, hooks.internal:8080,[::1]' }), [])
  })
})
