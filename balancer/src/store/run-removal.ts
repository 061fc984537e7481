/** Removes runs with all they have, on the store's writer thread. Called by `run-tables.ts` within a transaction. */
import type { Statements } from './statements.ts'
import { TurnTables } from './turn-tables.ts'

const GIVEN = 'SELECT value FROM json_each(?)'

/** How many of them were final. */
export function removeRuns(statements: Statements, seqs: readonly number[]): number {
  new TurnTables(statements).remove(seqs)
  const given = JSON.stringify(seqs)
  const run = (sql: string) => statements.run(sql, given)
  for (const table of ['runs_live', 'runs_done']) {
    run(
      `DELETE FROM run_words WHERE rowid IN (SELECT seq FROM ${table} WHERE seq IN (${GIVEN}) AND has_words = 1)`,
    )
    run(`DELETE FROM run_ids WHERE id IN (SELECT id FROM ${table} WHERE seq IN (${GIVEN}))`)
  }
  run(`DELETE FROM delivery_tries WHERE delivery IN (SELECT id FROM deliveries WHERE seq IN (${GIVEN}))`)
  for (const table of OF_A_RUN) run(`DELETE FROM ${table} WHERE seq IN (${GIVEN})`)
  return run(`DELETE FROM runs_done WHERE seq IN (${GIVEN})`)
}

/** What a run called, what that called, and so on, as far as it is kept; a bounded number. */
export function findDescendants(statements: Statements, seq: number): number[] {
  const rows = statements
    .of(
      `WITH RECURSIVE below (seq) AS (
        SELECT c.seq FROM runs_done r JOIN run_children c ON c.parent = r.id WHERE r.seq = ?1
        UNION SELECT c.seq FROM below b JOIN runs_done r ON r.seq = b.seq JOIN run_children c ON c.parent = r.id
      ) SELECT seq FROM below LIMIT ${MOST_DESCENDANTS}`,
    )
    .all(seq)
  return rows.map((row) => Number(row.seq))
}

const MOST_DESCENDANTS = 10_000

/**
 * The key of a run begins anew: of a live one, of which nobody was told, and of a final one that it began alone and
 * whose end was the answer, or would be. A 202 can be said again without its run. The key may have begun another run
 * since.
 */
export function removeKey(statements: Statements, seq: number): void {
  const hashOf = (table: string) => `hash = (SELECT key_hash FROM ${table} WHERE seq = ?1)`
  statements.run(`DELETE FROM idempotency WHERE ${hashOf('runs_live')}`, seq)
  const isItsOwn = `runs = (SELECT json_array(id) FROM runs_done WHERE seq = ?1)`
  statements.run(
    `DELETE FROM idempotency WHERE ${hashOf('runs_done')} AND answer IS NOT 'accepted' AND ${isItsOwn}`,
    seq,
  )
}

const OF_A_RUN = [
  'runs_live',
  'payloads',
  'results',
  'run_events',
  'run_event_drops',
  'run_lines',
  'run_children',
  'run_told',
  'deliveries',
  'run_files',
] as const
