/**
 * H6–H13 and H16: webhooks to receivers that behave badly, to names that lie and to places that nobody may be sent to.
 * The balancer's own webhooks with real requests on loopback; README.md says which case is shown where else.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, test } from 'node:test'
import { createOwnAddress, parseWebhookSecrets, signWebhook, WebhookReceiver } from '@berth/runtime'
import { Webhook } from 'standardwebhooks'
import type { StoredDelivery } from '../../balancer/src/ports/stored-delivery.ts'
import { type Answerer, Receiver } from '../../balancer/src/runs/testing/receiver.ts'
import {
  type BenchOptions,
  makeWebhook,
  makeWebhookBench,
  OTHER_SECRET,
  SECRET,
  type WebhookBench,
} from '../../balancer/src/runs/testing/webhook-bench.ts'

let good: Receiver
let endings: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  good = await Receiver.start()
  endings = [() => good.stop()]
})
afterEach(async () => {
  for (const end of endings.reverse()) await end()
})

async function make(options: BenchOptions = {}): Promise<WebhookBench> {
  const bench = await makeWebhookBench(options)
  endings.push(() => bench.stop())
  return bench
}

async function receive(answer: Answerer): Promise<Receiver> {
  const receiver = await Receiver.start()
  receiver.answer = answer
  endings.push(() => receiver.stop())
  return receiver
}

/** Whoever connects is counted and sent away. */
async function listenAsCanary(host = '127.0.0.1'): Promise<{ readonly port: number; readonly hits: number }> {
  let hits = 0
  const server = createServer((socket) => {
    hits++
    socket.destroy()
  })
  server.listen(0, host)
  await once(server, 'listening')
  endings.push(async () => void server.close())
  const { port } = server.address() as AddressInfo
  return {
    port,
    get hits() {
      return hits
    },
  }
}

/** To each of the bad receivers. */
const EACH = 5

const to = (url: string) => ({ webhook: makeWebhook(url) })
const endless: Answerer = (_request, response) => {
  const write = () => {
    while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
    if (!response.destroyed) response.once('drain', write)
  }
  write()
}

test('H6: no receiver, however it behaves, holds up another; all tries are bounded', async () => {
  const elsewhere = await listenAsCanary()
  // Long enough that a busy machine does not make a good receiver a slow one.
  const bench = await make({ terms: { timeoutMs: 2_000, maxRetries: 2 } })
  const bad: [string, Answerer, StoredDelivery['state'], number][] = [
    ['500', (_request, response) => response.writeHead(500).end(), 'failed', 3],
    [
      '301',
      (_request, response) =>
        response.writeHead(301, { location: `http://127.0.0.1:${elsewhere.port}/` }).end(),
      'failed',
      3,
    ],
    ['never answers', () => {}, 'failed', 3],
    ['half a head', (request) => request.socket.write('HTTP/1.1 200'), 'failed', 3],
    ['closes early', (request) => request.socket.end(), 'failed', 3],
    ['reset', (request) => request.socket.resetAndDestroy(), 'failed', 3],
    ['a body without end', endless, 'delivered', 1],
  ]
  const began: [string, StoredDelivery, StoredDelivery['state'], number, Receiver][] = []
  for (const [what, answer, state, tries] of bad) {
    const receiver = await receive(answer)
    for (let n = 0; n < EACH; n++)
      began.push([what, await bench.end(to(receiver.url)), state, tries, receiver])
  }
  const fine: StoredDelivery[] = []
  for (let n = 0; n < 50; n++) fine.push(await bench.end(to(`${good.url}/${n}`)))
  for (const { id } of fine) assert.equal((await bench.settled(id)).tries, 1)
  assert.equal(good.heard.length, 50)
  for (const [what, { id }, state, tries, receiver] of began) {
    const settled = await bench.settled(id)
    assert.deepEqual([settled.state, settled.tries], [state, tries], what)
    assert.ok(receiver.heard.length <= EACH * tries, what)
  }
  assert.equal(elsewhere.hits, 0)
})

test('H7, H8: a receiver refuses what is old, forged, or has been taken, and knows both secrets', async () => {
  const bench = await make({ secret: `${SECRET} ${OTHER_SECRET}` })
  const delivery = await bench.end(to(good.url))
  const { headers, body } = await good.until(1)
  const presented = {
    id: String(headers['webhook-id']),
    timestamp: String(headers['webhook-timestamp']),
    signature: String(headers['webhook-signature']),
    body,
  }
  for (const secret of [SECRET, OTHER_SECRET]) {
    const parsed = parseWebhookSecrets(secret)
    const receiver = new WebhookReceiver(parsed.ok ? parsed.secrets : [], 2)
    const now = Date.now()
    assert.equal(receiver.check(presented, now), 'valid')
    assert.equal(receiver.check(presented, now), 'valid', 'not taken yet: the sender may repeat it')
    receiver.taken(delivery.id)
    assert.equal(receiver.check(presented, now), 'taken-before')
    assert.equal(receiver.check({ ...presented, id: 'd_other' }, now), 'wrong')
    assert.equal(receiver.check({ ...presented, body: Buffer.from(`${body} `) }, now), 'wrong')
    assert.equal(receiver.check({ ...presented, signature: presented.signature.slice(0, 20) }, now), 'wrong')
    assert.equal(
      receiver.check({ ...presented, signature: presented.signature.replaceAll('v1,', 'v0,') }, now),
      'wrong',
    )
    assert.equal(receiver.check(presented, now + 301_000), 'too-old')
    receiver.taken('d_2')
    receiver.taken('d_3')
    assert.equal(receiver.check(presented, now), 'valid', 'only so many ids are kept')
  }
})

test('H9: what is signed are the bytes that are sent, whatever JSON would make of them', async () => {
  const bench = await make()
  const odd = '{"a":1.0,"b":1e21,"c":"ü🎈\\u2028","__proto__":{"x":1},"a":2,"big":12345678901234567890}'
  await bench.end(to(good.url), { result: { mediaType: '', bytes: Buffer.from(odd) } })
  const { headers, body } = await good.until(1)
  assert.ok(body.includes(`"result":${odd}`))
  assert.ok(new Webhook(SECRET).verify(body, headers as Record<string, string>))
  // The same sum, made by the vector that the specification gives.
  const parsed = parseWebhookSecrets('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
  const vector = {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp: 1_614_265_330,
    body: Buffer.from('{"test": 2432232314}'),
  }
  assert.equal(
    parsed.ok && signWebhook(parsed.secrets, vector),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  )
})

const LITERALS = [
  ...['127.1', '2130706433', '0x7f.1', '0177.0.0.1', '①②⑦.⓪.⓪.①', '0', '[::]', '[::1]'],
  ...['[::ffff:127.0.0.1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '169.254.169.254', '[fd00::]'],
  ...['100.64.0.1', 'localhost.', 'localhost', '127.0.0.1.', '[::ffff:169.254.169.254]'],
]

test('H10: addresses that are not public are 400 at submission, and refused at once where they were let in', async () => {
  const canaries = await Promise.all(['127.0.0.1', '::1'].map(listenAsCanary))
  const bench = await make({ allow: ['elsewhere.example'] })
  for (const host of LITERALS)
    for (const scheme of ['https', 'http'])
      for (const { port } of canaries) {
        const url = `${scheme}://${host}:${port}/hook`
        const verdict = bench.webhooks.judgeTarget({ url, headers: {} })
        assert.equal(!verdict.ok && verdict.pointer, '/url', url)
        const delivery = await bench.end(to(url))
        const { state, tries } = await bench.settled(delivery.id)
        assert.deepEqual([state, tries], ['refused', 1], url)
      }
  assert.deepEqual(
    canaries.map(({ hits }) => hits),
    [0, 0],
  )
})

test('H11: a name that resolves to one such address among many, or to another one each time', async () => {
  const canary = await listenAsCanary()
  const v4 = (address: string) => ({ address, family: 4 })
  // 127.0.0.2 stands for the public internet, which a test leaves alone.
  const many = [...Array.from({ length: 40 }, () => v4('127.0.0.2')), v4('127.0.0.1')]
  let asked = 0
  const bench = await make({
    allow: ['127.0.0.2'],
    terms: { maxRetries: 0 },
    resolve: async (name) => {
      if (name === 'many.example') return many
      return [v4(++asked % 2 === 0 ? '127.0.0.2' : '127.0.0.1')]
    },
  })
  const states: StoredDelivery['state'][] = []
  for (let n = 0; n < 500; n++)
    for (const name of ['many.example', 'rebinding.example']) {
      const delivery = await bench.end(to(`http://${name}:${canary.port}/`))
      states.push((await bench.settled(delivery.id)).state)
    }
  assert.equal(states.filter((state) => state === 'refused').length, 750)
  assert.equal(states.filter((state) => state === 'failed').length, 250)
  assert.deepEqual([canary.hits, asked], [0, 500])
})

test('H12: no redirect is followed, to whatever scheme, nor another place named by a header', async () => {
  const canary = await listenAsCanary()
  const bench = await make({ terms: { maxRetries: 1 } })
  for (const location of [
    `http://127.0.0.1:${canary.port}/`,
    `//127.0.0.1:${canary.port}/`,
    'file:///etc/passwd',
    'gopher://127.0.0.1/x',
  ]) {
    const receiver = await receive((_request, response) =>
      response.writeHead(307, { location, 'alt-svc': `http/1.1=":${canary.port}"`, refresh: '0' }).end(),
    )
    const delivery = await bench.end(to(receiver.url))
    assert.deepEqual((await bench.settled(delivery.id)).lastStatus, 307)
    assert.equal(receiver.heard.length, 2)
  }
  assert.equal(canary.hits, 0)
})

test('H13: ports that belong to other services are refused', async () => {
  const bench = await make({ allow: [] })
  const judge = (port: number) =>
    bench.webhooks.judgeTarget({ url: `https://a.example:${port}/`, headers: {} })
  for (const port of [0, 1, 22, 25, 5432, 6379, 65_535, 65_536])
    assert.equal(judge(port).ok, false, String(port))
  for (const port of [443, 8443]) assert.equal(judge(port).ok, true, String(port))
})

test('H16: the balancer is not its own receiver, by no name and no rule, and gives nobody a key', async () => {
  const isOwn = createOwnAddress('127.0.0.1', () => good.port)
  const bench = await make({
    allow: ['127.0.0.0/8', '::1', 'localhost', 'me.example', `127.0.0.1:${good.port}`],
    isOwn,
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
  })
  for (const host of ['127.0.0.1', 'localhost', '0', '[::ffff:7f00:1]', 'me.example']) {
    const delivery = await bench.end(to(`http://${host}:${good.port}/fleet/off`))
    const { state, lastError } = await bench.settled(delivery.id)
    assert.equal(state, 'refused', host)
    assert.match(lastError ?? '', /this server itself/)
  }
  assert.equal(good.heard.length, 0)
  const other = await receive((_request, response) => response.writeHead(204).end())
  await bench.end(to(other.url))
  const { headers } = await other.until(1)
  assert.deepEqual(
    [headers.authorization, headers.cookie, headers['x-lb-auth']],
    [undefined, undefined, undefined],
  )
})
