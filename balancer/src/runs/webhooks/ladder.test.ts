import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OutboundResult } from '@berth/runtime'
import type { StoredDelivery } from '../../ports/stored-delivery.ts'
import { afterTry, LADDER_MS } from './ladder.ts'

const NOW = 1_000_000
const PENDING: StoredDelivery = {
  id: 'd_1',
  seq: 1,
  run: 'r_1',
  type: 'task.completed',
  url: 'https://receiver.example/',
  receiver: 'https://receiver.example',
  createdMs: 0,
  state: 'pending',
  tries: 0,
  failures: 0,
  nextMs: 0,
  lastStatus: null,
  lastError: null,
}

const answer = (status: number, retryAfterMs?: number): OutboundResult => ({
  kind: 'answered',
  status,
  retryAfterMs,
  body: '',
})

const after = (
  result: OutboundResult,
  changes: Partial<StoredDelivery> = {},
  { maxRetries = 9, random = 0 } = {},
) =>
  afterTry({ ...PENDING, ...changes }, result, NOW, { maxRetries, ladderMs: LADDER_MS, random: () => random })

describe('afterTry', () => {
  it('waits as the contract says, up to a fifth longer, and gives up after the last retry', () => {
    const waits = ['5s', '5m', '30m', '2h', '5h', '10h', '14h', '20h', '24h'].map((text) => {
      const unit = { s: 1_000, m: 60_000, h: 3_600_000 }[text.at(-1) ?? ''] ?? 0
      return Number.parseInt(text, 10) * unit
    })
    let plain = PENDING
    for (const waitMs of waits) {
      assert.equal(
        after(answer(500), plain, { random: 0.999 }).nextMs,
        NOW + waitMs + Math.ceil(waitMs * 0.1998),
      )
      plain = after(answer(500), plain)
      assert.deepEqual([plain.state, plain.nextMs], ['pending', NOW + waitMs])
    }
    const last = after(answer(500), plain)
    assert.deepEqual([last.state, last.nextMs, last.tries, last.failures], ['failed', null, 10, 10])
    const longer = after(answer(500), plain, { maxRetries: 12 })
    assert.deepEqual([longer.state, longer.nextMs], ['pending', NOW + 24 * 3_600_000])
    assert.equal(after(answer(500), {}, { maxRetries: 0 }).state, 'failed')
  })

  it('asks no sooner than the receiver wants, and no sooner than the ladder', () => {
    assert.equal(after(answer(503, 60_000)).nextMs, NOW + 60_000)
    assert.equal(after(answer(429, 1)).nextMs, NOW + 5_000)
    assert.equal(after(answer(503, 60_000), { failures: 1 }).nextMs, NOW + 300_000)
  })

  it('knows what is final', () => {
    const cases: [OutboundResult, StoredDelivery['state']][] = [
      [answer(200), 'delivered'],
      [answer(299), 'delivered'],
      [answer(400), 'failed'],
      [answer(404), 'failed'],
      [answer(499), 'failed'],
      [answer(410), 'disabled'],
      [answer(199), 'pending'],
      [answer(302), 'pending'],
      [answer(408), 'pending'],
      [answer(409), 'pending'],
      [answer(425), 'pending'],
      [answer(429), 'pending'],
      [answer(500), 'pending'],
      [answer(599), 'pending'],
      [{ kind: 'failed', reason: 'reset' }, 'pending'],
      [{ kind: 'refused', reason: '10.0.0.1 is not a public address' }, 'refused'],
    ]
    for (const [result, state] of cases) {
      const found = after(result)
      assert.deepEqual(
        [found.state, found.nextMs === null],
        [state, state !== 'pending'],
        JSON.stringify(result),
      )
    }
  })

  it('says what the receiver answered last, and nothing of it once it took it', () => {
    const failed = after({ kind: 'failed', reason: 'reset' }, { lastStatus: 500 })
    assert.deepEqual([failed.lastStatus, failed.lastError], [null, 'reset'])
    const taken = after(answer(204), failed)
    assert.deepEqual([taken.lastStatus, taken.lastError, taken.tries, taken.failures], [204, null, 2, 1])
  })
})
