/**
 * What needs a hand, from the fleet as it is: groups that nobody serves, workers that are away, work that
 * waits too long or hangs, failures. Pure; ordered by what it costs, the worst first. A pause or a planned
 * maintenance is a state and no trouble, unless work waits for it.
 */
import type { ConfigState, WorkerState, WorkerView } from '@berth/protocol'
import type { Tone } from '../../kit/marks.tsx'
import { paths, withQuery } from '../../paths.ts'
import { formatCount, formatDuration, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { groupOf, isServing } from '../workers/fleet-facts.ts'
import type { LaneView } from './lanes.ts'

/** Waiting longer than this is trouble though somebody could take it. */
export const LONG_WAIT_MS = 5 * 60_000
/** From here on failures are worth a look, from there on they are bad. */
const SOME_FAIL = 0.05
const MANY_FAIL = 0.25
/** Fewer failures than this say nothing about a share. */
const FEW_FAILURES = 5
/** Up to this many workers of one state stand alone, more as one line. */
const NAMED_WORKERS = 3

export interface Attention {
  readonly id: string
  readonly tone: Extract<Tone, 'bad' | 'warn'>
  readonly sentence: string
  readonly detail?: string
  /** Since when, ISO 8601. */
  readonly since?: string | null
  /** Where to look. */
  readonly href: string
  readonly hrefLabel: string
  /** Workers whose maintenance by an operator, ended, would mend it. */
  readonly resting?: readonly string[]
}

export interface AttentionInput {
  readonly workers: ReadonlyMap<string, WorkerView>
  readonly config: ConfigState | null
  /** Undefined while it is not known. */
  readonly lanes: readonly LaneView[] | undefined
  /** Of the last minutes; null when unknown. */
  readonly failed: number | null
  readonly finished: number | null
  readonly nowMs: number
  /** Only this group; null is all. */
  readonly group: string | null
}

type Ranked = Attention & { readonly impact: number }

export function attentionOf(input: AttentionInput): readonly Attention[] {
  const workers = [...input.workers.values()].filter(
    (worker) => input.group === null || worker.group === input.group,
  )
  const lanes = input.lanes?.filter((lane) => input.group === null || lane.group === input.group) ?? []
  const found: Ranked[] = [
    ...unservedLanes(lanes, workers, input.nowMs),
    ...unservedGroups(workers, lanes),
    ...longWaits(lanes, input.nowMs),
    ...awayWorkers(workers),
    ...stuckWorkers(workers),
    ...failures(input),
    ...configTrouble(input.config),
  ]
  return found.sort((a, b) => b.impact - a.impact || a.id.localeCompare(b.id))
}

/** Work waits and no worker could ever take it. */
function unservedLanes(lanes: readonly LaneView[], workers: readonly WorkerView[], nowMs: number): Ranked[] {
  const words = text.overview.attention
  return lanes
    .filter((lane) => lane.waiting > 0 && lane.capable === 0 && lane.paused === null)
    .map((lane) => ({
      id: `lane ${laneName(lane)}`,
      tone: 'bad',
      impact: 1_000_000 + lane.waiting,
      sentence: words.laneUnserved(laneName(lane), ageWords(lane.oldestAt, nowMs)),
      detail: words.waiting(lane.waiting),
      href: withQuery(paths.queue(), { group: lane.group }),
      hrefLabel: words.openQueue,
      resting: restingIn(workers, lane.group),
    }))
}

function unservedGroups(workers: readonly WorkerView[], lanes: readonly LaneView[]): Ranked[] {
  const words = text.overview.attention
  const told = new Set(
    lanes.filter((lane) => lane.waiting > 0 && lane.capable === 0).map(({ group }) => group),
  )
  const groups = Map.groupBy(
    workers.filter((worker) => worker.group !== null),
    (worker) => groupOf(worker) ?? '',
  )
  return [...groups].flatMap(([name, members]): Ranked[] => {
    if (members.some(isServing) || told.has(members[0]?.group ?? '')) return []
    const isPlanned = members.every((worker) => worker.status === 'maintenance')
    return [
      {
        id: `group ${name}`,
        tone: isPlanned ? 'warn' : 'bad',
        impact: isPlanned ? 400_000 : 900_000,
        sentence: isPlanned ? words.groupResting(visible(name)) : words.groupUnserved(visible(name)),
        detail: words.members(members.length),
        href: withQuery(paths.workers(), { group: members[0]?.group }),
        hrefLabel: words.openWorkers,
        resting: restingIn(members, members[0]?.group ?? null),
      },
    ]
  })
}

function longWaits(lanes: readonly LaneView[], nowMs: number): Ranked[] {
  const words = text.overview.attention
  return lanes.flatMap((lane): Ranked[] => {
    if (lane.capable === 0 || lane.paused !== null || lane.oldestAt === null) return []
    const ageMs = nowMs - Date.parse(lane.oldestAt)
    if (!(ageMs > LONG_WAIT_MS)) return []
    return [
      {
        id: `wait ${laneName(lane)}`,
        tone: 'warn',
        impact: 500_000 + lane.waiting,
        sentence: words.longWait(laneName(lane), formatDuration(ageMs)),
        detail: lane.free === 0 ? words.noFreeSlot(lane.waiting) : words.waiting(lane.waiting),
        href: withQuery(paths.queue(), { group: lane.group }),
        hrefLabel: words.openQueue,
      },
    ]
  })
}

const awayStates: readonly WorkerState[] = ['unreachable', 'ejected', 'stalled', 'unready', 'mismatch']

function awayWorkers(workers: readonly WorkerView[]): Ranked[] {
  return awayStates.flatMap((state, i) => {
    const away = workers.filter((worker) => worker.status === state)
    const rank = 300_000 - i * 10_000
    if (away.length <= NAMED_WORKERS) return away.map((worker) => awayWorker(worker, rank))
    const words = text.overview.attention
    const lost = away.reduce((sum, worker) => sum + (worker.slots?.limit ?? 0), 0)
    return [
      {
        id: `state ${state}`,
        tone: toneOfState(state),
        impact: rank + away.length,
        sentence: words.manyAway(away.length, text.stateClauses[state]),
        detail: words.slotsAway(lost),
        href: withQuery(paths.workers(), { state }),
        hrefLabel: words.openWorkers,
      },
    ]
  })
}

function awayWorker(worker: WorkerView, impact: number): Ranked {
  const words = text.overview.attention
  return {
    id: `worker ${worker.id}`,
    tone: toneOfState(worker.status),
    impact: impact + (worker.slots?.limit ?? 0),
    sentence: words.away(visible(worker.id), text.stateClauses[worker.status]),
    detail: worker.reason ? visible(worker.reason) : undefined,
    since: worker.status === 'ejected' ? worker.breaker.since : worker.lastSeenAt,
    href: paths.worker(worker.id),
    hrefLabel: words.openWorker,
  }
}

function stuckWorkers(workers: readonly WorkerView[]): Ranked[] {
  const words = text.overview.attention
  return workers
    .filter((worker) => (worker.slots?.stuck ?? 0) > 0)
    .map((worker) => ({
      id: `stuck ${worker.id}`,
      tone: 'warn',
      impact: 200_000 + (worker.slots?.stuck ?? 0),
      sentence: words.stuck(worker.slots?.stuck ?? 0, visible(worker.id)),
      href: paths.worker(worker.id),
      hrefLabel: words.openWorker,
    }))
}

/** The one rule for failures, of the list and of the tile: a share says something of five failures and more. */
export function toneOfFailures(failed: number | null, finished: number | null): 'bad' | 'warn' | undefined {
  if (failed === null || finished === null || failed < FEW_FAILURES) return undefined
  const share = failed / Math.max(1, finished)
  if (share < SOME_FAIL) return undefined
  return share >= MANY_FAIL ? 'bad' : 'warn'
}

function failures({ failed, finished }: AttentionInput): Ranked[] {
  const tone = toneOfFailures(failed, finished)
  if (tone === undefined || failed === null || finished === null) return []
  const words = text.overview.attention
  return [
    {
      id: 'failures',
      tone,
      impact: tone === 'bad' ? 800_000 : 250_000,
      sentence: words.failures(formatShare(failed / Math.max(1, finished))),
      detail: words.failedOf(formatCount(failed), formatCount(finished)),
      href: withQuery(paths.runs(), { status: 'failed', range: '15m' }),
      hrefLabel: words.openFailed,
    },
  ]
}

function configTrouble(config: ConfigState | null): Ranked[] {
  if (config?.state !== 'stale') return []
  const words = text.overview.attention
  return [
    {
      id: 'config',
      tone: 'warn',
      impact: 450_000,
      sentence: text.shell.config.stale,
      detail: config.error === undefined ? undefined : visible(config.error),
      since: config.since,
      href: paths.config(),
      hrefLabel: words.openConfig,
    },
  ]
}

function toneOfState(state: WorkerState): 'bad' | 'warn' {
  return state === 'unreachable' || state === 'ejected' ? 'bad' : 'warn'
}

/** Only what an operator has switched off can be switched on here. */
function restingIn(workers: readonly WorkerView[], group: string | null): readonly string[] {
  return workers
    .filter((worker) => worker.group === group && worker.maintenance?.by === 'operator')
    .map((worker) => worker.id)
}

function ageWords(at: string | null, nowMs: number): string | null {
  if (at === null) return null
  const ageMs = nowMs - Date.parse(at)
  return Number.isNaN(ageMs) ? null : formatDuration(Math.max(0, Math.floor(ageMs / 1_000) * 1_000))
}

/** `hello of default@2`, as far as the task names it. */
export function laneName(lane: Pick<LaneView, 'group' | 'contract' | 'function'>): string {
  const group = lane.contract === null ? lane.group : `${lane.group}@${lane.contract}`
  return text.overview.attention.lane(visible(lane.function), visible(group))
}
