/**
 * Lets contestants run one after the other, round by round, so that a machine whose speed drifts drifts for all.
 * Called by scenarios.
 */
import { driveWrk, type RequestKind } from './load.ts'
import type { Settings } from './scenario.ts'

export interface Contestant {
  readonly name: string
  readonly url: string
}

/** The rates of each contestant by name, one a round. */
export async function race(
  contestants: readonly Contestant[],
  request: RequestKind,
  { rounds, warmUpS, runS }: Settings,
  connections: number,
): Promise<Map<string, number[]>> {
  const rates = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
  for (const { url } of contestants) await driveWrk(url, request, { connections, seconds: warmUpS })
  for (let round = 0; round < rounds; round++)
    for (const { name, url } of contestants)
      rates.get(name)?.push(await driveWrk(url, request, { connections, seconds: runS }))
  return rates
}

/** Those that could be started, and a note for each that could not. */
export function present(wanted: readonly { name: string; url: string | undefined; needs: string }[]): {
  contestants: Contestant[]
  notes: string[]
} {
  const contestants: Contestant[] = []
  const notes: string[] = []
  for (const { name, url, needs } of wanted)
    if (url === undefined) notes.push(`${name} was left out: ${needs} is not installed`)
    else contestants.push({ name, url })
  return { contestants, notes }
}
