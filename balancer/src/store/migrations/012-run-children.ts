/** Which run called which: what a durable run called is kept behind its end, and found by its caller. */
import type { Migration } from './migration.ts'

export const runChildrenMigration: Migration = {
  id: 12,
  name: 'run children',
  sql: `
    CREATE TABLE run_children (
      -- The id of the run that called it.
      parent TEXT NOT NULL,
      seq INTEGER NOT NULL,
      PRIMARY KEY (parent, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX run_children_seq ON run_children (seq);
  `,
}
