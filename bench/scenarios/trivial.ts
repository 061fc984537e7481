/** A trivial JSON task: what a balancer costs when the work costs nothing. */
import { driveH2load, makeRequest, type RequestKind } from '../load.ts'
import { race } from '../race.ts'
import { compare, type Finding, median, type Scenario, type Settings } from '../scenario.ts'
import { isInstalled, type Stage } from '../stage.ts'
import { BARE, type Field, HAPROXY, OURS, openField } from './field.ts'

const BODY = Buffer.from('{"function":"hello","input":{"name":"Ada"}}')
const LOADED = 0.7

export const trivial: Scenario = {
  name: 'trivial',
  about: 'a trivial JSON task, tasks/s and latency at 70 % of the lower rate',
  isQuick: true,
  async run(stage, settings) {
    const field = await openField(stage)
    const request = await makeRequest(stage, { path: '/task', type: 'application/json', body: BODY })
    const findings: Finding[] = []
    const notes = [...field.notes]
    for (const connections of [32, 256]) {
      const rates = await race(field.contestants, request, settings, connections)
      findings.push(...judgeRates(rates, connections))
      const haproxy = rates.get(HAPROXY)
      if (haproxy === undefined) continue
      const lower = Math.min(median(rates.get(OURS) ?? []), median(haproxy))
      if (isInstalled('h2load'))
        findings.push(
          await compareLatency(stage, field, request, settings, { connections, rate: LOADED * lower }),
        )
      else notes.push('latency was left out: h2load is not installed')
    }
    return { findings, notes }
  },
}

function judgeRates(rates: ReadonlyMap<string, readonly number[]>, connections: number): Finding[] {
  const ours = rates.get(OURS) ?? []
  return [...rates]
    .filter(([name]) => name !== OURS)
    .map(([name, theirs]) => compare(`tasks/s, ${connections} connections`, ours, name, theirs, GOALS[name]))
}

const GOALS: Record<string, Finding['goal']> = { [HAPROXY]: { min: 1 }, [BARE]: { min: 0.7 } }

async function compareLatency(
  stage: Stage,
  { contestants }: Field,
  request: RequestKind,
  { rounds, runS }: Settings,
  { connections, rate }: { connections: number; rate: number },
): Promise<Finding> {
  const p99 = new Map<string, number[]>([
    [OURS, []],
    [HAPROXY, []],
  ])
  for (let round = 0; round < rounds; round++)
    for (const { name, url } of contestants) {
      if (!p99.has(name)) continue
      const latency = await driveH2load(stage, url, request, { connections, seconds: runS, rate })
      p99.get(name)?.push(latency.p99Ms)
    }
  const what = `p99 ms at ${Math.round(rate)}/s, ${connections} connections`
  return compare(what, p99.get(OURS) ?? [], HAPROXY, p99.get(HAPROXY) ?? [], { max: 1.5 })
}
