/** Activity in the store without a disk. Made by `memory-run-tables.ts`; written apart from the SQL on purpose. */
import type { ActivityItem } from '@berth/protocol'
import type { ActivityFilter, ActivityWrite } from '../ports/activity.ts'
import { activityWords, soughtIn } from './activity-words.ts'

export class MemoryActivity {
  readonly #items = new Map<string, ActivityItem>()

  write(write: ActivityWrite): void {
    if (write.kind === 'activity-noted') {
      for (const item of write.items) if (!this.#items.has(item.id)) this.#items.set(item.id, item)
      return
    }
    const newest = this.#newestFirst()
    const gone = newest.filter(({ at }, place) => place >= write.keep || at < write.before)
    for (const { id } of gone.reverse().slice(0, write.limit)) this.#items.delete(id)
  }

  list(filter: ActivityFilter, limit: number, before: string | null): readonly ActivityItem[] {
    const meant = this.#newestFirst().filter((item) => isMeant(filter, item) && (!before || item.id < before))
    return meant.slice(0, limit)
  }

  #newestFirst(): ActivityItem[] {
    return [...this.#items.values()].sort((a, b) => (a.id < b.id ? 1 : -1))
  }
}

function isMeant(filter: ActivityFilter, item: ActivityItem): boolean {
  const { kind, action, actor, targetKind, targetId, q, fromMs, toMs } = filter
  const atMs = Date.parse(item.at)
  const words = activityWords(item)
  return (
    (kind === undefined || item.kind === kind) &&
    (action === undefined || item.action === action || item.action.startsWith(`${action}.`)) &&
    (actor === undefined || item.actor === actor) &&
    (targetKind === undefined || item.target.kind === targetKind) &&
    (targetId === undefined || item.target.id === targetId) &&
    (fromMs === undefined || atMs >= fromMs) &&
    (toMs === undefined || atMs <= toMs) &&
    soughtIn(q).every((word) => words.includes(word))
  )
}
