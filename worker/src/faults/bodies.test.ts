/**
 * What FAULTS.md sends to a worker as a body, and what a handler gives back: E1–E11, a test a case, over its own
 * HTTP. What blocks the loop is sent to a process of its own.
 */
import assert from 'node:assert/strict'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { after, before, beforeEach, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { z } from 'zod'
import { startTimer } from '../attempt/timer.ts'
import { makeFolder } from '../fixtures/test-folder.ts'
import { makeParts } from '../fixtures/test-parts.ts'
import { script, startTestWorker, TEST_KEYS, type TestWorker } from '../fixtures/test-worker.ts'
import { defineFunction } from '../functions/define.ts'
import { handleTask } from '../http/http-task.ts'
import { startWorkerProcess } from './worker-process.ts'

const LIMIT_BYTES = 10 * 1024 * 1024
const DAY_MS = 86_400_000
const LONGEST_TIMER_MS = 2 ** 31 - 1

const PICKY = `import { defineFunction } from '@berth/worker'
export default defineFunction({
  params: { s: { type: 'string', pattern: '^(a+)+$' } },
  handler: () => 'fine',
})`
const LOOSE = `import { defineFunction } from '@berth/worker'
import { z } from 'zod'
export default defineFunction({ input: z.looseObject({}), handler: (input) => Object.keys(input).length })`

let worker: TestWorker
before(async () => {
  worker = await startTestWorker({ SLOTS: '2', RESULT_LIMIT: '1mb' }, { 'functions/picky.ts': PICKY })
})
after(() => worker[Symbol.asyncDispose]())

let calls = 0
const echo = (input: unknown) => {
  calls++
  return input
}
beforeEach(() => {
  calls = 0
  script.handler = echo
})

interface Answered {
  status: number
  code?: string
  detail?: string
  result?: unknown
  text: string
}

async function read(response: Response): Promise<Answered> {
  const text = await response.text()
  return { ...(JSON.parse(text) as object), status: response.status, text }
}

const post = async (
  body: NonNullable<RequestInit['body']>,
  headers: Record<string, string> = {},
  path = '/task',
) => read(await worker.send(path, { body, headers }))
const run = (members: string) => post(`{"function":"scripted",${members}}`)
/** `value` is JSON. */
const withInput = (value: string) => run(`"input":${value}`)

async function refuses(answered: Promise<Answered>, status: number, what: string): Promise<void> {
  const { text, ...answer } = await answered
  assert.equal(answer.status, status, `${what}: ${text}`)
  assert.equal(calls, 0, `${what} ran`)
}

/** Sends what `write` does, and leaves the request open until the answer has come. */
function sendOpen(headers: Record<string, string>, write: (chunk: (bytes: Buffer) => void) => void) {
  return new Promise<number | undefined>((resolve, reject) => {
    const init = { method: 'POST', headers: { authorization: TEST_KEYS.authKey, ...headers } }
    const outgoing = httpRequest(`${worker.url}/task`, init, (incoming: IncomingMessage) => {
      resolve(incoming.statusCode)
      outgoing.destroy()
    })
    outgoing.on('error', reject)
    outgoing.flushHeaders()
    write((bytes) => void outgoing.write(bytes))
  })
}

const NO_QUERY = new URLSearchParams()
const EVIL = [
  '"__proto__":{"polluted":1}',
  '"constructor":{"prototype":{"polluted":1}}',
  '"prototype":{"polluted":1}',
]
const PLACES = [
  (member: string) => `{"function":"scripted",${member}}`,
  (member: string) => `{"function":"scripted","input":{${member}}}`,
  (member: string) => `{"function":"scripted","input":{"a":[{${member}}]}}`,
  (member: string) => `{"function":"picky","input":{${member}}}`,
  (member: string) => `{"function":"scripted","tags":{${member}}}`,
  (member: string) => `{"function":"scripted","metadata":{${member}}}`,
  (member: string) =>
    `{"function":"scripted","mode":"webhook","webhook":{"url":"http://x","headers":{${member}}}}`,
  (member: string) => `{"function":"scripted","webhook":{${member}}}`,
]

/** A task whose parts are named like what all objects share. */
function makeEvil(index: number): string {
  const member = EVIL[index % EVIL.length] ?? ''
  const padded = index % 2 === 0 ? member : `"k${index}":${index},${member},${member}`
  return PLACES[Math.floor(index / EVIL.length) % PLACES.length]?.(padded) ?? ''
}

function assertUnpolluted(): void {
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  assert.equal((Object as unknown as { polluted?: unknown }).polluted, undefined)
}

describe('bodies that hurt', () => {
  it('E1 a body over the limit is refused as soon as that is known', async () => {
    assert.equal(await sendOpen({ 'content-length': String(LIMIT_BYTES + 1) }, () => {}), 413)
    const chunked = await sendOpen({ 'transfer-encoding': 'chunked' }, (chunk) => {
      for (let sent = 0; sent <= LIMIT_BYTES; sent += 1024 * 1024) chunk(Buffer.alloc(1024 * 1024, 'x'))
    })
    assert.equal(chunked, 413)
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024))
    const gzip = { 'content-encoding': 'gzip' }
    await refuses(post(bomb, gzip), 415, 'a bomb')
    await refuses(post(bomb, gzip, '/task/default/scripted'), 415, 'a bomb below the function')
    assert.equal((await withInput('{}')).status, 200)
  })

  it('E2 200,000 levels are refused, closed and open, and a task that passes can be written again', async () => {
    const open = '['.repeat(200_000)
    for (const deep of [
      open,
      `${open}${']'.repeat(200_000)}`,
      `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`,
    ])
      await refuses(withInput(`{"a":${deep}}`), 400, 'deep')
    await refuses(post(open), 400, 'nothing but depth')
    const passing = `{"a":${'['.repeat(90)}${']'.repeat(90)}}`
    assert.equal(JSON.stringify((await withInput(passing)).result), passing)
  })

  it('E3 a wide body leaves the event loop answering /health', async (t) => {
    using folder = makeFolder({ 'functions/loose.ts': LOOSE })
    await using own = await startWorkerProcess(folder.path)
    const health = async () => {
      const startedAt = performance.now()
      assert.equal((await fetch(`${own.url}/health`)).status, 200)
      return performance.now() - startedAt
    }
    const many = (make: (index: number) => string) =>
      Array.from({ length: 1_000_000 }, (_, i) => make(i)).join()
    const record = '{"id":1,"name":"a","ok":true,"at":[1,2]}'
    const bodies = {
      'a million keys': [`{${many((i) => `"${i.toString(36)}":1`)}}`, /over 50000 different member names/],
      'a million objects': [`{"list":[${many(() => '{}')}]}`, /over 500000 objects, arrays and texts/],
      'a million numbers': [`{"list":[${many(String)}]}`, 1],
      'many records': [`{"list":[${`${record},`.repeat(160_000)}1]}`, 1],
      'many keys, often the same': [`{${many((i) => `"${i % 40_000}":1`)}}`, 40_000],
      'a long text': [`{"text":"${'x'.repeat(10_000_000)}"}`, 1],
    } satisfies Record<string, [string, RegExp | number]>
    for (const [what, [input, expected]] of Object.entries(bodies)) {
      let isDone = false
      const headers = { authorization: 'worker-key-of-the-test' }
      const body = `{"function":"loose","input":${input}}`
      assert.ok(body.length < LIMIT_BYTES)
      const answered = fetch(`${own.url}/task`, { method: 'POST', body, headers }).finally(() => {
        isDone = true
      })
      let longestMs = 0
      do longestMs = Math.max(longestMs, await health())
      while (!isDone)
      const { result, detail = '' } = (await (await answered).json()) as { result?: number; detail?: string }
      if (typeof expected === 'number') assert.equal(result, expected, `${what}: ${detail}`)
      else {
        assert.match(detail, expected)
        assert.equal((await answered).status, 400)
      }
      t.diagnostic(`${what}: /health took at most ${longestMs.toFixed(0)} ms`)
    }
  })

  it('E4 bytes that are no text are refused, and text comes back as it was', async () => {
    const around = (...bytes: number[]) =>
      Buffer.concat([
        Buffer.from('{"function":"scripted","input":{"a":"'),
        Buffer.from(bytes),
        Buffer.from('"}}'),
      ])
    for (const [what, bytes] of Object.entries({
      'no UTF-8': [0xff],
      'an overlong slash': [0xc0, 0xaf],
      'a surrogate': [0xed, 0xa0, 0x80],
      'half a character': [0xe2, 0x82],
      'above U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
      'a bare NUL': [0],
    }))
      await refuses(post(around(...bytes)), 400, what)
    const good = Buffer.from('{"function":"scripted"}')
    await refuses(post(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), good])), 400, 'a BOM')
    await refuses(post(Buffer.from(good.toString(), 'utf16le')), 400, 'UTF-16')
    await refuses(post(Buffer.concat([good, Buffer.from([0])])), 400, 'a NUL behind it')
    const { text, result } = await withInput(String.raw`{"a":"\u0000\ud800é","\udc00":1}`)
    assert.deepEqual(result, { a: '\u0000\ud800é', '\udc00': 1 })
    assert.ok(!text.includes('\ufffd'))
  })

  it('E5 of a key that comes twice the last one counts', async () => {
    const input = '"input":{"a":1,"a":2}'
    const last = await post(
      `{"function":"nothing","group":"elsewhere","group":"default","function":"scripted",${input}}`,
    )
    assert.deepEqual([last.status, last.result], [200, { a: 2 }])
    assert.equal((await post(`{"function":"scripted","group":"default","group":"elsewhere"}`)).status, 404)
    assert.equal(calls, 1)
  })

  it('E6 nothing reaches a prototype, whatever is named like one', async () => {
    const statuses = new Set<number>()
    for (let index = 0; index < 600; index++) statuses.add((await post(makeEvil(index))).status)
    assert.deepEqual([...statuses].sort(), [200, 400, 422])
    for (const name of ['__proto__[polluted]=1', '__proto__=1', 'constructor=1'])
      await post('{}', {}, `/task/default/picky?${name}`)
    assertUnpolluted()
  })

  it('E6 nor in ten thousand bodies, without the way over HTTP', async () => {
    const scripted = defineFunction({ input: z.looseObject({}), handler: (input) => ({ ...input }) })
    const picky = defineFunction({ params: { s: { type: 'string' } }, handler: () => 'fine' })
    const parts = makeParts({ functions: { scripted, picky } })
    const caller = { onGone() {}, open: () => assert.fail('nobody streams') }
    const statuses = new Map<number | undefined, number>()
    for (let index = 0; index < 10_000; index++) {
      const request = {
        bytes: Buffer.from(makeEvil(index)),
        query: NO_QUERY,
        contentType: '',
        wantsEvents: false,
      }
      const status = (await handleTask(parts, request, caller))?.status
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    assert.deepEqual([...statuses.keys()].sort(), [200, 400, 422])
    assertUnpolluted()
  })

  it('E7 a priority is a whole number from 1 on, and nothing else', async () => {
    const wrong = [
      'NaN',
      'Infinity',
      '1e999',
      '-1e999',
      '-0',
      '0',
      '-1',
      '1.5',
      '1e-400',
      '9007199254740993',
      '"5"',
    ]
    for (const value of [...wrong, 'null', 'true', '[5]', '{}'])
      await refuses(run(`"priority":${value}`), 400, value)
    for (const value of ['NaN', 'Infinity', '1e999', '-0', '1.5', '', '5x', '0x5'])
      await refuses(post('{}', {}, `/task/default/scripted?priority=${value}`), 400, `?priority=${value}`)
    for (const value of ['1', '5.0', '1e2'])
      assert.equal((await run(`"priority":${value}`)).status, 200, value)
  })

  it('E8 durations and attempts have bounds, and a limit of 25 days does not fire early', async (t) => {
    for (const name of ['timeout', 'delay', 'attempts'])
      for (const value of ['-1', '0.5', '1e12', '1e999', '"1s"', 'null'])
        await refuses(run(`"${name}":${value}`), 400, `${name} ${value}`)
    for (const name of ['timeout', 'attempts']) await refuses(run(`"${name}":0`), 400, `${name} 0`)
    script.handler = () => new Promise((resolve) => setTimeout(resolve, 50, 'in time'))
    assert.equal((await run(`"timeout":${25 * DAY_MS}`)).result, 'in time')

    t.mock.timers.enable({ apis: ['setTimeout'] })
    const arm = t.mock.method(globalThis, 'setTimeout')
    let fired = 0
    startTimer(25 * DAY_MS, () => fired++)
    t.mock.timers.tick(LONGEST_TIMER_MS)
    t.mock.timers.tick(25 * DAY_MS - LONGEST_TIMER_MS - 1)
    assert.equal(fired, 0)
    t.mock.timers.tick(1)
    assert.equal(fired, 1)
    assert.equal(arm.mock.callCount(), 2)
    for (const { arguments: given } of arm.mock.calls) assert.ok(Number(given[1]) <= LONGEST_TIMER_MS)
  })

  it('E9 a pattern that backtracks for ever is cut off, and the worker serves on', async () => {
    const input = { s: `${'a'.repeat(40)}!` }
    const startedAt = performance.now()
    const { status, code, detail } = await read(await worker.task({ function: 'picky', input }))
    assert.deepEqual([status, code], [422, 'INVALID_INPUT'])
    assert.match(detail ?? '', /could not be checked within 100 ms/)
    assert.ok(performance.now() - startedAt < 30_000)
    assert.equal((await read(await worker.task({ function: 'picky', input: { s: 'aaa' } }))).result, 'fine')
  })

  for (const pattern of ['(', '(?i)', '[z-a]'])
    it(`E10 the pattern ${pattern} is an error at the start that names the function`, async () => {
      using folder = makeFolder({ 'functions/bad.ts': PICKY.replace('^(a+)+$', pattern) })
      const start = async () => {
        await using _started = await startWorkerProcess(folder.path)
      }
      await assert.rejects(
        start,
        /ended with [1-9]\d* .*functions\/bad\.ts.*"s\\?" has a pattern that cannot be used/s,
      )
    })

  it('E11 a result that is no JSON, or too long, is a failure with a code, and the slot is free', async () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const results: [unknown, string][] = [
      [5n, 'RESULT_UNSERIALISABLE'],
      [{ a: [5n] }, 'RESULT_UNSERIALISABLE'],
      [cycle, 'RESULT_UNSERIALISABLE'],
      [() => 1, 'RESULT_UNSERIALISABLE'],
      [Symbol('x'), 'RESULT_UNSERIALISABLE'],
      [
        {
          toJSON: () => {
            throw new Error('no')
          },
        },
        'RESULT_UNSERIALISABLE',
      ],
      ['x'.repeat(1024 * 1024), 'RESULT_TOO_LARGE'],
      ['é'.repeat(600_000), 'RESULT_TOO_LARGE'],
    ]
    for (const [result, expected] of results) {
      script.handler = () => result
      const { status, code, text } = await withInput('{}')
      assert.equal(code, expected, text.slice(0, 200))
      assert.ok(status >= 500)
      assert.equal(worker.running.parts.intake.used, 0)
    }
    // Newer versions of V8 write any depth; either way there is an answer.
    script.handler = () => JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`)
    const deep = await withInput('{}')
    assert.ok(deep.status === 200 || deep.code === 'RESULT_UNSERIALISABLE', deep.text.slice(0, 200))
    script.handler = () => undefined
    const { status, result } = await withInput('{}')
    assert.deepEqual([status, result], [200, null])
    script.handler = () => ({ a: undefined, b: () => 1, c: Number.NaN, d: 1 })
    assert.deepEqual((await withInput('{}')).result, { c: null, d: 1 })
  })
})
