/**
 * The last outcomes of a schedule, a tick each (C15): its runs, and the instants that fired none. Pure. The oldest
 * comes first; what was fired by hand counts as a run like any other.
 */
import type { RunItem, ScheduleView } from '@berth/protocol'

export const OUTCOMES = ['ok', 'late', 'running', 'failed', 'missed', 'skipped'] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface Tick {
  readonly key: string
  readonly outcome: Outcome
  readonly at: string
  readonly run: string | null
  /** Why there is no run; or instants that it stands for. */
  readonly reason: string | null
  readonly count: number
}

export const TICKS = 60
/** A run that began so long behind its instant. */
const LATE_MS = 60_000

type Run = Pick<RunItem, 'id' | 'status' | 'scheduledFor' | 'createdAt' | 'startedAt'>
type History = NonNullable<ScheduleView['history']>

export function ticksOf(runs: readonly Run[], history: History): readonly Tick[] {
  const ran = runs.map(tickOfRun)
  const passed = history.filter(({ outcome }) => outcome !== 'fired' && outcome !== 'waiting').map(tickOfFire)
  // Of what is not known of runs that far back, gaps would look like nothing happened.
  const since = runs.length >= TICKS ? (ran.at(-1)?.at ?? '') : ''
  const all = [...ran, ...passed.filter(({ at }) => at >= since)]
  return all.sort((a, b) => (a.at < b.at ? -1 : 1)).slice(-TICKS)
}

function tickOfRun({ id, status, scheduledFor, createdAt, startedAt }: Run): Tick {
  const at = scheduledFor ?? createdAt
  const lateMs = startedAt === null ? 0 : Date.parse(startedAt) - Date.parse(at)
  return { key: id, outcome: outcomeOf(status, lateMs), at, run: id, reason: null, count: 1 }
}

function outcomeOf(status: Run['status'], lateMs: number): Outcome {
  if (status === 'completed') return lateMs > LATE_MS ? 'late' : 'ok'
  if (status === 'failed' || status === 'expired') return 'failed'
  return status === 'cancelled' ? 'skipped' : 'running'
}

function tickOfFire({ scheduledFor, outcome, count, reason }: History[number]): Tick {
  const word = outcome === 'missed' ? 'missed' : outcome === 'refused' ? 'failed' : 'skipped'
  return { key: `${outcome} ${scheduledFor}`, outcome: word, at: scheduledFor, run: null, reason, count }
}

export function countOf(ticks: readonly Tick[], outcome: Outcome): number {
  return ticks.filter((tick) => tick.outcome === outcome).length
}
