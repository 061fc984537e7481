/** Deliveries against a receiver that the test scripts: order of tries, waits, bounds, and what is given up. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import {
  createLog,
  ManualClock,
  Outbound,
  type OutboundPost,
  type OutboundResult,
  OutboundRules,
} from '@berth/runtime'
import { Deliveries, type Delivery, type DeliveryBounds, type DeliverySettings } from './deliveries.ts'
import { Turns } from './turns.ts'

const answer = (status: number, retryAfterMs?: number): OutboundResult => ({
  kind: 'answered',
  status,
  retryAfterMs,
  body: '',
})

/** The guard with a receiver of the test's behind it. */
class FakeOutbound extends Outbound {
  readonly posts: OutboundPost[] = []
  readonly #answer: (post: OutboundPost, n: number) => OutboundResult | Promise<OutboundResult>

  constructor(give: (post: OutboundPost, n: number) => OutboundResult | Promise<OutboundResult>) {
    super(new OutboundRules())
    this.#answer = give
  }

  override async post(post: OutboundPost): Promise<OutboundResult> {
    this.posts.push(post)
    return this.#answer(post, this.posts.length)
  }
}

function make(
  give: (post: OutboundPost, n: number) => OutboundResult | Promise<OutboundResult>,
  settings: Partial<DeliverySettings> = {},
  bounds?: DeliveryBounds,
) {
  const outbound = new FakeOutbound(give)
  const log = createLog({ source: 'test', level: 'debug', write: () => {} })
  const deliveries = new Deliveries(
    { timeoutMs: 1000, maxRetries: 3, retryDelayMs: 1000, headers: {}, secrets: [], ...settings },
    { outbound, clock: new ManualClock({ wallMs: 1_700_000_000_000 }), log, random: () => 0.5 },
    bounds,
  )
  const send = (more: Partial<Delivery> = {}) => {
    deliveries.promise()
    deliveries.send({
      run: 'r_1',
      url: 'https://receiver.example/hook/secret',
      headers: {},
      status: 'completed',
      body: Buffer.from('{"a":1}'),
      ...more,
    })
  }
  return { deliveries, outbound, log, send }
}

function mockTimers(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return async (ms: number) => {
    t.mock.timers.tick(ms)
    await settled()
  }
}

/** Promises settle. */
async function settled(): Promise<void> {
  for (let n = 0; n < 20; n++) await null
}

describe('Deliveries', () => {
  it('sends once what is taken, with the caller’s headers over the operator’s', async () => {
    const { deliveries, outbound, send } = make(() => answer(204), {
      headers: { 'X-Team': 'a', Authorization: 'operator' },
    })
    send({ headers: { authorization: 'caller', 'X-Own': '1' } })
    await deliveries.whenIdle()
    const [post, ...more] = outbound.posts
    assert.deepEqual(more, [])
    assert.deepEqual(
      { ...post?.headers, 'user-agent': '' },
      {
        'user-agent': '',
        'x-team': 'a',
        authorization: 'caller',
        'x-own': '1',
        'content-type': 'application/json',
        'x-run-id': 'r_1',
        'x-run-status': 'completed',
        'webhook-id': 'r_1',
        'webhook-timestamp': '1700000000',
      },
    )
    assert.deepEqual([post?.timeoutMs, Buffer.from(post?.body ?? []).toString()], [1000, '{"a":1}'])
  })

  it('signs when there is a secret, each try with one id', async () => {
    const { deliveries, outbound, send } = make((_post, n) => answer(n === 1 ? 500 : 200), {
      secrets: [Buffer.alloc(32, 1), Buffer.alloc(32, 2)],
      retryDelayMs: 0,
    })
    send()
    await deliveries.whenIdle()
    assert.equal(outbound.posts.length, 2)
    for (const { headers } of outbound.posts) {
      assert.equal(headers['webhook-id'], 'r_1')
      assert.match(headers['webhook-signature'] ?? '', /^v1,\S{44} v1,\S{44}$/)
    }
  })

  it('tries again what may help, and nothing else', async () => {
    const cases: [OutboundResult, number][] = [
      [answer(200), 1],
      [answer(299), 1],
      [answer(400), 1],
      [answer(404), 1],
      [answer(410), 1],
      [answer(499), 1],
      [answer(301), 4],
      [answer(199), 4],
      [answer(408), 4],
      [answer(409), 4],
      [answer(425), 4],
      [answer(429), 4],
      [answer(500), 4],
      [answer(599), 4],
      [{ kind: 'failed', reason: 'reset' }, 4],
      [{ kind: 'refused', reason: '10.0.0.1 is not a public address' }, 1],
    ]
    for (const [result, tries] of cases) {
      const { deliveries, outbound, send } = make(() => result, { retryDelayMs: 0 })
      send()
      await deliveries.whenIdle()
      assert.equal(outbound.posts.length, tries, JSON.stringify(result))
    }
  })

  it('waits longer each time, by chance a little less, and as long as it is told', async (t) => {
    const tick = mockTimers(t)
    const { outbound, send } = make((_post, n) => answer(503, n === 2 ? 60_000 : undefined), {
      maxRetries: 3,
    })
    send()
    await settled()
    const waits = [750, 60_000, 3000]
    for (const [index, waitMs] of waits.entries()) {
      await tick(waitMs - 1)
      assert.equal(outbound.posts.length, index + 1, `before ${waitMs}`)
      await tick(1)
      assert.equal(outbound.posts.length, index + 2, `after ${waitMs}`)
    }
  })

  it('logs what it gives up, and never the path', async () => {
    const { deliveries, log, send } = make(() => answer(404))
    send()
    await deliveries.whenIdle()
    const line = log.lines().find((text) => text.includes('webhook given up')) ?? ''
    assert.match(line, /receiver\.example/)
    assert.match(line, /it answered 404/)
    assert.doesNotMatch(line, /secret/)
  })

  it('disables a URL that said 410', async () => {
    const { deliveries, send } = make(() => answer(410))
    const url = 'https://receiver.example/hook/secret'
    assert.equal(deliveries.hindranceOf(url), undefined)
    send()
    await deliveries.whenIdle()
    assert.equal(deliveries.hindranceOf(url)?.kind, 'refused')
    assert.equal(deliveries.hindranceOf(`${url}2`), undefined)
  })

  it('takes on what it may hold, counted from the acceptance of the task', async () => {
    const held = Promise.withResolvers<OutboundResult>()
    const bounds = { maxPending: 2, maxPendingBytes: 10, atOnce: 1, atOnceEach: 1 }
    const { deliveries, send } = make(() => held.promise, {}, bounds)
    const url = 'https://receiver.example/'
    deliveries.promise()
    deliveries.promise()
    assert.equal(deliveries.hindranceOf(url)?.kind, 'full')
    const other = make(() => held.promise, {}, { ...bounds, maxPending: 100 })
    other.send({ body: Buffer.alloc(9) })
    assert.equal(other.deliveries.hindranceOf(url), undefined)
    other.send({ body: Buffer.alloc(1) })
    assert.equal(other.deliveries.hindranceOf(url)?.kind, 'full')
    held.resolve(answer(200))
    await other.deliveries.whenIdle()
    assert.equal(other.deliveries.hindranceOf(url), undefined)
    assert.equal(deliveries.pending, 0)
    send()
    await deliveries.whenIdle()
  })

  it('gives up what waits when it is stopped', async () => {
    const { deliveries, outbound, log, send } = make(() => answer(500), { retryDelayMs: 60_000 })
    send()
    await settled()
    deliveries.stop()
    await deliveries.whenIdle()
    assert.equal(outbound.posts.length, 1)
    assert.ok(log.lines().some((line) => line.includes('the worker is shutting down')))
  })
})

describe('Turns', () => {
  it('lets so many go at once, and of one receiver fewer', async () => {
    const turns = new Turns({ total: 3, each: 2 })
    const order: string[] = []
    const ends = new Map<string, () => void>()
    const begin = (name: string, key: string) =>
      turns.run(key, async () => {
        order.push(name)
        await new Promise<void>((resolve) => ends.set(name, resolve))
      })
    const all = [begin('a1', 'a'), begin('a2', 'a'), begin('a3', 'a'), begin('b1', 'b'), begin('c1', 'c')]
    await settled()
    assert.deepEqual(order, ['a1', 'a2', 'b1'])
    ends.get('b1')?.()
    await settled()
    assert.deepEqual(order.slice(3), ['c1'])
    ends.get('a1')?.()
    await settled()
    assert.deepEqual(order.slice(4), ['a3'])
    for (const end of ends.values()) end()
    await Promise.all(all)
    assert.equal(await turns.run('a', async () => 7), 7)
  })
})
