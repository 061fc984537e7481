/** A deadline for what still runs on a worker that is put away, and whose decision it was. */
import type { Migration } from './migration.ts'

export const drainMigration: Migration = {
  id: 3,
  name: 'drain',
  sql: `
    ALTER TABLE intents ADD COLUMN deadline TEXT;
    ALTER TABLE intents ADD COLUMN decided_by TEXT;
  `,
}
