/**
 * The runs of a batch know the key that began them as a single run does: the last of them to end says when it expires.
 * `first_seq` tells the runs of a key from those that the same key began before it expired. How many runs have ended
 * is kept, since counting millions of them would hold up the writer.
 */
import type { Migration } from './migration.ts'

export const batchKeysMigration: Migration = {
  id: 11,
  name: 'batch-keys',
  sql: `
    CREATE INDEX runs_live_key ON runs_live (key_hash) WHERE key_hash IS NOT NULL;
    ALTER TABLE idempotency ADD COLUMN first_seq INTEGER;

    CREATE TABLE run_counts (
      name TEXT PRIMARY KEY,
      runs INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO run_counts (name, runs) SELECT 'done', count(*) FROM runs_done;
  `,
}
