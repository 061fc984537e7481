/** The API of worklets over the wire, in the shapes of its own callers: `Api-Key`, curl's content type, polling. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  type Balancer,
  KEYS,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../../harness/berth.ts'
import { createScope, makeFolder } from '../../harness/scope.ts'
import { until } from '../../harness/until.ts'
import { LIMIT_MS } from '../fleet.ts'

const FUNCTION = (config: string) => `
  import { existsSync } from 'node:fs'
  import { setTimeout as sleep } from 'node:timers/promises'
  import { defineFunction } from '@berth/worker'
  import { z } from 'zod'
  export default defineFunction({
    input: z.looseObject({ gate: z.string().optional(), fail: z.string().optional(), waits: z.boolean().optional() }),
    config: ${config},
    async handler(input, { tags, signal, deadline }) {
      while (input.gate && !existsSync(input.gate)) await sleep(5, undefined, { signal })
      if (input.fail) throw new Error(input.fail)
      if (input.waits) await sleep(60_000, undefined, { signal })
      return { input, env: tags.env ?? null, leftMs: deadline.getTime?.() ?? deadline }
    },
  })`

const scope = createScope()
let balancer: Balancer
let folder: string
let production: Worker
before(async () => {
  folder = await makeFolder(scope, 'worklets')
  await mkdir(join(folder, 'functions'))
  await writeFile(join(folder, 'functions/model.ts'), FUNCTION('{}'))
  await writeFile(join(folder, 'functions/quick.ts'), FUNCTION('{ timeout: 100 }'))
  await writeFile(join(folder, 'functions/slow.ts'), FUNCTION('{ background: true }'))
  production = await startWorker(scope, { folder, env: { GROUP: 'app-1' } })
  const draft = await startWorker(scope, { folder, env: { GROUP: 'app-1', TAGS: 'env=draft' } })
  balancer = await startBalancer(scope, {
    workers: [{ url: production.url }, { url: draft.url }],
    env: { DISK_RESERVE: '0' },
  })
  await waitForWorkers(balancer, 2)
})
after(() => scope.end())

interface Told {
  success?: boolean
  status?: string
  message?: string
  error_log?: string
  code?: string
  scheduled_worklet_run_id?: string
  worklet_output?: { input: unknown; env: string | null } | null
  latency_ms?: number | null
}

/** As curl sends it with `-d`: whatever the Content-Type says, it is JSON. */
async function call(
  path: string,
  body?: unknown,
  key = `Api-Key ${KEYS.caller}`,
  at = balancer,
): Promise<{ status: number; told: Told; type: string | null }> {
  const answer = await fetch(`${at.url}/applications/app-1${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: key, 'content-type': 'application/x-www-form-urlencoded' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const told = (await answer.json()) as Told
  return { status: answer.status, told, type: answer.headers.get('content-type') }
}

const invoke = (worklet: string, input: unknown, more: object = {}) =>
  call(`/worklets/${worklet}/invoke`, { worklet_input: input, ...more })

test('invoked: the output, how long it took, and nothing else', async () => {
  const { status, told, type } = await invoke('model', { a: 1 })
  assert.equal(status, 200)
  assert.equal(type, 'application/json')
  assert.deepEqual(Object.keys(told), ['success', 'worklet_output', 'latency_ms'])
  assert.equal(told.success, true)
  assert.deepEqual(told.worklet_output?.input, { a: 1 })
  assert.ok(Number.isInteger(told.latency_ms))
})

test('an input that is no object is the member "input" of one', async () => {
  for (const [given, seen] of [
    ['text', { input: 'text' }],
    [[1, 2], { input: [1, 2] }],
    [null, { input: null }],
    [7, { input: 7 }],
    [undefined, {}],
  ] as const) {
    const { told } = await invoke('model', given)
    assert.deepEqual(told.worklet_output?.input, seen, JSON.stringify(given))
  }
})

test('production and draft: workers are told apart by the tag env', async () => {
  for (let n = 0; n < 6; n++) {
    assert.equal((await invoke('model', {})).told.worklet_output?.env, null)
    assert.equal((await call('/production/worklets/model/invoke', {})).told.worklet_output?.env, null)
    assert.equal((await call('/draft/worklets/model/invoke', {})).told.worklet_output?.env, 'draft')
  }
})

test('in the background: its id at once, then pending, running, succeeded, by GET and by POST', async () => {
  const gate = join(folder, 'gate')
  const { status, told } = await invoke('model', { gate }, { async: true })
  assert.equal(status, 200)
  const { scheduled_worklet_run_id: id, ...rest } = told
  assert.deepEqual(rest, { success: true, message: 'Worklet scheduled for background execution' })
  const poll = (body?: object) => call(`/worklets/model/${id}`, body)
  await until(async () => (await poll({})).told.status === 'RUNNING', LIMIT_MS, 'it runs')
  const { told: running } = await poll()
  assert.deepEqual([running.worklet_output, running.latency_ms], [null, null])
  await writeFile(gate, '')
  await until(async () => (await poll()).told.status === 'SUCCEEDED', LIMIT_MS, 'it has ended')
  const { told: ended } = await poll({})
  assert.equal(ended.message, 'Worklet has finished executing successfully')
  assert.deepEqual(ended.worklet_output?.input, { gate })
  assert.ok(Number.isInteger(ended.latency_ms))
  assert.deepEqual((await call(`/production/worklets/model/${id}`)).told, ended)
})

test('a function of the background answers like a call in the background', async () => {
  const { told } = await invoke('slow', { fail: 'boom' })
  assert.equal(told.success, true)
  const path = `/worklets/slow/${told.scheduled_worklet_run_id}`
  await until(async () => (await call(path)).told.status === 'FAILED', LIMIT_MS, 'it has failed')
  const { told: failed } = await call(path)
  assert.deepEqual([failed.message, failed.worklet_output], ['boom', null])
})

test('a cancelled one', async () => {
  const { told } = await invoke('model', { waits: true }, { async: true })
  const id = told.scheduled_worklet_run_id ?? ''
  await balancer.request(`/runs/${id}/cancel`, { method: 'POST' })
  assert.equal((await call(`/worklets/model/${id}`)).told.status, 'CANCELLED')
})

test('failures: its own, its limit, TASK_TIMEOUT', async (t) => {
  const failed = await invoke('model', { fail: 'no such model' })
  assert.equal(failed.status, 500)
  assert.deepEqual(failed.told, { success: false, message: 'no such model', code: 'FUNCTION_FAILED' })
  const quick = await invoke('quick', { waits: true })
  assert.deepEqual([quick.status, quick.told.success], [504, false])
  assert.match(quick.told.message ?? '', /100 ms/)
  // Without a limit of its own it has all of TASK_TIMEOUT, not the worker's default.
  const hurried = await startBalancer(t, {
    workers: [{ url: production.url }],
    env: { DISK_RESERVE: '0', TASK_TIMEOUT: '2s' },
  })
  await waitForWorkers(hurried, 1)
  const startedAt = performance.now()
  const input = { worklet_input: { waits: true } }
  const long = await call('/worklets/model/invoke', input, undefined, hurried)
  assert.deepEqual([long.status, long.told.code], [504, 'TIMEOUT'])
  assert.ok(performance.now() - startedAt > 1_900)
})

test('what is wrong is said in the same shape, and runs nothing', async () => {
  const wrong: [Promise<{ status: number; told: Told }>, number, RegExp][] = [
    [call('/worklets/model/invoke', '{'), 400, /not JSON/],
    [call('/worklets/model/invoke', '[]'), 400, /must be a JSON object/],
    [call('/worklets/model/invoke', ''), 400, /empty/],
    [invoke('model', {}, { async: 'yes' }), 400, /async/],
    [invoke('model', { gate: 7 }), 422, /gate/],
    [invoke('nothing', {}), 404, /nothing/],
    [invoke('a%20b', {}), 404, /no worklet/],
    [call('/worklets/model/r_nothing'), 404, /no run/],
    [call('/worklets/model/invoke', {}, 'Api-Key wrong'), 401, /key/],
    [call('/worklets/model/r_nothing', undefined, ''), 401, /key/],
  ]
  for (const [answer, status, message] of wrong) {
    const { told, ...rest } = await answer
    assert.equal(rest.status, status, JSON.stringify(told))
    assert.equal(told.success, false)
    assert.match(told.message ?? '', message)
  }
  const { told } = await invoke('model', { gate: 7 })
  assert.match(told.error_log ?? '', /\/input\/gate: /)
})

test('a run of another worklet is not shown', async () => {
  const { told } = await invoke('model', {}, { async: true })
  assert.equal((await call(`/worklets/quick/${told.scheduled_worklet_run_id}`)).status, 404)
})

test("a draft's run is not production's, while it waits, runs and has ended", async () => {
  const gate = join(folder, 'stage-gate')
  const begin = async (stage: string) => {
    const { told } = await call(`${stage}/worklets/model/invoke`, { worklet_input: { gate }, async: true })
    return told.scheduled_worklet_run_id ?? ''
  }
  const statusAt = async (stage: string, id: string) => {
    const { status, told } = await call(`${stage}/worklets/model/${id}`)
    return status === 200 ? told.status : [status, told.success, told.code]
  }
  const missing = [404, false, 'NOT_FOUND']
  const [plain, draft] = [await begin(''), await begin('/draft')]
  const look = async (id: string) => Promise.all(['', '/production', '/draft'].map((at) => statusAt(at, id)))
  await until(async () => (await statusAt('', plain)) === 'RUNNING', LIMIT_MS, "production's runs")
  await until(async () => (await statusAt('/draft', draft)) === 'RUNNING', LIMIT_MS, "the draft's runs")
  assert.deepEqual(await look(plain), ['RUNNING', 'RUNNING', missing])
  assert.deepEqual(await look(draft), [missing, missing, 'RUNNING'])
  const { told } = await call(`/draft/worklets/model/${plain}`)
  assert.match(told.message ?? '', /begun in its production/)
  await writeFile(gate, '')
  await until(async () => (await statusAt('', plain)) === 'SUCCEEDED', LIMIT_MS, "production's has ended")
  await until(
    async () => (await statusAt('/draft', draft)) === 'SUCCEEDED',
    LIMIT_MS,
    "the draft's has ended",
  )
  assert.deepEqual(await look(plain), ['SUCCEEDED', 'SUCCEEDED', missing])
  assert.deepEqual(await look(draft), [missing, missing, 'SUCCEEDED'])
})

test('a run that was not begun here, and names no stage, is shown below both', async () => {
  const begun = await balancer.request('/task', {
    method: 'POST',
    body: JSON.stringify({ group: 'app-1', function: 'model', input: {}, mode: 'async' }),
  })
  const { runId } = begun.body as { runId: string }
  for (const stage of ['', '/draft'])
    assert.equal((await call(`${stage}/worklets/model/${runId}`)).status, 200, stage)
})
