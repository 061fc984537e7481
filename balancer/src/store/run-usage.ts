/**
 * The SQL of what runs use and put out, for the writer (`run-tables.ts`, within its transactions) and the reader
 * (`sqlite-reads.ts`). Adding up is done here and not in SQL, so that amounts stay exact.
 */
import { type Usage, UsageSum } from '@berth/protocol'
import type { Told, ToldItem, UsageScope, UsageTotals, UsedSoFar } from '../ports/told.ts'
import { type Row, text, textOrNull } from './run-codec.ts'
import type { Statements } from './statements.ts'

const SET_USED = 'UPDATE runs_live SET used = ? WHERE seq = ?'
const ADD_ITEM = `INSERT INTO run_told (seq, n, kind, data) VALUES (?, ?, ?, ?)
  ON CONFLICT (seq, n) DO UPDATE SET kind = excluded.kind, data = excluded.data`
const DROP_ITEMS = 'DELETE FROM run_told WHERE seq = ? AND n < ? AND kind = ?'
const ITEMS = 'SELECT n, kind, data FROM run_told WHERE seq = ? ORDER BY n'
const TOTALS = 'SELECT runs, usage, since_ms, until_ms FROM usage_totals WHERE kind = ? AND name = ?'
const SET_TOTALS = `INSERT INTO usage_totals (kind, name, runs, usage, since_ms, until_ms) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (kind, name) DO UPDATE SET runs = excluded.runs, usage = excluded.usage, since_ms = excluded.since_ms,
    until_ms = excluded.until_ms`
const FORGET = 'DELETE FROM usage_totals WHERE kind = ? AND name = ?'
const FORGET_IDLE = `DELETE FROM usage_totals WHERE (kind, name) IN (
    SELECT kind, name FROM usage_totals WHERE until_ms < ?
      AND (kind = 'session' OR NOT EXISTS (SELECT 1 FROM schedules s WHERE s.id = usage_totals.name))
    ORDER BY until_ms LIMIT ?)`

export function setUsed(statements: Statements, seq: number, used: UsedSoFar): void {
  statements.run(SET_USED, JSON.stringify(used), seq)
}

export function addTold(statements: Statements, seq: number, { items, dropBefore }: Told): void {
  for (const { n, kind, data } of items) statements.run(ADD_ITEM, seq, n, kind, data)
  for (const kind of ['message', 'source'] as const)
    if (dropBefore[kind] > 0) statements.run(DROP_ITEMS, seq, dropBefore[kind], kind)
}

export function addToTotals(
  statements: Statements,
  { kind, name }: UsageScope,
  usage: Usage | null,
  endedMs: number,
): void {
  const before = readTotals(statements, { kind, name })
  const { runs, usage: sum, sinceMs, untilMs } = addEnded(before, usage, endedMs)
  statements.run(SET_TOTALS, kind, name, runs, sum && JSON.stringify(sum), sinceMs, untilMs)
}

export function forgetTotals(statements: Statements, { kind, name }: UsageScope): void {
  statements.run(FORGET, kind, name)
}

/** Of sessions of which no run has ended since; those of a schedule stay for as long as it does. */
export function forgetIdleTotals(statements: Statements, beforeMs: number, limit: number): void {
  statements.run(FORGET_IDLE, beforeMs, limit)
}

/** With one run more. */
export function addEnded(before: UsageTotals | null, usage: Usage | null, endedMs: number): UsageTotals {
  const sum = new UsageSum(before?.usage ?? null)
  if (usage) sum.add(usage)
  return {
    runs: (before?.runs ?? 0) + 1,
    usage: sum.toUsage(),
    sinceMs: Math.min(before?.sinceMs ?? endedMs, endedMs),
    untilMs: Math.max(before?.untilMs ?? endedMs, endedMs),
  }
}

export function readTold(statements: Statements, seq: number): readonly ToldItem[] {
  const rows: readonly Row[] = statements.of(ITEMS).all(seq)
  return rows.map((row) => ({
    n: Number(row.n),
    kind: row.kind === 'source' ? 'source' : 'message',
    data: text(row.data),
  }))
}

export function readTotals(statements: Statements, { kind, name }: UsageScope): UsageTotals | null {
  const row: Row | undefined = statements.of(TOTALS).get(kind, name)
  return row ? totalsOf(row) : null
}

function totalsOf(row: Row): UsageTotals {
  const usage = textOrNull(row.usage)
  return {
    runs: Number(row.runs),
    usage: usage === null ? null : (JSON.parse(usage) as Usage),
    sinceMs: Number(row.since_ms),
    untilMs: Number(row.until_ms),
  }
}
