/**
 * Tasks that came before every listed worker had answered once, and that nobody in service can take
 * yet: they wait here instead of being refused. Kept by lifecycle.ts; intake.ts looks again whenever a
 * worker comes into service. Grouped by needs, so that a look costs one question a group.
 */
import type { Task } from './task.ts'
import { isMoreUrgent } from './task.ts'

export class Lobby {
  readonly #groups = new Map<string, Set<Task>>()
  size = 0
  bytes = 0

  add(task: Task): void {
    const key = needsKey(task)
    const group = this.#groups.get(key) ?? new Set()
    this.#groups.set(key, group.add(task))
    this.size++
    this.bytes += task.bytes
  }

  remove(task: Task): void {
    const key = needsKey(task)
    const group = this.#groups.get(key)
    if (!group?.delete(task)) return
    if (group.size === 0) this.#groups.delete(key)
    this.size--
    this.bytes -= task.bytes
  }

  /** Since when the one has waited that has waited longest. */
  get oldestAt(): number {
    let oldestAt = Number.POSITIVE_INFINITY
    for (const group of this.#groups.values())
      for (const { waitsSinceAt } of group) oldestAt = Math.min(oldestAt, waitsSinceAt)
    return oldestAt
  }

  /** The tasks of equal needs, the most urgent first. */
  groups(): Task[][] {
    return [...this.#groups.values()].map((group) => [...group].sort((a, b) => (isMoreUrgent(a, b) ? -1 : 1)))
  }
}

function needsKey({ submission }: Task): string {
  const { group, contract, function: name, selector } = submission
  return `${group}\n${contract ?? ''}\n${name}\n${selector.key}`
}
