/** Ten thousand linked workers: memory and processor time each, and the task rate beside that with ten. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuUsOf } from '../cpu.ts'
import { driveWrk, makeRequest } from '../load.ts'
import { COLLECTS, readMemory } from '../memory.ts'
import { startBalancer, waitForWorkers } from '../peers/berth.ts'
import { compare, type Finding, type Scenario } from '../scenario.ts'
import { Stage, type Started, urlIn } from '../stage.ts'

const FEW = 10
const MANY = 10_000
const CONNECTIONS = 32
const IDLE_S = 10

interface Site {
  readonly stage: Stage
  readonly balancer: Started
  readonly url: string
}

export const fleet: Scenario = {
  name: 'fleet',
  about: `${MANY} linked workers of 5 functions, one push a second each`,
  isQuick: false,
  async run(stage, { rounds, warmUpS, runS }) {
    if (process.platform !== 'linux') return { findings: [], notes: ['only Linux has the accounts for this'] }
    const other = await Stage.open()
    try {
      const few = await open(other, FEW)
      const many = await open(stage, MANY)
      const findings = [await memory(few, many), await processor(few, many)]
      const request = await makeRequest(stage, {
        path: '/task',
        type: 'application/json',
        body: Buffer.from('{"function":"hello","input":{"name":"Ada"}}'),
      })
      const rates = { few: [] as number[], many: [] as number[] }
      for (const { url } of [few, many])
        await driveWrk(url, request, { connections: CONNECTIONS, seconds: warmUpS })
      for (let round = 0; round < rounds; round++) {
        rates.many.push(await driveWrk(many.url, request, { connections: CONNECTIONS, seconds: runS }))
        rates.few.push(await driveWrk(few.url, request, { connections: CONNECTIONS, seconds: runS }))
      }
      findings.push(compare('tasks/s', rates.many, `${FEW} workers`, rates.few, { min: 0.9 }))
      return { findings, notes: ['both fleets push once a second while either is driven'] }
    } finally {
      await other.end()
    }
  },
}

async function open(stage: Stage, count: number): Promise<Site> {
  const main = join(import.meta.dirname, '../peers/many-workers.ts')
  const workers = await stage.start(
    { name: 'fleet', command: process.execPath, args: [main] },
    async ({ output }) => urlIn(output(), 'fleet ready') !== undefined,
  )
  const base = urlIn(workers.output(), 'fleet ready')
  const urls = Array.from({ length: count }, (_, index) => `${base}/w${index}`)
  const balancer = await startBalancer(stage, urls, {}, COLLECTS)
  const url = urlIn(balancer.output(), 'balancer ready') as string
  await waitForWorkers(url, count)
  return { stage, balancer, url }
}

async function memory(few: Site, many: Site): Promise<Finding> {
  const [small, large] = [await readMemory(few.balancer), await readMemory(many.balancer)]
  const each = (large.residentBytes - small.residentBytes) / (MANY - FEW) / 1024
  return compare('KB of memory a worker', [each], 'the goal of 15 KB', [15], { max: 1 })
}

/** Shares of a core while nothing but pushes comes. */
async function processor(few: Site, many: Site): Promise<Finding> {
  const before = [few, many].map(({ balancer }) => cpuUsOf(balancer.pid))
  await sleep(IDLE_S * 1000)
  const [small = 0, large = 0] = [few, many].map(
    ({ balancer }, index) => (cpuUsOf(balancer.pid) - (before[index] ?? 0)) / (IDLE_S * 1e6),
  )
  return compare('share of a core', [large - small], 'the goal of 15 %', [0.15], { max: 1 })
}
