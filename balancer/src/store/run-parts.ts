/** All runs of a filter by function and status, from the indexes. On the store's reading thread; asked by run-lists.ts. */
import { joinParts, type PartOf } from '../ports/run-parts.ts'
import type { RunParts } from '../ports/run-reads.ts'
import type { Bounds } from './run-bounds.ts'
import { numberOrNull, statusOf, text } from './run-codec.ts'
import { acceptedAt, type Slice } from './run-tally.ts'
import type { Statements } from './statements.ts'

const FOUND_AT_ONCE = 10_000

export function partsOfSlices(
  statements: Statements,
  slices: readonly Slice[],
  { low, high }: Bounds,
): RunParts {
  const parts: RunParts['parts'][number][] = []
  let [oldest, newest] = [Number.POSITIVE_INFINITY, -1]
  for (const { table, where, values, function: id, status } of slices) {
    const sql = `SELECT count(*) AS n, min(r.seq) AS oldest, max(r.seq) AS newest FROM ${table} r
      WHERE ${where} AND r.seq >= ? AND r.seq <= ?`
    const row = statements.of(sql).get(...values, low, high)
    const count = Number(row?.n)
    if (count === 0) continue
    parts.push({ ...nameOf(statements, id), status, count })
    oldest = Math.min(oldest, numberOrNull(row?.oldest) ?? oldest)
    newest = Math.max(newest, numberOrNull(row?.newest) ?? newest)
  }
  const joined = joinParts([], { parts, oldestMs: null, newestMs: null })
  if (newest < 0) return joined
  return { ...joined, oldestMs: acceptedAt(statements, oldest), newestMs: acceptedAt(statements, newest) }
}

/** Of runs that were found one by one. */
export function partsOf(statements: Statements, seqs: readonly number[]): RunParts {
  let known = joinParts([])
  for (let at = 0; at < seqs.length; at += FOUND_AT_ONCE) {
    const given = JSON.stringify(seqs.slice(at, at + FOUND_AT_ONCE))
    const runs = ['runs_live', 'runs_done'].flatMap((table): PartOf[] => {
      const sql = `SELECT f.worker_group, f.name, r.status, r.accepted_ms FROM ${table} r
        JOIN functions f ON f.id = r.function WHERE r.seq IN (SELECT value FROM json_each(?))`
      const rows = statements.of(sql).all(given)
      return rows.map((row) => ({
        group: text(row.worker_group),
        function: text(row.name),
        status: statusOf(row.status),
        atMs: Number(row.accepted_ms),
      }))
    })
    known = joinParts(runs, known)
  }
  return known
}

function nameOf(statements: Statements, id: number): { readonly group: string; readonly function: string } {
  const row = statements.of('SELECT worker_group, name FROM functions WHERE id = ?').get(id)
  return { group: text(row?.worker_group), function: text(row?.name) }
}
