/**
 * All series by key. Bounds their number: of what comes beyond, the one that was quiet longest makes room, and if
 * none was quiet for an hour, the new one is not recorded (the fleet's own series counts it all the same).
 * Keys: `fleet`, `g:default`, `c:default@2`, `f:default/hello`, `w:<id>`; they are the keys on disk as well.
 */
import type { StatsBy } from '@berth/protocol'
import { StatSeries } from './series.ts'

export const LIMITS: Readonly<Record<StatsBy, number>> = {
  fleet: 1,
  group: 200,
  contract: 400,
  function: 500,
  worker: 10_000,
}
export const PREFIXES: Readonly<Record<StatsBy, string>> = {
  fleet: 'fleet',
  group: 'g:',
  contract: 'c:',
  function: 'f:',
  worker: 'w:',
}
const QUIET_S = 3_600

export class Registry {
  readonly #byKind = new Map<StatsBy, Map<string, StatSeries>>()
  /** How often one had to make room: who holds a series asks for it anew then. */
  evictions = 0

  constructor() {
    for (const by of Object.keys(PREFIXES) as StatsBy[]) this.#byKind.set(by, new Map())
  }

  get fleet(): StatSeries {
    return this.open('fleet', '', 0) as StatSeries
  }

  find(by: StatsBy, of: string): StatSeries | undefined {
    return this.#byKind.get(by)?.get(of)
  }

  /** Undefined when there is no room. */
  open(by: StatsBy, of: string, nowS: number): StatSeries | undefined {
    const all = this.#byKind.get(by) as Map<string, StatSeries>
    const known = all.get(of)
    if (known) return known
    if (all.size >= LIMITS[by]) {
      if (!makeRoom(all, nowS)) return undefined
      this.evictions++
    }
    const fresh = new StatSeries(`${PREFIXES[by]}${of}`, by === 'worker' ? 'worker' : 'served')
    all.set(of, fresh)
    return fresh
  }

  /** By its key on disk; undefined for one of another version. */
  openKey(key: string, nowS: number): StatSeries | undefined {
    if (key === PREFIXES.fleet) return this.fleet
    for (const [by, prefix] of Object.entries(PREFIXES) as [StatsBy, string][])
      if (by !== 'fleet' && key.startsWith(prefix)) return this.open(by, key.slice(prefix.length), nowS)
    return undefined
  }

  of(by: StatsBy): ReadonlyMap<string, StatSeries> {
    return this.#byKind.get(by) ?? new Map()
  }

  *all(): Iterable<StatSeries> {
    for (const series of this.#byKind.values()) yield* series.values()
  }
}

function makeRoom(all: Map<string, StatSeries>, nowS: number): boolean {
  let [quietest, lastS] = ['', nowS - QUIET_S]
  for (const [of, series] of all) if (series.lastS < lastS) [quietest, lastS] = [of, series.lastS]
  return lastS < nowS - QUIET_S && all.delete(quietest)
}
