/**
 * `ctx.call` through a balancer, with real processes: two workers of one slot each that serve different functions,
 * so that every call between them needs the balancer, and every wrong count of slots is a standstill.
 */
import assert from 'node:assert/strict'
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { createScope, makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS } from './fleet.ts'

const scope = createScope()
let balancer: Balancer
let back: Worker
let said: () => Promise<string[]>
let backFolder: string

const head = (notes: string) => `import { appendFileSync } from 'node:fs'
import { bytes, defineFunction } from '@berth/worker'
import { z } from 'zod'
const say = (word) => appendFileSync(${JSON.stringify(notes)}, word + '\\n')
const input = z.looseObject({})
const untilAborted = (signal) => new Promise((_done, fail) => signal.addEventListener('abort', () => fail(signal.reason)))
`

const FRONT: Record<string, string> = {
  album: `async handler({ count }, { call }) {
    return Promise.all(Array.from({ length: count }, (_none, n) => call('photo', { n })))
  }`,
  up: `async handler(_input, { call }) { return ['up', await call('down')] }`,
  end: `handler: () => 'end'`,
  one: `async handler(_input, { call }) { return 1 + await call('two') }`,
  two: `async handler(_input, { call }) { return 2 + await call('three') }`,
  three: `async handler(_input, { call }) { return 3 + await call('four') }`,
  told: `async handler({ name, given }, { call }) {
    try {
      return { result: await call(name, given ?? {}) }
    } catch ({ name, code, message, errors }) {
      return { name, code, message, errors }
    }
  }`,
  swells: `async handler({ sizes }, { call }) {
    const measure = (size) => call('measured', { text: 'x'.repeat(size) }).catch(({ code }) => code)
    return Promise.all(sizes.map(measure))
  }`,
  waits: `async handler(_input, { call }) { return call('held', { as: 'waited for' }) }`,
  sized: `async handler({ size }, { call }) {
    const [text, file, small] = await Promise.all([call('long', { size }), call('file'), call('photo', { n: 1 })])
    return [text.length, String(Buffer.from(file.data)), small]
  }`,
  ring: `async handler(_input, { call }) { return call('back') }`,
}

const BACK: Record<string, string> = {
  photo: `handler: ({ n }) => 'photo ' + n`,
  down: `async handler(_input, { call }) { return ['down', await call('end')] }`,
  four: `handler: () => 4`,
  fails: `handler() { throw new Error('no paper') }`,
  strict: `input: z.object({ n: z.number() }), handler: () => 1`,
  held: `async handler({ as }, { signal }) {
    say('begun ' + as)
    signal.addEventListener('abort', () => say('aborted ' + as))
    await untilAborted(signal)
  }`,
  long: `handler: ({ size }) => 'x'.repeat(size)`,
  file: `handler: () => bytes('a file', 'text/plain')`,
  measured: `handler: ({ text }) => text.length`,
  back: `async handler(_input, { call }) { return call('ring') }`,
  once: `config: { idempotent: true }, async handler(_input, { attempt, signal }) {
    say('once ' + attempt + ' ' + process.pid)
    if (attempt > 1) return attempt
    await untilAborted(signal)
  }`,
}

/** d0 calls d1 calls … d9, by turns here and there. */
const relay = (n: number) =>
  n === 9 ? `handler: () => 'deep'` : `async handler(_input, { call }) { return call('d${n + 1}') }`

async function writeFolder(notes: string, functions: Record<string, string>): Promise<string> {
  const folder = await makeFolder(scope, 'calls')
  await mkdir(join(folder, 'functions'))
  for (const [name, body] of Object.entries(functions)) {
    const schema = body.startsWith('input:') ? '' : 'input, '
    const source = `${head(notes)}export default defineFunction({ ${schema}${body} })\n`
    await writeFile(join(folder, 'functions', `${name}.ts`), source)
  }
  return folder
}

function startBack(on: Scope): Promise<Worker> {
  return startWorker(on, { folder: backFolder, env: { SLOTS: '1' } })
}

before(async () => {
  const notes = join(await makeFolder(scope, 'notes'), 'said.txt')
  await appendFile(notes, '')
  said = async () => (await readFile(notes, 'utf8')).split('\n').filter(Boolean)
  const even = Object.fromEntries([0, 2, 4, 6, 8].map((n) => [`d${n}`, relay(n)]))
  const odd = Object.fromEntries([1, 3, 5, 7, 9].map((n) => [`d${n}`, relay(n)]))
  backFolder = await writeFolder(notes, { ...BACK, ...odd })
  const front = await startWorker(scope, {
    folder: await writeFolder(notes, { ...FRONT, ...even }),
    env: { SLOTS: '1' },
  })
  back = await startBack(scope)
  balancer = await startBalancer(scope, {
    workers: [
      { url: front.url, name: 'front' },
      { url: back.url, name: 'back' },
    ],
  })
  await waitForWorkers(balancer, 2)
})
after(() => scope.end())

async function ask(name: string, input: object = {}): Promise<unknown> {
  const answer = await postTask(balancer, { function: name, input })
  assert.equal(answer.status, 200, answer.text)
  return bodyOf(answer).result
}

async function untilSaid(word: string): Promise<void> {
  await until(async () => (await said()).includes(word), LIMIT_MS, `a handler says "${word}"`)
}

type Line = {
  id: string
  trigger: string
  parent: string | null
  function: string
  worker: string
  status: string
}

async function list(query: string): Promise<Line[]> {
  const { body } = await balancer.request(`/runs?${query}`)
  return (body as { items: Line[] }).items
}

test('a function of another worker is called, and its run says by whom', async () => {
  const answer = await postTask(balancer, { function: 'album', input: { count: 3 }, priority: 7 })
  assert.deepEqual(bodyOf(answer).result, ['photo 0', 'photo 1', 'photo 2'])
  const runs = await list('function=photo')
  assert.equal(runs.length, 3)
  for (const run of runs)
    assert.deepEqual([run.trigger, run.parent, run.worker], ['call', answer.headers.get('x-run-id'), 'back'])
  assert.deepEqual(
    (await list('function=album')).map(({ trigger, parent }) => [trigger, parent]),
    [['api', null]],
  )
})

test('a chain comes back to a worker of one slot, by the balancer and within the worker', async () => {
  assert.deepEqual(await ask('up'), ['up', ['down', 'end']])
  assert.equal(await ask('one'), 10)
})

test('many callers at once on single slots never lock up', async () => {
  const album = Array.from({ length: 10 }, (_none, n) => `photo ${n}`)
  const asked = Array.from({ length: 30 }, (_none, i) => (i % 2 ? ask('up') : ask('album', { count: 10 })))
  const results = await Promise.all(asked)
  for (const [i, result] of results.entries())
    assert.deepEqual(result, i % 2 ? ['up', ['down', 'end']] : album)
})

test('what goes wrong there is told to the caller, who may go on', async () => {
  const told = (name: string, given: object = {}) => ask('told', { name, given })
  assert.deepEqual(await told('fails'), {
    name: 'CallError',
    code: 'FUNCTION_FAILED',
    message: 'The call of "fails" failed: no paper',
  })
  const strict = (await told('strict', { n: 'x' })) as { code: string; errors: { pointer: string }[] }
  assert.deepEqual([strict.code, strict.errors[0]?.pointer], ['INVALID_INPUT', '/n'])
  const nobody = (await told('nobody')) as { code: string; message: string }
  assert.deepEqual(nobody.code, 'UNKNOWN_FUNCTION')
})

test('an input goes up to REQUEST_BODY_LIMIT, several at once', async () => {
  const most = 10 * 1024 * 1024 - '{"text":""}'.length
  assert.deepEqual(await ask('swells', { sizes: [most, 1, 40_000, 1_500_000] }), [most, 1, 40_000, 1_500_000])
  assert.deepEqual(await ask('swells', { sizes: [most + 1] }), ['PAYLOAD_TOO_LARGE'])
})

test('long results and bytes come back, each to its own call', async () => {
  const [length, file, small] = (await ask('sized', { size: 1_500_000 })) as [number, string, string]
  assert.deepEqual([length, file, small], [1_500_000, 'a file', 'photo 1'])
})

test('nine calls below each other, and a ring, are errors; eight are none', async () => {
  assert.equal(await ask('d1'), 'deep')
  const deep = await postTask(balancer, { function: 'd0', input: {} })
  assert.equal(deep.status, 500)
  assert.match(bodyOf(deep).detail ?? '', /more than 8 calls deep: d0 → d1/)
  const ring = await postTask(balancer, { function: 'ring', input: {} })
  assert.match(bodyOf(ring).detail ?? '', /it would call itself: ring → back → ring/)
})

test('when its caller is cancelled the signal of a called task fires, and every slot is free again', async () => {
  const asked = postTask(balancer, { function: 'waits', input: {} })
  await untilSaid('begun waited for')
  const [run] = await list('function=waits&status=running')
  await balancer.request(`/runs/${run?.id}/cancel`, { method: 'POST' })
  assert.equal((await asked).status, 409)
  await untilSaid('aborted waited for')
  assert.equal(await ask('album', { count: 1 }).then((result) => (result as string[])[0]), 'photo 0')
})

test('a caller that its own client leaves takes the called task with it', async () => {
  const client = new AbortController()
  const asked = balancer.request('/task', {
    method: 'POST',
    body: JSON.stringify({ function: 'told', input: { name: 'held', given: { as: 'abandoned' } } }),
    signal: client.signal,
  })
  await untilSaid('begun abandoned')
  client.abort()
  await assert.rejects(asked)
  await untilSaid('aborted abandoned')
})

test('a called task whose worker is killed is repeated when it is idempotent, and its caller never knows', async () => {
  const asked = ask('told', { name: 'once' })
  await untilSaid(`once 1 ${back.pid}`)
  const { port } = back
  await back.kill9()
  back = await startWorker(scope, { folder: backFolder, env: { SLOTS: '1', PORT: String(port) } })
  assert.deepEqual(await asked, { result: 2 })
  await untilSaid(`once 2 ${back.pid}`)
})
