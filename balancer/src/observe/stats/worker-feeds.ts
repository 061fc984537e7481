/**
 * Makes series of workers from what is seen of them. Owned by the recorder, which shows it every worker every
 * second; it looks closer at each every fifth, a fifth of the fleet a second.
 * Invariant: what was counted at a worker before it was first seen, or by a process before, counts for no time.
 */

import type { WorkerSample } from '../../ports/stats.ts'
import type { AttemptTally } from '../../ports/tallies.ts'
import { COLUMNS, columnOf } from './columns.ts'
import type { Registry } from './registry.ts'

export const EVERY_S = 5

const AT = {
  known: columnOf('worker', 'known'),
  cpu: columnOf('worker', 'cpu'),
  memory: columnOf('worker', 'memory'),
  loopMs: columnOf('worker', 'loopMs'),
  gapMs: columnOf('worker', 'gapMs'),
  used: columnOf('worker', 'used'),
  limit: columnOf('worker', 'limit'),
  ok: columnOf('worker', 'ok'),
  cpuUnknown: columnOf('worker', 'cpu.unknown'),
  memoryUnknown: columnOf('worker', 'memory.unknown'),
  loopMsUnknown: columnOf('worker', 'loopMs.unknown'),
} as const
/** A looking counts half as much after about six minutes. */
const DECAY = 0.99
const ENDS = ['ok', 'error', 'timeout', 'cancelled'] as const

interface Seen {
  readonly turn: number
  lookedS: number
  seenS: number
  ended: AttemptTally | undefined
  readonly counted: number[]
}

export class WorkerFeeds {
  readonly #registry: Registry
  readonly #seen = new Map<string, Seen>()
  readonly #values = new Float64Array(COLUMNS.worker.length)
  #turns = 0

  constructor(registry: Registry) {
    this.#registry = registry
  }

  look(sample: WorkerSample, second: number): void {
    const seen = this.#seen.get(sample.id) ?? this.#meet(sample, second)
    seen.seenS = second
    const coveredS = second - seen.lookedS
    if (coveredS < EVERY_S && (second + seen.turn) % EVERY_S !== 0) return
    if (coveredS <= 0) {
      // The clock was set back.
      seen.lookedS = second
      return
    }
    this.#feed(sample, seen, second, Math.min(coveredS, 2 * EVERY_S))
    seen.lookedS = second
  }

  #meet({ id, ended }: WorkerSample, second: number): Seen {
    const seen: Seen = {
      turn: this.#turns++,
      lookedS: second,
      seenS: second,
      ended,
      counted: countsOf(ended),
    }
    this.#seen.set(id, seen)
    return seen
  }

  #feed(sample: WorkerSample, seen: Seen, second: number, n: number): void {
    const series = this.#registry.open('worker', sample.id, second)
    if (!series || second <= series.lastS) return
    const values = this.#values.fill(0)
    const { system, slots, ended } = sample
    values[AT.gapMs] = Math.round(sample.takeGapMs() ?? 0)
    if (sample.isLinked) {
      values[AT.known] = n
      values[AT.cpu] = Math.round((system?.cpuLoad ?? 0) * 1_000) * n
      values[AT.memory] = Math.round((system?.memoryUsed ?? 0) * 1_000) * n
      values[AT.loopMs] = Math.round((system?.eventLoopDelayMs ?? 0) * 10)
      values[AT.used] = (slots?.used ?? 0) * n
      values[AT.limit] = (slots?.limit ?? 0) * n
      if ((system?.cpuLoad ?? null) === null) values[AT.cpuUnknown] = n
      if ((system?.memoryUsed ?? null) === null) values[AT.memoryUnknown] = n
      if ((system?.eventLoopDelayMs ?? null) === null) values[AT.loopMsUnknown] = n
    }
    const counts = countsOf(ended)
    counts.forEach((count, at) => {
      // Of another worker under the name of one that left it counts from zero.
      values[AT.ok + at] = seen.ended === ended ? count - (seen.counted[at] ?? 0) : count
      seen.counted[at] = count
    })
    seen.ended = ended
    series.volume *= DECAY
    for (let at = 0; at < ENDS.length; at++) series.volume += values[AT.ok + at] ?? 0
    series.feed(second, n, values)
  }

  /** Forgets who has gone. */
  endSecond(second: number): void {
    if (second % 60 !== 0) return
    for (const [id, { seenS }] of this.#seen) if (seenS < second) this.#seen.delete(id)
  }
}

function countsOf(ended: AttemptTally | undefined): number[] {
  return ENDS.map((name) => ended?.[name] ?? 0)
}
