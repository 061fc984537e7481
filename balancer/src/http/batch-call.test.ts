import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BATCH_TASKS, readBatch } from './batch-call.ts'
import type { TaskHead } from './task-call.ts'

const HEAD: TaskHead = {
  contentType: 'application/x-ndjson',
  contentEncoding: undefined,
  prefer: undefined,
  idempotencyKey: undefined,
  traceparent: undefined,
  wantsEvents: false,
}
const LIMIT = 1000

async function read(text: string | Buffer, head: Partial<TaskHead> = {}) {
  return readBatch({ ...HEAD, ...head }, Buffer.from(text), LIMIT)
}

async function refusal(text: string | Buffer, head: Partial<TaskHead> = {}) {
  const batch = await read(text, head)
  assert.ok(!batch.ok, String(text).slice(0, 80))
  return batch.error
}

test('a batch of one mode passes, as an array and as lines', async () => {
  const bodies = ['{"function":"a"}', '{"function":"b","mode":"sync"}', '{"function":"c","async":false}']
  for (const text of [`[${bodies.join(',')}]`, bodies.join('\n')]) {
    const batch = await read(text)
    assert.ok(batch.ok)
    assert.equal(batch.ranges.length, 3)
  }
})

test('a stream or a mixture is 400 and points at the body that differs', async () => {
  for (const [bodies, pointer, detail] of [
    [['{"function":"a"}', '{"function":"b","mode":"stream"}'], '/1/mode', /no streams/],
    [['{"function":"a"}', '{"function":"b","mode":"async"}'], '/1/mode', /task 0, "sync"/],
    [['{"function":"a"}', '{"function":"b","async":true}'], '/1/mode', /one mode/],
    [['{"function":"a"}', '{"function":"b","\\u006dode":"async"}'], '/1/mode', /one mode/],
    [['{"function":"a","mode":"async"}', '{"function":"b"}'], '/1/mode', /"sync" is not the mode of task 0/],
    [['{"function":"a","async":true}', '{"function":"b","mode":"webhook"}'], '/1/mode', /task 0, "async"/],
  ] as const) {
    const error = await refusal(`[${bodies.join(',')}]`)
    assert.equal(error.code, 'INVALID_REQUEST')
    assert.equal(error.errors?.[0]?.pointer, pointer)
    assert.match(error.detail, detail)
  }
})

test('a body that is no object, or too large, has no mode, and its place counts all the same', async () => {
  for (const body of ['5', 'null', '"async"', '[]', ' 5', 'true']) {
    for (const named of ['{"function":"a","mode":"async"}', '{"function":"a"}']) {
      const batch = await read(
        `[${named},${body}, {"function":"b"${named.includes('mode') ? ',"async":true' : ''}}]`,
      )
      assert.ok(batch.ok, body)
      assert.deepEqual(
        [batch.ranges.length, batch.wish?.mode],
        [3, named.includes('mode') ? 'async' : undefined],
      )
    }
  }
  const large = `{"function":"a","input":{"a":"${'x'.repeat(LIMIT)}"}}`
  const error = await refusal(`[{"function":"a"},${large},7,{"function":"b","mode":"async"}]`)
  assert.equal(error.errors?.[0]?.pointer, '/3/mode')
})

test('what is wrong in itself says nothing of the mode: it gets its own line', async () => {
  const deep = `{"mode":"async","input":${'['.repeat(200)}${']'.repeat(200)}}`
  const large = `{"mode":"async","input":"${'x'.repeat(LIMIT)}"}`
  for (const body of ['{"mode":', '"mode"', '7', '{"mode":7}', '{"mode":"later"}', deep, large]) {
    const batch = await read(`{"function":"a"}\n${body}`)
    assert.ok(batch.ok, body.slice(0, 30))
    assert.equal(batch.ranges.length, 2)
  }
})

test('no task, too many, and what is no batch at all', async () => {
  for (const text of ['', '[]', ' \n', '[ ]']) assert.match((await refusal(text)).detail, /holds no task/)
  const many = (count: number) => `[${Array.from({ length: count }, () => '{"function":"a"}').join(',')}]`
  assert.ok((await read(many(BATCH_TASKS))).ok)
  assert.match((await refusal(many(BATCH_TASKS + 1))).detail, /at most 10000 tasks/)
  assert.match((await refusal('[{"function":"a"}')).detail, /closing bracket/)
  assert.match((await refusal('\uFEFF[{"function":"a"}]')).detail, /byte order mark/)
})

test('the head is that of every call', async () => {
  const text = '[{"function":"a"}]'
  assert.match((await refusal(text, { idempotencyKey: 'x'.repeat(256) })).detail, /Idempotency-Key/)
  assert.match((await refusal(text, { prefer: 'wait=soon' })).detail, /wait=N/)
  assert.equal((await refusal(text, { contentEncoding: 'gzip' })).code, 'UNSUPPORTED_MEDIA_TYPE')
  assert.equal((await refusal(text, { contentType: 'multipart/mixed' })).code, 'UNSUPPORTED_MEDIA_TYPE')
})

test('a large batch leaves the event loop its turns', async () => {
  const body = `{"function":"a","input":{"x":"${'\\"y'.repeat(200)}"}}`
  const text = Buffer.from(`[${Array.from({ length: 9_000 }, () => body).join(',')}]`)
  let turns = 0
  let isDone = false
  const count = () => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  const batch = await read(text)
  isDone = true
  assert.ok(batch.ok)
  assert.ok(turns >= 2, `${turns} turns`)
})

test('what of a batch goes to disk', async () => {
  const wishOf = async (text: string, head: Partial<TaskHead> = {}, background?: string) => {
    const has = ({ function: name }: { function: string }) => name === background
    const batch = await readBatch({ ...HEAD, ...head }, Buffer.from(text), LIMIT, {
      isAny: background !== undefined,
      has,
    })
    assert.ok(batch.ok, JSON.stringify(batch))
    return batch.wish
  }
  const sync = '{"function":"a"}\n{"function":"b"}'
  assert.equal(await wishOf(sync), undefined)
  assert.deepEqual(await wishOf(sync, { prefer: 'respond-async' }), {
    mode: 'async',
    waitMs: undefined,
    key: undefined,
  })
  assert.deepEqual(await wishOf(sync, { prefer: 'wait=2', idempotencyKey: 'k' }), {
    mode: 'sync',
    waitMs: 2_000,
    key: 'k',
  })
  const mixed = '{"function":"a","mode":"webhook"}\n{"function":"b"}'
  assert.equal((await wishOf(mixed, { prefer: 'respond-async' }))?.mode, 'async')
  assert.equal((await wishOf('{"function":"a","async":true}'))?.mode, 'async')
  assert.equal((await wishOf('{"function":"a","mode":"webhook"}'))?.mode, 'webhook')
  assert.equal((await wishOf('{"function":"a"}', {}, 'a'))?.mode, 'async')
  assert.equal(await wishOf('{"function":"a","mode":"sync"}', {}, 'a'), undefined)
  assert.equal(await wishOf('{"function":"b"}', {}, 'a'), undefined)
})
