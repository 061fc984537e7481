/**
 * Functions that come and change: a worker's restart is enough, the balancer stays; two contracts side by
 * side; all of it from a folder outside of the repository that has no `node_modules`.
 */
import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  waitForWorkers,
  writeWorkersFile,
} from '../harness/berth.ts'
import { findFreePort } from '../harness/ports.ts'
import { makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS, waitForStatus } from './fleet.ts'

type FunctionItem = {
  name: string
  group: string
  contract: number
  input: { properties?: Record<string, { type?: string; default?: unknown }>; required?: string[] }
  workers: string[]
}

/** A function that greets in the words given, with one more parameter if there is one. */
async function writeGreet(folder: string, name: string, words: string, parameter = ''): Promise<void> {
  await mkdir(join(folder, 'functions'), { recursive: true })
  const source = `import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ name: z.string(), ${parameter} }),
  handler: (input) => ({ words: ${JSON.stringify(words)}, input }),
})
`
  await writeFile(join(folder, 'functions', `${name}.ts`), source)
}

async function readFunctions(balancer: Balancer): Promise<FunctionItem[]> {
  return ((await balancer.request('/functions')).body as { items: FunctionItem[] }).items
}

async function call(balancer: Balancer, name: string, input: unknown, more = {}): Promise<[number, unknown]> {
  const answer = await postTask(balancer, { function: name, input, ...more })
  const { result, code, errors } = bodyOf(answer)
  return [answer.status, result ?? errors?.[0]?.pointer ?? code]
}

test('a function added, changed or taken away is so after the restart of its worker alone', async (t) => {
  const folder = await makeFolder(t, 'project')
  const PORT = String(await findFreePort())
  await writeGreet(folder, 'greet', 'Good day')
  let worker = await startWorker(t, { folder, env: { PORT } })
  const balancer = await startBalancer(t, { workers: [{ url: worker.url, name: 'w1' }] })
  await waitForWorkers(balancer, 1)
  const restart = async (): Promise<void> => {
    await worker.stop()
    worker = await startWorker(t, { folder, env: { PORT } })
    await waitForStatus(balancer, 'w1', 'ready')
  }
  assert.deepEqual(await call(balancer, 'greet', { name: 'Ada' }), [
    200,
    { words: 'Good day', input: { name: 'Ada' } },
  ])

  await writeGreet(folder, 'part', 'Goodbye')
  await writeGreet(folder, 'greet', 'Good evening', 'times: z.number().int().default(1)')
  assert.deepEqual(await call(balancer, 'part', { name: 'Ada' }), [404, 'UNKNOWN_FUNCTION'])
  assert.deepEqual(await call(balancer, 'greet', { name: 'Ada', times: 2 }), [422, '/input/times'])
  await restart()
  assert.deepEqual(await call(balancer, 'part', { name: 'Ada' }), [
    200,
    { words: 'Goodbye', input: { name: 'Ada' } },
  ])
  assert.deepEqual(await call(balancer, 'greet', { name: 'Ada' }), [
    200,
    { words: 'Good evening', input: { name: 'Ada', times: 1 } },
  ])
  const items = await readFunctions(balancer)
  assert.deepEqual(
    items.map(({ name, contract, workers }) => [name, contract, workers]),
    [
      ['greet', 1, ['w1']],
      ['part', 1, ['w1']],
    ],
  )
  assert.deepEqual(items[0]?.input.properties?.times?.default, 1)
  assert.deepEqual(items[0]?.input.required, ['name'])

  await rm(join(folder, 'functions', 'part.ts'))
  await restart()
  const [status] = await call(balancer, 'part', { name: 'Ada' })
  assert.ok(status === 404 || status === 503, `a function that nobody serves any more is ${status}`)
  assert.deepEqual(
    (await readFunctions(balancer)).map(({ name }) => name),
    ['greet'],
  )
  assert.equal(balancer.hasExited(), false)
})

test('two contracts stand side by side; the default is the newest that half of the slots serve', async (t) => {
  const [first, second] = await Promise.all([makeFolder(t, 'one'), makeFolder(t, 'two')])
  await writeGreet(first, 'greet', 'Good day')
  await writeGreet(second, 'greet', 'Good evening', 'times: z.number()')
  const startOne = (folder: string, contract: number, slots: number) =>
    startWorker(t, { folder, env: { CONTRACT: String(contract), SLOTS: String(slots) } })
  const [old, fresh] = await Promise.all([startOne(first, 1, 6), startOne(second, 2, 3)])
  const entries = [
    { url: old.url, name: 'old' },
    { url: fresh.url, name: 'new' },
  ]
  const balancer = await startBalancer(t, { workers: entries })
  await waitForWorkers(balancer, 2)
  assert.deepEqual(
    (await readFunctions(balancer)).map(({ contract, input, workers }) => [
      contract,
      input.required,
      workers,
    ]),
    [
      [2, ['name', 'times'], ['new']],
      [1, ['name'], ['old']],
    ],
  )

  assert.deepEqual(await words(balancer, { name: 'Ada' }, 1), [200, 'Good day'])
  assert.deepEqual(await words(balancer, { name: 'Ada', times: 1 }, 2), [200, 'Good evening'])
  assert.equal((await words(balancer, { name: 'Ada', times: 1 }, 1))[0], 422)
  assert.equal((await words(balancer, { name: 'Ada' }, 3))[0], 404)
  // Three of nine slots are too few for contract 2; six of twelve are enough.
  assert.deepEqual(await words(balancer, { name: 'Ada' }), [200, 'Good day'])
  await addWorker(t, balancer, entries, second)
  assert.deepEqual(await words(balancer, { name: 'Ada', times: 1 }), [200, 'Good evening'])
  // Out of service it does not count.
  assert.equal((await balancer.request('/workers/more/off', { method: 'POST' })).status, 200)
  assert.deepEqual(await words(balancer, { name: 'Ada' }), [200, 'Good day'])
})

async function words(balancer: Balancer, input: unknown, contract?: number): Promise<[number, unknown]> {
  const [status, said] = await call(balancer, 'greet', input, contract === undefined ? {} : { contract })
  return [status, (said as { words?: string } | undefined)?.words ?? said]
}

/** Three more slots of contract 2. */
async function addWorker(
  t: TestContext,
  balancer: Balancer,
  entries: readonly { url: string; name: string }[],
  folder: string,
): Promise<void> {
  const worker = await startWorker(t, { folder, env: { CONTRACT: '2', SLOTS: '3' } })
  await writeWorkersFile(balancer.workersFile, [...entries, { url: worker.url, name: 'more' }])
  await until(
    async () => (await balancer.request('/workers/more')).status === 200,
    LIMIT_MS,
    'the added worker is listed',
  )
  await waitForStatus(balancer, 'more', 'ready')
}
