/** Batches on disk: all or nothing, one answer or a line as each run ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock, systemClock } from '@berth/runtime'
import { batchRoutes } from './batch-routes.ts'
import { Door } from './door.ts'
import { DurableBatches } from './durable-batch.ts'
import { FakeDurable } from './durable-bench.ts'
import { DurableCalls } from './durable-call.ts'
import { createIsAsync } from './durable-wish.ts'
import { complete, FakeCore, fail } from './task-bench.ts'
import { Tasks } from './tasks.ts'
import { KEY, makeBench } from './test-bench.ts'

interface Line {
  index: number
  status: number
  runId?: string
  code?: string
  result?: unknown
  errors?: { pointer: string; detail: string }[]
}

function begin(background?: string) {
  const core = new FakeCore()
  const durable = new FakeDurable()
  const door = new Door(core)
  const { deps } = makeBench()
  const { log } = deps
  const clock = new ManualClock()
  const terms = { clock, log, taskTimeoutMs: 300_000, queueTimeoutMs: 60_000, defaultPriority: 100 }
  const runsInBackground = {
    isAny: background !== undefined,
    has: ({ function: name }: { function: string }) => name === background,
  }
  const calls = new DurableCalls({
    ...terms,
    runs: durable,
    inputs: durable,
    find: (id) => durable.find(id),
    webhooks: durable,
    door,
  })
  const tasks = new Tasks({
    ...terms,
    scheduler: core,
    createRunId: () => 'r_memory',
    answerHeaders: 'full',
    durable: calls,
  })
  const isAsync = createIsAsync(runsInBackground)
  const routes = batchRoutes({
    tasks,
    clock: systemClock,
    door,
    bodyLimitBytes: 1_000,
    batchLimitBytes: 4_000_000,
    durable: new DurableBatches({ runs: durable, calls, tasks, isAsync }),
    background: runsInBackground,
  })
  const bench = makeBench({ routes })
  const open = (body: string | object[], headers: Record<string, string> = {}) =>
    bench.ask('/tasks', {
      method: 'POST',
      headers: { authorization: KEY, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  const post = async (body: string | object[], headers: Record<string, string> = {}) => {
    const answer = await open(body, headers)
    const text = await answer.text()
    const isLines = answer.headers.get('content-type') === 'application/x-ndjson'
    return {
      status: answer.status,
      text,
      replayed: answer.headers.get('idempotency-replayed'),
      lines: isLines ? linesOf(text) : [],
      json: isLines ? undefined : JSON.parse(text),
    }
  }
  return { core, durable, door, open, post, ids: () => [...durable.accepted.keys()] }
}

function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
}

const ASYNC = { prefer: 'respond-async' }
const tasksOf = (count: number, fields: object = {}) =>
  Array.from({ length: count }, (_, i) => ({ function: 'f', input: { i }, ...fields }))

test('one answer with the ids in the order of the tasks', async () => {
  const { post, durable, ids, door, core } = begin()
  const { status, json } = await post(tasksOf(3), ASYNC)
  assert.deepEqual([status, json.success, json.runIds], [202, true, ids()])
  assert.deepEqual(
    [...durable.accepted.values()].map(({ mode, payload }) => [mode, Buffer.from(payload.bytes).toString()]),
    [0, 1, 2].map((i) => ['async', `{"i":${i}}`]),
  )
  assert.deepEqual([door.bytes, core.submissions.length], [0, 0])
})

test('each way to be async; a webhook stays one', async () => {
  const { post, durable } = begin('slow')
  const webhook = { url: 'https://a.example' }
  assert.equal((await post(tasksOf(2, { async: true }))).status, 202)
  assert.equal((await post(tasksOf(2, { mode: 'async', delay: 5 }))).status, 202)
  assert.equal((await post(tasksOf(1, { mode: 'webhook', webhook }))).status, 202)
  assert.equal((await post(tasksOf(1, { function: 'slow', delay: 5 }))).status, 202)
  const mixed = [...tasksOf(1), ...tasksOf(1, { mode: 'webhook', webhook }), ...tasksOf(1, { mode: 'sync' })]
  assert.equal((await post(mixed, ASYNC)).status, 202)
  const modes = [...durable.accepted.values()].map(({ mode }) => mode)
  assert.deepEqual(modes, [
    'async',
    'async',
    'async',
    'async',
    'webhook',
    'async',
    'async',
    'webhook',
    'async',
  ])
})

test('metadata that is too much refuses the whole batch, with its place', async () => {
  const { post, durable } = begin()
  const metadata = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`k${n}`, '']))
  const { status, json } = await post([...tasksOf(1), ...tasksOf(1, { metadata })], ASYNC)
  const errors = [{ pointer: '/1/metadata', detail: 'must have at most 64 keys' }]
  assert.deepEqual([status, json.errors, durable.accepted.size], [422, errors, 0])
})

test('what is no object is said to be none, with its place, whatever the others are', async () => {
  const { post, durable } = begin()
  for (const text of ['5', 'null', '[]', '"async"', '"mode"']) {
    const { status, json } = await post(`[{"function":"f","mode":"async"},${text}]`)
    assert.deepEqual([status, json.code], [422, 'INVALID_REQUEST'], text)
    assert.deepEqual(json.errors, [{ pointer: '/1', detail: 'must be an object' }])
    assert.match(json.detail, /^Task 1 of the batch is wrong.*must be a JSON object/)
  }
  assert.equal(durable.accepted.size, 0)
})

test('all or nothing: every wrong body with its place', async () => {
  const { post, durable } = begin()
  const webhook = { url: 'https://forbidden.example' }
  const bodies = [
    '{"function":"f"}',
    '{"function":"f","input":[]}',
    'nonsense',
    JSON.stringify({ function: 'f', input: { x: 'x'.repeat(2_000) } }),
    '{"function":"f","session":"a b"}',
    JSON.stringify({ function: 'f', webhook }),
    '{"function":"f","delay":1,"runAt":"2030-01-01T00:00:00Z"}',
  ]
  const { status, json } = await post(bodies.join('\n'), ASYNC)
  assert.deepEqual([status, json.code, json.status], [422, 'INVALID_REQUEST', 422])
  assert.deepEqual(
    json.errors.map(({ pointer }: { pointer: string }) => pointer),
    ['/1/input', '/2', '/3', '/4/session', '/5/webhook/url', '/6/runAt'],
  )
  assert.match(json.detail, /^Task 1 of the batch is wrong, so nothing of it was accepted/)
  assert.equal(durable.accepted.size, 0)
})

test('an input that its function would refuse', async () => {
  const { post, durable } = begin()
  durable.wrong = [{ pointer: '/name', detail: 'is required' }]
  const { status, json } = await post(tasksOf(150), ASYNC)
  assert.deepEqual([status, json.code, json.errors.length], [422, 'INVALID_INPUT', 100])
  assert.deepEqual(json.errors[17], { pointer: '/17/input/name', detail: 'is required' })
})

test('one that nobody serves is wrong for all; a full disk is nobody\u2019s fault', async () => {
  const { post, durable } = begin()
  durable.refusal = { code: 'UNKNOWN_FUNCTION', detail: 'nobody serves it' }
  durable.refusedIndex = 2
  const unknown = await post(tasksOf(3), ASYNC)
  assert.deepEqual([unknown.status, unknown.json.code], [422, 'UNKNOWN_FUNCTION'])
  assert.deepEqual(unknown.json.errors, [{ pointer: '/2/function', detail: 'nobody serves it' }])
  durable.refusal = { code: 'STORE_UNAVAILABLE', detail: 'no disk' }
  assert.equal((await post(tasksOf(3), ASYNC)).status, 503)
})

test('a key for the whole of it', async () => {
  const { post, durable, ids } = begin()
  const keyed = { ...ASYNC, 'idempotency-key': 'k' }
  const first = await post(tasksOf(2), keyed)
  const second = await post(tasksOf(2), keyed)
  assert.deepEqual([second.status, second.text, second.replayed], [202, first.text, 'true'])
  assert.equal(first.replayed, null)
  assert.equal((await post(tasksOf(3), keyed)).status, 422)
  assert.equal(ids().length, 2)
  assert.equal(durable.keys.size, 1)
})

test('a key whose bodies would be refused today is answered as before', async () => {
  const { post, durable } = begin()
  const keyed = { ...ASYNC, 'idempotency-key': 'k' }
  const first = await post(tasksOf(2), keyed)
  durable.wrong = [{ pointer: '/name', detail: 'is new' }]
  const again = await post(tasksOf(2), keyed)
  assert.deepEqual([again.status, again.text, again.replayed], [202, first.text, 'true'])
  assert.equal((await post(tasksOf(2), { ...ASYNC, 'idempotency-key': 'new' })).json.code, 'INVALID_INPUT')
  assert.equal((await post(tasksOf(3), keyed)).json.code, 'IDEMPOTENCY_MISMATCH')
  assert.deepEqual([durable.accepted.size, durable.keys.size], [2, 1])
})

test('a sync batch with a key: a line as each run ends, and all of them again', async () => {
  const { open, post, durable, ids, core } = begin()
  const keyed = { 'idempotency-key': 'k' }
  const body =
    '{"function":"f","input":{"i":0}}\n{"function":"f","input":[]}\n{"function":"f","input":{"i":2}}'
  const answer = await open(body, keyed)
  assert.equal(answer.status, 200)
  const reading = answer.text()
  await durable.untilWaiting(2)
  const [first = '', second = ''] = ids()
  assert.equal((await post(body, keyed)).status, 409)
  durable.end(second, complete('"two"'))
  await new Promise(setImmediate)
  durable.end(first, fail({ code: 'FUNCTION_FAILED', detail: 'no' }))
  const lines = linesOf(await reading)
  assert.deepEqual(
    lines.map(({ index, status, runId }) => [index, status, runId]),
    [
      [1, 422, undefined],
      [2, 200, second],
      [0, 500, first],
    ],
  )
  assert.deepEqual(lines[0]?.errors?.[0]?.pointer, '/input')
  assert.equal(lines[1]?.result, 'two')
  const again = await post(body, keyed)
  assert.equal(again.replayed, 'true')
  const inOrder = (all: Line[]) => [...all].sort((a, b) => a.index - b.index)
  assert.deepEqual(inOrder(again.lines), inOrder(lines))
  assert.deepEqual([ids().length, core.submissions.length], [2, 0])
  assert.equal(durable.accepted.get(first)?.mode, 'sync')
  durable.forget(second)
  assert.equal((await post(body, keyed)).status, 404)
})

test('inputs of a sync batch are judged by the worker, so that a repeat is the same', async () => {
  const { open, durable, ids } = begin()
  durable.wrong = [{ pointer: '/name', detail: 'is required' }]
  const answer = await open(tasksOf(1), { 'idempotency-key': 'k' })
  const reading = answer.text()
  await durable.untilWaiting(1)
  durable.end(ids()[0] ?? '', fail({ code: 'INVALID_INPUT', detail: 'no' }))
  assert.deepEqual(
    linesOf(await reading).map(({ status }) => status),
    [422],
  )
})

test('what has not ended after the wait is a line that says so', async () => {
  const { open, durable, ids } = begin()
  const answer = await open(tasksOf(2), { prefer: 'wait=5' })
  const reading = answer.text()
  await durable.untilWaiting(2)
  durable.end(ids()[0] ?? '', complete('1'))
  durable.passTime()
  const text = await reading
  assert.doesNotMatch(text, /"runId".*"runId"/)
  const lines = linesOf(text)
  assert.deepEqual(lines.map(({ index, status, runId }) => [index, status, runId]).sort(), [
    [0, 200, ids()[0]],
    [1, 202, ids()[1]],
  ])
  assert.ok(durable.waitedMs.every((ms) => ms > 0 && ms <= 5_000))
})

test('a refusal of a sync batch comes before the first line', async () => {
  const { post, durable } = begin()
  durable.refusal = { code: 'UNKNOWN_FUNCTION', detail: 'nobody serves it' }
  durable.refusedIndex = 0
  const body = 'nonsense\n{"function":"g"}'
  const { status, json } = await post(body, { 'idempotency-key': 'k' })
  assert.deepEqual([status, json.errors[0].pointer], [422, '/1/function'])
  assert.deepEqual(
    (await post('nonsense', { 'idempotency-key': 'k' })).lines.map(({ status: is }) => is),
    [422],
  )
})

test('ten thousand tasks leave the event loop its turns', async () => {
  const { post, durable, ids } = begin()
  let turns = 0
  let isDone = false
  const turn = () => {
    turns++
    if (!isDone) setImmediate(turn)
  }
  setImmediate(turn)
  const seen: number[] = []
  const { check } = durable
  durable.check = (...args) => {
    seen.push(turns)
    return check.apply(durable, args)
  }
  const { status } = await post(tasksOf(10_000, { metadata: { a: 'b' } }), ASYNC)
  isDone = true
  assert.deepEqual([status, ids().length, seen.length], [202, 10_000, 10_000])
  // A slice is 5 ms, and nobody judges ten thousand bodies in ten.
  assert.ok((seen.at(-1) ?? 0) - (seen[0] ?? 0) >= 2, `${seen.at(-1)} turns`)
})
