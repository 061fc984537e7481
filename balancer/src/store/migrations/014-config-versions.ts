/** Every list of workers that was in force, with who changed it and why; texts hold no keys. */
import type { Migration } from './migration.ts'

export const configVersionsMigration: Migration = {
  id: 14,
  name: 'config-versions',
  sql: `
    CREATE TABLE config_versions (
      version INTEGER PRIMARY KEY,
      facts TEXT NOT NULL,
      bytes INTEGER NOT NULL,
      text TEXT NOT NULL
    ) STRICT;
  `,
}
