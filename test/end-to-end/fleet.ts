/**
 * What several end-to-end tests need to know of a running fleet: one worker's line at the balancer, the
 * balancer's own record of what it sent, and functions that are watched while they run.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Answer, type Balancer, EXAMPLE_FLEET } from '../harness/berth.ts'
import { type Execution, parseExecutions } from '../harness/executions.ts'
import { until } from '../harness/until.ts'

/** How long anything that is no measurement may take before the test gives up. */
export const LIMIT_MS = 60_000

export type WorkerLine = {
  id: string
  status: string
  reason: string | null
  slots: { limit: number; used: number } | null
  maintenance: { by: string; owner: string | null } | null
}

/** The body of an answer, as far as tests look at it. */
export type Body = {
  success?: boolean
  result?: Record<string, unknown>
  code?: string
  status?: string | number
  detail?: string
  errors?: { pointer: string; detail: string }[]
}

export function bodyOf(answer: Answer): Body {
  return (answer.body ?? {}) as Body
}

export async function listWorkers(balancer: Pick<Balancer, 'request'>): Promise<WorkerLine[]> {
  const { body } = await balancer.request('/workers?limit=500')
  return (body as { items: WorkerLine[] }).items
}

/** Waits until the balancer shows the worker in one of the states. */
export async function waitForStatus(
  balancer: Pick<Balancer, 'request'>,
  id: string,
  ...states: string[]
): Promise<void> {
  let seen: WorkerLine | undefined
  const isThere = async (): Promise<boolean> => {
    seen = (await listWorkers(balancer)).find((worker) => worker.id === id)
    return states.includes(seen?.status ?? 'not listed')
  }
  await until(isThere, LIMIT_MS, `${id} is ${states.join(' or ')}`)
}

/** Waits for a line of the balancer's log and answers where it stands in `logLines()`. */
export async function waitForLine(
  running: Pick<Balancer, 'logLines'>,
  text: RegExp,
  from = 0,
): Promise<number> {
  const find = (): number =>
    running.logLines().findIndex((line, at) => at >= from && text.test(String(line.text)))
  await until(() => find() >= 0, LIMIT_MS, `a line like ${text}`)
  return find()
}

export type Noted = {
  /** The project folder to start workers with. */
  folder: string
  read(): Promise<Execution[]>
}

/**
 * A project folder whose functions are those of the example fleet, each noting when it starts and finishes:
 * real work, and a record of it that no balancer has a hand in.
 */
export async function writeNotedFleet(folder: string, names: readonly string[]): Promise<Noted> {
  const logFile = join(folder, 'executions.ndjson')
  await mkdir(join(folder, 'functions'), { recursive: true })
  await writeFile(logFile, '')
  for (const name of names)
    await writeFile(join(folder, 'functions', `${name}.ts`), notedSource(name, logFile))
  return { folder, read: async () => parseExecutions(await readFile(logFile, 'utf8')) }
}

function notedSource(name: string, logFile: string): string {
  return `import { appendFileSync } from 'node:fs'
import { defineFunction } from '@berth/worker'
import original from ${JSON.stringify(join(EXAMPLE_FLEET, 'functions', `${name}.ts`))}

export default defineFunction({
  ...original,
  async handler(input, ctx) {
    const note = (event) => {
      const { runId, attempt } = ctx
      const line = { event, id: ${JSON.stringify(name)}, runId, attempt, pid: process.pid, atMs: Date.now() }
      appendFileSync(${JSON.stringify(logFile)}, JSON.stringify(line) + '\\n')
    }
    note('started')
    try {
      return await original.handler(input, ctx)
    } finally {
      note('finished')
    }
  },
})
`
}
