/**
 * A fleet for the pages of tasks: one worker of two slots whose functions show everything that a task can have, and
 * wait, fail or call as they are told. Called by tasks.test.ts and task.test.ts.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Balancer, postTask, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { HELD_MS, LIMIT_MS } from './stage.ts'

export const SLOTS = 2

const HEAD = `import { setTimeout as wait } from 'node:timers/promises'
import { bytes, defineFunction } from '@berth/worker'
import { z } from 'zod'
`
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

const FUNCTIONS: Readonly<Record<string, string>> = {
  // Waits until it is told to stop, or for so long.
  wait: `input: z.object({ ms: z.number().default(${HELD_MS}) }),
  config: { timeout: ${HELD_MS} },
  async handler({ ms }, { signal }) {
    await wait(ms, undefined, { signal })
    return { waited: ms }
  },`,
  quick: `input: z.object({ name: z.string().default('World') }),
  config: { supportsStreaming: true },
  async handler({ name }, ctx) {
    await ctx.stream?.('Hello ' + name)
    return { message: 'Hello ' + name }
  },`,
  fail: `input: z.object({ text: z.string().default('as it was told') }),
  async handler({ text }) {
    throw new Error(text)
  },`,
  show: `input: z.object({ text: z.string(), key: z.string().optional() }),
  config: { supportsStreaming: true },
  async handler({ text }, ctx) {
    ctx.log.info(text)
    ctx.progress(0.5, 'half of it')
    ctx.usage({ inputTokens: 12, modelCostUsd: 0.25 })
    ctx.source({ url: 'https://example.com/page', title: 'A page' })
    ctx.message('So far so good')
    await ctx.stream?.('streamed ' + text)
    await ctx.file('pictures/dot.png', Buffer.from('${PNG}', 'base64'), 'image/png')
    const called = await ctx.call('quick', { name: 'child' })
    return { text, called }
  },`,
  picture: `input: z.object({}),
  async handler() {
    return bytes(Buffer.from('${PNG}', 'base64'), 'image/png')
  },`,
}

/** A balancer that may send webhooks to this machine, and its worker, in service. */
export async function startTaskFleet(scope: Scope): Promise<Balancer> {
  const folder = await makeFolder(scope, 'tasks')
  await mkdir(join(folder, 'functions'), { recursive: true })
  for (const [name, source] of Object.entries(FUNCTIONS))
    await writeFile(
      join(folder, 'functions', `${name}.ts`),
      `${HEAD}\nexport default defineFunction({\n  ${source}\n})\n`,
    )
  const worker = await startWorker(scope, { env: { NAME: 'w1', SLOTS: String(SLOTS) }, folder })
  const balancer = await startBalancer(scope, {
    workers: [{ name: 'w1', url: worker.url }],
    env: { WEBHOOK_ALLOW: '127.0.0.0/8' },
  })
  await waitForWorkers(balancer, 1)
  return balancer
}

/** Accepts a task on disk; answers its id. */
export async function accept(balancer: Balancer, task: Record<string, unknown>): Promise<string> {
  const { status, body, text } = await postTask(balancer, { mode: 'async', ...task })
  assert.equal(status, 202, text)
  return (body as { runId: string }).runId
}

export type Run = {
  id: string
  status: string
  function: string
  priority: number
  input: unknown
  retryOf: string | null
  session: string | null
  trigger: string
}

export async function readRun(balancer: Balancer, id: string): Promise<Run> {
  const { body, status } = await balancer.request(`/runs/${id}`)
  assert.equal(status, 200)
  return body as Run
}

export async function listRuns(balancer: Balancer, query: string): Promise<Run[]> {
  const { body } = await balancer.request(`/runs?limit=500&${query}`)
  return (body as { items: Run[] }).items
}

export async function waitForStatus(balancer: Balancer, id: string, status: string): Promise<Run> {
  return until(
    async () => {
      const run = await readRun(balancer, id)
      return run.status === status ? run : undefined
    },
    LIMIT_MS,
    `${id} is ${status}`,
  )
}
