/**
 * Calls of durable runs, with real processes: the tree is read while it runs, afterwards and over restarts; a balancer
 * that goes and comes back, and a worker that is to leave, fail nobody who waits for a call.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import {
  type Answer,
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './fleet.ts'

let scope = createScope()
let balancer: Balancer
let worker: Worker
let gate: string
let folder: string

const HEAD = (path: string) => `import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { defineFunction } from '@berth/worker'
import { z } from 'zod'
const input = z.looseObject({})
const begun = () => appendFileSync(${JSON.stringify(`${path}.begun`)}, 'x')
const untilOpen = async (signal) => { while (!existsSync(${JSON.stringify(path)})) await wait(5, undefined, { signal }) }
`
const FUNCTIONS: Readonly<Record<string, string>> = {
  root: `async handler(_, { call }) { return ['root', await Promise.all([call('middle'), call('leaf')])] }`,
  middle: `async handler(_, { call }) { return ['middle', await call('held')] }`,
  held: `async handler(_, { signal }) { await untilOpen(signal); return 'held' }`,
  leaf: `handler: () => 'leaf'`,
  harmful: `config: { idempotent: false }, async handler(_, { signal }) { await untilOpen(signal); return 'harmful' }`,
  careless: `async handler(_, { call }) { return call('harmful') }`,
  later: `async handler(_, { signal, call }) { begun(); await untilOpen(signal); return call('leaf') }`,
}
/** So short that a link which went is back while a test looks on. */
const ENV = { WORKER_DISCOVERY_INTERVAL: '100ms' }

beforeEach(async () => {
  scope = createScope()
  folder = await makeFolder(scope, 'tree')
  gate = join(folder, 'open')
  await mkdir(join(folder, 'functions'))
  for (const [name, body] of Object.entries(FUNCTIONS))
    await writeFile(
      join(folder, 'functions', `${name}.ts`),
      `${HEAD(gate)}export default defineFunction({ input, ${body} })\n`,
    )
  worker = await startWorker(scope, { folder, env: { SLOTS: '1' } })
  balancer = await startBalancer(scope, { workers: [{ url: worker.url, name: 'w' }], env: ENV })
  await waitForWorkers(balancer, 1)
})
afterEach(() => scope.end())

interface Run {
  id: string
  status: string
  durable: boolean
  trigger: string
  parent: string | null
  function: string
  result: unknown
  error: { code: string; message: string } | null
}

async function begin(name: string): Promise<string> {
  const answer = await postTask(balancer, { function: name, input: {}, mode: 'async' })
  assert.equal(answer.status, 202, answer.text)
  return (answer.body as { runId: string }).runId
}

const below = async (parent: string): Promise<Run[]> =>
  ((await balancer.request(`/runs?parent=${parent}`)).body as { items: Run[] }).items

const show = async (run: string, wait = 0): Promise<Run> =>
  (await balancer.request(`/runs/${run}?wait=${wait}`)).body as Run

/** Until the function runs, called by that run. */
const untilRuns = (parent: string, name: string): Promise<Run> =>
  until(
    async () => (await below(parent)).find((run) => run.function === name && run.status === 'running'),
    LIMIT_MS,
    `${name} runs`,
  )

const open = (): Promise<void> => writeFile(gate, '')

async function restart(): Promise<void> {
  const env = {
    ...ENV,
    PORT: String(balancer.port),
    DATA_DIR: balancer.dataDir,
    WORKERS_FILE: balancer.workersFile,
  }
  balancer = await startBalancer(scope, { env })
  await waitForWorkers(balancer, 1)
}

test('the tree of a durable run is read while it runs, when it is over, after a restart, until it is deleted', async () => {
  const root = await begin('root')
  const middle = await untilRuns(root, 'middle')
  const held = await untilRuns(middle.id, 'held')
  assert.deepEqual([middle.trigger, middle.durable, held.parent], ['call', false, middle.id])
  await open()
  assert.deepEqual((await show(root, 30)).result, ['root', [['middle', 'held'], 'leaf']])
  const assertTree = async () => {
    const children = await below(root)
    const found = children.map((run) => [run.function, run.status, run.parent, run.trigger]).sort()
    assert.deepEqual(found, [
      ['leaf', 'completed', root, 'call'],
      ['middle', 'completed', root, 'call'],
    ])
    assert.deepEqual(
      (await below(middle.id)).map(({ id }) => id),
      [held.id],
    )
    assert.deepEqual(await below(held.id), [])
    assert.deepEqual([(await show(held.id)).status, (await show(held.id)).parent], ['completed', middle.id])
  }
  await assertTree()
  await balancer.kill9()
  await restart()
  await assertTree()
  const { status } = await balancer.request(`/runs/${root}`, { method: 'DELETE' })
  assert.equal(status, 204)
  assert.deepEqual([await below(root), await below(middle.id)], [[], []])
  assert.equal((await balancer.request(`/runs/${held.id}`)).status, 404)
})

for (const [how, end] of [
  ['killed', () => balancer.kill9()],
  ['restarted', () => balancer.stop()],
] as const)
  test(`a durable run that waits for a call ends although its balancer is ${how}`, async () => {
    const root = await begin('root')
    await untilRuns((await untilRuns(root, 'middle')).id, 'held')
    await end()
    await restart()
    await open()
    const run = await show(root, 30)
    assert.deepEqual([run.status, run.result], ['completed', ['root', [['middle', 'held'], 'leaf']]])
    await until(async () => (await used()) === 0, LIMIT_MS, 'every slot is free')
  })

test('what may do harm twice is not called again, and the run is told why', async () => {
  const root = await begin('careless')
  await untilRuns(root, 'harmful')
  await balancer.kill9()
  await restart()
  const run = await show(root, 30)
  assert.equal(run.status, 'failed')
  assert.match(run.error?.message ?? '', /"harmful" failed: the link .* was lost .* may have run/)
  await until(async () => (await used()) === 0, LIMIT_MS, 'every slot is free')
})

async function used(): Promise<number | undefined> {
  const { items } = (await balancer.request('/workers')).body as {
    items: { slots: { used: number } | null }[]
  }
  return items[0]?.slots?.used
}

test('a worker in maintenance finishes what it runs, with what that calls; so does one that is told to stop', async () => {
  const asked = postTask(balancer, { function: 'later', input: {} })
  await untilBegun(1)
  await balancer.request('/workers/w/off', { method: 'POST', body: '{}' })
  const refused = await postTask(balancer, { function: 'leaf', input: {} })
  assert.equal(refused.status, 503)
  await open()
  assertResult(await asked, 'leaf')
  await balancer.request('/workers/w/on', { method: 'POST' })
  await waitForWorkers(balancer, 1)
  await rm(gate)
  const last = postTask(balancer, { function: 'later', input: {} })
  await untilBegun(2)
  const exited = worker.stop()
  await until(async () => isDraining(), LIMIT_MS, 'the worker is draining')
  await open()
  assertResult(await last, 'leaf')
  assert.equal((await exited).code, 0)
})

/** By the handlers' own word: what the worker last said of its slots may be of the task before. */
async function untilBegun(count: number): Promise<void> {
  const begun = () => readFile(`${gate}.begun`, 'utf8').catch(() => '')
  await until(async () => (await begun()).length === count, LIMIT_MS, `${count} have begun`)
}

async function isDraining(): Promise<boolean> {
  const { items } = (await balancer.request('/workers')).body as { items: { status: string }[] }
  return items[0]?.status === 'draining'
}

function assertResult({ status, body, text }: Answer, result: unknown): void {
  assert.equal(status, 200, text)
  assert.deepEqual((body as { result: unknown }).result, result)
}
