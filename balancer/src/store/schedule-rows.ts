/** A schedule as a row of the tables, and back; how claims count. Pure; used on both sides of the store's threads. */

import type {
  DueSchedule,
  FireOutcome,
  ScheduleClaim,
  ScheduleCounts,
  ScheduleFire,
  ScheduleOrder,
  StoredSchedule,
} from '../ports/schedule-store.ts'
import { decodePayload, numberOrNull, type Row, text, textOrNull } from './run-codec.ts'

/** Entries of the history of one schedule, the newest; those that wait stay in any case. */
export const FIRES_KEPT = 1_000
/** What the history says of instants that waited in vain. */
export const GIVEN_UP = 'The schedule was changed or switched off while this instant waited.'

type Facts = Omit<ScheduleOrder, 'id' | 'group' | 'function' | 'session' | 'enabled'>

export function encodeSchedule(order: ScheduleOrder): string {
  const {
    id: _id,
    group: _group,
    function: _function,
    session: _session,
    enabled: _enabled,
    ...facts
  } = order
  return JSON.stringify(facts satisfies Facts)
}

export function decodeSchedule(row: Row): StoredSchedule {
  const facts: Facts = JSON.parse(text(row.facts))
  return {
    ...facts,
    id: text(row.id),
    group: text(row.worker_group),
    function: text(row.function),
    session: textOrNull(row.session),
    enabled: row.enabled === 1,
    nextMs: numberOrNull(row.next_ms),
    lastMs: numberOrNull(row.last_ms),
    doneMs: numberOrNull(row.done_ms),
    lastRun: textOrNull(row.last_run),
    counts: {
      fired: Number(row.fired),
      skipped: Number(row.skipped),
      missed: Number(row.missed),
      refused: Number(row.refused),
    },
    waiting: Number(row.waiting),
  }
}

export function decodeDue(row: Row): DueSchedule {
  return {
    schedule: decodeSchedule(row),
    payload: decodePayload(row),
    isBusy: row.busy === 1,
    waitingMs: numberOrNull(row.waiting_ms),
  }
}

export function decodeFire(row: Row): ScheduleFire {
  return {
    schedule: text(row.schedule),
    instantMs: Number(row.instant_ms),
    atMs: Number(row.at_ms),
    outcome: text(row.outcome) as FireOutcome,
    run: textOrNull(row.run),
    count: Number(row.count),
    detail: textOrNull(row.detail),
  }
}

/** What a claim adds to the counts. One that fires for many stands for those missed before. */
export function countsOf({ outcome, count }: ScheduleClaim): ScheduleCounts {
  return {
    fired: outcome === 'fired' ? 1 : 0,
    skipped: outcome === 'skipped' ? count : 0,
    missed: outcome === 'missed' ? count : count - (outcome === 'skipped' ? count : 1),
    refused: outcome === 'refused' ? 1 : 0,
  }
}
