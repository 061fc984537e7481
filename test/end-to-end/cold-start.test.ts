/** Cold starts, with real processes: one for each worker, told in the run and its answer, and none of what is kept warm. */
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
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './fleet.ts'

const SETUP_MS = 150
const WORKERS = ['w1', 'w2']
const scope = createScope()
let folder: string
let notes: string
let balancer: Balancer
let workers: Worker[]

/** Each waits until both workers have made it ready, so that two at once go to two workers, when ever they come. */
const sourceOf = (name: string, config: string) => `import { appendFileSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { defineFunction } from '@berth/worker'
const notes = ${JSON.stringify(notes)}
const setups = () => readFileSync(notes, 'utf8').split('\\n').filter((line) => line.startsWith('${name} ')).length
export default defineFunction({
  config: ${config},
  async setup() { await wait(${SETUP_MS}); appendFileSync(notes, '${name} ' + process.pid + '\\n') },
  async handler(_input, { signal }) {
    while (setups() < ${WORKERS.length}) await wait(5, undefined, { signal })
    return process.pid
  },
})
`

before(async () => {
  folder = await makeFolder(scope, 'cold')
  notes = join(folder, 'setups.txt')
  await appendFile(notes, '')
  await mkdir(join(folder, 'functions'))
  await writeFile(join(folder, 'functions', 'cold.ts'), sourceOf('cold', '{}'))
  await writeFile(join(folder, 'functions', 'warm.ts'), sourceOf('warm', '{ keepWarm: true }'))
  workers = await Promise.all(WORKERS.map(() => startWorker(scope, { folder, env: { SLOTS: '1' } })))
  const entries = workers.map(({ url }, index) => ({ url, name: WORKERS[index] }))
  balancer = await startBalancer(scope, { workers: entries, env: { WORKER_DISCOVERY_INTERVAL: '100ms' } })
  await waitForWorkers(balancer, WORKERS.length)
})
after(() => scope.end())

interface Seen {
  pid: number
  worker: string | null
  coldStart: boolean | null
  coldStartMs: number | null
  timing: string
}

async function call(name: string, mode?: 'async'): Promise<Seen> {
  const answer = await postTask(balancer, { function: name, input: {}, mode })
  const { result, runId } = answer.body as { result?: number; runId?: string }
  const run = runId ?? answer.headers.get('x-run-id')
  const { body } = await balancer.request(`/runs/${run}?wait=30`)
  const { worker, coldStart, coldStartMs, result: stored } = body as Seen & { result: number | null }
  const timing = answer.headers.get('server-timing') ?? ''
  return { pid: result ?? stored ?? 0, worker, coldStart, coldStartMs, timing }
}

const setups = async (name: string): Promise<number[]> =>
  (await readFile(notes, 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => Number(line.split(' ')[1]))

test('the first call on each worker is a cold start, in memory and on disk, and no other is', async () => {
  const [first, second] = await Promise.all([call('cold'), call('cold', 'async')])
  assert.ok(first && second)
  assert.notEqual(first.pid, second.pid)
  for (const { coldStart, coldStartMs } of [first, second]) {
    assert.equal(coldStart, true)
    assert.ok((coldStartMs ?? 0) >= SETUP_MS - 5, `${coldStartMs}`)
  }
  assert.match(first.timing, /^queue;dur=[\d.]+, setup;dur=[\d.]+, run;dur=[\d.]+$/)
  const later = await Promise.all([call('cold'), call('cold'), call('cold', 'async'), call('cold')])
  assert.deepEqual(
    later.map(({ coldStart, coldStartMs }) => [coldStart, coldStartMs]),
    Array.from({ length: 4 }, () => [false, 0]),
  )
  assert.doesNotMatch(later[0]?.timing ?? '', /setup/)
  assert.equal((await setups('cold')).length, WORKERS.length)
})

test('what says that it is kept warm has no cold start', async () => {
  assert.deepEqual((await setups('warm')).sort(), workers.map(({ pid }) => pid).sort())
  const seen = await Promise.all([call('warm'), call('warm', 'async')])
  assert.deepEqual(
    seen.map(({ coldStart }) => coldStart),
    [false, false],
  )
})

test('an operator keeps a function warm, over restarts of the worker and of the balancer', async () => {
  const shown = async () => {
    const { items } = (await balancer.request('/functions')).body as {
      items: { name: string; keepWarm: boolean }[]
    }
    return items.map(({ name, keepWarm }) => [name, keepWarm])
  }
  assert.deepEqual(await shown(), [
    ['cold', false],
    ['warm', true],
  ])
  const body = JSON.stringify({ keepWarm: true })
  assert.equal((await balancer.request('/functions/default/cold', { method: 'PATCH', body })).status, 200)
  assert.deepEqual(await shown(), [
    ['cold', true],
    ['warm', true],
  ])
  const restartWorkers = async () => {
    for (const worker of workers) await worker.kill9()
    workers = await Promise.all(
      workers.map(({ port }) => startWorker(scope, { folder, env: { SLOTS: '1', PORT: String(port) } })),
    )
    const isWarm = async () => {
      const done = await setups('cold')
      return workers.every(({ pid }) => done.includes(pid))
    }
    await until(isWarm, LIMIT_MS, 'both have been told, and are ready')
    await waitForWorkers(balancer, WORKERS.length)
    const seen = await Promise.all([call('cold'), call('cold', 'async')])
    assert.deepEqual(
      seen.map(({ coldStart }) => coldStart),
      [false, false],
    )
  }
  await restartWorkers()
  await balancer.kill9()
  const env = { PORT: String(balancer.port), DATA_DIR: balancer.dataDir, WORKERS_FILE: balancer.workersFile }
  balancer = await startBalancer(scope, { env: { ...env, WORKER_DISCOVERY_INTERVAL: '100ms' } })
  await restartWorkers()
})
