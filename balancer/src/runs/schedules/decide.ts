/**
 * What is to become of a schedule now: it fires, lets an instant pass, or rests. Pure; asked by schedule-fires.ts.
 *
 *   due --in time--------------> another run of it goes on? --no, or overlap: allow--> fires
 *    \--over a minute late--\        |--skip--> passes, skipped
 *       missed: skip --> passes     \--queue--> waits, at most 100, for the end of the run before
 *       missed: once --> as if the last of those missed were in time
 *
 * Invariant: each step leaves the schedule at an instant behind the one that it claims; what is late by more than a
 * minute is over after one step, however long it was, and what is not has a step for each instant.
 */
import type { DueSchedule, FireOutcome, StoredSchedule } from '../../ports/schedule-store.ts'
import { countBetween, type Instants, instantsOf, isRepeating, lastBefore } from './instants.ts'

export interface Step {
  readonly outcome: Exclude<FireOutcome, 'refused'>
  readonly instantMs: number
  /** Instants that it stands for. */
  readonly count: number
  readonly detail: string | null
  /** What its next instant is now, and will be; null of one that has waited, which changes neither. */
  readonly expectedMs: number | null
  readonly nextMs: number | null
  readonly isDone: boolean
}

/** Up to so late an instant counts as in time. */
export const GRACE_MS = 60_000
/** Instants of one schedule that wait for the end of an earlier run. */
export const MAX_WAITING = 100
/** Missed instants are counted up to so many at a time. */
const MAX_COUNTED = 1_000

const MISSED =
  'Nobody was there to fire it in time: the balancer was down, could not accept runs, or its clock was put forward.'
const OVERLAPPED = 'An earlier run of the schedule had not ended (overlap: skip).'
const TOO_MANY = `${MAX_WAITING} instants of the schedule wait already (overlap: queue).`

/** Undefined: nothing is to be done now. */
export function decide(due: DueSchedule, nowMs: number): Step | undefined {
  const { schedule, isBusy, waitingMs } = due
  if (waitingMs !== null && !isBusy) return released(waitingMs)
  const { nextMs: expectedMs, terms, overlap } = schedule
  if (expectedMs === null || expectedMs > nowMs) return undefined
  const { missed, ...step } = place(schedule, expectedMs, nowMs)
  if (missed && schedule.missed === 'skip') return { ...step, outcome: 'missed', detail: MISSED }
  // One that fires once has nothing to overlap with but what was triggered by hand.
  const isHeld = isRepeating(terms) && overlap !== 'allow' && isBusy
  if (!isHeld) return { ...step, outcome: 'fired', detail: null }
  if (overlap === 'skip') return { ...step, outcome: 'skipped', detail: OVERLAPPED }
  if (schedule.waiting >= MAX_WAITING) return { ...step, outcome: 'skipped', detail: TOO_MANY }
  return { ...step, outcome: 'waiting', detail: null }
}

/** When it fires next, if at `nowMs` it is given such terms or switched on; behind `lastMs` in any case. */
export function firstInstant(
  { terms, lastMs }: Pick<StoredSchedule, 'terms' | 'lastMs'>,
  anchorMs: number,
  nowMs: number,
): number | null {
  const instants = instantsOf(terms, anchorMs)
  if (isRepeating(terms)) return instants.next(Math.max(nowMs, lastMs ?? nowMs))
  const once = instants.next(Number.NEGATIVE_INFINITY)
  return once === null ? null : Math.max(once, (lastMs ?? once - 1) + 1)
}

function released(instantMs: number): Step {
  const stays = { expectedMs: null, nextMs: null, isDone: false }
  return { outcome: 'fired', instantMs, count: 1, detail: null, ...stays }
}

function place(
  { terms, anchorMs }: StoredSchedule,
  expectedMs: number,
  nowMs: number,
): Omit<Step, 'outcome' | 'detail'> & { missed: boolean } {
  const graceMs = nowMs - GRACE_MS
  const missed = expectedMs < graceMs
  if (!isRepeating(terms))
    return { missed, instantMs: expectedMs, count: 1, expectedMs, nextMs: null, isDone: true }
  const instants = instantsOf(terms, anchorMs)
  const [instantMs, count] = missed ? lastMissed(instants, expectedMs, graceMs) : [expectedMs, 1]
  const nextMs = instants.next(instantMs)
  return { missed, instantMs, count, expectedMs, nextMs, isDone: nextMs === null }
}

function lastMissed(instants: Instants, expectedMs: number, graceMs: number): [number, number] {
  const last = lastBefore(instants, expectedMs, graceMs)
  return [last, countBetween(instants, expectedMs, last, MAX_COUNTED)]
}
