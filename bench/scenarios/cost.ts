/** Processor time a trivial task, over all processes but the load generator: what is left of a busy machine. */
import { describeCosts, measureCosts } from '../costs.ts'
import { driveWrk, makeRequest } from '../load.ts'
import { compare, type Scenario, type Settings } from '../scenario.ts'
import { BARE, HAPROXY, OURS, openField } from './field.ts'

const BODY = Buffer.from('{"function":"hello","input":{"name":"Ada"}}')
const CONNECTIONS = 32
const QUICK_FIELD = [OURS, HAPROXY, BARE]

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
        const costs = await measureCosts(stage, url, request, {
          connections: CONNECTIONS,
          seconds: settings.runS,
        })
        totals.get(name)?.push([...costs.values()].reduce((sum, each) => sum + each, 0))
        if (round === settings.rounds - 1) parts.push(describeCosts(name, costs))
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
