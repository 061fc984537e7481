/**
 * What happened that explains a change in a chart, from the activity log. Asked with every question for figures, so
 * that what was read is good for a few seconds. Owned by stats.ts.
 * Invariants: at most 200, the newest; a log that cannot be read has none, for the figures are there all the same.
 */
import type { ActivityItem, StatsMarker } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { ActivityPort } from '../../ports/activity.ts'
import type { MarkersPort } from '../../ports/stats.ts'

/** By the beginning of the action. */
const KINDS: readonly (readonly [action: string, kind: StatsMarker['kind']])[] = [
  ['config', 'config'],
  ['fleet', 'maintenance'],
  ['worker.off', 'maintenance'],
  ['worker.on', 'maintenance'],
  ['worker.deployed', 'deploy'],
  ['balancer.started', 'start'],
]
const MOST = 200
const GOOD_MS = 5_000
const MOST_RANGES = 16
/** Ranges that move second by second share what was read. */
const GRAIN_MS = 60_000

interface Read {
  readonly atMs: number
  readonly markers: Promise<readonly StatsMarker[]>
}

export class Markers implements MarkersPort {
  readonly #activity: Pick<ActivityPort, 'list'>
  readonly #clock: Clock
  readonly #reads = new Map<number, Read>()

  constructor(activity: Pick<ActivityPort, 'list'>, clock: Clock) {
    this.#activity = activity
    this.#clock = clock
  }

  async markers(fromMs: number, toMs: number): Promise<readonly StatsMarker[]> {
    const all = await this.#since(Math.floor(fromMs / GRAIN_MS) * GRAIN_MS)
    const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString()) as [string, string]
    return all.filter(({ at }) => at >= from && at < to)
  }

  #since(fromMs: number): Promise<readonly StatsMarker[]> {
    const nowMs = this.#clock.monoMs()
    const known = this.#reads.get(fromMs)
    if (known && nowMs - known.atMs < GOOD_MS) return known.markers
    for (const [key, { atMs }] of this.#reads) if (nowMs - atMs >= GOOD_MS) this.#reads.delete(key)
    const markers = this.#read(fromMs)
    if (this.#reads.size < MOST_RANGES) this.#reads.set(fromMs, { atMs: nowMs, markers })
    return markers
  }

  async #read(fromMs: number): Promise<readonly StatsMarker[]> {
    try {
      const found = await Promise.all(
        KINDS.map(async ([action, kind]) => {
          const items = await this.#activity.list({ action, fromMs }, MOST, null)
          return items.map((item) => toMarker(item, kind))
        }),
      )
      return found
        .flat()
        .sort((a, b) => (a.at < b.at ? -1 : 1))
        .slice(-MOST)
    } catch {
      return []
    }
  }
}

function toMarker({ at, summary }: ActivityItem, kind: StatsMarker['kind']): StatsMarker {
  return { at, kind, text: summary }
}
