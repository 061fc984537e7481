/** Who did what and why, found by time, target and words; and the role of a session, all until now an operator's. */
import type { Migration } from './migration.ts'

export const activityMigration: Migration = {
  id: 15,
  name: 'activity',
  sql: `
    CREATE TABLE activity (
      id TEXT PRIMARY KEY,
      at TEXT NOT NULL,
      kind TEXT NOT NULL,
      actor TEXT,
      action TEXT NOT NULL,
      target_kind TEXT NOT NULL,
      target_id TEXT NOT NULL,
      words TEXT NOT NULL,
      item TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX activity_target ON activity (target_id, target_kind, id);
    ALTER TABLE sessions ADD COLUMN role TEXT NOT NULL DEFAULT 'operator';
  `,
}
