/** Every field of `POST /task`, wrong in every way (CONTRACT §4, FAULTS E). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS, MAX_DURATION_MS, taskBodySchema } from '@berth/protocol'
import { checkTask, type ReadTask, readTask, type TaskHead } from './task-call.ts'

const HEAD: TaskHead = {
  contentType: 'application/json',
  contentEncoding: undefined,
  prefer: undefined,
  idempotencyKey: undefined,
  traceparent: undefined,
  wantsEvents: false,
}

function readText(text: string | Uint8Array, head: Partial<TaskHead> = {}): ReadTask {
  return readTask({ ...HEAD, ...head }, typeof text === 'string' ? Buffer.from(text) : text)
}

/** A body with this text for one of its fields. */
function bodyWith(field: string, json: string): string {
  return field === 'function' ? `{"function":${json}}` : `{"function":"hello","${field}":${json}}`
}

function refusal(read: ReadTask) {
  assert.ok(!read.ok, 'it was accepted')
  return read.error
}

const far = '9007199254740993'
const never = ['null', '[]', 'NaN', 'Infinity', '"NaN"', 'undefined']
const noNumber = [...never, '"5"', '{}', 'true', '1.5', '-1', '1e999', '-1e999', '9007199254740992', far]
const noName = [
  ...never.filter((json) => json !== '"NaN"'),
  '{}',
  '1',
  'true',
  '""',
  '"."',
  '"-a"',
  '"a b"',
  '"a/b"',
  '"é"',
  '"ａ"',
  '"\\u0000"',
  `"${'a'.repeat(129)}"`,
]
const noInstant = [
  ...never,
  '1',
  '""',
  '"soon"',
  '"2026-01-01"',
  '"2026-01-01T00:00:00"',
  '"2026-02-30T00:00:00Z"',
  '"2026-01-01T25:00:00Z"',
  '"2026-01-01T00:00:60Z"',
  '"2026-01-01T00:00:00+24:00"',
]
const noFlag = [...never, '0', '1', '"true"', '{}']

const WRONG: Record<string, readonly string[]> = {
  function: noName,
  group: noName,
  contract: [...noNumber, '0', '4294967296'],
  input: ['null', '[]', '"x"', '1', 'true', 'NaN'],
  priority: [...noNumber, '0', '-0', '2097153'],
  fairnessKey: [...never.filter((json) => json !== '"NaN"'), '1', '""', `"${'k'.repeat(129)}"`],
  mode: [...never, '"SYNC"', '"later"', '1'],
  async: noFlag,
  webhook: [...never, '"http://a"', '{}', '{"url":"no url"}', '{"url":"http://a","more":1}'],
  tags: [
    'null',
    '[]',
    '"x"',
    '{"a b":"x"}',
    '{"a":1}',
    '{"a":[]}',
    '{"a":null}',
    `{"a":"${'x'.repeat(129)}"}`,
    '{"__proto__":"x"}',
    '{"constructor":1}',
    `{${Array.from({ length: 17 }, (_, i) => `"k${i}":"x"`)}}`,
  ],
  timeout: [...noNumber, '0', String(MAX_DURATION_MS + 1)],
  deadline: noInstant,
  attempts: [...noNumber, '0', '1001'],
  idempotent: noFlag,
  delay: [...noNumber, String(MAX_DURATION_MS + 1)],
  runAt: noInstant,
  session: noName,
  budget: [...never, '"LOW"', '1'],
  metadata: [...never, '"x"', '{"a":1}', '{"":"x"}', '{"a":{}}'],
}

for (const [field, values] of Object.entries(WRONG))
  test(`${field}: wrong types and limits are 400 and point at it`, () => {
    for (const json of values) {
      const error = refusal(readText(bodyWith(field, json)))
      assert.equal(error.code, 'INVALID_REQUEST', json)
      const isJson = !/^(NaN|Infinity|undefined)$/.test(json)
      if (isJson)
        assert.ok(
          error.errors?.every(({ pointer }) => pointer.startsWith(`/${field}`)),
          json,
        )
      if (isJson) assert.ok(error.errors?.length, json)
      else assert.match(error.detail, /not JSON/)
    }
  })

test('the limits themselves are accepted', () => {
  const good: [string, string][] = [
    ['function', `"${'a'.repeat(128)}"`],
    ['function', '"constructor"'],
    ['contract', '4294967295'],
    ['priority', '1'],
    ['priority', '2097152'],
    ['priority', '1e2'],
    ['timeout', String(MAX_DURATION_MS)],
    ['attempts', '1000'],
    ['async', 'false'],
    ['deadline', '"2026-01-01T00:00:00.123+05:30"'],
    ['deadline', '"2024-02-29T23:59:59Z"'],
    ['tags', '{"gpu":["h200","=>=80"],"vram":">=80"}'],
    ['metadata', '{"any thing":"x"}'],
    ['input', '{"__proto__":{"polluted":1},"constructor":2}'],
    ['idempotent', 'true'],
    ['mode', '"sync"'],
  ]
  for (const [field, json] of good) assert.ok(readText(bodyWith(field, json)).ok, `${field}: ${json}`)
  assert.equal(Reflect.get({}, 'polluted'), undefined)
})

test('a deadline that passes is an instant that the clock understands', () => {
  for (const text of [
    '9999-12-31T23:59:59.999999999Z',
    '0000-01-01T00:00:00Z',
    '2026-01-01T00:00:00-23:59',
  ]) {
    const read = readText(bodyWith('deadline', `"${text}"`))
    if (read.ok) assert.ok(Number.isFinite(Date.parse(read.body.deadline ?? '')), text)
  }
})

test('an unknown field is 400, `__proto__` and `constructor` included', () => {
  for (const field of ['inputs', 'Function', '__proto__', 'constructor', 'prototype', 'x'.repeat(300)]) {
    const error = refusal(readText(bodyWith(field, '{"a":1}')))
    assert.equal(error.code, 'INVALID_REQUEST')
    assert.ok(error.errors?.length, field)
  }
  assert.equal(Reflect.get({}, 'a'), undefined)
})

test('the last of two equal keys counts, as at the worker', () => {
  const read = readText('{"function":"a","group":"x","group":"y","function":"b"}')
  assert.deepEqual(read.ok && [read.body.function, read.body.group], ['b', 'y'])
})

test('what is no JSON object is 400 and says what', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  const cases: [string | Uint8Array, RegExp][] = [
    ['', /empty/],
    [' \n', /not JSON/],
    ['{', /not JSON/],
    ["{'function':'hello'}", /not JSON/],
    ['{"function":"hello"}{}', /not JSON/],
    ['[]', /must be a JSON object/],
    ['[{"function":"hello"}]', /must be a JSON object/],
    ['"hello"', /must be a JSON object/],
    ['5', /must be a JSON object/],
    ['null', /must be a JSON object/],
    ['\uFEFF{"function":"hello"}', /byte order mark/],
    [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), /not valid UTF-8/],
    [Buffer.from([0xc0, 0x80]), /not valid UTF-8/],
    [Buffer.from([0xed, 0xa0, 0x80]), /not valid UTF-8/],
    [deep, /nested/],
    [bodyWith('input', `{"a":${deep}}`), /nested/],
    [`${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`, /nested/],
  ]
  for (const [body, why] of cases) {
    const error = refusal(readText(body))
    assert.equal(error.code, 'INVALID_REQUEST')
    assert.match(error.detail, why)
  }
})

test('parts under another media type are told from a slip in JSON, whatever they hold', () => {
  const part = '--x\r\nContent-Disposition: form-data; name="task"\r\n\r\n{"function":"hello"}\r\n--x--\r\n'
  const photo = Buffer.concat([Buffer.from('--x\r\n\r\n'), Buffer.from([0xff, 0xd8, 0xff])])
  for (const body of [part, photo])
    for (const contentType of ['', 'application/json', 'application/x-www-form-urlencoded']) {
      const error = refusal(readText(body, { contentType }))
      assert.equal(error.code, 'INVALID_REQUEST')
      assert.match(error.detail, /looks like multipart\/form-data .* Content-Type says otherwise\. Leave/)
    }
  for (const body of ['-1', '-', ' --x'])
    assert.doesNotMatch(refusal(readText(body)).detail, /multipart/, body)
})

test('depth is that of objects and arrays, whatever stands in strings', () => {
  const nested = (levels: number) => bodyWith('input', `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`)
  assert.ok(readText(nested(99)).ok)
  assert.match(refusal(readText(nested(100))).detail, /nested over 100/)
})

test('a body of too many names or parts is refused before it is parsed', () => {
  const wide = Array.from({ length: LIMITS.jsonNames * 1.2 }, (_, index) => `"n${index}":0`)
  // Without its end: the parser would call it no JSON.
  assert.match(
    refusal(readText(`{"function":"f","input":{${wide}`)).detail,
    /over 50000 different member names/,
  )
  const parts = '[],'.repeat(LIMITS.jsonParts)
  assert.match(refusal(readText(bodyWith('input', `{"a":[${parts}1]}`))).detail, /over 500000 objects/)
  assert.ok(readText(bodyWith('input', `{${wide.slice(0, LIMITS.jsonNames / 2)}}`)).ok)
  assert.ok(
    readText(bodyWith('input', `{"a":[${'1,'.repeat(1_000_000)}1],"b":"${'x'.repeat(5_000_000)}"}`)).ok,
  )
})

test('modes contradict what only other modes have', () => {
  const webhook = '"webhook":{"url":"https://a.example"}'
  const cases: [string, string, RegExp][] = [
    ['"async":true,"mode":"sync"', '/async', /contradicts/],
    ['"async":true,"mode":"webhook"', '/async', /contradicts/],
    [webhook, '/webhook', /contradicts mode sync/],
    [`"mode":"stream",${webhook}`, '/webhook', /contradicts mode stream/],
    ['"delay":5', '/delay', /contradicts mode sync/],
    ['"runAt":"2030-01-01T00:00:00Z"', '/runAt', /contradicts mode sync/],
    ['"mode":"webhook"', '/webhook', /required/],
    ['"mode":"async","delay":5,"runAt":"2030-01-01T00:00:00Z"', '/runAt', /contradicts/],
  ]
  for (const [fields, pointer, why] of cases) {
    const error = refusal(readText(`{"function":"hello",${fields}}`))
    assert.equal(error.errors?.[0]?.pointer, pointer, fields)
    assert.match(error.errors?.[0]?.detail ?? '', why)
  }
})

test('a budget is one of four levels', () => {
  for (const level of ['low', 'standard', 'high', 'unlimited'])
    assert.equal(readText(`{"function":"hello","budget":"${level}"}`).ok, true)
})

test('a turn of a session is no stream, and what to do instead is said', () => {
  assert.equal(readText('{"function":"hello","session":"s"}').ok, true)
  const error = refusal(readText('{"function":"hello","session":"s","mode":"stream"}'))
  assert.deepEqual([error.code, error.errors?.[0]?.pointer], ['INVALID_REQUEST', '/session'])
  assert.match(error.detail, /mode: "async".*\/events/)
})

test('the head: media types, encodings, and bodies that are not sent as they are', () => {
  const body = '{"function":"hello"}'
  for (const contentType of ['', 'text/plain', 'application/x-www-form-urlencoded', 'application/json'])
    assert.ok(readText(body, { contentType }).ok, contentType)
  for (const contentType of ['multipart/form-data', 'multipart/mixed'])
    assert.equal(refusal(readText(body, { contentType })).code, 'UNSUPPORTED_MEDIA_TYPE')
  assert.ok(readText(body, { contentEncoding: 'Identity' }).ok)
  for (const contentEncoding of ['gzip', 'br', 'identity, gzip'])
    assert.equal(refusal(readText(body, { contentEncoding })).code, 'UNSUPPORTED_MEDIA_TYPE')
})

test('the quick look at a plain task says what the schema says, whatever stands in its fields and beside them', () => {
  const values = [undefined, null, 'hello', '', 'a b', '-x', 'x'.repeat(129), 7, true, [], {}]
  const strange: unknown = JSON.parse('{"function":"hello","__proto__":{"mode":"stream"}}')
  const bodies: unknown[] = [...values, strange, { input: {} }, { function: 'a', inputs: {} }]
  for (const name of values)
    for (const group of values)
      for (const input of values) bodies.push(asJson({ function: name, group, input }))
  for (const mode of ['sync', 'other']) bodies.push({ function: 'hello', mode }, { function: 'a b', mode })
  let accepted = 0
  for (const body of bodies) {
    const checked = checkTask(body, HEAD)
    const parsed = taskBodySchema.safeParse(body)
    assert.equal(checked.ok, parsed.success, JSON.stringify(body))
    if (!checked.ok) continue
    accepted++
    assert.deepEqual(checked.body, parsed.data)
  }
  assert.ok(accepted >= 5, `${accepted}`)
})

/** Nothing in it is undefined. */
function asJson(body: object): unknown {
  return JSON.parse(JSON.stringify(body))
}
