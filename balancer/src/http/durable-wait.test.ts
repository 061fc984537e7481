/** Who waits for the end of a run on disk, and who comes again with the same `Idempotency-Key`. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { beginCalls } from './durable-call-bench.ts'
import { complete, fail, WAYS } from './task-bench.ts'

const HELLO = '{"function":"hello","input":{"name":"you"}}'

for (const way of WAYS)
  describe(`waiting and keys by the ${way} route`, () => {
    const begin = (t: Parameters<typeof beginCalls>[0]) => beginCalls(t, way)

    test('a wait that ends in time answers as sync does, with who ran it', async (t) => {
      const { post, durable } = await begin(t)
      const answer = post({}, { prefer: 'wait=10' })
      await durable.untilWaiting(1)
      const [id] = [...durable.accepted.keys()]
      durable.end(id ?? '', complete('{"hello":1}'))
      const { status, json, of } = await answer
      assert.deepEqual([status, json], [200, { success: true, result: { hello: 1 } }])
      assert.deepEqual([of('x-run-id'), of('x-worker'), of('x-attempt')], [id, 'w1', '1'])
      assert.match(of('server-timing') ?? '', /^queue;dur=1.23, run;dur=20$/)
      assert.deepEqual(durable.waitedMs, [10_000])
      assert.equal(durable.accepted.get(id ?? '')?.mode, 'sync')
    })

    test('bytes as a result are the body below /task/{group}/{function}', async (t) => {
      const { send, durable } = await begin(t)
      const answer = send('/task/g/f', '{}', { prefer: 'wait=10' })
      await durable.untilWaiting(1)
      durable.end([...durable.accepted.keys()][0] ?? '', complete('abc', 'text/plain'))
      const { status, text, of } = await answer
      assert.deepEqual([status, text, of('content-type')], [200, 'abc', 'text/plain'])
    })

    test('a failure has its own status', async (t) => {
      const { post, durable } = await begin(t)
      const answer = post({}, { 'idempotency-key': 'k' })
      await durable.untilWaiting(1)
      durable.end([...durable.accepted.keys()][0] ?? '', fail({ code: 'FUNCTION_FAILED', detail: 'no' }))
      const { status, json } = await answer
      assert.deepEqual([status, json.code, json.detail], [500, 'FUNCTION_FAILED', 'no'])
    })

    test('a wait that is over answers 202, and the run goes on', async (t) => {
      const { post, durable, core } = await begin(t)
      const answer = post({}, { prefer: 'wait=1' })
      await durable.untilWaiting(1)
      durable.passTime()
      const { status, of } = await answer
      const [id] = durable.accepted.keys()
      assert.deepEqual([status, of('location')], [202, `/runs/${id}`])
      assert.deepEqual(core.cancelled, [])
    })

    test('a caller that leaves ends its waiting and nothing else', async (t) => {
      const { send, durable, core } = await begin(t)
      const leaving = new AbortController()
      const gone = send('/task', HELLO, { 'idempotency-key': 'k' }, leaving.signal)
      await durable.untilWaiting(1)
      leaving.abort()
      await assert.rejects(gone)
      const [id = ''] = durable.accepted.keys()
      durable.end(id, complete('1'))
      const again = await send('/task', HELLO, { 'idempotency-key': 'k' })
      assert.deepEqual(
        [again.status, again.of('x-run-id'), again.text],
        [200, id, '{"success":true,"result":1}'],
      )
      assert.deepEqual(core.cancelled, [])
    })

    test('a caller who is not waited with any longer is told that its run goes on, and why', async (t) => {
      const { post, durable, core } = await begin(t)
      const giveUp = async (headers: Record<string, string>, waits: number) => {
        core.shed = undefined
        const answer = post({}, headers)
        await durable.untilWaiting(waits)
        core.shed = { code: 'DRAINING', detail: 'it ends' }
        durable.passTime()
        return answer
      }
      const drained = await giveUp({ 'idempotency-key': 'k' }, 1)
      const [id] = durable.accepted.keys()
      assert.deepEqual(
        [drained.status, drained.json.code, drained.of('location')],
        [503, 'DRAINING', `/runs/${id}`],
      )
      assert.equal((await giveUp({ prefer: 'wait=5' }, 2)).status, 202)
      core.shed = undefined
      const oneTooMany = post({}, { 'idempotency-key': 'other' })
      await durable.untilWaiting(3)
      durable.passTime()
      assert.equal((await oneTooMany).status, 202)
    })

    test('one key: the first answer again, whatever it was', async (t) => {
      const { post, send, durable } = await begin(t)
      const keyed = { 'idempotency-key': 'once' }
      const first = await post({ mode: 'async' }, keyed)
      const second = await post({ mode: 'async' }, keyed)
      assert.deepEqual([second.status, second.text], [first.status, first.text])
      assert.deepEqual([first.of('idempotency-replayed'), second.of('idempotency-replayed')], [null, 'true'])
      assert.equal(durable.accepted.size, 1)

      const failing = { 'idempotency-key': 'fails' }
      const answer = post({}, failing)
      await durable.untilWaiting(1)
      durable.end([...durable.accepted.keys()].at(-1) ?? '', fail({ code: 'FUNCTION_FAILED', detail: 'no' }))
      const [failed, again] = [await answer, await post({}, failing)]
      assert.deepEqual([again.status, again.text], [failed.status, failed.text])
      assert.deepEqual(
        [again.status, again.of('x-worker'), again.of('idempotency-replayed')],
        [500, 'w1', 'true'],
      )
      assert.equal((await send('/task/default/hello?mode=async', '{}', keyed)).status, 202)
    })

    test('one key: the first answer, though the body would be refused today', async (t) => {
      const { post, durable } = await begin(t)
      const keyed = { 'idempotency-key': 'k' }
      const first = await post({ mode: 'async' }, keyed)
      const waits = { 'idempotency-key': 'waits' }
      const answer = post({}, waits)
      await durable.untilWaiting(1)
      durable.wrong = [{ pointer: '/name', detail: 'is new' }]
      const input = { name: 1 }
      assert.equal((await post({}, waits)).status, 409)
      durable.end([...durable.accepted.keys()].at(-1) ?? '', complete('1'))
      for (const [fields, headers, expected] of [
        [{ mode: 'async' }, keyed, first],
        [{}, waits, await answer],
      ] as const) {
        const again = await post(fields, headers)
        assert.deepEqual([again.status, again.text], [expected.status, expected.text])
        assert.equal(again.of('idempotency-replayed'), 'true')
      }
      const other = await post({ mode: 'async', input }, keyed)
      assert.deepEqual([other.status, other.json.code], [422, 'IDEMPOTENCY_MISMATCH'])
      const fresh = await post({ mode: 'async', input }, { 'idempotency-key': 'new' })
      assert.deepEqual([fresh.status, fresh.json.code], [422, 'INVALID_INPUT'])
      assert.deepEqual([durable.accepted.size, durable.keys.size], [2, 2])
    })

    test('one key, two bodies: 422; another address is another key', async (t) => {
      const { post, send, durable } = await begin(t)
      const keyed = { 'idempotency-key': 'k', prefer: 'respond-async' }
      assert.equal((await post({ input: { a: 1 } }, keyed)).status, 202)
      const other = await post({ input: { a: 2 } }, keyed)
      assert.deepEqual([other.status, other.json.code], [422, 'IDEMPOTENCY_MISMATCH'])
      assert.equal((await send('/task/g/f?priority=1', '{}', keyed)).status, 202)
      assert.equal((await send('/task/g/f?priority=2', '{}', keyed)).status, 422)
      assert.equal((await send('/task/g/h?priority=1', '{}', keyed)).status, 202)
      assert.equal(durable.accepted.size, 3)
    })

    test('a key whose run goes on: 409 for sync, the same run for async', async (t) => {
      const { post, durable } = await begin(t)
      const keyed = { 'idempotency-key': 'k' }
      const first = post({}, keyed)
      await durable.untilWaiting(1)
      const [id] = durable.accepted.keys()
      const second = await post({}, keyed)
      assert.deepEqual([second.status, second.json.code], [409, 'CONFLICT'])
      assert.ok(second.text.includes(id ?? '-'))
      const third = await post({}, { ...keyed, prefer: 'respond-async' })
      assert.deepEqual([third.status, third.of('x-run-id')], [202, id])
      durable.end(id ?? '', complete('1'))
      assert.equal((await first).status, 200)
    })

    test('a key whose run is not kept any more says so', async (t) => {
      const { post, durable } = await begin(t)
      const keyed = { 'idempotency-key': 'k' }
      const first = post({}, keyed)
      await durable.untilWaiting(1)
      const [id = ''] = durable.accepted.keys()
      durable.end(id, complete('1'))
      assert.equal((await first).status, 200)
      durable.forget(id)
      const gone = await post({}, keyed)
      assert.deepEqual([gone.status, gone.json.code], [404, 'NOT_FOUND'])
      assert.ok(gone.text.includes(id))
    })

    test('a wait that was answered 202 stays answered so', async (t) => {
      const { post, durable } = await begin(t)
      const headers = { 'idempotency-key': 'k', prefer: 'wait=1' }
      const first = post({}, headers)
      await durable.untilWaiting(1)
      durable.passTime()
      assert.equal((await first).status, 202)
      durable.end([...durable.accepted.keys()][0] ?? '', complete('1'))
      const again = await post({}, headers)
      assert.deepEqual([again.status, again.of('idempotency-replayed')], [202, 'true'])
    })
  })
