/**
 * The SQL of series over time: pages are written on the writer's thread, read at the start on the reading one. Writes
 * are upserts and deletes, so repeating one changes nothing.
 */
import type { StatsReads, StatsWrite, StoredBlock } from '../ports/stats.ts'
import { bytes, text } from './run-codec.ts'
import type { Statements } from './statements.ts'

const KINDS: Readonly<Record<StatsWrite['kind'], true>> = { 'stats-block': true, 'stats-removed': true }
const SET = `INSERT INTO stats_blocks (series, step_s, start_s, bytes) VALUES (?, ?, ?, ?)
  ON CONFLICT (series, step_s, start_s) DO UPDATE SET bytes = excluded.bytes`
const REMOVE = `DELETE FROM stats_blocks WHERE step_s = ?1 AND (start_s < ?2 OR start_s >= ?3)
  AND substr(series, 1, length(?4)) = ?4`
const READ = `SELECT series, step_s, start_s, bytes FROM stats_blocks
  WHERE (series, step_s, start_s) > (?1, ?2, ?3) ORDER BY series, step_s, start_s LIMIT ?4`

export function isStatsWrite<Write extends { readonly kind: string }>(
  write: Write,
): write is Extract<Write, { readonly kind: StatsWrite['kind'] }> {
  return write.kind in KINDS
}

/** Throws what SQLite or the binding of a value throws. */
export function writeStats(statements: Statements, write: StatsWrite): void {
  if (write.kind === 'stats-block') {
    const { series, stepS, startS, base64 } = write
    statements.run(SET, series, stepS, startS, Buffer.from(base64, 'base64'))
  } else {
    const { prefix, stepS, beforeS, fromS } = write
    statements.run(REMOVE, stepS, beforeS, fromS, prefix)
  }
}

export function readStats(
  statements: Statements,
  ...[after, limit]: Parameters<StatsReads['statsBlocks']>
): StoredBlock[] {
  const { series, stepS, startS } = after ?? { series: '', stepS: 0, startS: 0 }
  const rows = statements.of(READ).all(series, stepS, startS, limit)
  return rows.map((row) => ({
    series: text(row.series),
    stepS: Number(row.step_s),
    startS: Number(row.start_s),
    bytes: bytes(row.bytes),
  }))
}
