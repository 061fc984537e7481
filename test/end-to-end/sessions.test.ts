/** Sessions over HTTP with real processes: every way to send a turn, and what is seen of those that wait. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  type Answer,
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  waitForWorkers,
} from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './fleet.ts'

interface Run {
  id: string
  runId: string
  runIds: string[]
  status: string
  priority: number
  session: string | null
  retryOf: string | null
  result: { n: number; before: number[]; session: string; isThread: boolean }
  heldBy: string | null
  position: number | null
  verdict: string
  code: string
  detail: string
  items: Run[]
}

/** The `gate` lets a turn wait until the test opens it, by a file. */
const source = (config: string) => `import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ n: z.number(), gate: z.string().optional(), fail: z.boolean().optional() }),
  config: ${config},
  async handler({ n, gate, fail }, { session, turns, signal }) {
    while (gate && !existsSync(gate)) await sleep(5, undefined, { signal })
    if (fail) throw new Error('as asked')
    return { n, session, before: turns.map(({ input }) => input.n), isThread: !isMainThread }
  },
})
`

const of = ({ body }: Answer) => (body ?? {}) as Run

describe('sessions', { concurrency: 4 }, () => {
  const scope = createScope()
  let balancer: Balancer
  let folder: string
  before(async () => {
    folder = await makeFolder(scope, 'sessions')
    await mkdir(join(folder, 'functions'))
    await writeFile(join(folder, 'functions/turn.ts'), source('{}'))
    await writeFile(join(folder, 'functions/apart.ts'), source("{ isolation: 'thread' }"))
    const workers = await Promise.all([1, 2].map(() => startWorker(scope, { folder, env: { SLOTS: '20' } })))
    balancer = await startBalancer(scope, {
      workers: workers.map(({ url }) => ({ url })),
      env: { DISK_RESERVE: '0' },
    })
    await waitForWorkers(balancer, 2)
  })
  after(() => scope.end())

  const send = (session: string, input: object, more: object = {}, headers: Record<string, string> = {}) =>
    postTask(balancer, { function: 'turn', session, input, ...more }, headers)
  const get = async (path: string) => of(await balancer.request(path))
  const post = (path: string, body: object = {}, headers: Record<string, string> = {}) =>
    balancer.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  const gateOf = (name: string) => join(folder, name)
  const open = (gate: string) => writeFile(gate, '')
  const finalOf = (id: string) =>
    until(
      async () => {
        const run = await get(`/runs/${id}?wait=5`)
        return ['completed', 'failed', 'cancelled', 'expired'].includes(run.status) ? run : undefined
      },
      LIMIT_MS,
      `${id} has ended`,
    )

  test('sync turns wait for those before, and see them', async () => {
    const gate = gateOf('sync')
    const first = send('sync', { n: 1, gate })
    await until(
      async () => (await get('/runs?session=sync')).items.length === 1,
      LIMIT_MS,
      'the first is there',
    )
    const later = send('sync', { n: 2 })
    const routed = post('/task/default/turn?session=sync', { n: 3 })
    await until(async () => (await get('/runs?session=sync')).items.length === 3, LIMIT_MS, 'all are there')
    await open(gate)
    const answers = await Promise.all([first, later, routed])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    )
    const results = answers.map((answer) => of(answer).result)
    assert.deepEqual(results[0]?.before, [])
    assert.deepEqual(
      results
        .slice(1)
        .map(({ before: seen }) => seen.length)
        .sort(),
      [1, 2],
    )
    assert.ok(results.every(({ session }) => session === 'sync'))
    assert.equal(new Set(answers.map(({ headers }) => headers.get('x-worker'))).size, 1, 'the warm worker')
  })

  test('a handler in a thread sees them too', async () => {
    await post('/task', { function: 'apart', session: 'thread', input: { n: 1 } })
    const answer = await post('/task', { function: 'apart', session: 'thread', input: { n: 2 } })
    assert.deepEqual(of(answer).result, { n: 2, session: 'thread', before: [1], isThread: true })
  })

  test('a batch keeps the order of its lines, async and sync, and a failed turn is no turn', async () => {
    const lines = (session: string) =>
      Array.from({ length: 12 }, (_, at) =>
        JSON.stringify({ function: 'turn', session, input: { n: at, fail: at === 4 } }),
      ).join('\n')
    const taken = await balancer.request('/tasks', {
      method: 'POST',
      headers: { prefer: 'respond-async' },
      body: lines('batch'),
    })
    const last = await finalOf(of(taken).runIds.at(-1) ?? '')
    assert.deepEqual(last.result.before, [0, 1, 2, 3, 5, 6, 7, 8, 9, 10])
    const { text } = await balancer.request('/tasks', { method: 'POST', body: lines('batch-sync') })
    const answers = text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { index: number; status: number })
    assert.deepEqual(
      answers.map(({ index }) => index),
      Array.from({ length: 12 }, (_, at) => at),
      'answered as they end, which is in their order',
    )
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200).map(({ index }) => index),
      [4],
    )
  })

  test('those that wait say for whom, can be hurried, cancelled and retried', async () => {
    const gate = gateOf('held')
    const asked = [1, 2, 3].map(async (n) => {
      const answer = await send('held', { n, gate }, { mode: 'async' })
      assert.equal(answer.status, 202)
      return of(answer).runId
    })
    const head = (await asked[0]) ?? ''
    const ids = await Promise.all(asked)
    const listed = (await get('/runs?session=held')).items
    assert.deepEqual(new Set(listed.map(({ id }) => id)), new Set(ids))
    await until(
      async () => (await get('/runs?session=held&status=running')).items.length === 1,
      LIMIT_MS,
      'one runs',
    )
    const [running] = (await get('/runs?session=held&status=running')).items
    assert.ok(running)
    const waiting = ids.filter((id) => id !== running.id)
    const explained = await Promise.all(waiting.map((id) => get(`/runs/${id}/explain`)))
    for (const { verdict, heldBy } of explained)
      assert.deepEqual([verdict, heldBy], ['wait', `waits for its turn behind ${running.id}`])
    assert.deepEqual(explained.map(({ position }) => position).sort(), [1, 2])
    const dry = of(await post('/explain', { function: 'turn', session: 'held', input: { n: 4 } }))
    const dryHeld = [dry.verdict, dry.heldBy, dry.position]
    assert.deepEqual(dryHeld, ['wait', `waits for its turn behind ${running.id}`, 3])
    const [one = '', two = ''] = waiting
    const changed = await balancer.request(`/runs/${one}`, { method: 'PATCH', body: '{"priority":3}' })
    assert.deepEqual([changed.status, of(changed).priority], [200, 3])
    assert.equal(of(await post(`/runs/${two}/cancel`)).status, 'cancelled')
    await open(gate)
    assert.equal((await finalOf(one)).status, 'completed')
    const again = of(await post(`/runs/${two}/retry`))
    assert.deepEqual([again.session, again.retryOf], ['held', two])
    const end = await finalOf(again.id)
    assert.equal(end.result.before.length, 2)
    assert.ok(ids.includes(head))
  })

  test('continue: of a run alone, of a turn, under a key; and what it refuses', async () => {
    const alone = of(await post('/task', { function: 'turn', input: { n: 1 }, async: true })).runId
    const next = await post(`/runs/${alone}/continue`, { input: { n: 2 } })
    assert.deepEqual([next.status, of(next).session], [202, alone])
    const key = { 'idempotency-key': 'once' }
    const third = await post(`/runs/${of(next).id}/continue`, { input: { n: 3 } }, key)
    const replay = await post(`/runs/${of(next).id}/continue`, { input: { n: 3 } }, key)
    assert.equal(replay.headers.get('idempotency-replayed'), 'true')
    assert.equal(of(replay).id, of(third).id)
    const other = await post(`/runs/${of(next).id}/continue`, { input: { n: 4 } }, key)
    assert.deepEqual([other.status, of(other).code], [422, 'IDEMPOTENCY_MISMATCH'])
    assert.deepEqual((await finalOf(of(third).id)).result.before, [1, 2])
    const turns = (await get(`/runs?session=${alone}`)).items
    assert.deepEqual(new Set(turns.map(({ id }) => id)), new Set([alone, of(next).id, of(third).id]))
    const wrong = await post(`/runs/${alone}/continue`, { input: { n: 'x' } })
    assert.deepEqual([wrong.status, of(wrong).code], [422, 'INVALID_INPUT'])
    assert.equal((await post(`/runs/r_${'0'.repeat(26)}/continue`)).status, 404)
    const memory = (await post('/task', { function: 'turn', input: { n: 1 } })).headers.get('x-run-id')
    const lived = await post(`/runs/${memory}/continue`, { input: { n: 2 } })
    assert.ok([404, 409].includes(lived.status), 'remembered from a sample, or not')
  })

  test('a key begins one turn, and a whole session can be cancelled in bulk', async () => {
    const gate = gateOf('bulk')
    const ids: string[] = []
    for (let n = 1; n <= 5; n++) ids.push(of(await send('bulk', { n, gate }, { mode: 'async' })).runId)
    const key = { 'idempotency-key': 'turn-6' }
    const keyed = of(await send('bulk', { n: 6 }, { mode: 'async' }, key))
    const replay = await send('bulk', { n: 6 }, { mode: 'async' }, key)
    assert.deepEqual([of(replay).runId, replay.headers.get('idempotency-replayed')], [keyed.runId, 'true'])
    assert.equal((await get('/runs?session=bulk')).items.length, 6)
    const begun = await post('/bulk', { action: 'cancel', filter: { session: 'bulk' } })
    assert.equal(begun.status, 202)
    for (const id of [...ids, keyed.runId]) assert.equal((await finalOf(id)).status, 'cancelled')
    assert.deepEqual(of(await send('bulk', { n: 7 })).result.before, [])
    assert.equal((await balancer.request(`/runs/${ids[2]}`, { method: 'DELETE' })).status, 204)
  })

  test('a delayed turn lets others go first; a stream is refused with what to do instead', async () => {
    const late = of(await send('late', { n: 1 }, { mode: 'async', delay: 4_000 })).runId
    const early = await send('late', { n: 2 })
    assert.deepEqual(of(early).result.before, [])
    assert.deepEqual((await finalOf(late)).result.before, [2])
    const stream = await send('late', { n: 3 }, { mode: 'stream' })
    assert.equal(stream.status, 400)
    assert.match(of(stream).detail, /\/session: contradicts mode stream; send the task with `mode: "async"`/)
  })
})
