/** What is read of schedules on the store's reading thread. Made by `sqlite-reads.ts`. */
import type { DueSchedule, ScheduleFilter, ScheduleReads } from '../ports/schedule-store.ts'
import { decodePayload, numberOrNull } from './run-codec.ts'
import { decodeDue, decodeFire, decodeSchedule } from './schedule-rows.ts'
import type { Statements } from './statements.ts'

type SyncReads = {
  readonly [Name in keyof ScheduleReads]: (
    ...values: Parameters<ScheduleReads[Name]>
  ) => Awaited<ReturnType<ScheduleReads[Name]>>
}

const DUE = `SELECT s.*, p.media_type, p.bytes, p.head,
    EXISTS (SELECT 1 FROM runs_live r WHERE r.schedule = s.id) AS busy,
    (SELECT min(f.instant_ms) FROM schedule_fires f WHERE f.schedule = s.id AND f.outcome = 'waiting') AS waiting_ms
  FROM schedules s JOIN schedule_payloads p ON p.id = s.id`
/** Of what is read at once; one that is larger comes alone. */
const DUE_BYTES = 4 * 1024 * 1024

export class ScheduleSqlReads implements SyncReads {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  schedule(id: string) {
    const row = this.#statements.of('SELECT * FROM schedules WHERE id = ?').get(id)
    return row === undefined ? null : decodeSchedule(row)
  }

  schedulePayload(id: string) {
    const row = this.#statements.of('SELECT * FROM schedule_payloads WHERE id = ?').get(id)
    return row === undefined ? null : decodePayload(row)
  }

  schedules(filter: ScheduleFilter, limit: number, before: string | null) {
    const { group, function: name, session, type, enabled } = filter
    const sql = `SELECT * FROM schedules WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR worker_group = ?2)
        AND (?3 IS NULL OR function = ?3) AND (?4 IS NULL OR type = ?4) AND (?5 IS NULL OR enabled = ?5)
        ${session === undefined ? 'AND ?6 IS NULL' : 'AND session = ?6'} ORDER BY id DESC LIMIT ?7`
    const isEnabled = enabled === undefined ? null : Number(enabled)
    return this.#statements
      .of(sql)
      .all(before, group ?? null, name ?? null, type ?? null, isEnabled, session ?? null, limit)
      .map(decodeSchedule)
  }

  dueSchedules(untilMs: number, limit: number) {
    const due: DueSchedule[] = []
    let bytes = 0
    const rows = this.#statements.of(`${DUE} WHERE s.next_ms <= ? ORDER BY s.next_ms, s.id LIMIT ?`)
    for (const row of rows.iterate(untilMs, limit)) {
      const one = decodeDue(row)
      due.push(one)
      bytes += one.payload.bytes.length
      if (bytes > DUE_BYTES) break
    }
    const next = this.#statements.of('SELECT min(next_ms) AS n FROM schedules WHERE next_ms > ?').get(untilMs)
    return { due, nextMs: numberOrNull(next?.n) }
  }

  dueSchedule(id: string) {
    const row = this.#statements.of(`${DUE} WHERE s.id = ?`).get(id)
    return row === undefined ? null : decodeDue(row)
  }

  scheduleCount() {
    return Number(this.#statements.of('SELECT count(*) AS n FROM schedules').get()?.n)
  }

  scheduleFires(id: string, limit: number) {
    return this.#statements
      .of('SELECT * FROM schedule_fires WHERE schedule = ? ORDER BY n DESC LIMIT ?')
      .all(id, limit)
      .map(decodeFire)
  }
}
