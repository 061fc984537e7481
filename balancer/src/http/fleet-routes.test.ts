import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Bench, makeBench, makeWorker, withKey } from './test-bench.ts'

interface Answered {
  matched: number
  changed: number
  items: { id: string; status: number; code?: string; detail?: string }[]
}

function makeFleet(): Bench {
  const bench = makeBench()
  bench.fleet.list = [
    makeWorker('w1', { tags: { zone: 'eu', vram: 80 } }),
    makeWorker('w2', { tags: { zone: 'us', vram: 24 } }),
    makeWorker('w3', { group: 'gpu', tags: { zone: 'eu', vram: 80 } }),
    makeWorker('w4', { status: 'leaving', tags: { zone: 'eu' } }),
  ]
  return bench
}

async function post(bench: Bench, verb: string, body: unknown): Promise<Answered> {
  const answer = await bench.ask(`/fleet/${verb}`, withKey('POST', body))
  assert.equal(answer.status, 200, await answer.clone().text())
  return (await answer.json()) as Answered
}

describe('POST /fleet/off and /fleet/on', () => {
  it('take those for whom all of the selection holds', async () => {
    for (const [select, expected] of [
      [{ workers: ['w2', 'w1', 'w1'] }, ['w1', 'w2']],
      [{ group: 'default' }, ['w1', 'w2']],
      [{ tags: { zone: 'eu' } }, ['w1', 'w3']],
      [{ tags: { vram: '>=80' }, group: 'gpu' }, ['w3']],
      [{ tags: { zone: ['eu', 'us'] }, workers: ['w2', 'w3'] }, ['w2', 'w3']],
      [{ group: 'none' }, []],
    ] as const) {
      const bench = makeFleet()
      const { matched, items } = await post(bench, 'off', { select })
      assert.deepEqual(
        items.map(({ id }) => id),
        expected,
        JSON.stringify(select),
      )
      assert.equal(matched, expected.length)
      assert.deepEqual(
        bench.fleet.wishes.map(({ id }) => id),
        expected,
      )
    }
  })

  it('pass reason, until, deadline and owner on, and keep all in one batch', async () => {
    const bench = makeFleet()
    const until = '2026-02-01T00:00:00.000Z'
    const deadline = '2026-01-15T00:00:00.000Z'
    await post(bench, 'off', { select: { group: 'default' }, reason: 'racks', until, deadline })
    const wish = { on: true, reason: 'racks', until, deadline, by: 'key' }
    assert.deepEqual(bench.fleet.wishes, [
      { id: 'w1', wish },
      { id: 'w2', wish },
    ])
    assert.equal(bench.keeper.kept.length, 2)
    await post(bench, 'on', { select: { group: 'default' } })
    assert.deepEqual(bench.keeper.kept.slice(2), [
      { kind: 'intent-cleared', worker: 'w1' },
      { kind: 'intent-cleared', worker: 'w2' },
    ])
  })

  it('say what was not changed, and why', async () => {
    const bench = makeFleet()
    const plan = bench.fleet.planMaintenance.bind(bench.fleet)
    const detail = 'workers.json says "maintenance": true for "w1" in line 3.'
    bench.fleet.planMaintenance = (id, wish) =>
      id === 'w1' ? { ok: false, error: { code: 'CONFLICT', detail } } : plan(id, wish)
    const { changed, items } = await post(bench, 'on', { select: { group: 'default' } })
    assert.equal(changed, 1)
    assert.deepEqual(items, [
      { id: 'w1', status: 409, code: 'CONFLICT', detail },
      { id: 'w2', status: 200 },
    ])
    assert.deepEqual(bench.keeper.kept, [{ kind: 'intent-cleared', worker: 'w2' }])
  })

  it('take back on disk what was refused once it was written', async () => {
    const bench = makeFleet()
    bench.fleet.lateRefusal = { code: 'CONFLICT', detail: 'it has left meanwhile' }
    const { changed, items } = await post(bench, 'off', { select: { workers: ['w1'] } })
    assert.deepEqual([changed, items[0]?.status], [0, 409])
    assert.deepEqual(
      bench.keeper.kept.map(({ kind }) => kind),
      ['intent-set', 'intent-cleared'],
    )
  })

  it('refuse a wrong body with a pointer, and change nothing', async () => {
    const bench = makeFleet()
    const select = { group: 'default' }
    for (const [verb, body, pointer] of [
      ['off', {}, '/select'],
      ['off', { select: {} }, '/select'],
      ['off', { select: { tags: {} } }, '/select'],
      ['off', { select: { workers: [] } }, '/select/workers'],
      ['off', { select: { workers: ['w1', 'w9'] } }, '/select/workers/1'],
      ['off', { select: { zone: 'eu' } }, '/select/zone'],
      ['off', { select: { group: 'a b' } }, '/select/group'],
      ['off', { select: { tags: { zone: 1 } } }, '/select/tags/zone'],
      ['off', { select, until: '2025-12-31T00:00:00Z' }, '/until'],
      ['off', { select, deadline: '2025-12-31T00:00:00Z' }, '/deadline'],
      ['off', { select, reasons: 'x' }, '/reasons'],
      ['on', {}, '/select'],
      ['on', { select, until: '2027-01-01T00:00:00Z' }, '/until'],
    ] as const) {
      const answer = await bench.ask(`/fleet/${verb}`, withKey('POST', body))
      assert.equal(answer.status, 400, JSON.stringify(body))
      const { errors } = (await answer.json()) as { errors: { pointer: string }[] }
      assert.equal(errors[0]?.pointer, pointer)
    }
    assert.deepEqual([bench.fleet.wishes, bench.keeper.kept], [[], []])
  })

  it('are noted at each worker and at the fleet, with the reason of the body or the header', async () => {
    const bench = makeFleet()
    const select = { workers: ['w1', 'w2'] }
    const headers = { ...withKey().headers, 'x-reason': 'racks' }
    await bench.ask('/fleet/off', { ...withKey('POST', { select }), headers })
    assert.equal(bench.fleet.wishes[0]?.wish.reason, 'racks')
    await post(bench, 'on', { select, reason: 'done' })
    assert.deepEqual(
      bench.noted.map(({ action, target, reason }) => [action, target?.kind, target?.id, reason]),
      [
        ['worker.off', 'worker', 'w1', 'racks'],
        ['worker.off', 'worker', 'w2', 'racks'],
        ['fleet.off', 'fleet', '2 by name', 'racks'],
        ['worker.on', 'worker', 'w1', 'done'],
        ['worker.on', 'worker', 'w2', 'done'],
        ['fleet.on', 'fleet', '2 by name', 'done'],
      ],
    )
  })

  it('note above 50 workers the fleet alone', async () => {
    for (const [count, entries] of [
      [50, 51],
      [51, 1],
    ] as const) {
      const bench = makeBench()
      bench.fleet.list = Array.from({ length: count }, (_, at) => makeWorker(`w${at}`))
      await post(bench, 'off', { select: { group: 'default' } })
      assert.equal(bench.noted.length, entries)
      assert.equal(bench.noted.at(-1)?.action, 'fleet.off')
    }
  })

  it('change nothing at all when it cannot be kept', async () => {
    const bench = makeFleet()
    bench.keeper.failure = 'the disk is full'
    const answer = await bench.ask('/fleet/off', withKey('POST', { select: { group: 'default' } }))
    assert.equal(answer.status, 503)
    assert.match(await answer.text(), /2 workers.*nothing was changed: the disk is full/)
    assert.deepEqual(bench.fleet.wishes, [])
    assert.equal(bench.keeper.undone.length, 2)
  })
})
