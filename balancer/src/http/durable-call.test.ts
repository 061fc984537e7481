/** Calls whose run goes to disk: by every route of a task, over real sockets, with runs that end as a test says. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { beginCalls } from './durable-call-bench.ts'
import { complete, serve, WAYS } from './task-bench.ts'

for (const way of WAYS)
  describe(`runs on disk by the ${way} route`, () => {
    const begin = (t: Parameters<typeof beginCalls>[0]) => beginCalls(t, way)

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
      assert.deepEqual(
        runs.map(({ isRouted = false }) => isRouted),
        [...Array.from({ length: 8 }, () => false), true, true],
      )
    })

    test('a turn of a session is kept, in any mode, and a sync one is answered with its end', async (t) => {
      const { post, send, durable, core } = await begin(t)
      assert.equal((await post({ mode: 'async', session: 's-1' })).status, 202)
      const answers = [post({ session: 's-1' }), send('/task/g/hello?session=s-1', '{"a":1}')]
      await durable.untilWaiting(2)
      for (const id of durable.accepted.keys()) durable.end(id, complete('1'))
      for (const answer of answers) assert.equal((await answer).status, 200)
      assert.deepEqual(
        [...durable.accepted.values()].map(({ session, mode }) => `${session} ${mode}`),
        ['s-1 async', 's-1 sync', 's-1 sync'],
      )
      assert.deepEqual(core.submissions, [])
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

    test('a body that is the input and no object is told so in its own words', async (t) => {
      const { send, durable } = await begin(t)
      for (const body of ['[]', 'text=a', '5']) {
        const { status, json } = await send('/task/g/f?mode=async', body)
        assert.equal(status, 400)
        assert.match(json.detail ?? '', /it is the input itself, an object such as \{"name": "Ada"\}\.$/)
      }
      assert.equal(durable.accepted.size, 0)
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

    test('an instant that is too far ahead, and a deadline that comes first, are refused', async (t) => {
      const { post, send, durable, clock } = await begin(t)
      const now = clock.wallMs()
      const at = (ms: number) => new Date(now + ms).toISOString()
      const year = 365 * 86_400_000
      const asked: [object, string, RegExp][] = [
        [{ runAt: at(year + 1) }, '/runAt', /365 days ahead.*earlier instant/],
        [{ runAt: '9999-12-31T23:59:59Z' }, '/runAt', /365 days/],
        [{ delay: year + 1 }, '/delay', /31536000000/],
        [{ runAt: at(5_000), deadline: at(5_000) }, '/deadline', /due; name a later one/],
        [{ delay: 5_000, deadline: at(-1) }, '/deadline', /due/],
      ]
      for (const [fields, pointer, detail] of asked) {
        const { status, json } = await post({ mode: 'async', ...fields })
        assert.deepEqual([status, json.code, json.errors?.[0]?.pointer], [400, 'INVALID_REQUEST', pointer])
        assert.match(json.detail ?? '', detail)
      }
      const routed = await send(`/task/g/f?mode=async&runAt=${at(year + 1)}`, '{}')
      assert.deepEqual([routed.status, routed.json.errors], [400, undefined])
      assert.match(routed.json.detail ?? '', /"runAt" is wrong: is more than 365 days/)
      assert.equal(durable.accepted.size, 0)
      for (const fields of [
        { runAt: at(year) },
        { delay: year },
        { runAt: at(5_000), deadline: at(5_001) },
        { runAt: at(-5_000), deadline: at(-1) },
      ])
        assert.equal((await post({ mode: 'async', ...fields })).status, 202)
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

    test('a number that JSON cannot hold is refused, not kept as null', async (t) => {
      const { send, durable } = await begin(t)
      for (const [path, body, pointer] of [
        [
          '/task',
          '{"function":"hello","mode":"async","input":{"a/b":[null,{"ms":1e999}]}}',
          '/input/a~1b/1/ms',
        ],
        ['/task/g/hello?mode=async', '{"ms":-1e999}', '/ms'],
      ] as const) {
        const { status, json } = await send(path, body)
        const detail = 'must be a number that JSON can hold, at most 1.8e308 either way'
        assert.deepEqual([status, json.code, json.errors], [422, 'INVALID_INPUT', [{ pointer, detail }]])
      }
      assert.equal(durable.accepted.size, 0)
      assert.equal(
        (await send('/task', '{"function":"hello","mode":"async","input":{"a":null}}')).status,
        202,
      )
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
        [{ mode: 'async', session: 'a b' }, {}, '/session'],
        [{ mode: 'stream', session: 's' }, {}, '/session'],
        [{ mode: 'async', budget: 'endless' }, {}, '/budget'],
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
