/**
 * Bytes through a balancer and a real worker: the same on both sides at every size, whatever their type; and
 * uploads that are refused while they are still on their way (FAULTS F20).
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import {
  type Balancer,
  KEYS,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { bodyOf } from './fleet.ts'
import { writeStreamFleet } from './stream-fleet.ts'

const KB = 1024
const MB = 1024 * KB
const SIZES = [0, 1, 64 * KB - 1, 64 * KB, 64 * KB + 1, MB, 10 * MB]
/** Around what travels inline, fills a record, a frame or a window. */
const EDGES = [32 * KB - 1, 32 * KB, 32 * KB + 1, 256 * KB - 1, 256 * KB, 256 * KB + 1]

describe('bytes', () => {
  const scope = createScope()
  let worker: Worker
  let balancer: Balancer

  before(async () => {
    const { folder } = await writeStreamFleet(await makeFolder(scope, 'fleet'))
    worker = await startWorker(scope, { folder })
    balancer = await startBalancer(scope, { workers: [{ url: worker.url, name: 'w1' }] })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  async function send(path: string, body: Uint8Array<ArrayBuffer>, type: string) {
    const headers = { authorization: KEYS.caller, 'content-type': type }
    const response = await fetch(`${balancer.url}${path}`, { method: 'POST', headers, body })
    const bytes = Buffer.from(await response.arrayBuffer())
    return { status: response.status, type: response.headers.get('content-type'), bytes }
  }

  test('are the same on both sides, whatever their size', async () => {
    for (const size of [...SIZES, ...EDGES]) {
      const sent = randomBytes(size)
      const { status, type, bytes } = await send('/task/default/echo', sent, 'application/octet-stream')
      assert.deepEqual([status, type], [200, 'application/octet-stream'], `${size}`)
      assert.equal(sha256(bytes), sha256(sent), `${size} bytes`)
    }
  })

  test('many at once are not mixed up', async () => {
    const sent = Array.from({ length: 12 }, (_, index) => randomBytes(700 * KB + index))
    const answers = await Promise.all(sent.map((each) => send('/task/default/echo', each, 'image/x-any')))
    assert.deepEqual(
      answers.map(({ bytes }) => sha256(bytes)),
      sent.map(sha256),
    )
  })

  test('keep their type, one that nobody knows included, and its parameters', async () => {
    for (const type of ['image/PNG; a="B c"', 'x-unheard/of+this', 'multipart/form-data; boundary=Q']) {
      const answer = await send('/task/default/echo', randomBytes(100), type)
      assert.deepEqual([answer.status, answer.type], [200, type])
    }
  })

  test('go with an input in the query, small and large', async () => {
    for (const size of [3, MB]) {
      const query = `?input=${encodeURIComponent('{"asked":"how many"}')}&priority=7`
      const answer = await send(`/task/default/echo${query}`, randomBytes(size), 'image/gif')
      assert.deepEqual(JSON.parse(String(answer.bytes)), {
        success: true,
        result: ['how many', size, 'image/gif'],
      })
    }
  })

  test('JSON of every size comes back as it went, by either address', async () => {
    for (const size of [0, 1, 64 * KB, MB, 10 * MB - 200]) {
      const input = { text: 'z'.repeat(size) }
      const whole = await postTask(balancer, { function: 'echo', input })
      assert.equal(whole.status, 200, whole.text.slice(0, 200))
      assert.deepEqual(bodyOf(whole).result, input)
      const routed = await send('/task/default/echo', Buffer.from(JSON.stringify(input)), 'application/json')
      assert.equal(routed.status, 200)
      assert.ok(routed.bytes.equals(Buffer.from(JSON.stringify({ success: true, result: input }))))
    }
    const broken = await send('/task/default/echo', Buffer.from('{"a"'), 'application/json')
    assert.equal(broken.status, 400)
  })

  test('a refused upload is answered while it is still on its way, and the answer can be read', async (t) => {
    const cases = [
      { status: 401, headers: { authorization: 'wrong', 'content-length': 10 * MB } },
      { status: 413, headers: { 'content-length': 10 * MB + 1 } },
      { status: 413, headers: { 'transfer-encoding': 'chunked' } },
    ]
    for (const { status, headers } of cases) {
      const call = request({
        port: balancer.port,
        host: '127.0.0.1',
        path: '/task/default/echo',
        method: 'POST',
        agent: false,
        headers: { authorization: KEYS.caller, 'content-type': 'image/png', ...headers },
      })
      t.after(() => call.destroy())
      const answered = once(call, 'response').then(async ([response]) => ({
        status: (response as IncomingMessage).statusCode,
        body: JSON.parse(String(Buffer.concat(await (response as IncomingMessage).toArray()))),
      }))
      const [answer] = await Promise.all([answered, upload(call, 10 * MB + 1)])
      assert.deepEqual([answer.status, answer.body.status], [status, status])
    }
  })
})

/** Goes on sending whatever is answered meanwhile, as simple clients do, while there is a connection. */
async function upload(call: ClientRequest, bytes: number): Promise<void> {
  const piece = Buffer.alloc(64 * KB)
  const closed = new Promise<void>((resolve) => call.once('close', resolve))
  for (let left = Math.min(bytes, Number(call.getHeader('content-length') ?? bytes)); left > 0; ) {
    const size = Math.min(left, piece.length)
    left -= size
    if (call.destroyed) return
    if (!call.write(piece.subarray(0, size))) await Promise.race([once(call, 'drain'), closed])
  }
  call.end()
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
