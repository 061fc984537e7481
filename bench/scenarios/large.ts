/** Large bodies in and out: as bytes that the balancer never opens, and as JSON. */
import { randomBytes } from 'node:crypto'
import { describeCosts, measureCosts } from '../costs.ts'
import { makeRequest, type RequestKind } from '../load.ts'
import { race } from '../race.ts'
import { compare, type Finding, type Scenario, type Settings } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { BARE, type Field, HAPROXY, HAPROXY_BARE, OURS, openField } from './field.ts'

const CONNECTIONS = 32
const KIB = 1024
const QUICK_FIELD = [OURS, HAPROXY, BARE]

interface Kind {
  readonly what: string
  readonly goal: Finding['goal']
  make(stage: Stage): Promise<RequestKind>
}

const KINDS: readonly Kind[] = [
  { what: '64 KB in and out as bytes', goal: { min: 0.9 }, make: (stage) => bytesOf(stage, 64 * KIB) },
  { what: '1 MB in and out as bytes', goal: { min: 0.9 }, make: (stage) => bytesOf(stage, 1024 * KIB) },
  { what: '64 KB in and out as JSON', goal: { min: 0.6 }, make: jsonOf },
]

export const large: Scenario = {
  name: 'large',
  about: '64 KB and 1 MB in and out',
  isQuick: true,
  async run(stage, settings) {
    const field = await openField(stage, settings.isQuick ? QUICK_FIELD : undefined)
    const findings: Finding[] = []
    const notes = [...field.notes, `the goals are against ${HAPROXY}; ${HAPROXY_BARE} is the limit`]
    for (const { what, goal, make } of KINDS) {
      const request = await make(stage)
      const rates = await race(field.contestants, request, settings, CONNECTIONS)
      notes.push(...(await costsOf(stage, field, request, what, settings)))
      const ours = rates.get(OURS) ?? []
      for (const [name, theirs] of rates) {
        if (name === OURS) continue
        const isGoal = name === HAPROXY
        findings.push(compare(`${what}, tasks/s`, ours, name, theirs, isGoal ? goal : undefined))
      }
    }
    return { findings, notes }
  },
}

/** Of the two that the goals are about: where the machine is busy, this tells more than a rate. */
async function costsOf(
  stage: Stage,
  { contestants }: Field,
  request: RequestKind,
  what: string,
  { runS }: Settings,
): Promise<string[]> {
  if (process.platform !== 'linux') return []
  const notes: string[] = []
  for (const { name, url } of contestants) {
    if (name !== OURS && name !== HAPROXY) continue
    const costs = await measureCosts(stage, url, request, { connections: CONNECTIONS, seconds: runS })
    notes.push(`${what}, ${describeCosts(name, costs)}`)
  }
  return notes
}

function bytesOf(stage: Stage, size: number): Promise<RequestKind> {
  const body = randomBytes(size)
  return makeRequest(stage, { path: '/task/default/echo', type: 'application/octet-stream', body })
}

/** A table of readings, as a caller would send one. */
function jsonOf(stage: Stage): Promise<RequestKind> {
  const rows: unknown[] = []
  let size = 0
  for (let index = 0; size < 64 * KIB; index++) {
    const row = { id: index, sensor: `s-${index % 97}`, value: index * 1.0625, isValid: index % 3 > 0 }
    size += JSON.stringify(row).length + 1
    rows.push(row)
  }
  const body = Buffer.from(JSON.stringify({ function: 'mirror', input: { rows } }))
  return makeRequest(stage, { path: '/task', type: 'application/json', body })
}
