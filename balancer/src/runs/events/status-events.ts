/**
 * The events that follow from what is known of a run in any case: its statuses and its end. Most runs make no others,
 * so these are written only for runs that have more to tell or that somebody follows; for the rest they are made up
 * here when somebody asks. Pure.
 * Invariant: the same run gives the same events, so that their numbers hold over requests.
 */
import type { RunStatus, TaskError } from '@berth/protocol'
import type { StoredAttempt } from '../../ports/stored-run.ts'
import type { StoredEvent } from '../../ports/told.ts'
import { shownId } from '../../ports/worker-key.ts'

/** What of a run its statuses follow from; Unix milliseconds. */
export interface StatusFacts {
  readonly status: RunStatus
  readonly acceptedMs: number
  readonly dueMs: number | null
  /** Attempts that have begun, the one that runs now included. */
  readonly attempts: readonly AttemptFacts[]
  /** Null while it is live. */
  readonly finishedMs: number | null
  readonly error: TaskError | null
}

export interface AttemptFacts {
  readonly n: number
  readonly worker: string | null
  readonly startedMs: number | null
  /** Null while it runs. */
  readonly finishedMs: number | null
}

/** Data of a `result` event that stands for the run's result, which is kept once. */
export const RESULT_ELSEWHERE = ''

/** More than a balancer can have told and not written as it ended: numbers go on behind it. */
export const NUMBER_GAP = 1_000_000

type Unnumbered = Omit<StoredEvent, 'n'>

/** All of it so far, numbered from 1. */
export function statusEvents(facts: StatusFacts): StoredEvent[] {
  const events = [...liveEvents(facts), ...endEvents(facts)]
  return events.map((event, index) => ({ n: index + 1, ...event }))
}

/** `status` and `result` or `error`; nothing of a run that is live. */
export function endEvents({
  status,
  finishedMs,
  error,
}: Omit<StatusFacts, 'attempts' | 'acceptedMs' | 'dueMs'>): Unnumbered[] {
  if (finishedMs === null) return []
  const last: Unnumbered =
    error === null
      ? { type: 'result', atMs: finishedMs, data: RESULT_ELSEWHERE }
      : { type: 'error', atMs: finishedMs, data: JSON.stringify(errorOf(error)) }
  return [statusEvent(status, finishedMs), last]
}

export function statusEvent(status: RunStatus, atMs: number): Unnumbered {
  return { type: 'status', atMs, data: JSON.stringify({ status, at: isoOf(atMs) }) }
}

export function runningEvent({ n, worker }: Pick<AttemptFacts, 'n' | 'worker'>, atMs: number): Unnumbered {
  const shown = worker === null ? null : shownId(worker)
  const data = { status: 'running', at: isoOf(atMs), attempt: n, worker: shown }
  return { type: 'status', atMs, data: JSON.stringify(data) }
}

export function isLast(event: Pick<StoredEvent, 'type'>): boolean {
  return event.type === 'result' || event.type === 'error'
}

function liveEvents(facts: StatusFacts): Unnumbered[] {
  const { status, acceptedMs, dueMs, attempts, finishedMs } = facts
  const events = [statusEvent(dueMs === null ? 'queued' : 'scheduled', acceptedMs)]
  if (dueMs !== null && isPastDue(facts, dueMs)) events.push(statusEvent('queued', dueMs))
  attempts.forEach((attempt, index) => {
    if (attempt.startedMs === null) return
    events.push(runningEvent(attempt, attempt.startedMs))
    const isBehind = index < attempts.length - 1 || (finishedMs === null && status === 'queued')
    if (isBehind && attempt.finishedMs !== null) events.push(statusEvent('queued', attempt.finishedMs))
  })
  return events
}

function isPastDue({ status, attempts, finishedMs }: StatusFacts, dueMs: number): boolean {
  if (finishedMs === null) return status !== 'scheduled'
  return attempts.length > 0 || finishedMs >= dueMs
}

/** As streams word it. */
function errorOf({ code, detail, errors }: TaskError): object {
  return { code, message: detail, ...(errors ? { errors } : {}) }
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}

/** Attempts of a live run, the one that runs now included. */
export function attemptsOf(run: {
  readonly status: RunStatus
  readonly attempt: number
  readonly worker: string | null
  readonly startedMs: number | null
  readonly history: readonly StoredAttempt[]
}): AttemptFacts[] {
  const { status, attempt: n, worker, startedMs, history } = run
  if (status !== 'running' || startedMs === null) return [...history]
  return [...history, { n, worker, startedMs, finishedMs: null }]
}
