/**
 * The SQL that writes schedules, on the store's writer thread, always within a transaction of `sqlite-database.ts`.
 * Every value is bound. Invariant: a claim that does not fit throws before it has changed anything that stays, for
 * whoever began the transaction undoes it.
 */
import type { ScheduleClaim, SchedulesAtStart, ScheduleWrite } from '../ports/schedule-store.ts'
import { numberOrNull, text } from './run-codec.ts'
import { countsOf, encodeSchedule, FIRES_KEPT, GIVEN_UP } from './schedule-rows.ts'
import type { Statements } from './statements.ts'

type Write<Kind extends ScheduleWrite['kind']> = Extract<ScheduleWrite, { kind: Kind }>

const KINDS: Readonly<Record<ScheduleWrite['kind'], true>> = {
  'schedule-set': true,
  'schedule-removed': true,
  'schedule-passed': true,
  'schedule-unfired': true,
  'schedule-retention': true,
}

const SET = `INSERT INTO schedules (id, worker_group, function, session, type, enabled, next_ms, done_ms, facts)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET worker_group = excluded.worker_group, function = excluded.function,
    session = excluded.session, type = excluded.type, enabled = excluded.enabled, next_ms = excluded.next_ms, done_ms = excluded.done_ms,
    facts = excluded.facts`
const SET_PAYLOAD = `INSERT INTO schedule_payloads (id, media_type, bytes, head) VALUES (?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET media_type = excluded.media_type, bytes = excluded.bytes, head = excluded.head`
const MOVE = `UPDATE schedules SET next_ms = ?3, last_ms = max(coalesce(last_ms, ?4), ?4),
    enabled = iif(?5, 0, enabled), done_ms = iif(?5, ?6, done_ms)
  WHERE id = ?1 AND next_ms = ?2`
const COUNT = `UPDATE schedules SET fired = fired + ?, skipped = skipped + ?, missed = missed + ?,
    refused = refused + ?, waiting = waiting + ?, last_run = coalesce(?, last_run)
  WHERE id = ?`
const LAST_N = 'SELECT max(n) AS n FROM schedule_fires WHERE schedule = ?'
const CLAIM = `INSERT INTO schedule_fires (schedule, n, instant_ms, at_ms, outcome, run, count, detail)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
const CLAIM_WAITING = `UPDATE schedule_fires SET outcome = ?, run = ?, at_ms = ?, detail = ?
  WHERE schedule = ? AND instant_ms = ? AND outcome = 'waiting'`
const CUT = `DELETE FROM schedule_fires WHERE schedule = ? AND n <= ? AND outcome <> 'waiting'`
const GIVE_UP_WAITING = `UPDATE schedule_fires SET outcome = 'skipped', detail = ?
  WHERE schedule = ? AND outcome = 'waiting'`
const UNCLAIM = 'DELETE FROM schedule_fires WHERE schedule = ? AND instant_ms = ? AND run = ?'
const UNCLAIM_WAITING = `UPDATE schedule_fires SET outcome = 'waiting', run = NULL
  WHERE schedule = ? AND instant_ms = ? AND run = ?`
const MOVE_BACK = `UPDATE schedules SET next_ms = ?2, enabled = iif(?3, 1, enabled), done_ms = iif(?3, NULL, done_ms),
    last_ms = (SELECT max(instant_ms) FROM schedule_fires WHERE schedule = ?1)
  WHERE id = ?1`
const OLD = 'SELECT id FROM schedules WHERE done_ms < ? ORDER BY done_ms LIMIT ?'
/** How often the history is cut, in entries. */
const CUT_EVERY = 100

export function isScheduleWrite<Other extends { readonly kind: string }>(
  write: Other,
): write is Extract<Other, { readonly kind: ScheduleWrite['kind'] }> {
  return write.kind in KINDS
}

export class ScheduleTables {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  begin(): SchedulesAtStart {
    const number = (sql: string) => numberOrNull(this.#statements.of(sql).get()?.n)
    const waiting = this.#statements.of('SELECT id FROM schedules WHERE waiting > 0 ORDER BY id').all()
    return {
      count: number('SELECT count(*) AS n FROM schedules') ?? 0,
      nextMs: number('SELECT min(next_ms) AS n FROM schedules WHERE next_ms IS NOT NULL'),
      lastMs: number('SELECT max(last_ms) AS n FROM schedules'),
      waiting: waiting.map(({ id }) => text(id)),
    }
  }

  /** Throws what SQLite or the binding of a value throws. */
  write(write: ScheduleWrite): void {
    switch (write.kind) {
      case 'schedule-set':
        return this.#set(write)
      case 'schedule-removed':
        return this.#remove(write.id)
      case 'schedule-passed':
        return this.claim(write.claim)
      case 'schedule-unfired':
        return this.#unclaim(write.claim)
      case 'schedule-retention':
        for (const { id } of this.#statements.of(OLD).all(write.doneBeforeMs, write.limit))
          this.#remove(text(id))
    }
  }

  /** Throws when the instant was claimed before, or is not the one that the schedule waits for. */
  claim(claim: ScheduleClaim): void {
    const { schedule, instantMs, atMs, outcome, run, count, detail, expectedMs, nextMs, isDone } = claim
    if (expectedMs === null) {
      const changed = this.#run(CLAIM_WAITING, outcome, run, atMs, detail, schedule, instantMs)
      if (changed === 0) throw new Error(`no instant ${instantMs} of the schedule ${schedule} waits`)
      return this.#count(claim, -1)
    }
    const moved = this.#run(MOVE, schedule, expectedMs, nextMs, instantMs, isDone ? 1 : 0, atMs)
    if (moved === 0) throw new Error(`the schedule ${schedule} does not fire at ${expectedMs}`)
    const n = (numberOrNull(this.#statements.of(LAST_N).get(schedule)?.n) ?? 0) + 1
    this.#run(CLAIM, schedule, n, instantMs, atMs, outcome, run, count, detail)
    this.#count(claim, outcome === 'waiting' ? 1 : 0)
    if (n % CUT_EVERY === 0 && n > FIRES_KEPT) this.#run(CUT, schedule, n - FIRES_KEPT)
  }

  #count(claim: ScheduleClaim, waiting: number, sign = 1): void {
    const { fired, skipped, missed, refused } = countsOf(claim)
    const run = sign > 0 ? claim.run : null
    this.#run(
      COUNT,
      sign * fired,
      sign * skipped,
      sign * missed,
      sign * refused,
      waiting,
      run,
      claim.schedule,
    )
  }

  #set({ schedule, nextMs, doneMs, dropsWaiting, payload }: Write<'schedule-set'>): void {
    const { id, group, function: name, session, terms, enabled } = schedule
    const facts = encodeSchedule(schedule)
    this.#run(SET, id, group, name, session, terms.type, enabled ? 1 : 0, nextMs, doneMs, facts)
    if (payload !== null) this.#run(SET_PAYLOAD, id, payload.mediaType, payload.bytes, payload.head)
    if (!dropsWaiting) return
    const dropped = this.#run(GIVE_UP_WAITING, GIVEN_UP, id)
    if (dropped > 0)
      this.#run('UPDATE schedules SET waiting = 0, skipped = skipped + ? WHERE id = ?', dropped, id)
  }

  #remove(id: string): void {
    this.#run('DELETE FROM schedules WHERE id = ?', id)
    this.#run('DELETE FROM schedule_payloads WHERE id = ?', id)
    this.#run('DELETE FROM schedule_fires WHERE schedule = ?', id)
  }

  /** Nothing when the claim was not written, or is not of that run. */
  #unclaim(claim: ScheduleClaim): void {
    const { schedule, instantMs, run, expectedMs, isDone } = claim
    const isWaiting = expectedMs === null
    if (this.#run(isWaiting ? UNCLAIM_WAITING : UNCLAIM, schedule, instantMs, run) === 0) return
    this.#count(claim, isWaiting ? 1 : 0, -1)
    if (!isWaiting) this.#run(MOVE_BACK, schedule, expectedMs, isDone ? 1 : 0)
  }

  #run(sql: string, ...values: (string | number | null | Uint8Array)[]): number {
    return this.#statements.run(sql, ...values)
  }
}
