/**
 * C8: who stands in line, by lane and priority, so that each start can be asked whom it has
 * overtaken. A start overtakes when a strictly more urgent task of its lane has waited in the
 * balancer's line for more than 50 ms and two round trips: it could have had the slot.
 */
import type { TaskRecord } from './recorder.ts'
import type { World } from './world.ts'

const PATIENCE_MS = 50

export class LaneWatch {
  readonly #world: World
  /** Tasks by lane and priority, in order of submission; those that left are dropped when met. */
  readonly #lines = new Map<string, Map<number, TaskRecord[]>>()
  #known = 0

  constructor(world: World) {
    this.#world = world
  }

  /** Whom the start of this task has overtaken, in words. */
  overtaken({ submission, lane }: TaskRecord): string | undefined {
    this.#takeIn()
    const { events, scenario } = this.#world
    const patienceMs = PATIENCE_MS + 2 * 1.33 * scenario.roundTripMs
    for (const [priority, line] of this.#lines.get(lane) ?? []) {
      if (priority >= submission.priority) continue
      const first = firstWaiting(line)
      if (first && events.now - first.waitingSince > patienceMs) {
        const waitedMs = (events.now - first.waitingSince).toFixed(1)
        return `${submission.run} (${submission.priority}) started while ${first.submission.run} (${priority}) had waited ${waitedMs} ms`
      }
    }
    return undefined
  }

  /** Files what was submitted since the last look. */
  #takeIn(): void {
    const { tasks } = this.#world.recorder
    if (tasks.size === this.#known) return
    let index = 0
    for (const record of tasks.values()) if (index++ >= this.#known) this.#file(record)
    this.#known = tasks.size
  }

  #file(record: TaskRecord): void {
    const byPriority = this.#lines.get(record.lane) ?? new Map<number, TaskRecord[]>()
    this.#lines.set(record.lane, byPriority)
    const { priority } = record.submission
    const line = byPriority.get(priority)
    if (line) line.push(record)
    else byPriority.set(priority, [record])
  }
}

function firstWaiting(line: TaskRecord[]): TaskRecord | undefined {
  while (line[0] && line[0].waitingSince < 0) line.shift()
  return line[0]
}
