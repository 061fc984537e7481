/** `/runs` and `/explain` on a real core whose workers answer when a test says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ExplanationView,
  explanationSchema,
  type RunItem,
  type RunView,
  runItemSchema,
  runSummarySchema,
  runViewSchema,
} from '@berth/protocol'
import { type Asked, TestScheduler } from '../core/test-scheduler.ts'
import { MemoryRuns } from '../runs/memory-runs.ts'
import { RunSample } from '../runs/run-sample.ts'
import { Door } from './door.ts'
import { createRunIds } from './run-id.ts'
import { runRoutes } from './run-routes.ts'
import { Tasks } from './tasks.ts'
import { codeOf, makeBench, makeWorker, withKey } from './test-bench.ts'

const WALL_MS = Date.parse('2026-03-01T12:00:00.000Z')
const UNKNOWN = `r_${'0'.repeat(26)}`

function makeRuns() {
  const sample = new RunSample()
  const core = new TestScheduler({ record: sample })
  const clock = { monoMs: () => core.now, wallMs: () => WALL_MS + core.now }
  const createRunId = createRunIds(1, clock.wallMs)
  const { deps, fleet } = makeBench()
  fleet.list = []
  const runs = new MemoryRuns({ scheduler: core.core, sample, fleet, clock })
  const tasks = new Tasks({
    scheduler: core.core,
    clock,
    log: deps.log,
    createRunId,
    taskTimeoutMs: 60_000,
    queueTimeoutMs: 60_000,
    defaultPriority: 100,
    answerHeaders: 'full',
  })
  const door = new Door(core.core)
  const bench = makeBench({ routes: runRoutes({ runs, tasks, door, bodyLimitBytes: 10_000, clock }) })
  const ask = (path: string, method = 'GET', body?: unknown) => bench.ask(path, withKey(method, body))
  const read = async <T>(path: string, method = 'GET', body?: unknown): Promise<T> => {
    const answer = await ask(path, method, body)
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    return JSON.parse(text) as T
  }
  return {
    core,
    runs,
    fleet,
    ask,
    read,
    bench,
    submit: (asked: Asked = {}) => core.submit({ run: createRunId(), ...asked }),
    list: (query = '') => read<{ items: RunItem[]; cursor: string | null }>(`/runs${query}`),
    show: async (id: string) => runViewSchema.parse(await read<RunView>(`/runs/${id}`)),
    explain: async (path: string, body?: unknown) =>
      explanationSchema.parse(await read<ExplanationView>(path, body ? 'POST' : 'GET', body)),
  }
}

const idsOf = ({ items }: { items: readonly RunItem[] }) => items.map(({ id }) => id)

test('what waits and runs is there, the newest first, without what only one run shows', async () => {
  const { core, submit, list } = makeRuns()
  core.worker('w', { slots: 1 })
  const [first, second] = [submit(), submit({ metadata: { order: '7' } })]
  core.start(first)
  const { items, cursor } = await list()
  assert.deepEqual(
    items.map(({ id, status, worker }) => [id, status, worker]),
    [
      [second, 'queued', null],
      [first, 'running', 'w'],
    ],
  )
  assert.equal(cursor, null)
  const [item] = items
  assert.deepEqual(runItemSchema.strict().parse(item), item)
  assert.deepEqual(item?.metadata, { order: '7' })
})

test('a run says when it was accepted, started and ended, and how long that took', async () => {
  const { core, submit, show } = makeRuns()
  core.worker('w', { slots: 1 })
  const [first, run] = [submit(), submit({ attempts: 2 })]
  assert.deepEqual(
    (({ createdAt, startedAt, queueMs, latencyMs }) => [createdAt, startedAt, queueMs, latencyMs])(
      await show(run),
    ),
    ['2026-03-01T12:00:00.000Z', null, null, null],
  )
  core.advance(100)
  core.finish(first)
  core.start(run)
  core.advance(50)
  core.fail(run)
  core.advance(1_000)
  core.start(run)
  const running = await show(run)
  assert.deepEqual(running.attempts[1], {
    n: 2,
    worker: 'w',
    startedAt: running.startedAt,
    finishedAt: null,
    outcome: null,
  })
  core.finish(run, { runMs: 7 })
  const ended = await show(run)
  assert.deepEqual([ended.status, ended.attempt, ended.worker, ended.durable], ['completed', 2, 'w', false])
  assert.deepEqual([ended.queueMs, ended.runMs, ended.latencyMs], [1_150, 7, 1_150])
  assert.deepEqual(ended.attempts[0], {
    n: 1,
    worker: 'w',
    startedAt: '2026-03-01T12:00:00.100Z',
    finishedAt: '2026-03-01T12:00:00.150Z',
    outcome: 'failed',
  })
  assert.equal(ended.attempts[1]?.outcome, 'completed')
  assert.equal(ended.finishedAt, '2026-03-01T12:00:01.150Z')
  assert.equal(ended.explain?.winner.worker, 'w')
  assert.deepEqual([ended.input, ended.result], [null, null])
})

test('each filter keeps what it means, and they hold together', async () => {
  const { core, submit, list } = makeRuns()
  core.worker('w', { slots: 1 })
  core.worker('v', { slots: 1, group: 'gpu' })
  const done = submit({ metadata: { order: 'A-77' } })
  core.finish(done)
  core.advance(1_000)
  const broken = submit({ group: 'gpu' })
  core.fail(broken, { message: 'The Disk is full' })
  core.advance(1_000)
  const running = submit()
  core.start(running)
  const queued = submit()
  const cases: [string, string[]][] = [
    ['?status=queued', [queued]],
    ['?status=queued,failed', [queued, broken]],
    ['?status=scheduled', []],
    ['?group=gpu', [broken]],
    ['?function=work', [queued, running, broken, done]],
    ['?function=other', []],
    ['?worker=w', [running, done]],
    ['?worker=w&status=running', [running]],
    ['?session=s', []],
    ['?schedule=s', []],
    ['?parent=r_00000000000000000000000000', []],
    ['?q=a-77', [done]],
    ['?q=disk', [broken]],
    ['?q=FUNCTION_FAILED', [broken]],
    [`?q=${running}`, [running]],
    ['?from=2026-03-01T12:00:01Z', [queued, running, broken]],
    ['?to=2026-03-01T12:00:01Z', [broken, done]],
    ['?from=2026-03-01T12:00:01Z&to=2026-03-01T12:00:01Z', [broken]],
  ]
  for (const [query, expected] of cases) assert.deepEqual(idsOf(await list(query)), expected, query)
})

test('the summary counts by status and bucket, and is shared for a second', async () => {
  const { core, submit, read, ask } = makeRuns()
  core.worker('w', { slots: 1 })
  core.start(submit())
  submit()
  const from = new Date(WALL_MS - 1_000).toISOString()
  const to = new Date(WALL_MS + 999).toISOString()
  const path = `/runs/summary?from=${from}&to=${to}&buckets=2`
  const summary = runSummarySchema.parse(await read(path))
  assert.deepEqual([summary.counts.running, summary.counts.queued, summary.counts.failed], [1, 1, 0])
  assert.deepEqual([summary.isCapped, summary.cappedAt, summary.stepMs], [false, null, 1_000])
  assert.deepEqual(summary.buckets, [
    { at: from, counts: {} },
    { at: new Date(WALL_MS).toISOString(), counts: { running: 1, queued: 1 } },
  ])
  submit()
  assert.deepEqual(await read(path), summary)
  core.advance(1_000)
  assert.equal(runSummarySchema.parse(await read(path)).counts.queued, 2)
  assert.equal(runSummarySchema.parse(await read(`${path}&status=failed`)).counts.queued, 0)
  const wrong = ['buckets=0', 'buckets=201', 'limit=5', 'from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z']
  for (const query of wrong) assert.equal((await ask(`/runs/summary?${query}`)).status, 400, query)
})

test('a range means the same to a list, its export and its summary', async () => {
  const { core, submit, bench, read, list } = makeRuns()
  core.worker('w', { slots: 1 })
  submit()
  const at = (ms: number) => new Date(WALL_MS + ms).toISOString()
  for (const [range, found] of [
    [`from=${at(0)}&to=${at(0)}`, 1],
    [`from=${at(0)}&to=${at(1)}`, 1],
    [`from=${at(1)}&to=${at(1)}`, 0],
    [`from=${at(3_600_000)}`, 0],
  ] as const) {
    assert.equal((await list(`?${range}`)).items.length, found, range)
    const { counts, buckets } = runSummarySchema.parse(await read(`/runs/summary?${range}`))
    assert.deepEqual([counts.queued + counts.running, buckets.length], [found, 60], range)
  }
  const reversed = `from=${at(1)}&to=${at(0)}`
  const told = new Set<string>()
  for (const [path, accept] of [
    ['/runs', 'application/json'],
    ['/runs', 'application/x-ndjson'],
    ['/runs/summary', 'application/json'],
  ] as const) {
    const { headers, ...init } = withKey()
    const answer = await bench.ask(`${path}?${reversed}`, { ...init, headers: { ...headers, accept } })
    assert.equal(answer.status, 400, `${path} as ${accept}`)
    told.add(((await answer.json()) as { detail: string }).detail)
  }
  assert.deepEqual([...told], ['`from` must not be after `to`.'])
})

test('what cannot be meant is 400 and says why', async () => {
  const { ask } = makeRuns()
  const wrong = [
    '/runs?colour=red',
    '/runs?status=done',
    '/runs?status=',
    '/runs?from=yesterday',
    '/runs?to=2026-03-01',
    '/runs?limit=0',
    '/runs?limit=501',
    '/runs?cursor=abc',
    `/runs?q=${'x'.repeat(257)}`,
    '/runs?status=queued&status=failed',
    `/runs/${UNKNOWN}?wait=301`,
    `/runs/${UNKNOWN}?wait=-1`,
    `/runs/${UNKNOWN}?wait=1.5`,
    `/runs/${UNKNOWN}?weight=1`,
    `/runs/${UNKNOWN}/explain?x=1`,
  ]
  for (const path of wrong) assert.equal((await ask(path)).status, 400, path)
})

test('pages: nothing twice and nothing left out, though runs come and go between them', async () => {
  const { core, submit, list } = makeRuns()
  core.worker('w', { slots: 1 })
  const all = Array.from({ length: 30 }, () => submit())
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: { items: RunItem[]; cursor: string | null } = await list(
      `?limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`,
    )
    seen.push(...idsOf(page))
    cursor = page.cursor
    submit()
    core.fail(core.order.at(-1) as string)
  }
  assert.deepEqual(seen, [...all].reverse())
})

test('a page that is exactly full has no cursor to an empty one', async () => {
  const { core, submit, list } = makeRuns()
  core.worker('w', { slots: 1 })
  for (let i = 0; i < 4; i++) submit()
  assert.equal((await list('?limit=4')).cursor, null)
  assert.notEqual((await list('?limit=3')).cursor, null)
})

test('an export has a line for each', async () => {
  const { core, submit, bench } = makeRuns()
  core.worker('w', { slots: 1 })
  for (let i = 0; i < 1_200; i++) submit()
  const init = withKey()
  const answer = await bench.ask('/runs?status=queued', {
    ...init,
    headers: { ...init.headers, accept: 'application/x-ndjson' },
  })
  assert.equal(answer.headers.get('content-type'), 'application/x-ndjson')
  const lines = (await answer.text()).trimEnd().split('\n')
  assert.equal(new Set(lines.map((line) => (JSON.parse(line) as RunItem).id)).size, 1_200)
})

test('cancel: queued, running, ended, twice, unknown', async () => {
  const { core, submit, read, ask } = makeRuns()
  core.worker('w', { slots: 1 })
  const [running, queued, last] = [submit(), submit(), submit()]
  core.start(running)
  const cancel = (id: string) => read<RunView>(`/runs/${id}/cancel`, 'POST')
  for (const id of [queued, queued, running, running]) {
    const { status, error } = await cancel(id)
    assert.deepEqual([status, error?.code], ['cancelled', 'CANCELLED'])
  }
  assert.deepEqual(
    core.cancelled.map(({ worker, reason }) => [worker, reason]),
    [['w', 'operator']],
  )
  core.finish(running, { outcome: 'cancelled', error: { code: 'CANCELLED', message: 'gone' } })
  core.finish(last)
  assert.equal((await cancel(last)).status, 'completed')
  assert.equal((await ask(`/runs/${UNKNOWN}/cancel`, 'POST')).status, 404)
  assert.equal((await ask('/runs/nonsense/cancel', 'POST')).status, 404)
  assert.equal((await ask(`/runs/${last}/cancel`, 'POST', { why: 1 })).status, 400)
})

test('a priority changes while a run waits, and its turn with it; afterwards 409', async () => {
  const { core, submit, read, ask } = makeRuns()
  core.worker('w', { slots: 1 })
  const [first, second, third] = [submit(), submit(), submit()]
  core.start(first)
  assert.equal((await read<RunView>(`/runs/${third}`, 'PATCH', { priority: 1 })).priority, 1)
  core.finish(first)
  assert.equal(core.order.at(-1), third)
  for (const id of [first, third]) {
    const answer = await ask(`/runs/${id}`, 'PATCH', { priority: 5 })
    assert.deepEqual([answer.status, await codeOf(answer)], [409, 'CONFLICT'])
  }
  assert.equal((await ask(`/runs/${UNKNOWN}`, 'PATCH', { priority: 5 })).status, 404)
  for (const body of [{}, { priority: 0 }, { priority: '1' }, { priority: 1, x: 1 }, { priority: 2_097_153 }])
    assert.equal((await ask(`/runs/${second}`, 'PATCH', body)).status, 400, JSON.stringify(body))
  assert.equal((await read<RunView>(`/runs/${second}`)).priority, 100)
})

test('cancelling and changing take no parameters', async () => {
  const { submit, ask, show, core } = makeRuns()
  core.worker('w', { slots: 1 })
  const run = submit()
  assert.equal((await ask(`/runs/${run}/cancel?x=1`, 'POST')).status, 400)
  assert.equal((await ask(`/runs/${run}?x=1`, 'PATCH', { priority: 5 })).status, 400)
  assert.notEqual((await show(run)).status, 'cancelled')
})

test('who waits for a run gets it when it ends, whether the sample keeps it or not', async () => {
  const { core, submit, read, show } = makeRuns()
  core.worker('w', { slots: 100 })
  const many = Array.from({ length: 30 }, () => submit())
  const last = many.at(-1) as string
  const waiting = read<RunView>(`/runs/${last}?wait=60`)
  // The request is under way when its turn has come round once.
  await new Promise((resolve) => setImmediate(resolve))
  for (const run of many) core.finish(run)
  assert.equal((await waiting).status, 'completed')
  assert.equal((await show(last)).status, 'completed')
  assert.equal((await read<RunView>(`/runs/${last}?wait=60`)).status, 'completed')
})

test('a wait ends with its time, with its caller and with the balancer; the run stays as it is', async () => {
  const { core, submit, read, runs, ask } = makeRuns()
  core.worker('w', { slots: 1 })
  const run = submit()
  core.start(run)
  assert.equal((await read<RunView>(`/runs/${run}?wait=1`)).status, 'running')
  const caller = new AbortController()
  const left = runs.waitFor(run, 60_000, caller.signal)
  caller.abort()
  assert.equal((await left)?.ok, true)
  const drained = read<RunView>(`/runs/${run}?wait=300`)
  await new Promise((resolve) => setImmediate(resolve))
  runs.drain()
  assert.equal((await drained).status, 'running')
  assert.equal((await read<RunView>(`/runs/${run}?wait=300`)).status, 'running')
  assert.equal((await ask(`/runs/${UNKNOWN}?wait=300`)).status, 404)
})

test('only so many wait at once', async () => {
  const { core, submit, runs, ask } = makeRuns()
  core.worker('w', { slots: 1 })
  const run = submit()
  const signal = new AbortController().signal
  const waits = Array.from({ length: 1_000 }, () => runs.waitFor(run, 60_000, signal))
  const refused = await ask(`/runs/${run}?wait=1`)
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '1'])
  core.finish(run)
  assert.ok((await Promise.all(waits)).every((found) => found?.ok && found.run.status === 'completed'))
})

test('the reasons add up to the fleet, those included that have not said what they serve', async () => {
  const { core, fleet, submit, explain } = makeRuns()
  core.worker('full', { slots: 1 })
  core.worker('off', { isInService: false, outReason: 'in maintenance' })
  core.worker('tag', { tags: { gpu: 'b' } })
  fleet.list = ['full', 'off', 'tag', 'new'].map((id) => makeWorker(id))
  const asked = { tags: { gpu: '!=b' } }
  const [running, , third] = [submit(asked), submit(asked), submit(asked)]
  core.start(running)
  const waiting = await explain(`/runs/${third}/explain`)
  assert.deepEqual(Object.fromEntries(waiting.reasons.map(({ reason, count }) => [reason, count])), {
    full: 1,
    'in maintenance': 1,
    'the tag "gpu" does not match': 1,
    'has not said yet what it serves': 1,
  })
  assert.deepEqual([waiting.verdict, waiting.workers, waiting.position], ['wait', 4, 1])
  assert.equal(waiting.nearestMiss, 'full: full')
  const now = await explain(`/runs/${running}/explain`)
  assert.deepEqual([now.verdict, now.worker, now.choice?.winner.worker], ['running', 'full', 'full'])
  assert.deepEqual([now.reasons, now.nearestMiss, now.candidates, now.workers], [[], null, [], null])
  core.finish(running)
  const ended = await explain(`/runs/${running}/explain`)
  assert.deepEqual([ended.verdict, ended.worker, ended.choice?.winner.worker], ['ended', 'full', 'full'])
})

test('a dry run says where a task goes, and is right', async () => {
  const { core, submit, explain, ask, list } = makeRuns()
  for (const id of ['a', 'b', 'c']) core.worker(id, { slots: 2 })
  for (let i = 0; i < 6; i++) {
    const told = await explain('/explain', { function: 'work' })
    assert.equal(told.verdict, 'start')
    assert.equal(core.last(submit()).worker, told.worker)
  }
  const full = await explain('/explain', { function: 'work', priority: 1 })
  assert.deepEqual([full.verdict, full.worker, full.position], ['wait', null, 0])
  const none = await explain('/explain', { function: 'work', tags: { gpu: 'a' } })
  assert.deepEqual([none.verdict, none.error?.code], ['refuse', 'NO_CAPACITY'])
  assert.equal((await explain('/explain', { function: 'nothing' })).error?.code, 'UNKNOWN_FUNCTION')
  assert.equal((await list()).items.length, 6)
  assert.equal((await ask('/explain', 'POST', { func: 1 })).status, 400)
  assert.equal((await ask('/explain', 'POST', { function: 'x'.repeat(20_000) })).status, 413)
  assert.equal((await ask('/explain?x=1', 'POST', { function: 'work' })).status, 400)
})

test('nothing of it without the key', async () => {
  const { bench } = makeRuns()
  const addresses: [string, string][] = [
    ['GET', '/runs'],
    ['GET', `/runs/${UNKNOWN}`],
    ['PATCH', `/runs/${UNKNOWN}`],
    ['POST', `/runs/${UNKNOWN}/cancel`],
    ['GET', `/runs/${UNKNOWN}/explain`],
    ['POST', '/explain'],
  ]
  for (const [method, path] of addresses) assert.equal((await bench.ask(path, { method })).status, 401, path)
})

test('a disk that cannot be read is 503, and nobody asks why in the log', async () => {
  const { ask, runs } = makeRuns()
  runs.find = runs.waitFor = async () => {
    throw Object.assign(new Error('the disk is gone'), { name: 'StoreError' })
  }
  const answer = await ask(`/runs/${UNKNOWN}`)
  assert.deepEqual([answer.status, await codeOf(answer)], [503, 'STORE_UNAVAILABLE'])
  assert.equal(answer.headers.get('retry-after'), '1')
})
