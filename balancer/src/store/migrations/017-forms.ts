/** Saved pages of functions, so that a colleague opens one by its name. */
import type { Migration } from './migration.ts'

export const formsMigration: Migration = {
  id: 17,
  name: 'forms',
  sql: `
    CREATE TABLE forms (
      name TEXT PRIMARY KEY,
      revision TEXT NOT NULL,
      created_at TEXT NOT NULL,
      updated_at TEXT NOT NULL,
      updated_by TEXT NOT NULL,
      body TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
}
