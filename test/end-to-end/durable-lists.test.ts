/**
 * Runs on disk through `/runs`, with real processes: found with their input and result while they wait, run and
 * have ended, by every filter, beside tasks in memory, and over a restart of the balancer.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RunItem, RunView } from '../../protocol/src/index.ts'
import { type Balancer, postTask, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { writeProbe } from '../harness/executions.ts'
import { makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './fleet.ts'

type Page = { items: RunItem[]; cursor: string | null }

async function startFleet(t: TestContext, env: Record<string, string> = {}): Promise<Balancer> {
  const probe = await writeProbe(await makeFolder(t, 'probe'))
  const worker = await startWorker(t, { folder: probe.folder, env: { SLOTS: '1' } })
  const balancer = await startBalancer(t, { workers: [{ url: worker.url, name: 'w1' }], env })
  await waitForWorkers(balancer, 1)
  return balancer
}

async function begin(balancer: Balancer, id: string, ms: number, more: object = {}): Promise<string> {
  const task = { function: 'probe', input: { id, ms }, metadata: { id }, mode: 'async', ...more }
  const { status, body, text } = await postTask(balancer, task)
  assert.equal(status, 202, text)
  return (body as { runId: string }).runId
}

async function read<T>({ request }: Balancer, path: string, init?: RequestInit): Promise<T> {
  const { status, text, body } = await request(path, init)
  assert.equal(status, 200, `${path}: ${text}`)
  return body as T
}

async function idsOf(balancer: Balancer, query: string): Promise<string[]> {
  return (await read<Page>(balancer, `/runs?${query}`)).items.map(({ id }) => id)
}

function waitForStatus(balancer: Balancer, id: string, status: string): Promise<RunView> {
  const look = async () => {
    const run = await read<RunView>(balancer, `/runs/${id}`)
    return run.status === status ? run : undefined
  }
  return until(look, LIMIT_MS, `${id} is ${status}`)
}

test('a durable run is found wherever it is, with its input, its result and its end', async (t) => {
  const balancer = await startFleet(t)
  const ended = await begin(balancer, 'ended', 0)
  const result = (await waitForStatus(balancer, ended, 'completed')).result
  assert.ok(result !== null, 'it has a result')
  const running = await begin(balancer, 'running', 100_000)
  const waiting = await begin(balancer, 'waiting', 100_000, { priority: 7 })
  const later = await begin(balancer, 'later', 0, { delay: 3_600_000 })
  await waitForStatus(balancer, running, 'running')

  const found = await read<RunView>(balancer, `/runs/${ended}`)
  assert.deepEqual([found.durable, found.mode, found.worker], [true, 'async', 'w1'])
  assert.deepEqual(found.input, { id: 'ended', ms: 0 })
  assert.equal(found.attempts[0]?.outcome, 'completed')
  for (const [query, ids] of [
    ['', [later, waiting, running, ended]],
    ['status=running', [running]],
    ['status=queued,scheduled', [later, waiting]],
    ['status=completed', [ended]],
    ['worker=w1&status=running,completed', [running, ended]],
    ['function=probe&status=queued', [waiting]],
    ['q=waiting', [waiting]],
    ['q=wait', [waiting]],
    [`q=${ended}`, [ended]],
    ['group=nobody', []],
    ['session=nobody', []],
  ] as const)
    assert.deepEqual(await idsOf(balancer, query), ids, query)
  const shown = await read<RunView>(balancer, `/runs/${waiting}`)
  assert.deepEqual([shown.status, shown.priority, shown.input], ['queued', 7, { id: 'waiting', ms: 100_000 }])
  assert.equal((await read<RunView>(balancer, `/runs/${later}`)).startedAt, null)

  // The whole list in pages of one: nothing twice, nothing left out.
  const pages: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Page = await read(balancer, `/runs?limit=1${cursor && `&cursor=${cursor}`}`)
    pages.push(...page.items.map(({ id }) => id))
    cursor = page.cursor
  }
  assert.deepEqual(pages, [later, waiting, running, ended])

  for (const id of [running, waiting, later]) {
    const cancelled = await read<RunView>(balancer, `/runs/${id}/cancel`, { method: 'POST' })
    assert.equal(cancelled.status, 'cancelled')
    assert.equal(
      (await read<RunView>(balancer, `/runs/${id}/cancel`, { method: 'POST' })).status,
      'cancelled',
    )
  }
  const explained = await read<{ verdict: string }>(balancer, `/runs/${waiting}/explain`)
  assert.equal(explained.verdict, 'ended')
})

test('after a restart the same runs are there, and tasks in memory that RUN_HISTORY kept', async (t) => {
  const balancer = await startFleet(t, { RUN_HISTORY: 'all' })
  const durable = await begin(balancer, 'durable', 0)
  const before = await waitForStatus(balancer, durable, 'completed')
  const { headers } = await postTask(balancer, {
    function: 'probe',
    input: { id: 'memory', ms: 0 },
    metadata: { kept: 'yes' },
  })
  const memory = headers.get('x-run-id') ?? ''
  const later = await begin(balancer, 'later', 0, { delay: 3_600_000 })
  await until(async () => (await idsOf(balancer, 'q=yes')).includes(memory), LIMIT_MS, 'the task is listed')
  await balancer.stop()
  const { port, dataDir, workersFile } = balancer
  const env = { PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile, RUN_HISTORY: 'all' }
  const again = await startBalancer(t, { env })
  assert.deepEqual(await idsOf(again, ''), [later, memory, durable])
  assert.deepEqual(await read<RunView>(again, `/runs/${durable}`), before)
  const kept = await read<RunView>(again, `/runs/${memory}`)
  assert.deepEqual([kept.durable, kept.status, kept.mode, kept.input], [false, 'completed', 'sync', null])
  assert.deepEqual(await idsOf(again, 'q=yes&status=completed&worker=w1'), [memory])
})
