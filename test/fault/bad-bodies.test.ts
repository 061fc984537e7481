/**
 * FAULTS E at the balancer's own routes, on real processes: what is sent as a task, as the bytes of one, as a
 * batch or as an operator's request is refused in words or arrives as it was, and the balancer serves on. The
 * same cases at a worker: worker/src/faults/bodies.test.ts. The table of all: README.md.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { bodyOf } from '../end-to-end/fleet.ts'
import {
  type Answer,
  type Balancer,
  KEYS,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { type Probe, writeProbe } from '../harness/executions.ts'
import { createScope, makeFolder } from '../harness/scope.ts'

const LIMIT_BYTES = 10 * 1024 * 1024
const ROUTES = ['/task', '/tasks'] as const

const PICKY = `import { defineFunction } from '@berth/worker'
export default defineFunction({
  params: { s: { type: 'string', pattern: '^(a+)+$' } },
  handler: () => 'fine',
})`
const LOOSE = `import { defineFunction } from '@berth/worker'
import { z } from 'zod'
export default defineFunction({ input: z.looseObject({}), handler: (input) => input })`
const RESULTS = `import { defineFunction } from '@berth/worker'
import { z } from 'zod'
const cycle = {}
cycle.self = cycle
const results = { bigint: 5n, cycle, long: 'x'.repeat(2 ** 21), lines: 'a\\n\\ndata: b\\r\\n\\u2028', nothing: undefined }
export default defineFunction({ input: z.object({ kind: z.string() }), handler: ({ kind }) => results[kind] })`

describe('bodies that hurt, at the balancer', () => {
  const scope = createScope()
  let probe: Probe
  let worker: Worker
  let balancer: Balancer

  before(async () => {
    probe = await writeProbe(await makeFolder(scope, 'bodies'))
    for (const [name, source] of Object.entries({ picky: PICKY, loose: LOOSE, results: RESULTS }))
      await writeFile(join(probe.folder, 'functions', `${name}.ts`), source)
    worker = await startWorker(scope, { folder: probe.folder, env: { RESULT_LIMIT: '1mb' } })
    balancer = await startBalancer(scope, {
      workers: [worker.url],
      env: { BATCH_BODY_LIMIT: String(LIMIT_BYTES), LOG_LEVEL: 'warn' },
    })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  const post = (
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<Answer> => balancer.request(path, { method: 'POST', body, headers })
  const loose = (input: string): Promise<Answer> => post('/task', `{"function":"loose","input":${input}}`)

  /** 400 as a task; in a batch a line of its own with 422. */
  async function assertRefused(body: string | Uint8Array<ArrayBuffer>, what: string): Promise<void> {
    const single = await post('/task', body)
    assert.equal(single.status, 400, `${what}: ${single.text}`)
    assert.doesNotMatch(single.text, /\.ts:\d|node_modules/, what)
    const good = '\n{"function":"loose"}'
    const batch = await post('/tasks', Buffer.concat([Buffer.from(body), Buffer.from(good)]))
    const statuses = batch.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).status)
    assert.deepEqual(statuses.sort(), [200, 422], `${what} in a batch: ${batch.text}`)
  }

  test('E1 a body over the limit is refused as soon as that is known, a packed one at once', async () => {
    for (const path of [...ROUTES, '/task/default/loose', '/workers/none/off', '/sign-in']) {
      assert.equal(await sendOpen(path, { 'content-length': String(LIMIT_BYTES + 1) }, 0), 413, path)
      assert.equal(await sendOpen(path, { 'transfer-encoding': 'chunked' }, LIMIT_BYTES + 1), 413, path)
    }
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024))
    for (const path of ROUTES)
      assert.equal((await post(path, new Uint8Array(bomb), { 'content-encoding': 'gzip' })).status, 415, path)
  })

  test('E2 200,000 levels are refused everywhere, and what passes is passed on', async () => {
    const open = '['.repeat(200_000)
    await assertRefused(`{"function":"loose","input":{"a":${open}}}`, 'open')
    await assertRefused(`{"function":"loose","input":{"a":${open}${']'.repeat(200_000)}}}`, 'closed')
    assert.equal((await post('/tasks', open)).status, 400)
    assert.ok([400, 413].includes((await post('/workers/none/off', open.slice(0, 60_000))).status))
    const passing = `{"a":${'['.repeat(90)}${']'.repeat(90)}}`
    assert.equal(JSON.stringify(bodyOf(await loose(passing)).result), passing)
  })

  test('E4 bytes that are no text are refused, and text comes back as it was', async () => {
    for (const [what, bytes] of Object.entries({
      'no UTF-8': [0xff],
      'an overlong slash': [0xc0, 0xaf],
      'a surrogate': [0xed, 0xa0, 0x80],
      'half a character': [0xe2, 0x82],
      'a bare NUL': [0],
    })) {
      const body = ['{"function":"loose","input":{"a":"', Buffer.from(bytes), '"}}'].map((part) =>
        Buffer.from(part),
      )
      await assertRefused(new Uint8Array(Buffer.concat(body)), what)
    }
    for (const path of ROUTES) assert.equal((await post(path, '\uFEFF{"function":"loose"}')).status, 400)
    const input = String.raw`{"a":"\u0000\ud800é\u2028","\udc00":1}`
    assert.deepEqual(bodyOf(await loose(input)).result, JSON.parse(input))
    const batch = await post('/tasks', `[{"function":"loose","input":${input}}]`)
    assert.deepEqual(JSON.parse(batch.text).result, JSON.parse(input))
  })

  test('E5 of a key that comes twice the last one counts, for the route and for the worker', async () => {
    const twice =
      '{"function":"nothing","function":"loose","group":"x","group":"default","input":{"a":1,"a":2}}'
    assert.deepEqual(bodyOf(await post('/task', twice)).result, { a: 2 })
    assert.deepEqual(JSON.parse((await post('/tasks', twice)).text).result, { a: 2 })
    const other = '{"function":"loose","group":"default","group":"x"}'
    assert.equal((await post('/task', other)).status, 404)
    assert.equal(JSON.parse((await post('/tasks', other)).text).status, 404)
  })

  test('E6 names of prototypes are data in an input and refused anywhere else', async () => {
    const evil = '"__proto__":{"polluted":1}'
    for (const body of [
      `{"function":"probe",${evil}}`,
      `{"function":"probe","tags":{${evil}}}`,
      `{"function":"probe","metadata":{${evil}}}`,
    ])
      await assertRefused(body, body)
    assert.equal((await post('/workers/none/off', `{${evil}}`)).status, 400)
    assert.equal((await post('/task', `{"function":"probe","input":{${evil}}}`)).status, 422)
    assert.equal((await loose('{"constructor":{"prototype":{"polluted":1}}}')).status, 200)
    assert.ok(!(await balancer.request('/workers')).text.includes('polluted'))
  })

  test('E9 a pattern that backtracks for ever is the worker’s, which cuts it off', async () => {
    const input = JSON.stringify({ s: `${'a'.repeat(40)}!` })
    const slow = post('/task', `{"function":"picky","input":${input}}`)
    // Whoever ran that pattern would answer in some hours.
    assert.equal((await balancer.request('/health')).status, 200)
    assert.deepEqual([(await slow).status, bodyOf(await slow).code], [422, 'INVALID_INPUT'])
  })

  test('E11, E12 a result that is none is a failure with a code; one with line ends is one line', async () => {
    for (const [kind, status, code] of [
      ['bigint', 500, 'RESULT_UNSERIALISABLE'],
      ['cycle', 500, 'RESULT_UNSERIALISABLE'],
      ['long', 500, 'RESULT_TOO_LARGE'],
      ['nothing', 200, undefined],
      ['lines', 200, undefined],
    ] as const) {
      const body = `{"function":"results","input":{"kind":"${kind}"}}`
      const single = await post('/task', body)
      assert.deepEqual([single.status, bodyOf(single).code], [status, code], kind)
      const lines = (await post('/tasks', `[${body}]`)).text.split('\n')
      assert.equal(lines.length, 2, kind)
      const line = JSON.parse(lines[0] as string)
      assert.deepEqual([line.status, line.code, line.result], [status, code, bodyOf(single).result], kind)
    }
  })

  test('E13 names are ASCII: what looks alike is another name, and refused', async () => {
    for (const name of [
      '\uff50robe',
      'probe\u0301',
      'pr\u043ebe',
      'prob\u00e9',
      'probe\u200b',
      'probe ',
      'PROBE\n',
    ]) {
      await assertRefused(JSON.stringify({ function: name }), JSON.stringify(name))
      await assertRefused(JSON.stringify({ function: 'probe', group: name }), `group ${JSON.stringify(name)}`)
      const routed = await post(`/task/default/${encodeURIComponent(name)}`, '{}')
      assert.ok([400, 404].includes(routed.status), `${name}: ${routed.text}`)
    }
  })

  test('E14 strange metadata and tags are data, or refused for their length; no log line is forged', async () => {
    const strange = '\u001b[31m\r\n{"level":"error"}\u2028</script>\u0000'
    const taken = await post('/task', JSON.stringify({ function: 'loose', metadata: { a: strange } }))
    assert.equal(taken.status, 200)
    const tagged = await post('/task', JSON.stringify({ function: 'loose', tags: { gpu: strange } }))
    assert.equal(tagged.status, 503, tagged.text)
    assert.ok(
      [...tagged.text].every((letter) => letter >= ' '),
      'an answer is clean JSON',
    )
    await assertRefused(
      JSON.stringify({ function: 'loose', metadata: { a: 'x'.repeat(100_000) } }),
      'metadata',
    )
    await assertRefused(JSON.stringify({ function: 'loose', tags: { gpu: 'x'.repeat(100_000) } }), 'tags')
    const lines = balancer.output().split('\n')
    assert.ok(lines.every((line) => line === '' || line.startsWith('{')))
  })

  test('E15 with a key the type says nothing, but for multipart', async () => {
    for (const type of ['', 'text/plain', 'application/json; charset=x; charset=y', 'image/png', 'nonsense'])
      for (const path of ROUTES)
        assert.equal((await post(path, '{"function":"loose"}', { 'content-type': type })).status, 200, type)
    const multipart = { 'content-type': 'multipart/form-data; boundary=x' }
    assert.equal((await post('/tasks', '{}', multipart)).status, 415)
    // Files come so: this is a form that is none.
    assert.equal((await post('/task', '{}', multipart)).status, 400)
  })

  test('E16 nothing, null, lists, texts and numbers are no task', async () => {
    for (const body of ['null', '"x"', '7', 'true', '{}']) await assertRefused(body, body)
    for (const [path, body] of [
      ['/task', ''],
      ['/task', '[]'],
      ['/tasks', ''],
      ['/tasks', '[]'],
      ['/workers/none/off', '[]'],
      ['/workers/none/off', 'null'],
    ] as const) {
      const answer = await post(path, body)
      assert.equal(answer.status, 400, `${path} ${body}: ${answer.text}`)
      assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    }
  })

  test('nothing of all this ran as a probe, and the same processes serve on', async () => {
    assert.deepEqual(await probe.read(), [])
    assert.deepEqual([worker.hasExited(), balancer.hasExited()], [false, false])
    assert.equal((await post('/task', '{"function":"probe"}')).status, 200)
  })

  /** Sends `bytes` of a body and leaves it open until the answer has come. */
  function sendOpen(
    path: string,
    headers: Record<string, string>,
    bytes: number,
  ): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const init = { method: 'POST', headers: { authorization: KEYS.caller, ...headers } }
      const outgoing = httpRequest(`${balancer.url}${path}`, init, (incoming: IncomingMessage) => {
        resolve(incoming.statusCode)
        outgoing.destroy()
      })
      outgoing.on('error', reject)
      outgoing.flushHeaders()
      const piece = Buffer.alloc(1024 * 1024, 'x')
      for (let sent = 0; sent < bytes; sent += piece.length) outgoing.write(piece)
    })
  }
})
