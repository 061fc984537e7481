/**
 * E6 and E7 over bodies that nobody thought of: whatever is sent as a task or a batch is taken or refused in
 * words, in this very process, and leaves no prototype changed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_PRIORITY, type TaskError } from '@berth/protocol'
import { createLog, ManualClock } from '@berth/runtime'
import { readBatch } from './batch-call.ts'
import { FakeDurable } from './durable-bench.ts'
import { DurableCalls } from './durable-call.ts'
import { createIsAsync, readWish } from './durable-wish.ts'
import { describeProblem } from './problem.ts'
import { readTask, type TaskHead } from './task-call.ts'

const BODIES = 20_000
const HEAD: TaskHead = {
  contentType: 'application/json',
  contentEncoding: undefined,
  prefer: undefined,
  idempotencyKey: undefined,
  traceparent: undefined,
  wantsEvents: false,
}

/** Deterministic: equal seeds give equal bodies. */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) % below
  }
}

const NAMES = [
  ...[
    'function',
    'group',
    'contract',
    'input',
    'priority',
    'fairnessKey',
    'mode',
    'async',
    'webhook',
    'tags',
  ],
  ...['timeout', 'deadline', 'attempts', 'idempotent', 'delay', 'runAt', 'session', 'budget', 'metadata'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'polluted', '\\u005f_proto__', ''],
]
const VALUES = [
  ...[
    '1',
    '0',
    '-0',
    '-1',
    '1.5',
    '1e999',
    '-1e999',
    '1e-400',
    '9007199254740993',
    'NaN',
    'Infinity',
    'null',
  ],
  ...['true', '"hello"', '"5"', '"\\ud800"', '"\\u0000"', '"sync"', '"stream"', '[]', '{}', '[[[[]]]]'],
  ...[
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"a":{"__proto__":1}}',
  ],
]

function makeBody(random: (below: number) => number): string {
  const pick = (list: readonly string[]) => list[random(list.length)] as string
  const members = Array.from({ length: random(6) }, () => `"${pick(NAMES)}":${pick(VALUES)}`)
  const body = `{"function":"hello"${members.map((member) => `,${member}`).join('')}}`
  return random(10) > 0 ? body : body.slice(0, random(body.length))
}

test(`${BODIES} bodies: each is a task or a refusal that points at something, and no prototype changes`, () => {
  const random = createRandom(42)
  const clean = Object.getOwnPropertyNames(Object.prototype)
  let taken = 0
  for (let i = 0; i < BODIES; i++) {
    const text = makeBody(random)
    const read = readTask(HEAD, Buffer.from(text))
    if (read.ok) {
      taken++
      const { priority = 1 } = read.body
      assert.ok(Number.isInteger(priority) && priority >= 1 && priority <= MAX_PRIORITY, text)
      assert.equal(Object.getPrototypeOf(read.body), Object.prototype, text)
      continue
    }
    const { status, body } = describeProblem(read.error)
    assert.equal(status, 400, text)
    assert.doesNotMatch(body, /\bat \S+:\d+:\d+|node_modules/, 'nothing of the inside')
  }
  assert.ok(taken > 100 && taken < BODIES / 2, `${taken} were taken`)
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), clean)
})

const HEADERS = [
  ...[undefined, 'respond-async', 'wait=5', 'Respond-Async;a=b , wait="7"', 'wait=', 'wait=999', ',,=;'],
  ...['respond-async,respond-async', 'return=minimal', 'wait=1, wait=2', '"', 'w'.repeat(5_000)],
]
const KEYS = [undefined, 'k', '', ' ', '"quoted"', '\u0000', 'x'.repeat(300), '\u00e9']
const INSTANTS = [
  '"2026-03-01T00:00:00Z"',
  '"1970-01-01T00:00:00+14:00"',
  '"9999-12-31T23:59:59.999Z"',
  '"soon"',
]

test(`${BODIES} bodies and heads: each is a run that can be kept, a task in memory, or a refusal`, () => {
  const random = createRandom(99)
  const durable = new FakeDurable()
  const clock = new ManualClock()
  const log = createLog({ source: 'test', write: () => {} })
  const calls = new DurableCalls({
    runs: durable,
    inputs: durable,
    find: (id) => durable.find(id),
    webhooks: durable,
    clock,
    log,
    door: { enter() {}, leave() {}, refuse: () => undefined },
    taskTimeoutMs: 300_000,
    queueTimeoutMs: 60_000,
    defaultPriority: 100,
  })
  const isAsync = createIsAsync(undefined)
  let kept = 0
  for (let i = 0; i < BODIES; i++) {
    const mode = [
      '"mode":"async",',
      '"async":true,',
      '"mode":"webhook","webhook":{"url":"https://a.example"},',
      '',
    ]
    const instant = random(3) === 0 ? `,"${['runAt', 'deadline'][random(2)]}":${INSTANTS[random(4)]}` : ''
    const text = makeBody(random)
      .replace('{', `{${mode[random(4)]}`)
      .replace(/\}$/, `${instant}}`)
    const head = {
      ...HEAD,
      prefer: HEADERS[random(HEADERS.length)],
      idempotencyKey: KEYS[random(KEYS.length)],
    }
    const read = readTask(head, Buffer.from(text), isAsync)
    const wish = read.ok ? readWish(head, read.body, false) : read
    if (!read.ok || !wish.ok) {
      assert.equal(describeProblem((wish as { error: TaskError }).error).status, 400, text)
      continue
    }
    if (!wish.wish) continue
    const { body, payload } = read
    const ordered = calls.order(body, payload, wish.wish, head, '/input')
    if (!ordered.ok) {
      assert.equal(ordered.error.errors?.[0]?.pointer, '/runAt', text)
      assert.match(text, /"runAt":"9999/)
      continue
    }
    kept++
    const { payload: stored, ...order } = ordered.run
    assert.deepEqual(structuredClone(order), order, text)
    assert.doesNotMatch(JSON.stringify(order), /NaN|Infinity/, text)
    for (const ms of [order.dueMs, order.deadlineMs, order.queueUntilMs])
      assert.ok(ms === null || Number.isFinite(ms), text)
    JSON.parse(Buffer.from(stored.bytes).toString())
  }
  assert.ok(kept > 500 && kept < BODIES / 2, `${kept} were kept`)
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
})

test('batches of such bodies are read or refused, as an array and as lines', async () => {
  const random = createRandom(7)
  for (let round = 0; round < 200; round++) {
    const bodies = Array.from({ length: 1 + random(20) }, () => makeBody(random))
    for (const text of [`[${bodies.join(',')}]`, bodies.join('\n')]) {
      const batch = await readBatch(HEAD, Buffer.from(text), 1000)
      if (!batch.ok) assert.equal(describeProblem(batch.error).status, 400, text)
      else assert.ok(batch.ranges.every(({ start, end }) => start < end))
    }
  }
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
})
