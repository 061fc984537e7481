/** What routes make of requests about webhooks' messages; what becomes of those is shown with `runs/webhooks`. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { DeliveryView, RunView } from '@berth/protocol'
import type { DeliveriesPort, DeliveryRange, RangeRedelivered, Redelivered } from '../ports/webhooks.ts'
import { deliveryRoutes } from './delivery-routes.ts'
import { type Bench, makeBench, withKey } from './test-bench.ts'

const DELIVERY: DeliveryView = {
  id: 'd_1',
  run: 'r_1',
  type: 'task.completed',
  url: 'https://receiver.example/',
  state: 'delivered',
  tries: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  nextAt: null,
  status: 204,
  error: null,
  attempts: [{ n: 1, at: '2026-01-01T00:00:00.000Z', durationMs: 5, status: 204, error: null }],
}

let ranges: DeliveryRange[] = []
let rangeAnswer: RangeRedelivered = { ok: true, matched: 3 }
let asked: Redelivered = { ok: true, delivery: DELIVERY }

const deliveries: DeliveriesPort = {
  of: async (run) => (run === 'r_1' ? [DELIVERY] : []),
  redeliver: async (id) => (id === 'd_1' ? asked : undefined),
  redeliverRange: async (range) => {
    ranges.push(range)
    return rangeAnswer
  },
}
const runs = { find: async (id: string) => (id === 'r_2' ? ({} as RunView) : undefined) }

let bench: Bench
beforeEach(() => {
  ranges = []
  rangeAnswer = { ok: true, matched: 3 }
  asked = { ok: true, delivery: DELIVERY }
  bench = makeBench({ routes: deliveryRoutes({ runs, deliveries }) })
})

describe('GET /runs/{id}/deliveries', () => {
  it('lists what was sent of a run, nothing of one that sends nothing, and 404 for none', async () => {
    const listed = await bench.ask('/runs/r_1/deliveries', withKey())
    assert.deepEqual(await listed.json(), { items: [DELIVERY], cursor: null })
    const none = await bench.ask('/runs/r_2/deliveries', withKey())
    assert.deepEqual(await none.json(), { items: [], cursor: null })
    assert.equal((await bench.ask('/runs/r_3/deliveries', withKey())).status, 404)
    assert.equal((await bench.ask('/runs/r_1/deliveries?limit=1', withKey())).status, 400)
    assert.equal((await bench.ask('/runs/r_1/deliveries')).status, 401)
  })
})

describe('POST /deliveries/{id}/redeliver', () => {
  it('answers 202 with the delivery as it is now', async () => {
    const answer = await bench.ask('/deliveries/d_1/redeliver', withKey('POST'))
    assert.equal(answer.status, 202)
    assert.deepEqual(await answer.json(), DELIVERY)
    assert.equal((await bench.ask('/deliveries/d_2/redeliver', withKey('POST'))).status, 404)
    assert.equal((await bench.ask('/deliveries/d_1/redeliver', withKey('POST', { a: 1 }))).status, 400)
    assert.equal((await bench.ask('/deliveries/d_1/redeliver', { method: 'POST' })).status, 401)
  })

  it('says when it could not be kept', async () => {
    asked = { ok: false, error: { code: 'STORE_UNAVAILABLE', detail: 'the disk is full' } }
    assert.equal((await bench.ask('/deliveries/d_1/redeliver', withKey('POST'))).status, 503)
  })
})

describe('POST /deliveries/redeliver', () => {
  const ask = (body: unknown) => bench.ask('/deliveries/redeliver', withKey('POST', body))

  it('answers 202 with how many there are', async () => {
    const answer = await ask({ from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00+00:30' })
    assert.deepEqual([answer.status, await answer.json()], [202, { matched: 3 }])
    await ask({ from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z', url: 'https://a.example/x' })
    const midnight = Date.parse('2026-01-01T00:00:00Z')
    assert.deepEqual(ranges, [
      { fromMs: midnight, toMs: midnight + 1_800_000, url: null },
      { fromMs: midnight, toMs: midnight, url: 'https://a.example/x' },
    ])
  })

  it('refuses what cannot be meant, and changes nothing', async () => {
    const cases: [object, string][] = [
      [{}, '/from'],
      [{ from: '2026-01-01T00:00:00Z' }, '/to'],
      [{ from: 'yesterday', to: '2026-01-01T00:00:00Z' }, '/from'],
      [{ from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }, '/to'],
      [{ from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z', url: 'x' }, '/url'],
      [{ from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z', all: true }, '/all'],
    ]
    for (const [body, pointer] of cases) {
      const answer = await ask(body)
      const { errors } = (await answer.json()) as { errors?: { pointer: string }[] }
      assert.deepEqual([answer.status, errors?.[0]?.pointer], [400, pointer], JSON.stringify(body))
    }
    assert.deepEqual(ranges, [])
  })

  it('says that another range is under way', async () => {
    rangeAnswer = { ok: false, error: { code: 'CONFLICT', detail: 'Another range is being redelivered.' } }
    assert.equal((await ask({ from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z' })).status, 409)
  })
})
