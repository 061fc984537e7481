/** What operators set for groups and functions: limits, pauses, shares, default contracts. */
import type { Migration } from './migration.ts'

export const settingsMigration: Migration = {
  id: 2,
  name: 'settings',
  // `function` is '' for the group itself, which is no name a function can have.
  sql: `
    CREATE TABLE settings (
      worker_group TEXT NOT NULL,
      function TEXT NOT NULL,
      settings TEXT NOT NULL,
      PRIMARY KEY (worker_group, function)
    ) STRICT, WITHOUT ROWID;
  `,
}
