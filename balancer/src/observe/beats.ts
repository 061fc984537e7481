/**
 * What moves in every worker all the time, in few characters: when it was heard, its load, its slots. A thousand
 * workers that push once a second would otherwise be 200 KB/s of member names for each page. Called by the
 * feed, which sends the rest of a worker as changed members (`changes.ts`).
 * Invariants: figures are sent as far as a page shows them, and only when that differs; what a short form cannot
 * say (unknown, a restart) is left to the members.
 */
import type { FeedBeat, FeedChanges, FeedSlots, WorkerView } from '@berth/protocol'

/** Uptime that grows with the instants at which the worker is heard needs not be sent. */
const UPTIME_SLACK_S = 2

export type Beats = Pick<FeedChanges, 'beats' | 'slots'>

/** Members that beats say, where both are known. */
export function isSaidByBeats(name: string, last: WorkerView, next: WorkerView): boolean {
  if (name === 'slots') return last.slots !== null && next.slots !== null
  if (last.lastSeenAt === null || next.lastSeenAt === null) return false
  if (name === 'lastSeenAt') return true
  if (name === 'latencyMs') return last.latencyMs !== null && next.latencyMs !== null
  if (name === 'system') return saysTheSame(last.system, next.system) && isSameRun(last, next)
  return false
}

/** That a worker was heard again is told after this time, unless there is more to tell. */
const HEARD_AGAIN_MS = 700

/** What is told of several workers together, though they were looked at one after another. */
export class BeatHeap {
  readonly #beats: { readonly id: string; readonly beat: FeedBeat; readonly atMs: number }[] = []
  readonly #slots: [string, FeedSlots][] = []

  addBeat(id: string, beat: FeedBeat, atMs: number): void {
    this.#beats.push({ id, beat, atMs })
  }

  addSlots(id: string, slots: FeedSlots): void {
    this.#slots.push([id, slots])
  }

  /** As they are at `nowMs`, the wall clock that the frame will carry. */
  pack(nowMs: number): Beats {
    const beats = this.#beats.map(({ id, beat, atMs }): [string, FeedBeat] => {
      const [agoMs, ...figures] = beat
      return [id, [Math.max(0, (agoMs ?? 0) + nowMs - atMs), ...figures]]
    })
    return pack(beats, this.#slots)
  }
}

/** What pages know of the workers: the view that the last beat of each was made from. */
export class BeatTeller {
  readonly #told = new Map<string, { view: WorkerView; atMs: number }>()

  /** Of the workers in both pictures. */
  diff(last: ReadonlyMap<string, WorkerView>, next: ReadonlyMap<string, WorkerView>, nowMs: number): Beats {
    const heap = new BeatHeap()
    for (const worker of next.values()) this.add(heap, last.get(worker.id), worker, nowMs)
    this.forget(next)
    return heap.pack(nowMs)
  }

  /** What there is to tell of one worker; `known` is undefined for one that is new to all pages. */
  add(heap: BeatHeap, known: WorkerView | undefined, worker: WorkerView, nowMs: number): void {
    const { id } = worker
    if (known === undefined) {
      this.#told.delete(id)
      return
    }
    const beat = this.#beat(id, known, worker, nowMs)
    if (beat !== undefined) heap.addBeat(id, beat, nowMs)
    if (known === worker || known.slots === null || worker.slots === null) return
    if (!hasSameSlots(known.slots, worker.slots)) heap.addSlots(id, writeSlots(worker.slots))
  }

  /** Those that are no more. */
  forget(next: ReadonlyMap<string, WorkerView>): void {
    if (this.#told.size <= next.size) return
    for (const id of this.#told.keys()) if (!next.has(id)) this.#told.delete(id)
  }

  clear(): void {
    this.#told.clear()
  }

  #beat(id: string, last: WorkerView, next: WorkerView, nowMs: number): FeedBeat | undefined {
    const told = this.#told.get(id)
    if ((told?.view ?? last) === next) return undefined
    const figures = figuresOf(next)
    const before = figuresOf(told?.view ?? last)
    const isMoved = figures.some((figure, index) => figure !== before[index])
    if (!isMoved && told !== undefined && nowMs - told.atMs < HEARD_AGAIN_MS) return undefined
    const agoMs = agoOf(next, nowMs)
    const isHeard = next.lastSeenAt !== (told?.view ?? last).lastSeenAt
    this.#told.set(id, { view: next, atMs: nowMs })
    if (agoMs === null || !(isMoved || isHeard)) return undefined
    return isMoved ? [agoMs, ...figures] : [agoMs]
  }
}

/** Of all workers, for a page that comes back. */
export function allBeats(workers: ReadonlyMap<string, WorkerView>, nowMs: number): Beats {
  const beats: [string, FeedBeat][] = []
  const slots: [string, FeedSlots][] = []
  for (const [id, worker] of workers) {
    const agoMs = agoOf(worker, nowMs)
    if (agoMs !== null) beats.push([id, [agoMs, ...figuresOf(worker)]])
    if (worker.slots !== null) slots.push([id, writeSlots(worker.slots)])
  }
  return pack(beats, slots)
}

function pack(beats: [string, FeedBeat][], slots: [string, FeedSlots][]): Beats {
  const packed: Beats = {}
  if (beats.length > 0) packed.beats = Object.fromEntries(beats)
  if (slots.length > 0) packed.slots = Object.fromEntries(slots)
  return packed
}

function agoOf({ lastSeenAt }: WorkerView, nowMs: number): number | null {
  return lastSeenAt === null ? null : Math.max(0, Math.round(nowMs - Date.parse(lastSeenAt)))
}

function figuresOf({
  system,
  latencyMs,
}: WorkerView): [number | null, number | null, number | null, number | null] {
  return [
    percentOf(system?.cpuLoad),
    percentOf(system?.memoryUsed),
    shorten(system?.eventLoopDelayMs),
    shorten(latencyMs),
  ]
}

function percentOf(share: number | null | undefined): number | null {
  return share === null || share === undefined ? null : Math.round(share * 100)
}

/** Two digits are read of what is small, whole milliseconds of the rest. */
function shorten(ms: number | null | undefined): number | null {
  if (ms === null || ms === undefined) return null
  return ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)
}

type Slots = NonNullable<WorkerView['slots']>

function writeSlots({ limit, used, stuck, available, queue }: Slots): FeedSlots {
  return [limit, used, stuck, available, queue]
}

function hasSameSlots(a: Slots, b: Slots): boolean {
  return (
    a.used === b.used &&
    a.available === b.available &&
    a.limit === b.limit &&
    a.stuck === b.stuck &&
    a.queue === b.queue
  )
}

/** Both are known, and of both the same figures are. */
function saysTheSame(last: WorkerView['system'], next: WorkerView['system']): boolean {
  if (last === null || next === null) return false
  const figures = ['cpuLoad', 'memoryUsed', 'eventLoopDelayMs'] as const
  return figures.every((figure) => (last[figure] === null) === (next[figure] === null))
}

/** Whether the uptime is what a page expects that adds the time between two instants at which it was heard. */
function isSameRun(last: WorkerView, next: WorkerView): boolean {
  const [before, now] = [last.system?.uptime ?? null, next.system?.uptime ?? null]
  if (before === null || now === null) return before === now
  const elapsedS = (Date.parse(next.lastSeenAt ?? '') - Date.parse(last.lastSeenAt ?? '')) / 1_000
  return Math.abs(now - before - elapsedS) <= UPTIME_SLACK_S + elapsedS / 10
}
