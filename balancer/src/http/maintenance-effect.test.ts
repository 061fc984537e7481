/** What `dryRun` foretells: true numbers, and nothing has changed. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Bench, codeOf, makeBench, makeWorker, withKey } from './test-bench.ts'

interface Foretold {
  dryRun: boolean
  matched: number
  changed: number
  items: { id: string; status: number; code?: string }[]
  effect: {
    workers: number
    slotsLost: number
    running: number
    remaining: number | null
    exceeding: number
    groups: Record<string, unknown>[]
    functionsLeft: { group: string; contract: number; name: string }[]
  }
}

const slots = (limit: number, used: number) => ({
  limit,
  used,
  stuck: 0,
  available: Math.max(0, limit - used),
  queue: 0,
})

function makeFleet(): Bench {
  const bench = makeBench()
  bench.fleet.list = [
    makeWorker('w1', { slots: slots(4, 1), functions: ['hello', 'paint'], tags: { zone: 'eu' } }),
    makeWorker('w2', { slots: slots(8, 8), functions: ['hello'], status: 'saturated', tags: { zone: 'us' } }),
    makeWorker('w3', {
      slots: slots(2, 0),
      functions: ['draw'],
      group: 'gpu',
      contract: 3,
      tags: { zone: 'eu' },
    }),
    makeWorker('w4', { slots: slots(6, 2), functions: ['hello'], status: 'draining', tags: { zone: 'eu' } }),
    makeWorker('w5', { slots: null, functions: [], group: null, contract: null, status: 'unreachable' }),
  ]
  bench.fleet.drained = { running: 2, remaining: 500, deadline: null, exceeding: ['r_1'], repeated: 0 }
  return bench
}

async function foretell(bench: Bench, path: string, body: object): Promise<Foretold> {
  const answer = await bench.ask(path, withKey('POST', { ...body, dryRun: true }))
  assert.equal(answer.status, 200, await answer.clone().text())
  return (await answer.json()) as Foretold
}

describe('off with dryRun', () => {
  it('tells what many would cost: of each group, and what nobody would serve', async () => {
    const bench = makeFleet()
    const told = await foretell(bench, '/fleet/off', { select: { tags: { zone: 'eu' } } })
    assert.deepEqual([told.dryRun, told.matched, told.changed], [true, 3, 3])
    const { groups, functionsLeft, ...sums } = told.effect
    assert.deepEqual(sums, { workers: 2, slotsLost: 6, running: 6, remaining: 500, exceeding: 3 })
    assert.deepEqual(groups, [
      {
        group: 'default',
        contract: 1,
        workers: 2,
        workersLeft: 1,
        slots: 12,
        slotsLost: 4,
        slotsLostShare: 0.333,
        freeLeft: 0,
      },
      {
        group: 'gpu',
        contract: 3,
        workers: 1,
        workersLeft: 0,
        slots: 2,
        slotsLost: 2,
        slotsLostShare: 1,
        freeLeft: 0,
      },
    ])
    assert.deepEqual(functionsLeft, [
      { group: 'default', contract: 1, name: 'paint' },
      { group: 'gpu', contract: 3, name: 'draw' },
    ])
  })

  it('tells what one would cost, and nothing for one that is out of service', async () => {
    const bench = makeFleet()
    const one = await foretell(bench, '/workers/w2/off', {})
    assert.equal(one.effect.slotsLost, 8)
    assert.deepEqual(one.effect.functionsLeft, [])
    assert.equal(one.effect.groups[0]?.freeLeft, 3)
    for (const id of ['w4', 'w5']) {
      const { effect } = await foretell(bench, `/workers/${id}/off`, {})
      assert.deepEqual([effect.workers, effect.slotsLost, effect.groups], [0, 0, []], id)
    }
  })

  it('judges what runs by the deadline that is thought of', async () => {
    const bench = makeFleet()
    const asked: (string | null | undefined)[] = []
    const { drain } = bench.fleet
    bench.fleet.drain = (id: string, deadline?: string | null) => {
      asked.push(deadline)
      return drain.call(bench.fleet, id)
    }
    const deadline = '2026-06-01T00:00:00.000Z'
    await foretell(bench, '/workers/w1/off', { deadline })
    await foretell(bench, '/workers/w1/off', {})
    assert.deepEqual(asked, [deadline, null])
    bench.fleet.drained = { ...bench.fleet.drained, remaining: null }
    assert.equal((await foretell(bench, '/workers/w1/off', {})).effect.remaining, null)
  })

  it('changes nothing', async () => {
    const bench = makeFleet()
    await foretell(bench, '/workers/w1/off', {})
    await foretell(bench, '/fleet/off', { select: { group: 'default' } })
    assert.deepEqual([bench.fleet.wishes, bench.keeper.kept], [[], []])
  })

  it('refuses what `off` refuses, and says who would refuse it', async () => {
    const bench = makeFleet()
    const past = { deadline: '2000-01-01T00:00:00Z', dryRun: true }
    assert.equal((await bench.ask('/workers/w1/off', withKey('POST', past))).status, 400)
    assert.equal(
      await codeOf(await bench.ask('/workers/no/off', withKey('POST', { dryRun: true }))),
      'NOT_FOUND',
    )
    const nobody = { select: {}, dryRun: true }
    assert.equal((await bench.ask('/fleet/off', withKey('POST', nobody))).status, 400)
    const wrong = { dryRun: 'yes' }
    assert.equal((await bench.ask('/workers/w1/off', withKey('POST', wrong))).status, 400)
    bench.fleet.refusal = { code: 'CONFLICT', detail: 'it leaves' }
    const told = await foretell(bench, '/workers/w1/off', {})
    assert.deepEqual([told.changed, told.items[0]?.status, told.effect.workers], [0, 409, 0])
  })
})
