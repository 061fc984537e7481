/** Processor time a trivial task, over all processes but the load generator: what is left of a busy machine. */
import { cpuUsOf } from '../cpu.ts'
import { driveWrk, makeRequest, type RequestKind } from '../load.ts'
import { compare, type Scenario, type Settings } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { BARE, HAPROXY, OURS, openField } from './field.ts'

const BODY = Buffer.from('{"function":"hello","input":{"name":"Ada"}}')
const CONNECTIONS = 32
const QUICK_FIELD = [OURS, HAPROXY, BARE]

/** µs a task by process. */
type Cost = ReadonlyMap<string, number>

export const cost: Scenario = {
  name: 'cost',
  about: 'processor time of a trivial task over all processes, µs',
  isQuick: true,
  async run(stage, settings) {
    if (process.platform !== 'linux') return { findings: [], notes: ['only Linux has the accounts for this'] }
    const { contestants, notes } = await openField(stage, settings.isQuick ? QUICK_FIELD : undefined)
    const request = await makeRequest(stage, { path: '/task', type: 'application/json', body: BODY })
    const totals = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
    const parts: string[] = []
    for (const { url } of contestants) await driveWrk(url, request, warmUp(settings))
    for (let round = 0; round < settings.rounds; round++)
      for (const { name, url } of contestants) {
        const costs = await measure(stage, url, request, settings)
        totals.get(name)?.push([...costs.values()].reduce((sum, each) => sum + each, 0))
        if (round === settings.rounds - 1) parts.push(describe(name, costs))
      }
    const ours = totals.get(OURS) ?? []
    const findings = [...totals]
      .filter(([name]) => name !== OURS)
      .map(([name, theirs]) =>
        compare('µs a task', ours, name, theirs, name === HAPROXY ? { max: 1 } : undefined),
      )
    return { findings, notes: [...notes, ...parts] }
  },
}

function warmUp({ warmUpS }: Settings): { connections: number; seconds: number } {
  return { connections: CONNECTIONS, seconds: warmUpS }
}

async function measure(stage: Stage, url: string, request: RequestKind, { runS }: Settings): Promise<Cost> {
  const before = stage.running.map(({ pid }) => cpuUsOf(pid))
  const rate = await driveWrk(url, request, { connections: CONNECTIONS, seconds: runS })
  const costs = new Map<string, number>()
  stage.running.forEach(({ pid, name }, index) => {
    const us = (cpuUsOf(pid) - (before[index] ?? 0)) / (rate * runS)
    costs.set(name, (costs.get(name) ?? 0) + us)
  })
  return costs
}

/** Processes of one name together; what hardly took part is left out. */
function describe(name: string, costs: Cost): string {
  const parts = [...costs].filter(([, us]) => us > 0.5).map(([part, us]) => `${part} ${us.toFixed(1)}`)
  return `${name}: ${parts.join(', ')} µs`
}
