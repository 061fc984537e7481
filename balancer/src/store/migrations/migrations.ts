/** All steps of the schema, in order. A database that has more of them was written by a newer version. */
import { fleetMigration } from './001-fleet.ts'
import { settingsMigration } from './002-settings.ts'
import { drainMigration } from './003-drain.ts'
import { runsMigration } from './004-runs.ts'
import { runKeysMigration } from './005-run-keys.ts'
import { journalMigration } from './006-journal.ts'
import { schedulesMigration } from './007-schedules.ts'
import { turnsMigration } from './008-turns.ts'
import { filesMigration } from './009-files.ts'
import { usageMigration } from './010-usage.ts'
import { batchKeysMigration } from './011-batch-keys.ts'
import { runChildrenMigration } from './012-run-children.ts'
import { scheduleSessionsMigration } from './013-schedule-sessions.ts'
import { configVersionsMigration } from './014-config-versions.ts'
import { activityMigration } from './015-activity.ts'
import { statsBlocksMigration } from './016-stats-blocks.ts'
import { formsMigration } from './017-forms.ts'
import type { Migration } from './migration.ts'

export const MIGRATIONS: readonly Migration[] = [
  fleetMigration,
  settingsMigration,
  drainMigration,
  runsMigration,
  runKeysMigration,
  journalMigration,
  schedulesMigration,
  turnsMigration,
  filesMigration,
  usageMigration,
  batchKeysMigration,
  runChildrenMigration,
  scheduleSessionsMigration,
  configVersionsMigration,
  activityMigration,
  statsBlocksMigration,
  formsMigration,
]
