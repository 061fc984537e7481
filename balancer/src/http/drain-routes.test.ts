import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { codeOf, makeBench, makeWorker, SINCE, withKey } from './test-bench.ts'

const PATH = '/workers/w1/drain'
const intent = { worker: 'w1', reason: 'disk', since: SINCE, until: null, deadline: null, by: 'key' }
const byOperator = { reason: 'disk', by: 'operator', since: SINCE, until: null, owner: 'key' } as const
const away = makeWorker('w1', { status: 'draining', maintenance: { ...byOperator, deadline: null } })

describe('/workers/{id}/drain', () => {
  it('answers how far it is, in maintenance or not', async () => {
    const bench = makeBench()
    const answer = await bench.ask(PATH, withKey())
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), bench.fleet.drained)
  })

  it('is stopped by taking the deadline away; the maintenance stays as it is', async () => {
    const bench = makeBench()
    bench.fleet.list = [away]
    bench.fleet.intents.set('w1', { ...intent, deadline: '2026-06-01T00:00:00.000Z' })
    assert.equal((await bench.ask(PATH, withKey('DELETE'))).status, 200)
    const wish = { on: true, reason: 'disk', until: null, deadline: null, by: 'key' }
    assert.deepEqual(bench.fleet.wishes, [{ id: 'w1', wish }])
    assert.deepEqual(bench.keeper.kept, [{ kind: 'intent-set', intent }])
  })

  it('has nothing to stop where there is no deadline', async () => {
    const bench = makeBench()
    bench.fleet.intents.set('w1', intent)
    assert.equal((await bench.ask(PATH, withKey('DELETE'))).status, 200)
    assert.deepEqual([bench.fleet.wishes, bench.keeper.kept], [[], []])
  })

  it('is forced by a deadline that is now, on disk first', async () => {
    const bench = makeBench()
    bench.fleet.list = [away]
    bench.fleet.intents.set('w1', intent)
    const deadline = new Date(bench.clock.wallMs()).toISOString()
    assert.equal((await bench.ask(`${PATH}/force`, withKey('POST'))).status, 200)
    assert.equal(bench.fleet.wishes[0]?.wish.deadline, deadline)
    assert.deepEqual(bench.keeper.kept, [{ kind: 'intent-set', intent: { ...intent, deadline } }])
    bench.keeper.failure = 'the disk is full'
    assert.equal((await bench.ask(`${PATH}/force`, withKey('POST'))).status, 503)
    assert.equal(bench.fleet.wishes.length, 1)
  })

  it('is forced where file or worker say maintenance, and at one that leaves', async () => {
    const bench = makeBench()
    const byFile = { ...byOperator, by: 'file', deadline: null } as const
    bench.fleet.list = [
      makeWorker('w1', { status: 'draining', maintenance: byFile }),
      makeWorker('w2', { status: 'leaving' }),
    ]
    assert.equal((await bench.ask(`${PATH}/force`, withKey('POST'))).status, 200)
    assert.equal((await bench.ask('/workers/w2/drain/force', withKey('POST'))).status, 200)
    assert.deepEqual(bench.fleet.emptied, ['w1', 'w2'])
  })

  it('is not forced on a worker in service, on none, or with a body', async () => {
    const bench = makeBench()
    const refused = await bench.ask(`${PATH}/force`, withKey('POST'))
    assert.equal(refused.status, 409)
    assert.match(((await refused.json()) as { detail: string }).detail, /POST \/workers\/w1\/off/)
    for (const [method, path] of [
      ['GET', '/workers/w9/drain'],
      ['DELETE', '/workers/w9/drain'],
      ['POST', '/workers/w9/drain/force'],
    ] as const)
      assert.equal(await codeOf(await bench.ask(path, withKey(method))), 'NOT_FOUND')
    assert.equal((await bench.ask(`${PATH}/force`, withKey('POST', { now: true }))).status, 400)
    assert.deepEqual([bench.fleet.wishes, bench.fleet.emptied], [[], []])
  })

  it('does not bring a maintenance back that another operator has just ended', async () => {
    for (const init of [withKey('DELETE'), withKey('POST')]) {
      const bench = makeBench()
      const disk = Promise.withResolvers<void>()
      const isAsked = Promise.withResolvers<void>()
      const { keep } = bench.keeper
      bench.keeper.keep = async (...writes) => {
        isAsked.resolve()
        await disk.promise
        return keep.apply(bench.keeper, writes)
      }
      bench.fleet.list = [away]
      bench.fleet.intents.set('w1', { ...intent, deadline: '2026-06-01T00:00:00.000Z' })
      const { setMaintenance } = bench.fleet
      bench.fleet.setMaintenance = (id, wish) => {
        bench.fleet.intents.delete(id)
        bench.fleet.list = [makeWorker('w1')]
        return setMaintenance.call(bench.fleet, id, wish)
      }
      const on = bench.ask('/workers/w1/on', withKey('POST'))
      const path = init.method === 'DELETE' ? PATH : `${PATH}/force`
      await isAsked.promise
      const other = bench.ask(path, init)
      await new Promise(setImmediate)
      disk.resolve()
      assert.equal((await on).status, 200)
      assert.equal((await other).status, init.method === 'DELETE' ? 200 : 409)
      assert.deepEqual(bench.keeper.kept, [{ kind: 'intent-cleared', worker: 'w1' }])
    }
  })
})
