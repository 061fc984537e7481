/**
 * The SQL of activity: written on the store's writer thread within the transactions of `sqlite-database.ts`, read on
 * its reading thread. Every value is bound. Invariant: what was noted is never changed, only removed by age or count.
 */
import type { ActivityItem } from '@berth/protocol'
import type { ActivityFilter, ActivityReads, ActivityWrite } from '../ports/activity.ts'
import { activityWords, soughtIn } from './activity-words.ts'
import { text } from './run-codec.ts'
import type { Statements } from './statements.ts'

const KINDS: Readonly<Record<ActivityWrite['kind'], true>> = {
  'activity-noted': true,
  'activity-trimmed': true,
}
const INSERT = `INSERT OR IGNORE INTO activity (id, at, kind, actor, action, target_kind, target_id, words, item)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
/** The first of the newest ones that stay; nothing goes by count while there are fewer. */
const FIRST_KEPT = 'SELECT id FROM activity ORDER BY id DESC LIMIT 1 OFFSET ?1 - 1'
const TRIM = `DELETE FROM activity WHERE id IN (SELECT id FROM activity
  WHERE id < ?1 OR at < ?2 ORDER BY id LIMIT ?3)`
const LIST = `SELECT item FROM activity WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR kind = ?2)
    AND (?3 IS NULL OR action = ?3 OR substr(action, 1, length(?3) + 1) = ?3 || '.')
    AND (?4 IS NULL OR actor = ?4) AND (?5 IS NULL OR target_kind = ?5)
    AND (?6 IS NULL OR at >= ?6) AND (?7 IS NULL OR at <= ?7)
    AND NOT EXISTS (SELECT 1 FROM json_each(?8) w WHERE instr(words, w.value) = 0)`

export function isActivityWrite<Write extends { readonly kind: string }>(
  write: Write,
): write is Extract<Write, { readonly kind: ActivityWrite['kind'] }> {
  return write.kind in KINDS
}

export class ActivityTables {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Throws what SQLite or the binding of a value throws. */
  write(write: ActivityWrite): void {
    if (write.kind === 'activity-noted') for (const item of write.items) this.#insert(item)
    else {
      const first = this.#statements.of(FIRST_KEPT).get(write.keep)
      this.#statements.run(TRIM, first ? text(first.id) : '', write.before, write.limit)
    }
  }

  #insert(item: ActivityItem): void {
    const { id, at, kind, actor, action, target } = item
    const words = activityWords(item)
    this.#statements.run(
      INSERT,
      id,
      at,
      kind,
      actor,
      action,
      target.kind,
      target.id,
      words,
      JSON.stringify(item),
    )
  }
}

type SyncReads = {
  readonly [Name in keyof ActivityReads]: (
    ...values: Parameters<ActivityReads[Name]>
  ) => Awaited<ReturnType<ActivityReads[Name]>>
}

export class ActivitySqlReads implements SyncReads {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  activity(filter: ActivityFilter, limit: number, before: string | null): readonly ActivityItem[] {
    const { kind, action, actor, targetKind, targetId, fromMs, toMs } = filter
    const sql = `${LIST} ${targetId === undefined ? 'AND ?9 IS NULL' : 'AND target_id = ?9'} ORDER BY id DESC LIMIT ?10`
    const [from, to] = [toInstant(fromMs), toInstant(toMs)]
    const sought = JSON.stringify(soughtIn(filter.q))
    return this.#statements
      .of(sql)
      .all(
        before,
        kind ?? null,
        action ?? null,
        actor ?? null,
        targetKind ?? null,
        from,
        to,
        sought,
        targetId ?? null,
        limit,
      )
      .map((row) => JSON.parse(text(row.item)))
  }
}

function toInstant(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
