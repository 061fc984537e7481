/**
 * Runs that outlive a request, with real processes: accepted, waited for, cancelled, retried, deleted, and told
 * again by their key over a restart of the balancer.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  type Answer,
  type Balancer,
  type BalancerOptions,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS, listWorkers } from './fleet.ts'

interface Run {
  id: string
  runId: string
  runIds: string[]
  status: string
  priority: number
  durable: boolean
  mode: string
  result: unknown
  input: unknown
  retryOf: string | null
  scheduledFor: string | null
  error: { code: string } | null
  code: string
  errors: { pointer: string; detail: string }[]
  matched: number
  state: string
  done: number
}

const FUNCTION = `import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ id: z.string(), waitMs: z.number().max(60000).default(0), fail: z.boolean().optional() }),
  config: CONFIG,
  async handler({ id, waitMs, fail }, ctx) {
    appendFileSync(FILE, id + '\\n')
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: ctx.signal })
    if (fail) throw new Error('as asked')
    return { id }
  },
})
`

function bodyOf(answer: Answer): Run {
  return (answer.body ?? {}) as Run
}

describe('async', () => {
  let scope: ReturnType<typeof createScope>
  let balancer: Balancer
  let worker: Worker
  let noted: string
  let options: BalancerOptions

  before(async () => {
    scope = createScope()
    const folder = await makeFolder(scope, 'functions')
    noted = join(folder, 'executions')
    await writeFile(noted, '')
    const { mkdir } = await import('node:fs/promises')
    await mkdir(join(folder, 'functions'))
    for (const [name, config] of [
      ['note', '{}'],
      ['slow', '{ background: true }'],
    ] as const) {
      const source = FUNCTION.replace('CONFIG', config).replace('FILE', JSON.stringify(noted))
      await writeFile(join(folder, 'functions', `${name}.ts`), source)
    }
    worker = await startWorker(scope, { folder, env: { SLOTS: '4' } })
    balancer = await startBalancer(scope, { workers: [worker.url] })
    options = {
      env: { PORT: String(balancer.port), DATA_DIR: balancer.dataDir, WORKERS_FILE: balancer.workersFile },
    }
    await waitForWorkers(balancer, 1)
  })

  after(() => scope.end())

  const executions = async (id: string) =>
    (await readFile(noted, 'utf8')).split('\n').filter((line) => line === id).length
  const submit = async (fields: object, headers: Record<string, string> = {}) => {
    const answer = await postTask(balancer, { function: 'note', ...fields }, headers)
    assert.equal(answer.status, 202, answer.text)
    return bodyOf(answer).runId
  }
  const waitForEnd = async (id: string) => {
    const answer = await balancer.request(`/runs/${id}?wait=20`)
    assert.equal(answer.status, 200, answer.text)
    return bodyOf(answer)
  }
  const post = (path: string, body: unknown = {}) =>
    balancer.request(path, { method: 'POST', body: JSON.stringify(body) })

  test('is accepted with its address, runs, and is there with input and result', async () => {
    const answer = await postTask(balancer, { function: 'note', mode: 'async', input: { id: 'a' } })
    const { runId } = bodyOf(answer)
    assert.deepEqual([answer.status, answer.headers.get('location')], [202, `/runs/${runId}`])
    const { status, durable, mode, input, result } = await waitForEnd(runId)
    assert.deepEqual(
      { status, durable, mode, input, result },
      { status: 'completed', durable: true, mode: 'async', input: { id: 'a' }, result: { id: 'a' } },
    )
    assert.equal(await executions('a'), 1)
  })

  test('Prefer, background functions, delays', async () => {
    const preferred = await submit({ input: { id: 'p' } }, { prefer: 'respond-async' })
    assert.equal((await waitForEnd(preferred)).status, 'completed')
    const background = await submit({ function: 'slow', input: { id: 'b' } })
    assert.equal((await waitForEnd(background)).mode, 'async')
    const named = await postTask(balancer, { function: 'slow', mode: 'sync', input: { id: 's' } })
    assert.equal(named.status, 200)
    const delayed = await submit({ mode: 'async', delay: 60_000, input: { id: 'd' } })
    const { status, scheduledFor } = bodyOf(await balancer.request(`/runs/${delayed}`))
    assert.equal(status, 'scheduled')
    assert.ok(Date.parse(scheduledFor ?? '') > Date.now())
    assert.equal(bodyOf(await post(`/runs/${delayed}/cancel`)).status, 'cancelled')
    const soon = await submit({ mode: 'async', delay: 300, input: { id: 'e' } })
    assert.equal((await waitForEnd(soon)).status, 'completed')
    assert.equal(await executions('d'), 0)
  })

  test('a wrong input is refused before it is accepted', async () => {
    const wrong = await postTask(balancer, { function: 'note', mode: 'async', input: { id: 7, more: 1 } })
    assert.deepEqual([wrong.status, bodyOf(wrong).errors[0]?.pointer], [422, '/input/more'])
    const unknown = await postTask(balancer, { function: 'nothing', mode: 'async' })
    assert.deepEqual([unknown.status, bodyOf(unknown).code], [404, 'UNKNOWN_FUNCTION'])
  })

  test('a sync call on disk answers with its end, or goes on after its wait', async () => {
    const quick = await postTask(balancer, { function: 'note', input: { id: 'q' } }, { prefer: 'wait=20' })
    assert.deepEqual([quick.status, bodyOf(quick).result], [200, { id: 'q' }])
    assert.equal(quick.headers.get('x-attempt'), '1')
    const slow = await postTask(
      balancer,
      { function: 'note', input: { id: 'w', waitMs: 1_500 } },
      { prefer: 'wait=0' },
    )
    assert.equal(slow.status, 202)
    assert.equal((await waitForEnd(bodyOf(slow).runId)).status, 'completed')
  })

  test('is cancelled while it runs, retried with another input, and deleted', async () => {
    const id = await submit({ mode: 'async', input: { id: 'c', waitMs: 50_000 } })
    await until(async () => (await executions('c')) === 1, LIMIT_MS, 'it runs')
    assert.equal((await balancer.request(`/runs/${id}`, { method: 'DELETE' })).status, 409)
    assert.equal((await post(`/runs/${id}/retry`)).status, 409)
    assert.equal(bodyOf(await post(`/runs/${id}/cancel`)).status, 'cancelled')
    assert.equal(bodyOf(await post(`/runs/${id}/cancel`)).status, 'cancelled')
    const wrong = await post(`/runs/${id}/retry`, { input: { id: 7 } })
    assert.deepEqual([wrong.status, bodyOf(wrong).errors[0]?.pointer], [422, '/input/id'])
    const retried = await post(`/runs/${id}/retry`, { input: { id: 'c2' } })
    assert.deepEqual([retried.status, bodyOf(retried).retryOf], [202, id])
    assert.deepEqual((await waitForEnd(bodyOf(retried).runId)).result, { id: 'c2' })
    assert.equal((await balancer.request(`/runs/${id}`, { method: 'DELETE' })).status, 204)
    assert.equal((await balancer.request(`/runs/${id}`)).status, 404)
  })

  test('a batch: all or nothing, one answer, each once', async () => {
    const tasks = Array.from({ length: 300 }, (_, i) => ({ function: 'note', input: { id: `batch${i}` } }))
    const send = (body: unknown, headers: Record<string, string> = {}) =>
      balancer.request('/tasks', {
        method: 'POST',
        headers: { prefer: 'respond-async', ...headers },
        body: JSON.stringify(body),
      })
    const wrong = await send([...tasks, { function: 'note', input: { id: 7 } }])
    assert.deepEqual([wrong.status, bodyOf(wrong).errors[0]?.pointer], [422, '/300/input/id'])
    const keyed = { 'idempotency-key': 'the batch' }
    const [first, second] = [await send(tasks, keyed), await send(tasks, keyed)]
    const { runIds } = bodyOf(first)
    assert.deepEqual([first.status, runIds.length, second.text], [202, 300, first.text])
    assert.equal(second.headers.get('idempotency-replayed'), 'true')
    for (const id of runIds) assert.equal((await waitForEnd(id)).status, 'completed')
    assert.equal(await executions('batch0'), 1)
    assert.equal(await executions('batch299'), 1)
  })

  test('many at once: counted, cancelled, deleted', async () => {
    const ids: string[] = []
    for (let i = 0; i < 30; i++)
      ids.push(
        await submit({ mode: 'async', delay: 60_000, input: { id: `bulk${i}` }, metadata: { of: 'bulk' } }),
      )
    const filter = { status: 'scheduled', function: 'note' }
    const dry = await post('/bulk', { action: 'cancel', filter, dryRun: true })
    assert.equal(bodyOf(dry).matched, 30)
    const begun = bodyOf(await post('/bulk', { action: 'cancel', filter }))
    assert.equal(begun.matched, 30)
    await until(
      async () => bodyOf(await balancer.request(`/bulk/${begun.id}`)).state === 'done',
      LIMIT_MS,
      'all are cancelled',
    )
    assert.equal(bodyOf(await balancer.request(`/bulk/${begun.id}`)).done, 30)
    for (const id of ids) assert.equal((await waitForEnd(id)).status, 'cancelled')
  })

  test('nobody in service: who waits hears so at once, what goes on waits; the deadline ends it', async () => {
    const [line] = (await listWorkers(balancer)) as { id: string }[]
    assert.equal((await post(`/workers/${line?.id}/off`)).status, 200)
    const keyed = () =>
      postTask(balancer, { function: 'note', input: { id: 'm' } }, { 'idempotency-key': 'nobody' })
    const refused = await keyed()
    assert.deepEqual([refused.status, bodyOf(refused).code], [503, 'NO_CAPACITY'])
    const waiting = await submit({ mode: 'async', priority: 9, input: { id: 'n' } })
    const deadline = new Date(Date.now() + 3_000).toISOString()
    const late = await submit({ mode: 'async', deadline, input: { id: 'o' } })
    const { status, error } = await waitForEnd(late)
    assert.deepEqual([status, error?.code], ['expired', 'TIMEOUT'])
    const changed = await balancer.request(`/runs/${waiting}`, {
      method: 'PATCH',
      body: JSON.stringify({ priority: 3 }),
    })
    assert.deepEqual(
      [changed.status, bodyOf(changed).status, bodyOf(changed).priority],
      [200, 'queued', 3],
      changed.text,
    )
    assert.equal((await post(`/workers/${line?.id}/on`)).status, 200)
    assert.equal((await waitForEnd(waiting)).status, 'completed')
    // A refusal before acceptance is not kept.
    await until(async () => (await keyed()).status === 200, LIMIT_MS, 'the key begins a run')
    assert.deepEqual([await executions('m'), await executions('o')], [1, 0])
  })

  test('an operator makes a function run in the background, and the export has all of it', async () => {
    const patch = (background: boolean | null) =>
      balancer.request('/functions/default/note', { method: 'PATCH', body: JSON.stringify({ background }) })
    assert.equal((await patch(true)).status, 200)
    const id = await submit({ input: { id: 'g' } })
    assert.equal((await waitForEnd(id)).status, 'completed')
    assert.equal((await patch(null)).status, 200)
    assert.equal((await postTask(balancer, { function: 'note', input: { id: 'h' } })).status, 200)
    const exported = await balancer.request('/runs?function=note&status=completed', {
      headers: { accept: 'application/x-ndjson' },
    })
    const lines = exported.text.split('\n').slice(0, -1)
    const ids = lines.map((line) => (JSON.parse(line) as Run).id)
    assert.ok(ids.length > 300 && ids.includes(id), `${ids.length}`)
    assert.equal(new Set(ids).size, ids.length)
  })

  test('a bulk operation goes on after a kill -9, and touches nothing that came later', async () => {
    const count = 2_000
    const tasks = Array.from({ length: count }, (_, i) => {
      return { function: 'note', mode: 'async', delay: 3_600_000, input: { id: `gone${i}` } }
    })
    const sent = await balancer.request('/tasks', { method: 'POST', body: JSON.stringify(tasks) })
    assert.equal(sent.status, 202, sent.text.slice(0, 300))
    const filter = { status: 'scheduled' }
    const begun = await post('/bulk', { action: 'cancel', filter })
    const { id, matched } = bodyOf(begun)
    assert.deepEqual([begun.status, matched], [202, count])
    const later = await submit({ mode: 'async', delay: 3_600_000, input: { id: 'later still' } })
    await balancer.kill9()
    balancer = await startBalancer(scope, options)
    await until(
      async () => bodyOf(await balancer.request(`/bulk/${id}`)).state === 'done',
      LIMIT_MS,
      'the rest is cancelled',
    )
    const left = await post('/bulk', { action: 'cancel', filter, dryRun: true })
    assert.equal(bodyOf(left).matched, 1)
    assert.equal(bodyOf(await balancer.request(`/runs/${later}`)).status, 'scheduled')
    await waitForWorkers(balancer, 1)
  })

  test('over a restart: what waits runs, and a key gets its first answer', async () => {
    const keyed = { 'idempotency-key': 'once' }
    const call = () => postTask(balancer, { function: 'note', input: { id: 'k' } }, keyed)
    const failing = () =>
      postTask(balancer, { function: 'note', input: { id: 'f', fail: true } }, { 'idempotency-key': 'fails' })
    const [first, failed] = [await call(), await failing()]
    assert.deepEqual([first.status, failed.status], [200, 500])
    const delayed = await submit({ mode: 'async', delay: 2_500, input: { id: 'later' } })
    const running = await submit({ mode: 'async', input: { id: 'across', waitMs: 4_000 } })
    await until(async () => (await executions('across')) === 1, LIMIT_MS, 'it runs')
    await balancer.kill9()
    balancer = await startBalancer(scope, options)
    await waitForWorkers(balancer, 1)
    const [again, failedAgain] = [await call(), await failing()]
    assert.deepEqual([again.status, again.text], [first.status, first.text])
    assert.equal(again.headers.get('idempotency-replayed'), 'true')
    assert.equal(again.headers.get('x-run-id'), first.headers.get('x-run-id'))
    assert.deepEqual([failedAgain.status, failedAgain.text], [failed.status, failed.text])
    const other = await postTask(balancer, { function: 'note', input: { id: 'other' } }, keyed)
    assert.deepEqual([other.status, bodyOf(other).code], [422, 'IDEMPOTENCY_MISMATCH'])
    assert.equal((await waitForEnd(delayed)).status, 'completed')
    assert.deepEqual((await waitForEnd(running)).result, { id: 'across' })
    const path = `/runs/${first.headers.get('x-run-id')}`
    assert.equal((await balancer.request(path, { method: 'DELETE' })).status, 204)
    // Its key went with it: the same call begins anew.
    const anew = await call()
    assert.deepEqual([anew.status, anew.headers.get('idempotency-replayed')], [200, null])
    for (const id of ['f', 'later', 'across']) assert.equal(await executions(id), 1, id)
    assert.equal(await executions('k'), 2)
  })
})
