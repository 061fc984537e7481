/**
 * What the page knows of the fleet: a pure reducer over the feed's messages. The feed client calls
 * it, pages read it. Invariant: every change is applied in order without a gap; when one is missing
 * `step` becomes `gap`, nothing more is applied, and the client asks for a new snapshot.
 */
import type {
  BalancerView,
  ConfigState,
  FeedChanges,
  FeedMessage,
  FeedSnapshot,
  FleetPoint,
  QueueView,
  WorkerView,
} from '@berth/protocol'
import { mergeBeats } from './beats.ts'
import { appendLines, emptyLogBuffer, expectOverlap, type LogBuffer } from './log-buffer.ts'
import { applyRunChanges, keepWatchedRuns, noWatchedRuns, type WatchedRuns } from './watched-runs.ts'

/** Seconds of the chart that are kept. */
export const POINTS_KEPT = 900
/** The server's clock is taken over when it moves by more than this, so that ages do not jitter. */
const CLOCK_STEP_MS = 250

export interface FeedState {
  /** `catching-up`: resumed, the next changes may stand for many; `gap`: a message is missing. */
  readonly step: 'waiting' | 'catching-up' | 'in-step' | 'gap'
  /** The last message applied, null before the first snapshot. */
  readonly seq: number | null
  /** The server's wall clock minus ours, in milliseconds. */
  readonly clockOffsetMs: number
  readonly balancer: BalancerView | null
  readonly config: ConfigState | null
  readonly queue: QueueView | null
  readonly workers: ReadonlyMap<string, WorkerView>
  /** Workers of the snapshot that are not here yet, at most: a long fleet comes in parts. */
  readonly toCome: number
  /** One a second, oldest first; a second without a point is unknown. */
  readonly points: readonly FleetPoint[]
  /** By source: `logs`, `logs:<worker id>`. Only what is watched is kept. */
  readonly logs: ReadonlyMap<string, LogBuffer>
  readonly watched: WatchedRuns
}

export type FeedEvent =
  | { readonly type: 'opened'; readonly resuming: boolean }
  | { readonly type: 'message'; readonly message: FeedMessage; readonly nowMs: number }
  | { readonly type: 'watching'; readonly sources: readonly string[] }

export const initialFeedState: FeedState = {
  step: 'waiting',
  seq: null,
  clockOffsetMs: 0,
  balancer: null,
  config: null,
  queue: null,
  workers: new Map(),
  toCome: 0,
  points: [],
  logs: new Map(),
  watched: noWatchedRuns,
}

export function reduceFeed(state: FeedState, event: FeedEvent): FeedState {
  switch (event.type) {
    case 'opened':
      return {
        ...state,
        step: event.resuming && state.seq !== null ? 'catching-up' : 'waiting',
        logs: mapValues(state.logs, expectOverlap),
      }
    case 'watching':
      return {
        ...state,
        logs: keepWatched(state.logs, event.sources),
        watched: keepWatchedRuns(state.watched, event.sources),
      }
    case 'message':
      return applyMessage(state, event.message, event.nowMs)
  }
}

function applyMessage(state: FeedState, message: FeedMessage, nowMs: number): FeedState {
  if (state.step === 'gap') return state
  const clockOffsetMs = settleClock(state, Date.parse(message.at) - nowMs)
  if ('snapshot' in message) {
    return {
      ...state,
      ...fromSnapshot(state, message.snapshot),
      step: 'in-step',
      seq: message.seq,
      clockOffsetMs,
    }
  }
  if (!isNext(state, message.seq)) return { ...state, step: 'gap' }
  const merged = merge(state, message.changes, Date.parse(message.at))
  return { ...state, ...merged, step: 'in-step', seq: message.seq, clockOffsetMs }
}

/** After a resume one message stands for all that was missed; otherwise each follows the last. */
function isNext(state: FeedState, seq: number): boolean {
  if (state.seq === null) return false
  if (state.step === 'catching-up') return seq >= state.seq
  return state.step === 'in-step' && seq === state.seq + 1
}

function settleClock(state: FeedState, offsetMs: number): number {
  if (Number.isNaN(offsetMs)) return state.clockOffsetMs
  const isClose = state.seq !== null && Math.abs(offsetMs - state.clockOffsetMs) <= CLOCK_STEP_MS
  return isClose ? state.clockOffsetMs : offsetMs
}

function fromSnapshot(state: FeedState, snapshot: FeedSnapshot): Partial<FeedState> {
  const logs = new Map(state.logs)
  for (const [source, lines] of Object.entries(snapshot.logs))
    addLines(logs, source, { lines, dropped: 0 }, 0)
  return {
    balancer: snapshot.balancer,
    config: snapshot.config,
    queue: snapshot.queue,
    workers: new Map(snapshot.workers.map((worker) => [worker.id, worker])),
    toCome: snapshot.toCome ?? 0,
    points: mergePoints([], snapshot.points),
    logs,
  }
}

function merge(state: FeedState, changes: FeedChanges, atMs: number): Partial<FeedState> {
  const next: { -readonly [Key in keyof FeedState]?: FeedState[Key] } = {
    toCome: changes.toCome ?? 0,
  }
  if (changes.balancer) next.balancer = changes.balancer
  if (changes.config) next.config = changes.config
  if (changes.queue) next.queue = changes.queue
  if (changes.workers) next.workers = mergeWorkers(state.workers, changes.workers)
  if (changes.beats || changes.slots) next.workers = mergeBeats(next.workers ?? state.workers, changes, atMs)
  if (changes.points) next.points = mergePoints(state.points, changes.points)
  if (changes.logs) {
    const logs = new Map(state.logs)
    for (const [source, part] of Object.entries(changes.logs)) addLines(logs, source, part, atMs)
    next.logs = logs
  }
  next.watched = applyRunChanges(state.watched, changes)
  return next
}

/**
 * Members by id, over what is known; null removes. A worker that is new comes with all its members;
 * a part of a worker that nobody knows cannot be shown and is left out.
 */
function mergeWorkers(
  known: FeedState['workers'],
  changes: NonNullable<FeedChanges['workers']>,
): FeedState['workers'] {
  const workers = new Map(known)
  for (const [id, change] of Object.entries(changes)) {
    const old = workers.get(id)
    if (change === null) workers.delete(id)
    else if (old) workers.set(id, { ...old, ...change })
    else if (isWhole(change)) workers.set(id, change)
  }
  return workers
}

const wholeMembers = ['id', 'url', 'status', 'tags', 'services', 'functions', 'breaker'] as const

function isWhole(change: Partial<WorkerView>): change is WorkerView {
  return wholeMembers.every((member) => change[member] !== undefined)
}

/** Points by their second, the last word on a second wins; only the last 15 minutes stay. */
function mergePoints(known: readonly FleetPoint[], added: readonly FleetPoint[]): readonly FleetPoint[] {
  const last = known.at(-1)
  const isInOrder = added.every((point, i) => point.t > (added[i - 1]?.t ?? last?.t ?? -Infinity))
  let points = isInOrder ? [...known, ...added] : sortBySecond([...known, ...added])
  const oldest = (points.at(-1)?.t ?? 0) - POINTS_KEPT
  points = points.filter((point) => point.t > oldest)
  return points
}

function sortBySecond(points: readonly FleetPoint[]): FleetPoint[] {
  const bySecond = new Map(points.map((point) => [point.t, point]))
  return [...bySecond.values()].sort((a, b) => a.t - b.t)
}

function addLines(
  logs: Map<string, LogBuffer>,
  source: string,
  { lines, dropped }: NonNullable<FeedChanges['logs']>[string],
  atMs: number,
): void {
  logs.set(source, appendLines(logs.get(source) ?? emptyLogBuffer, lines, dropped, atMs))
}

function keepWatched(logs: FeedState['logs'], sources: readonly string[]): FeedState['logs'] {
  return new Map([...logs].filter(([source]) => sources.includes(source)))
}

function mapValues<Key, Value>(
  map: ReadonlyMap<Key, Value>,
  change: (value: Value) => Value,
): Map<Key, Value> {
  return new Map([...map].map(([key, value]) => [key, change(value)]))
}
