/**
 * Differences of the fleet's picture: found once a tick for all pages, kept for a minute for pages that come
 * back, and joined into one for such a page. Pure but for the ring; called by the feed.
 * Invariant: applying the joined changes gives the same picture as applying each in order; of beats only the
 * last ones count, so the ring keeps none and the feed adds those of now.
 */
import type { FeedChanges, WorkerView } from '@berth/protocol'
import { isSaidByBeats } from './beats.ts'

export type WorkerChange = Partial<WorkerView> | null

export const HISTORY_MS = 60_000
/** Bound of the ring's memory in large fleets, where a minute would be too much. */
const MAX_WORKER_CHANGES = 50_000

/** The members of `next` that differ from `last` and that no beat says; undefined when there is none. */
export function diffWorker(last: WorkerView, next: WorkerView): Partial<WorkerView> | undefined {
  if (last === next) return undefined
  let changed: Record<string, unknown> | undefined
  for (const name in next) {
    const value = next[name as keyof WorkerView]
    if (isSaidByBeats(name, last, next) || isSame(last[name as keyof WorkerView], value)) continue
    changed ??= {}
    changed[name] = value
  }
  return changed
}

/** Changes by worker id; undefined when nothing differs. A worker that is new comes whole. */
export function diffWorkers(
  last: ReadonlyMap<string, WorkerView>,
  next: ReadonlyMap<string, WorkerView>,
): Record<string, WorkerChange> | undefined {
  const changes: [string, WorkerChange][] = []
  for (const [id, worker] of next) {
    const known = last.get(id)
    const change = known === undefined ? worker : diffWorker(known, worker)
    if (change !== undefined) changes.push([id, change])
  }
  for (const id of last.keys()) if (!next.has(id)) changes.push([id, null])
  return changes.length === 0 ? undefined : Object.fromEntries(changes)
}

/** Equality of plain data. Asked for every member of every worker four times a second: nothing is allocated. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  return isSameRecord(a as Record<string, unknown>, b as Record<string, unknown>)
}

function isSameRecord(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  let count = 0
  for (const name in a) {
    count += 1
    if (!Object.hasOwn(b, name) || !isSame(a[name], b[name])) return false
  }
  for (const _ in b) count -= 1
  return count === 0
}

/** One change that stands for several, oldest first. */
export function joinChanges(all: readonly FeedChanges[]): FeedChanges {
  const workers = new Map<string, WorkerChange>()
  const points = all.flatMap((changes) => changes.points ?? [])
  const joined: FeedChanges = {}
  for (const changes of all) {
    const { balancer, config, queue } = changes
    if (balancer !== undefined) joined.balancer = balancer
    if (config !== undefined) joined.config = config
    if (queue !== undefined) joined.queue = queue
    for (const [id, change] of Object.entries(changes.workers ?? {})) {
      // After a removal (null) only a whole worker can follow.
      workers.set(id, change === null ? null : { ...workers.get(id), ...change })
    }
  }
  if (workers.size > 0) joined.workers = Object.fromEntries(workers)
  if (points.length > 0) joined.points = points
  return joined
}

interface Kept {
  readonly seq: number
  readonly atMs: number
  readonly changes: FeedChanges
  readonly weight: number
}

/** The changes of the last minute, by sequence number without a gap. */
export class ChangeHistory {
  #kept: Kept[] = []
  #weight = 0

  push(seq: number, atMs: number, { beats: _beats, slots: _slots, ...changes }: FeedChanges): void {
    const weight = Object.keys(changes.workers ?? {}).length
    this.#kept.push({ seq, atMs, changes, weight })
    this.#weight += weight
    let first = this.#kept[0]
    while (first !== undefined && (first.atMs < atMs - HISTORY_MS || this.#weight > MAX_WORKER_CHANGES)) {
      this.#weight -= first.weight
      this.#kept.shift()
      first = this.#kept[0]
    }
  }

  clear(): void {
    this.#kept = []
    this.#weight = 0
  }

  /** What came after `seq`, joined; undefined when some of it is gone, or was never here. */
  after(seq: number, current: number): FeedChanges | undefined {
    if (seq === current) return {}
    const missed = this.#kept.filter((kept) => kept.seq > seq)
    if (seq > current || missed.length !== current - seq) return undefined
    return joinChanges(missed.map((kept) => kept.changes))
  }
}
