/**
 * Pages of series over time, packed: a row a series, resolution and page. What they hold is the business of
 * `observe/stats` alone.
 */
import type { Migration } from './migration.ts'

export const statsBlocksMigration: Migration = {
  id: 16,
  name: 'stats-blocks',
  sql: `
    CREATE TABLE stats_blocks (
      series TEXT NOT NULL,
      -- Seconds.
      step_s INTEGER NOT NULL,
      start_s INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      PRIMARY KEY (series, step_s, start_s)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX stats_blocks_age ON stats_blocks (step_s, start_s);
  `,
}
