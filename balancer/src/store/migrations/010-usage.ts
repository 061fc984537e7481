/**
 * What runs use and put out. `used` of a live run is JSON, null for most; messages and sources stand apart, since
 * lists show neither. The totals of a session or schedule are those of its runs that have ended.
 */
import type { Migration } from './migration.ts'

export const usageMigration: Migration = {
  id: 10,
  name: 'usage',
  sql: `
    ALTER TABLE runs_live ADD COLUMN used TEXT;

    CREATE TABLE run_told (
      seq INTEGER NOT NULL,
      n INTEGER NOT NULL,
      kind TEXT NOT NULL,
      data TEXT NOT NULL,
      PRIMARY KEY (seq, n)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE usage_totals (
      kind TEXT NOT NULL,
      name TEXT NOT NULL,
      runs INTEGER NOT NULL,
      -- JSON; null when nothing was told.
      usage TEXT,
      since_ms REAL NOT NULL,
      until_ms REAL NOT NULL,
      PRIMARY KEY (kind, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX usage_totals_until ON usage_totals (until_ms);
  `,
}
