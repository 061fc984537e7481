/**
 * Good traffic beside a fault against the same traffic at a site without one, call by call in turn, so that what
 * the machine does meanwhile befalls both. Used by network.test.ts and handlers.test.ts; C12 judges it.
 */
import assert from 'node:assert/strict'
import { JUDGES } from './checkers.ts'
import type { Site } from './site.ts'
import type { Call, Story } from './story.ts'

/** Of each kind: enough that one slow moment of the machine is not the p99. */
const CALLS = 200
const CALLERS = 3

export type Pair = { readonly good: readonly Call[]; readonly baseline: readonly Call[] }

export async function measureInTurn(site: Site, control: Site): Promise<Pair> {
  const good: Call[] = []
  const baseline: Call[] = []
  const caller = async (): Promise<void> => {
    while (good.length < CALLS) {
      baseline.push(await control.call({ ms: 5, kind: 'baseline' }))
      good.push(await site.call({ ms: 5, kind: 'good' }))
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return { good, baseline }
}

/** C12 over both; answers a sentence with the slowest of each. */
export function judgePair(story: Story, { good, baseline }: Pair): string {
  const complaints: string[] = []
  JUDGES.C12({ ...story, calls: [...good, ...baseline] }, (detail) => complaints.push(detail), [])
  assert.deepEqual(complaints, [])
  const [without, beside] = [baseline, good].map((calls) => Math.max(...calls.map(tookMs)))
  return `${good.length} calls each, the slowest ${without} ms without the fault, ${beside} ms beside it`
}

function tookMs({ submittedAtMs, endedAtMs = Infinity }: Call): number {
  return endedAtMs - submittedAtMs
}
