import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { makeBench, withKey } from './test-bench.ts'

const balancer = (status: 'starting' | 'ready' | 'draining') => () => ({
  name: 'b',
  environment: null,
  version: '0.1.0',
  startedAt: '2026-01-01T00:00:00.000Z',
  status,
})

describe('GET /health', () => {
  it('says one word to anybody, also to a wrong key', async () => {
    const bench = makeBench()
    for (const headers of [{}, { authorization: 'wrong' }] as Record<string, string>[])
      assert.deepEqual(await (await bench.ask('/health', { headers })).json(), { status: 'ready' })
  })

  it('says more with the key', async () => {
    const health = (await (await makeBench().ask('/health', withKey())).json()) as Record<string, unknown>
    assert.deepEqual(
      { ...health, workers: undefined },
      {
        status: 'ready',
        workers: undefined,
        queue: { waiting: 2, running: 1 },
        version: '0.1.0',
        config: { state: 'ok', since: '2026-01-01T00:00:00.000Z', warnings: [] },
        store: { state: 'ok' },
      },
    )
    const counts = health.workers as Record<string, number>
    assert.equal(counts.ready, 1)
    assert.equal(counts.saturated, 1)
    assert.equal(counts.unreachable, 0)
    assert.equal(Object.keys(counts).length, 11)
  })
})

describe('GET /readyz and /livez', () => {
  it('is ready when tasks are taken, whether or not the workers have answered yet', async () => {
    for (const [status, expected, word] of [
      ['starting', 200, 'ready'],
      ['ready', 200, 'ready'],
      ['draining', 503, 'draining'],
    ] as const) {
      const bench = makeBench({ balancer: balancer(status) })
      assert.deepEqual(await (await bench.ask('/health')).json(), { status })
      const answer = await bench.ask('/readyz')
      assert.equal(answer.status, expected)
      assert.deepEqual(await answer.json(), { status: word })
      assert.equal((await bench.ask('/livez')).status, 200)
    }
  })
})

describe('a store that cannot be written', () => {
  it('is not ready, and says why to whoever has the key', async () => {
    const bench = makeBench()
    const failed = { state: 'failed' as const, error: 'gone', since: '2026-01-01T00:00:00.000Z' }
    bench.keeper.state = failed
    const answer = await bench.ask('/readyz')
    assert.equal(answer.status, 503)
    assert.deepEqual(await answer.json(), { status: 'store-unavailable' })
    assert.equal((await bench.ask('/livez')).status, 200)
    const health = (await (await bench.ask('/health', withKey())).json()) as { store: unknown }
    assert.deepEqual(health.store, failed)
  })
})

describe('GET /logs', () => {
  it('answers the lines, oldest first', async () => {
    const bench = makeBench()
    bench.log.info('one')
    bench.log.info('two')
    const { logs } = (await (await bench.ask('/logs', withKey())).json()) as { logs: string[] }
    assert.deepEqual(logs, bench.log.lines())
    assert.match(logs[0] ?? '', /one/)
  })
})

describe('GET /feed without an upgrade', () => {
  it('says that it is a WebSocket', async () => {
    const answer = await makeBench().ask('/feed', withKey())
    assert.equal(answer.status, 426)
    assert.equal(answer.headers.get('upgrade'), 'websocket')
  })
})
