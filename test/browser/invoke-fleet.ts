/**
 * A fleet for the pages of functions: one worker whose functions have forms of all kinds, stream, make pictures, read
 * and write files, and note each of their executions. Called by functions.test.ts and invoke.test.ts.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Balancer, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { type Probe, writeProbe } from '../harness/executions.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { HELD_MS } from './stage.ts'

const HEAD = `import { setTimeout as wait } from 'node:timers/promises'
import { bytes, defineFunction } from '@berth/worker'
import { z } from 'zod'
`
export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
export const MARKUP = '<img src=x onerror=canary()>'

const FUNCTIONS: Readonly<Record<string, string>> = {
  order: `input: z.object({
    name: z.string().min(2).meta({ title: 'Customer', description: 'Who pays' }),
    amount: z.int().min(1).max(100),
    size: z.enum(['small', 'large']),
    isGift: z.boolean().optional(),
    note: z.string().nullable().default(null),
    lines: z.array(z.object({ item: z.string(), count: z.int().min(1).default(1) })).max(2),
    pay: z.discriminatedUnion('by', [
      z.object({ by: z.literal('card'), number: z.string() }),
      z.object({ by: z.literal('cash') }),
    ]),
    labels: z.record(z.string(), z.string()),
  }).refine(({ name }) => name !== 'Nobody', { path: ['name'], message: 'nobody pays' }),
  config: { description: 'Takes an order ${MARKUP}', examples: [{ name: 'Ada', amount: 2, size: 'small', lines: [], pay: { by: 'cash' }, labels: {} }] },
  async handler(input) { return { got: input, rows: [{ a: 1, b: 'x' }, { a: 2 }] } },`,
  drip: `input: z.object({ count: z.int().default(3), pace: z.int().default(0) }),
  config: { supportsStreaming: true, description: 'Says one thing after another', timeout: ${HELD_MS} },
  async handler({ count, pace }, ctx) {
    for (let n = 1; n <= count; n++) {
      await ctx.stream?.('drop ' + n + ' ')
      ctx.progress(n / count, n + ' of ' + count)
      ctx.log.info('line ' + n)
      if (pace > 0) await wait(pace, undefined, { signal: ctx.signal })
    }
    return { count }
  },`,
  picture: `input: z.object({}),
  async handler() { return bytes(Buffer.from('${PNG}', 'base64'), 'image/png') },`,
  echo: `async handler(_input, ctx) {
    return bytes(Buffer.from(await new Response(ctx.body.stream()).arrayBuffer()), ctx.contentType)
  },`,
  letter: `input: z.object({ text: z.string() }),
  async handler({ text }) { return 'Dear ' + text },`,
  keep: `input: z.object({ name: z.string() }),
  async handler({ name }, ctx) {
    const found = []
    for (const { path } of ctx.files?.list() ?? []) found.push(path + '=' + (await (await ctx.files.read(path)).text()))
    await ctx.file('out/' + name + '.txt', 'kept ' + name, 'text/plain')
    return { found }
  },`,
}

export type InvokeFleet = { readonly balancer: Balancer; readonly probe: Probe }

export async function startInvokeFleet(scope: Scope, env: Record<string, string> = {}): Promise<InvokeFleet> {
  const probe = await writeProbe(await makeFolder(scope, 'invoke'), {
    examples: [{ id: 'example' }],
    timeout: HELD_MS,
  })
  for (const [name, source] of Object.entries(FUNCTIONS))
    await writeFile(
      join(probe.folder, 'functions', `${name}.ts`),
      `${HEAD}\nexport default defineFunction({\n  ${source}\n})\n`,
    )
  const TAGS = 'region=eu,gpu=h200'
  const worker = await startWorker(scope, { env: { NAME: 'w1', SLOTS: '8', TAGS }, folder: probe.folder })
  const balancer = await startBalancer(scope, {
    workers: [{ name: 'w1', url: worker.url }],
    env: { WEBHOOK_ALLOW: '127.0.0.0/8', ...env },
  })
  await waitForWorkers(balancer, 1)
  return { balancer, probe }
}
