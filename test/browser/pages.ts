/**
 * Every page of the dashboard as an address, and something on each: what the tests that walk all pages share.
 * `seedFleet` fills a fleet with runs that ended well and badly, wait, and are due later, a schedule, a pause and
 * maintenance; all that may be worded says what it is given.
 */
import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { type Balancer, postTask } from '../harness/berth.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './stage.ts'

export type Seeds = {
  /** A durable run that ended well, with all that a run can have. */
  done: string
  failed: string
  schedule: string
  /** Of w3: what the runs ran. */
  function: string
}

export type PageAddress = { name: string; path: string }

export function everyPage({ done, failed, schedule, function: name }: Seeds): PageAddress[] {
  return [
    { name: 'overview', path: '' },
    { name: 'workers', path: '/workers' },
    { name: 'worker', path: '/workers/w3' },
    { name: 'capability', path: '/capability' },
    { name: 'tasks', path: '/tasks' },
    { name: 'task', path: `/tasks/${done}` },
    { name: 'task-failed', path: `/tasks/${failed}` },
    { name: 'queue', path: '/queue' },
    { name: 'functions', path: '/functions' },
    { name: 'function', path: `/functions/default/${name}` },
    { name: 'invoke', path: `/invoke?fn=default/${name}` },
    { name: 'schedules', path: '/schedules' },
    { name: 'schedule', path: `/schedules/${schedule}` },
    { name: 'logs', path: '/logs' },
    { name: 'config', path: '/config' },
    { name: 'activity', path: '/activity' },
  ]
}

/** Goes there and waits until nothing is a placeholder any more. */
export async function visitPage(page: Page, balancer: Pick<Balancer, 'url'>, path: string): Promise<void> {
  await page.goto(`${balancer.url}/dashboard${path}`)
  await page.getByRole('heading', { level: 1 }).first().waitFor()
  await until(
    async () => (await page.locator('main .bone').count()) === 0,
    LIMIT_MS,
    `${path} has no placeholders left`,
  )
}

/** A function whose texts, events and errors say `words`; one that fails when it is told to. */
export function markedFunction(words: string): string {
  return `import { defineFunction, NonRetryable } from '@berth/worker'
import { z } from 'zod'

const words = ${JSON.stringify(words)}

export default defineFunction({
  input: z.object({
    subject: z.string().default(words).describe(words).meta({ title: words }),
    choice: z.enum(['plain', words]).default('plain'),
    isBad: z.boolean().default(false),
  }).describe(words),
  config: { description: words, examples: [{ subject: words }] },
  async handler({ subject, isBad }, ctx) {
    ctx.log.warn(words, { subject })
    ctx.progress(0.5, words)
    ctx.message(words)
    ctx.source({ url: 'https://example.org/?q=' + encodeURIComponent(words), title: words })
    if (isBad) throw new NonRetryable(words)
    return { said: words, subject }
  },
})
`
}

export type SeedWords = {
  /** A `markedFunction`; its texts, inputs and metadata say `words`. */
  name: string
  words: string
  /** Why something is paused, and somebody in maintenance. */
  reason: string
}

export async function seedFleet(balancer: Balancer, { name, words, reason }: SeedWords): Promise<Seeds> {
  const ask = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
    const headers = { 'content-type': 'application/json' }
    const answer = await balancer.request(path, { method, headers, body: JSON.stringify(body) })
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
    return answer.body as Record<string, unknown>
  }
  const submit = async (task: object): Promise<string> =>
    String((await ask('POST', '/task', { mode: 'async', metadata: { note: words }, ...task })).runId)
  const done = await submit({ function: name, input: { subject: words } })
  const failed = await submit({ function: name, input: { subject: words, isBad: true } })
  await submit({ function: 'hello', input: { name: 'Ada' }, delay: 3_600_000 })
  for (let i = 0; i < 3; i++) await postTask(balancer, { function: 'hello', input: { name: 'Ada' } })
  for (const id of [done, failed]) await balancer.request(`/runs/${id}?wait=20`)
  await ask('PATCH', '/functions/default/hello', { paused: { reason } })
  for (let i = 0; i < 3; i++) await submit({ function: 'hello', input: { name: 'Grace' }, priority: 10 + i })
  const { id: schedule } = await ask('POST', '/schedules', {
    function: 'hello',
    input: { name: words },
    metadata: { note: words },
    type: 'cron',
    cron: '30 6 * * mon-fri',
    timezone: 'Europe/Berlin',
  })
  await ask('POST', '/workers/w2/off', { reason })
  return { done, failed, schedule: String(schedule), function: name }
}
