/**
 * Final runs keep the hash of the key that began them alone, as live ones do, so that their key goes with them and
 * they stay for as long as it is good. Those with a key have an index of their own: they are kept longer than
 * others, and nobody must pass over them every few seconds.
 */
import type { Migration } from './migration.ts'

export const runKeysMigration: Migration = {
  id: 5,
  name: 'run-keys',
  sql: `
    ALTER TABLE runs_done ADD COLUMN key_hash TEXT;
    DROP INDEX runs_done_finished;
    CREATE INDEX runs_done_finished ON runs_done (finished_ms) WHERE key_hash IS NULL;
    CREATE INDEX runs_done_keyed ON runs_done (finished_ms) WHERE key_hash IS NOT NULL;
  `,
}
