/**
 * Usage and budgets on real processes: totals over attempts, calls and turns, and each limit reached and passed.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import type { RunView } from '../../protocol/src/index.ts'
import {
  type Answer,
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  waitForWorkers,
} from '../harness/berth.ts'
import { createScope, makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './fleet.ts'

const BUDGETS = {
  low: { tokens: 100, costUsd: 0.3, steps: 3 },
  /** More than a busy machine adds to what is measured here. */
  standard: { runMs: 3_000 },
  high: { tokens: 1000, runMs: '60s' },
}

/** `spend` reports what it is given, one report after another, and returns what it did. */
const FUNCTIONS = {
  'spend.ts': `
    import { defineFunction } from '@berth/worker'
    import { z } from 'zod'
    export default defineFunction({
      input: z.object({
        reports: z.array(z.record(z.string(), z.number())).default([]),
        failAt: z.number().default(0),
        say: z.boolean().default(false),
        waits: z.boolean().default(false),
        calls: z.array(z.record(z.string(), z.any())).default([]),
      }),
      config: { maxRetries: 2, backoff: { baseMs: 1, maxMs: 1 } },
      async handler({ reports, failAt, say, waits, calls }, ctx) {
        const done = []
        for (const input of calls) done.push(await ctx.call('child', input).catch(() => 'ended'))
        for (const report of reports) {
          ctx.usage(report)
          done.push(ctx.budget?.left ?? null)
          await new Promise((resolve) => setTimeout(resolve, 5))
          if (ctx.signal.aborted) return { done, stopped: true }
        }
        if (say) {
          ctx.message('Attempt ' + ctx.attempt)
          ctx.message({ role: 'tool', content: 'no text of its own' })
          for (const title of ['A', 'B']) ctx.source({ url: 'https://example.org/a', title })
        }
        if (ctx.attempt <= failAt) throw new Error('attempt ' + ctx.attempt)
        if (waits && !ctx.signal.aborted) await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve))
        return { done, stopped: ctx.signal.aborted }
      },
    })`,
  'child.ts': `
    import { defineFunction } from '@berth/worker'
    import { z } from 'zod'
    export default defineFunction({
      input: z.object({ report: z.record(z.string(), z.number()).default({}), ms: z.number().default(0) }),
      async handler({ report, ms }, ctx) {
        ctx.usage(report)
        await new Promise((resolve) => setTimeout(resolve, ms))
        return ctx.budget?.left ?? null
      },
    })`,
  'gated.ts': `
    import { defineFunction } from '@berth/worker'
    import { existsSync } from 'node:fs'
    import { z } from 'zod'
    export default defineFunction({
      input: z.object({ gate: z.string() }),
      config: { maxRetries: 1, backoff: { baseMs: 1, maxMs: 1 } },
      async handler({ gate }, ctx) {
        ctx.usage({ steps: 1 })
        if (ctx.attempt === 1) throw new Error('once')
        ctx.message('before')
        while (!existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 20))
        ctx.message('behind')
        for (let step = 0; step < 100 && !ctx.signal.aborted; step++) {
          ctx.usage({ steps: 1 })
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
        return { left: ctx.budget.left }
      },
    })`,
  'spin.ts': `
    import { defineFunction } from '@berth/worker'
    export default defineFunction({
      config: { isolation: 'thread', supportsStreaming: true },
      async handler(_input, ctx) {
        await ctx.stream('so far')
        ctx.usage({ steps: 1 })
        for (;;) await new Promise((resolve) => setTimeout(resolve, 5))
      },
    })`,
}

async function startFleet(t: Scope, env: Record<string, string> = {}): Promise<Balancer> {
  const folder = await makeFolder(t, 'project')
  const functions = join(folder, 'functions')
  await mkdir(functions, { recursive: true })
  for (const [name, text] of Object.entries(FUNCTIONS)) await writeFile(join(functions, name), text)
  const worker = await startWorker(t, { folder, env: { SLOTS: '4' } })
  const settings = { BUDGETS: JSON.stringify(BUDGETS), ...env }
  const balancer = await startBalancer(t, { workers: [{ url: worker.url, name: 'w1' }], env: settings })
  await waitForWorkers(balancer, 1)
  return balancer
}

/** For all that does it no harm. */
const shared = createScope()
let balancer: Balancer
before(async () => {
  balancer = await startFleet(shared)
})
after(() => shared.end())

async function runOf(balancer: Balancer, answer: Answer): Promise<RunView> {
  const id = answer.headers.get('x-run-id') ?? (answer.body as { runId: string }).runId
  const { status, body, text } = await balancer.request(`/runs/${id}?wait=30`)
  assert.equal(status, 200, text)
  return body as RunView
}

async function begin(balancer: Balancer, input: object, more: object = {}): Promise<RunView> {
  const answer = await postTask(balancer, { function: 'spend', input, mode: 'async', ...more })
  assert.equal(answer.status, 202, answer.text)
  return runOf(balancer, answer)
}

test('usage adds up over attempts and calls, exactly, with what follows from it', async () => {
  const reports = Array.from({ length: 10 }, () => ({
    inputTokens: 1,
    outputTokens: 2,
    modelCostUsd: 0.1,
    steps: 1,
  }))
  const calls = [{ report: { totalTokens: 7, toolCostUsd: 0.2, pages: 3 } }, { report: { costUsd: 0.05 } }]
  const run = await begin(balancer, { reports, calls, failAt: 2, say: true })
  assert.equal(run.status, 'completed', JSON.stringify(run.error))
  assert.equal(run.attempt, 3)
  // Three attempts of ten reports and two calls.
  assert.deepEqual(run.usage, {
    totalTokens: 111,
    toolCostUsd: 0.6,
    pages: 9,
    costUsd: 3.75,
    inputTokens: 30,
    outputTokens: 60,
    modelCostUsd: 3,
    steps: 30,
  })
  assert.deepEqual(run.costs, { toolCostUsd: 0.6, costUsd: 3.75, modelCostUsd: 3 })
  // Of the last attempt alone.
  assert.deepEqual(run.messages, ['Attempt 3', { role: 'tool', content: 'no text of its own' }])
  assert.deepEqual(run.sources, [{ url: 'https://example.org/a', title: 'A' }])
  const [item, ...none] = run.output as { id: string; content: unknown }[]
  assert.equal(none.length, 0)
  assert.deepEqual(item?.content, [{ type: 'output_text', text: 'Attempt 3' }])
  assert.match(item?.id ?? '', /^msg_/)

  const { text } = await balancer.request(`/runs/${run.id}/events`)
  const used = [...text.matchAll(/event: usage\ndata: (.*)\n/g)].map(([, data]) => JSON.parse(data ?? ''))
  assert.deepEqual(used.at(-1), run.usage)
  assert.match(text, /event: message\ndata: "Attempt 1"\n/)
  assert.match(text, /event: source\ndata: \{"url":"https:\/\/example.org\/a","title":"A"\}\n/)
})

test('a budget is a limit of tokens, cost and steps: reached it goes on, passed it ends with what there is', async () => {
  const spend = (reports: object[], more: object = {}) =>
    postTask(balancer, { function: 'spend', input: { reports, ...more }, budget: 'low' })
  for (const [name, reached, passed] of [
    ['tokens', [{ inputTokens: 60 }, { outputTokens: 40 }], { reasoningTokens: 1 }],
    ['USD', [{ costUsd: 0.1 }, { modelCostUsd: 0.2 }], { toolCostUsd: 0.000000001 }],
    ['steps', [{ steps: 1 }, { steps: 2 }], { steps: 1 }],
  ] as const) {
    const within = await spend([...reached])
    assert.equal(within.status, 200, `${name}: ${within.text}`)
    const over = await spend([...reached, passed, { pages: 1 }], { waits: true })
    assert.equal(over.status, 402, `${name}: ${over.text}`)
    const { code, detail, result } = over.body as {
      code: string
      detail: string
      result: { stopped: boolean }
    }
    assert.equal(code, 'BUDGET_EXHAUSTED')
    assert.match(detail, new RegExp(`"low".* of .* ${name}`))
    assert.equal(result.stopped, true)
    const run = await runOf(balancer, over)
    assert.deepEqual(
      [run.status, run.budget, run.error?.code, run.attempt],
      ['failed', 'low', 'BUDGET_EXHAUSTED', 1],
    )
  }
  const keyed = { function: 'spend', input: { reports: [{ steps: 4 }], say: true }, budget: 'low' }
  const [first, again] = [
    await postTask(balancer, keyed, { 'idempotency-key': 'k' }),
    await postTask(balancer, keyed, { 'idempotency-key': 'k' }),
  ]
  assert.deepEqual(
    [first.status, again.status, again.text],
    [402, 402, first.text],
    'a run on disk, and its answer again',
  )
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  const kept = await runOf(balancer, first)
  assert.deepEqual([kept.durable, kept.result], [true, (first.body as { result: unknown }).result])
  const lines = await balancer.request('/tasks', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([keyed]),
  })
  const line = JSON.parse(lines.text) as Record<string, unknown>
  assert.deepEqual(
    [line.index, line.status, line.code, line.result],
    [0, 402, 'BUDGET_EXHAUSTED', kept.result],
  )
  const atOnce = await spend([{ totalTokens: 101 }])
  assert.equal(atOnce.status, 402, 'also when it was the last word of its handler')
  const called = await postTask(balancer, {
    function: 'spend',
    input: {
      calls: [{ report: { totalTokens: 90 } }, { report: { totalTokens: 11 }, ms: 5_000 }],
      waits: true,
    },
    budget: 'low',
  })
  assert.equal(called.status, 402, called.text)
  const { result } = called.body as { result: { done: unknown[] } }
  assert.deepEqual(result.done[1], 'ended', 'what it called ends with it')
  assert.deepEqual((result.done[0] as { tokens: number }).tokens, 10)
})

test('time in handlers is limited over all attempts, waiting for calls aside', async () => {
  const calls = [{ ms: 1_600 }]
  const [run, calling, twice] = await Promise.all([
    begin(balancer, { waits: true }, { budget: 'standard', attempts: 5 }),
    begin(balancer, { calls }, { budget: 'standard' }),
    begin(balancer, { calls: [...calls, ...calls] }, { budget: 'standard' }),
  ])
  assert.deepEqual([run.status, run.error?.code], ['failed', 'BUDGET_EXHAUSTED'])
  assert.deepEqual(run.result, { done: [], stopped: true })
  // Five times as much would be the budget of every attempt.
  assert.ok((run.runMs ?? 0) >= 2_990 && (run.runMs ?? 0) < 12_000, String(run.runMs))
  assert.equal(calling.status, 'completed', 'the time of the call counts once')
  assert.equal(twice.error?.code, 'BUDGET_EXHAUSTED')
  const [spun, streamed] = await Promise.all([
    postTask(balancer, { function: 'spin', budget: 'standard' }),
    balancer.request('/task', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ function: 'spin', budget: 'standard', mode: 'stream' }),
    }),
  ])
  assert.equal(spun.status, 402, spun.text)
  assert.equal((spun.body as { result: unknown }).result, 'so far')
  assert.match(streamed.text, /event: error\ndata: \{"code":"BUDGET_EXHAUSTED",.*"result":"so far"\}\n/)
})

test('what a run has used and put out, and its budget, hold over a balancer that is killed', async (t) => {
  const victim = await startFleet(t)
  const gate = join(victim.folder, 'gate')
  const task = { function: 'gated', input: { gate }, mode: 'async', budget: 'low' }
  const { body } = await postTask(victim, task)
  const path = `/runs/${(body as { runId: string }).runId}`
  const isTold = async ({ request }: Pick<Balancer, 'request'>) => {
    const run = (await request(path)).body as RunView
    return run.usage?.steps === 2 && run.messages.length === 1 && run.status === 'running'
  }
  await until(() => isTold(victim), LIMIT_MS, 'both attempts have told what they use')
  await until(() => isOnDisk(victim.dataDir), LIMIT_MS, 'and that is on disk')
  await victim.kill9()
  const again = await startBalancer(t, {
    env: {
      PORT: String(victim.port),
      DATA_DIR: victim.dataDir,
      WORKERS_FILE: victim.workersFile,
      BUDGETS: JSON.stringify(BUDGETS),
    },
  })
  await waitForWorkers(again, 1)
  await until(() => isTold(again), LIMIT_MS, 'the next balancer knows it')
  await writeFile(gate, '')
  const run = (await again.request(`${path}?wait=30`)).body as RunView
  assert.deepEqual([run.status, run.error?.code, run.usage], ['failed', 'BUDGET_EXHAUSTED', { steps: 4 }])
  assert.deepEqual([run.messages, run.attempt], [['before', 'behind'], 2])
  assert.deepEqual((run.result as { left: { steps: number } }).left.steps, 0)
})

/** What the only run there is has used, and its message, as another reader of the store sees them. */
function isOnDisk(dataDir: string): boolean {
  const database = new DatabaseSync(join(dataDir, 'berth.db'), { readOnly: true, timeout: 5_000 })
  try {
    const row = database.prepare('SELECT used, (SELECT count(*) FROM run_told) AS items FROM runs_live').get()
    const used = JSON.parse(String(row?.used ?? null)) as {
      attempt: number
      total: { steps?: number }
    } | null
    return used?.attempt === 2 && used.total.steps === 2 && row?.items === 1
  } finally {
    database.close()
  }
}

test('totals of a session and of a schedule', async () => {
  assert.equal((await balancer.request('/sessions/chat')).status, 404)
  const reports = [{ inputTokens: 5, modelCostUsd: 0.1 }]
  await begin(balancer, { reports }, { session: 'chat' })
  await begin(balancer, { reports: [...reports, { inputTokens: 96 }] }, { session: 'chat', budget: 'low' })
  const used = { inputTokens: 106, totalTokens: 106, modelCostUsd: 0.2, costUsd: 0.2 }
  const session = (await balancer.request('/sessions/chat')).body as Record<string, unknown>
  assert.deepEqual(
    [session.session, session.runs, session.usage, session.costs],
    ['chat', 2, used, { modelCostUsd: 0.2, costUsd: 0.2 }],
  )
  const headers = { 'content-type': 'application/json' }
  const schedule = {
    type: 'interval',
    intervalSeconds: 3600,
    function: 'spend',
    input: { reports },
    budget: 'low',
  }
  const made = await balancer.request('/schedules', {
    method: 'POST',
    headers,
    body: JSON.stringify(schedule),
  })
  assert.equal(made.status, 201, made.text)
  const { id } = made.body as { id: string }
  for (let fired = 0; fired < 2; fired++) {
    const run = await runOf(balancer, await balancer.request(`/schedules/${id}/trigger`, { method: 'POST' }))
    assert.deepEqual([run.status, run.schedule, run.budget], ['completed', id, 'low'])
  }
  const shown = (await balancer.request(`/schedules/${id}`)).body as Record<string, unknown>
  const twice = { inputTokens: 10, totalTokens: 10, modelCostUsd: 0.2, costUsd: 0.2 }
  assert.deepEqual([shown.runs, shown.usage], [2, twice])
})

test('a level that cannot be is a start-up error that names the variable', async (t) => {
  await assert.rejects(
    startBalancer(t, { env: { BUDGETS: '{"low":{"tokens":"many"}}' } }),
    /BUDGETS "low.tokens" must be a whole number/,
  )
})
