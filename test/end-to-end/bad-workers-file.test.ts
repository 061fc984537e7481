/**
 * workers.json as people and programs get it wrong, and as large as it may be: whatever is in the file, the
 * last good fleet stays and serves, and /health and the log say what is wrong.
 */
import assert from 'node:assert/strict'
import { rename, rm, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import {
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  type WorkerEntry,
  waitForWorkers,
  writeWorkersFile,
} from '../harness/berth.ts'
import { findFreePort } from '../harness/ports.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS, listWorkers, waitForLine, waitForStatus } from './fleet.ts'
import { keepCalling } from './load.ts'

const HELLO = { function: 'hello', input: { name: 'Ada' } }

type Config = { state: string; error?: string; line?: number; column?: number; warnings: string[] }

/** `line` is where the fault stands; undefined where it is the whole file's. */
type Bad = { name: string; text: string | undefined; says: RegExp; line?: number }

function makeBadFiles(url: string): Bad[] {
  const other = 'http://127.0.0.1:10'
  return [
    { name: 'missing', text: undefined, says: /missing/ },
    { name: 'empty', text: '', says: /empty/ },
    { name: 'half a file', text: `[\n  "${url}",\n  "http://127.0`, says: /not JSON/, line: 3 },
    { name: 'not JSON', text: `workers:\n  - ${url}\n`, says: /not JSON/, line: 1 },
    { name: 'an object', text: `{"url": "${url}"}`, says: /array/, line: 1 },
    { name: 'a number as entry', text: `[\n  "${url}",\n  4\n]`, says: /entry 2/, line: 3 },
    { name: 'another scheme', text: `[\n  "${url}",\n  "ftp://127.0.0.1"\n]`, says: /scheme/, line: 3 },
    {
      name: 'two of one name',
      text: `[\n  {"url": "${url}", "name": "a"},\n  {"url": "${other}", "name": "a"}\n]`,
      says: /named "a" already/,
      line: 3,
    },
    { name: 'a field nobody knows', text: `[\n  {"url": "${url}",\n   "slot": 3}\n]`, says: /slot/, line: 3 },
    { name: '20,001 entries', text: JSON.stringify(makeEntries(20_001)), says: /20000/ },
    { name: 'over 16 MiB', text: `["${url}"]${' '.repeat(16 * 1024 * 1024)}`, says: /16 MiB/ },
  ]
}

/** Addresses on this machine where nobody listens. */
function makeEntries(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `http://127.0.${1 + (at >> 8)}.${at & 255}:9`)
}

describe('workers.json', () => {
  const scope = createScope()
  let worker: Worker
  let balancer: Balancer
  let good: WorkerEntry[]

  before(async () => {
    worker = await startWorker(scope)
    good = [{ url: worker.url, name: 'w1' }]
    balancer = await startBalancer(scope, { workers: good })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  async function write(text: string): Promise<void> {
    await writeFile(`${balancer.workersFile}.draft`, text)
    await rename(`${balancer.workersFile}.draft`, balancer.workersFile)
  }

  async function readConfig(): Promise<Config> {
    return ((await balancer.request('/health')).body as { config: Config }).config
  }

  /** Back to the good file and the one worker of it. */
  async function restore(): Promise<void> {
    await writeWorkersFile(balancer.workersFile, good)
    const isGood = async (): Promise<boolean> => {
      const { state, warnings } = await readConfig()
      const listed = await listWorkers(balancer)
      return state === 'ok' && warnings.length === 0 && listed.length === 1 && listed[0]?.status === 'ready'
    }
    await until(isGood, LIMIT_MS, 'the good fleet is back')
  }

  async function assertServes(): Promise<void> {
    const answer = await postTask(balancer, HELLO)
    assert.deepEqual([answer.status, bodyOf(answer).result], [200, { message: 'Hello Ada!' }])
  }

  for (const { name, text, says, line } of makeBadFiles('http://127.0.0.1:9')) {
    test(`${name}: the good fleet stays and serves`, async () => {
      const from = balancer.logLines().length
      if (text === undefined) await rm(balancer.workersFile)
      else await write(text)
      await waitForLine(balancer, /not applied/, from)
      const config = await readConfig()
      assert.equal(config.state, 'stale')
      assert.match(config.error ?? '', says)
      assert.equal(config.line, line)
      assert.equal(typeof config.column, line === undefined ? 'undefined' : 'number')
      assert.deepEqual(
        (await listWorkers(balancer)).map(({ id, status }) => [id, status]),
        [['w1', 'ready']],
      )
      await assertServes()
      const told = balancer
        .logLines()
        .slice(from)
        .filter((entry) => String(entry.text).includes('not applied'))
      assert.equal(told.length, 1, JSON.stringify(told))
      assert.match(String(told[0]?.text), says)
      assert.equal(told[0]?.line, line)
    })
  }

  test('the state is stale until the file is good again, with the same worker and link', async () => {
    const { body } = await balancer.request('/health')
    const { config, workers } = body as { config: Config; workers: Record<string, number> }
    assert.deepEqual([config.state, workers.ready], ['stale', 1])
    await restore()
    assert.equal((await readConfig()).error, undefined)
    const links = balancer.logLines().filter((entry) => entry.text === 'worker linked')
    assert.equal(links.length, 1, 'the link was never touched')
  })

  test('an entry that comes twice is one worker and a warning', async () => {
    const from = balancer.logLines().length
    const port = new URL(worker.url).port
    await write(JSON.stringify([...good, `HTTP://LOCALHOST:${port}/`, `http://localhost:${port}`]))
    await waitForLine(balancer, /2 and 3 have one URL/, from)
    assert.match((await readConfig()).warnings.join(), /2 and 3 have one URL/)
    // The same process by another name of its host is known by its identity, and gets no second set of slots.
    await waitForStatus(balancer, `localhost:${port}`, 'mismatch')
    assert.deepEqual(
      (await listWorkers(balancer)).map(({ id, status }) => [id, status]),
      [
        ['w1', 'ready'],
        [`localhost:${port}`, 'mismatch'],
      ],
    )
    await restore()
  })

  test('[] removes all and is logged; nobody in the list has ever served anything', async () => {
    const from = balancer.logLines().length
    await write('[]')
    await waitForLine(balancer, /lists no worker: all 1 are removed/, from)
    await until(async () => (await listWorkers(balancer)).length === 0, LIMIT_MS, 'nobody is listed')
    assert.equal((await readConfig()).state, 'ok')
    const refused = await postTask(balancer, HELLO)
    assert.deepEqual([refused.status, bodyOf(refused).code], [404, 'UNKNOWN_FUNCTION'])
    await restore()
    await assertServes()
  })

  test('10,000 entries, most of them dead: the one that lives keeps serving', async () => {
    const dead = makeEntries(9_999)
    const spare = await findFreePort()
    const load = keepCalling(1, async () => {
      const askedAt = performance.now()
      const { status } = await postTask(balancer, HELLO)
      return { status, ms: performance.now() - askedAt }
    })
    await write(JSON.stringify([...dead.slice(0, 5_000), ...good, ...dead.slice(5_000)]))
    const countUnreachable = async (): Promise<number> => {
      // Counting ten thousand costs the balancer something: not as often as `until` would ask.
      await pause(100)
      const { workers } = (await balancer.request('/health')).body as { workers: Record<string, number> }
      return workers.unreachable ?? 0
    }
    await until(async () => (await countUnreachable()) === 9_999, 60_000, '9,999 are unreachable')
    const answers = await load.end()
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    const slowest = Math.max(...answers.map(({ ms }) => ms))
    const middle = answers.map(({ ms }) => ms).sort((a, b) => a - b)[answers.length >> 1] ?? 0
    assert.ok(middle < 300 && slowest < 5_000, `median ${middle} ms, slowest ${slowest} ms`)

    // A change is still applied within its second or little more, and the way back is as short.
    await write(JSON.stringify([...dead, ...good, `http://127.0.0.1:${spare}`]))
    await until(
      async () => (await balancer.request(`/workers/127.0.0.1:${spare}`)).status === 200,
      LIMIT_MS,
      'the added entry',
    )
    await restore()
    await assertServes()
  })
})
