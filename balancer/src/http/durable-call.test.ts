/** Calls whose run goes to disk: by both routes of a task, over real sockets, with runs that end as a test says. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { complete, fail, serve, WAYS } from './task-bench.ts'
import { KEY } from './test-bench.ts'

const HELLO = '{"function":"hello","input":{"name":"you"}}'

for (const way of WAYS)
  describe(`runs on disk by the ${way} route`, () => {
    async function begin(t: Parameters<typeof serve>[0]) {
      const bench = await serve(t, way)
      const send = async (
        path: string,
        body: string | Uint8Array<ArrayBuffer>,
        headers: Record<string, string> = {},
        signal?: AbortSignal,
      ) => {
        const init = {
          method: 'POST',
          headers: { authorization: KEY, 'content-type': 'application/json', ...headers },
          body,
          signal: signal ?? null,
        }
        const answer = await fetch(`${bench.url}${path}`, init)
        const text = await answer.text()
        const of = (name: string) => answer.headers.get(name)
        return { status: answer.status, of, text, json: asJson(text) }
      }
      const post = (fields: object, headers: Record<string, string> = {}) =>
        send('/task', JSON.stringify({ function: 'hello', ...fields }), headers)
      const only = () => {
        assert.equal(bench.durable.accepted.size, 1)
        return [...bench.durable.accepted][0] as [
          string,
          NonNullable<ReturnType<typeof bench.durable.accepted.get>>,
        ]
      }
      return { ...bench, send, post, only }
    }

    test('async is answered 202 with its address, and nothing reaches the core', async (t) => {
      const { send, only, core } = await begin(t)
      const body =
        '{"function":"hello","group":"g","mode":"async","input":{"a":1,"__proto__":2},"priority":5,"tags":{"gpu":"a"},"metadata":{"k":"v"},"attempts":2,"idempotent":true,"timeout":7,"fairnessKey":"f","contract":3}'
      const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
      const answer = await send('/task', body, { traceparent })
      const [id, run] = only()
      assert.equal(answer.status, 202)
      assert.deepEqual([answer.of('location'), answer.of('x-run-id')], [`/runs/${id}`, id])
      assert.equal(answer.of('content-type'), 'application/json')
      assert.equal(answer.json.success, true)
      assert.equal(answer.json.runId, id)
      assert.equal(typeof answer.json.message, 'string')
      const { payload, ...order } = run
      assert.equal(Buffer.from(payload.bytes).toString(), '{"a":1,"__proto__":2}')
      assert.deepEqual([payload.mediaType, payload.head], ['', null])
      assert.deepEqual(order, {
        group: 'g',
        function: 'hello',
        contract: 3,
        tags: { gpu: 'a' },
        fairnessKey: 'f',
        mode: 'async',
        trigger: 'api',
        attempts: 2,
        idempotent: true,
        timeoutMs: 7,
        deadlineMs: null,
        queueUntilMs: null,
        dueMs: null,
        session: null,
        retryOf: null,
        budget: null,
        metadata: { k: 'v' },
        trace: traceparent,
        webhook: null,
        priority: 5,
      })
      assert.deepEqual(core.submissions, [])
    })

    test('every way to ask for it', async (t) => {
      const { post, send, durable } = await begin(t)
      const webhook = { url: 'https://a.example/hook', headers: { 'X-A': 'b' } }
      const asked: [object, Record<string, string>?][] = [
        [{ async: true }],
        [{ mode: 'async' }],
        [{ mode: 'webhook', webhook }],
        [{ async: true, webhook }],
        [{}, { prefer: 'respond-async' }],
        [{ mode: 'sync' }, { prefer: 'return=minimal, Respond-Async' }],
        [{ webhook }, { prefer: 'respond-async, wait=10' }],
        [{ delay: 5 }, { prefer: 'respond-async' }],
      ]
      for (const [fields, headers] of asked)
        assert.equal((await post(fields, headers)).status, 202, JSON.stringify([fields, headers]))
      assert.equal((await send('/task/g/hello?mode=async', '{"a":1}')).status, 202)
      assert.equal((await send('/task/g/hello?async=true', '')).status, 202)
      const runs = [...durable.accepted.values()]
      assert.deepEqual(
        runs.map(({ mode }) => mode),
        ['async', 'async', 'webhook', 'async', 'async', 'async', 'async', 'async', 'async', 'async'],
      )
      const order = { url: webhook.url, headers: webhook.headers, format: 'standard' }
      for (const run of [runs[2], runs[6]]) {
        const { origin, ...kept } = run?.webhook ?? {}
        assert.deepEqual(kept, order)
        assert.match(origin ?? '', /^http:\/\/127\.0\.0\.1:\d+$/)
      }
      assert.deepEqual(
        runs.slice(-2).map(({ payload }) => Buffer.from(payload.bytes).toString()),
        ['{"a":1}', '{}'],
      )
    })

    test('bytes are kept as they are, with what stands beside them', async (t) => {
      const { send, only, durable } = await begin(t)
      const answer = await send('/task/g/f?mode=async&input={"w":1}', new Uint8Array([0, 255]), {
        'content-type': 'image/png',
      })
      assert.equal(answer.status, 202)
      const { payload } = only()[1]
      assert.deepEqual([payload.mediaType, [...payload.bytes]], ['image/png', [0, 255]])
      assert.equal(
        Buffer.from(payload.head ?? [])
          .subarray(4)
          .toString(),
        '{"input":{"w":1}}',
      )
      assert.deepEqual(durable.checked, [
        { target: { group: 'g', function: 'f', contract: undefined }, input: { w: 1 } },
      ])
    })

    test('when it is due: a delay, an instant, the past', async (t) => {
      const { post, durable, clock } = await begin(t)
      const now = clock.wallMs()
      const at = (ms: number) => new Date(now + ms).toISOString()
      for (const fields of [{ delay: 60_000 }, { runAt: at(5_000) }, { runAt: at(-5_000) }, { delay: 0 }, {}])
        assert.equal((await post({ mode: 'async', ...fields })).status, 202)
      assert.deepEqual(
        [...durable.accepted.values()].map(({ dueMs }) => dueMs),
        [now + 60_000, now + 5_000, null, null, null],
      )
    })

    test('limits: a sync run has those of a task in memory, an async one those that it names', async (t) => {
      const { post, durable, clock } = await begin(t)
      const now = clock.wallMs()
      const deadline = (ms: number) => ({ deadline: new Date(now + ms).toISOString() })
      const wait = { prefer: 'wait=0' }
      for (const [fields, headers] of [
        [{}, wait],
        [deadline(1_000), wait],
        [deadline(900_000), wait],
        [deadline(900_000), { prefer: 'respond-async' }],
      ] as const) {
        const answer = post(fields, headers)
        assert.equal((await answer).status, 202)
      }
      assert.deepEqual(
        [...durable.accepted.values()].map(({ deadlineMs, queueUntilMs }) => [deadlineMs, queueUntilMs]),
        [
          [now + 300_000, now + 60_000],
          [now + 1_000, now + 60_000],
          [now + 300_000, now + 60_000],
          [now + 900_000, null],
        ],
      )
    })

    test('nothing is said before it is on disk', async (t) => {
      const { post, durable } = await begin(t)
      const { promise, resolve } = Promise.withResolvers<void>()
      durable.disk = promise
      let answered = false
      const answer = post({ mode: 'async' }).then((got) => {
        answered = true
        return got
      })
      while (durable.accepted.size === 0) await new Promise(setImmediate)
      assert.equal((await post({}, {})).status, 200)
      assert.equal(answered, false)
      resolve()
      assert.equal((await answer).status, 202)
    })

    test('a body counts at the door until it is on disk', async (t) => {
      const { post, durable, door } = await begin(t)
      const { promise, resolve } = Promise.withResolvers<void>()
      durable.disk = promise
      const answer = post({ mode: 'async', input: { text: 'x'.repeat(1_000) } })
      while (durable.accepted.size === 0) await new Promise(setImmediate)
      assert.ok(door.bytes > 1_000)
      resolve()
      await answer
      assert.equal(door.bytes, 0)
    })

    test('a refusal is worded as every other, and a failure inside says nothing of it', async (t) => {
      const { post, durable } = await begin(t)
      durable.refusal = { code: 'QUEUE_FULL', detail: 'RUN_LIMIT', retryAfterMs: 3_000 }
      const full = await post({ mode: 'async' })
      assert.deepEqual([full.status, full.json.code, full.of('retry-after')], [429, 'QUEUE_FULL', '3'])
      durable.refusal = { code: 'STORE_UNAVAILABLE', detail: 'no disk' }
      assert.equal((await post({ mode: 'async' })).status, 503)
      durable.refusal = undefined
      durable.disk = Promise.reject(new Error('secret'))
      durable.disk.catch(() => {})
      const broken = await post({ mode: 'async' })
      assert.deepEqual([broken.status, broken.json.code], [500, 'INTERNAL'])
      assert.ok(!broken.text.includes('secret'))
    })

    test('an input that the function would refuse is 422 with pointers into the body', async (t) => {
      const { post, send, durable } = await begin(t)
      durable.wrong = [{ pointer: '/name', detail: 'must be string' }]
      const wrong = await post({ mode: 'async', input: { name: 7 }, contract: 2 })
      assert.deepEqual([wrong.status, wrong.json.code], [422, 'INVALID_INPUT'])
      assert.deepEqual(wrong.json.errors, [{ pointer: '/input/name', detail: 'must be string' }])
      assert.deepEqual(durable.checked[0], {
        target: { group: 'default', function: 'hello', contract: 2 },
        input: { name: 7 },
      })
      const routed = await send('/task/g/hello?mode=async', '{"name":7}')
      assert.deepEqual(routed.json.errors, [{ pointer: '/name', detail: 'must be string' }])
      assert.equal(durable.accepted.size, 0)
      assert.equal((await post({ input: { name: 7 } })).status, 200)
    })

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

    test('what contradicts itself is refused, and nothing is kept', async (t) => {
      const { post, send, durable, core } = await begin(t)
      const cases: [object, Record<string, string>, string?][] = [
        [{}, { 'idempotency-key': '' }],
        [{}, { 'idempotency-key': 'x'.repeat(256) }],
        [{}, { 'idempotency-key': 'caf\u00e9' }],
        [{}, { prefer: 'wait=301' }],
        [{}, { prefer: 'wait=-1' }],
        [{}, { prefer: 'wait=1.5' }],
        [{}, { prefer: 'wait' }],
        [{ mode: 'stream' }, { 'idempotency-key': 'k' }],
        [{ mode: 'stream' }, { prefer: 'respond-async' }],
        [{ async: true, mode: 'sync' }, {}, '/async'],
        [{ async: true, mode: 'webhook', webhook: { url: 'https://a.example' } }, {}, '/async'],
        [{ mode: 'webhook' }, {}, '/webhook'],
        [{ webhook: { url: 'https://a.example' } }, {}, '/webhook'],
        [{ mode: 'sync', delay: 5 }, { prefer: 'respond-async' }, '/delay'],
        [{ delay: 5 }, { 'idempotency-key': 'k' }, '/delay'],
        [{ mode: 'stream', runAt: '2030-01-01T00:00:00Z' }, {}, '/runAt'],
        [{ mode: 'async', delay: 1, runAt: '2030-01-01T00:00:00Z' }, {}, '/runAt'],
        [{ mode: 'async', delay: -1 }, {}, '/delay'],
        [{ mode: 'async', runAt: 'soon' }, {}, '/runAt'],
        [{ mode: 'async', deadline: 'soon' }, {}, '/deadline'],
        [{ mode: 'async', webhook: { url: 'https://forbidden.example' } }, {}, '/webhook/url'],
        [
          { mode: 'async', webhook: { url: 'https://a.example', headers: { host: 'x' } } },
          {},
          '/webhook/headers/host',
        ],
        [{ mode: 'async', session: 's' }, {}, '/session'],
        [{ mode: 'async', budget: 'low' }, {}, '/budget'],
      ]
      for (const [fields, headers, pointer] of cases) {
        const { status, json } = await post(fields, headers)
        const got = [status, json.code, json.errors?.[0]?.pointer]
        assert.deepEqual(got, [400, 'INVALID_REQUEST', pointer], JSON.stringify([fields, headers]))
      }
      for (const body of ['[]', '{', '"x"', '\ufeff{}'])
        assert.equal((await send('/task/g/f?mode=async', body)).status, 400, body)
      assert.deepEqual([durable.accepted.size, core.submissions.length], [0, 0])
    })

    test('a preference that nobody knows changes nothing', async (t) => {
      const { post, durable, core } = await begin(t)
      assert.equal((await post({}, { prefer: 'return=minimal, handling=lenient; wait=3' })).status, 200)
      assert.deepEqual([durable.accepted.size, core.submissions.length], [0, 1])
    })

    test('without runs on disk such calls are refused, not run', async (t) => {
      const bench = await serve(t, way, { durable: undefined })
      const { status, text } = await bench.post('{"function":"hello","mode":"async"}')
      assert.equal(status, 400)
      assert.match(text, /runs on disk/)
      assert.deepEqual(bench.core.submissions, [])
    })
  })

test('a function that runs in the background is async unless a mode is named', async (t) => {
  const background = { isAny: true, has: ({ function: name }: { function: string }) => name === 'hello' }
  const { post, durable, core } = await serve(t, 'hot', { background })
  assert.equal((await post('{"function":"hello"}')).status, 202)
  assert.equal((await post('{"function":"hello","delay":5}')).status, 202)
  assert.equal((await post('{"function":"hello","mode":"sync"}')).status, 200)
  assert.equal((await post('{"function":"other"}')).status, 200)
  assert.equal((await post('{"function":"other","delay":5}')).status, 400)
  assert.deepEqual([durable.accepted.size, core.submissions.length], [2, 2])
})

interface Body {
  success?: boolean
  runId?: string
  message?: string
  code?: string
  detail?: string
  result?: unknown
  errors?: { pointer: string; detail: string }[]
}

function asJson(text: string): Body {
  try {
    return JSON.parse(text) as Body
  } catch {
    return {}
  }
}
