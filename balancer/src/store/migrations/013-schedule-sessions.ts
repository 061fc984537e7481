/** Whose turns the runs of a schedule are, so that the schedules of one session are found without opening all. */
import type { Migration } from './migration.ts'

export const scheduleSessionsMigration: Migration = {
  id: 13,
  name: 'schedule-sessions',
  sql: `
    ALTER TABLE schedules ADD COLUMN session TEXT;
    UPDATE schedules SET session = json_extract(json_extract(facts, '$.order'), '$.session');
    CREATE INDEX schedules_session ON schedules (session, id) WHERE session IS NOT NULL;
  `,
}
