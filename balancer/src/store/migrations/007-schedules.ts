/**
 * Schedules and what became of their instants. `facts` is JSON of what no list asks for; payloads have a table of
 * their own, so that lists pass over short rows. An instant is claimed once: the index of them is unique.
 */
import type { Migration } from './migration.ts'

export const schedulesMigration: Migration = {
  id: 7,
  name: 'schedules',
  sql: `
    CREATE TABLE schedules (
      id TEXT PRIMARY KEY,
      worker_group TEXT NOT NULL,
      function TEXT NOT NULL,
      type TEXT NOT NULL,
      enabled INTEGER NOT NULL,
      next_ms REAL,
      last_ms REAL,
      done_ms REAL,
      last_run TEXT,
      fired INTEGER NOT NULL DEFAULT 0,
      skipped INTEGER NOT NULL DEFAULT 0,
      missed INTEGER NOT NULL DEFAULT 0,
      refused INTEGER NOT NULL DEFAULT 0,
      waiting INTEGER NOT NULL DEFAULT 0,
      facts TEXT NOT NULL
    ) STRICT;
    CREATE INDEX schedules_next ON schedules (next_ms, id) WHERE next_ms IS NOT NULL;
    CREATE INDEX schedules_done ON schedules (done_ms) WHERE done_ms IS NOT NULL;
    CREATE INDEX schedules_waiting ON schedules (id) WHERE waiting > 0;

    CREATE TABLE schedule_payloads (
      id TEXT PRIMARY KEY,
      media_type TEXT NOT NULL,
      bytes BLOB NOT NULL,
      head BLOB
    ) STRICT;

    CREATE TABLE schedule_fires (
      schedule TEXT NOT NULL,
      n INTEGER NOT NULL,
      instant_ms REAL NOT NULL,
      at_ms REAL NOT NULL,
      outcome TEXT NOT NULL,
      run TEXT,
      count INTEGER NOT NULL,
      detail TEXT,
      PRIMARY KEY (schedule, n)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX schedule_fires_instant ON schedule_fires (schedule, instant_ms);
    CREATE INDEX schedule_fires_waiting ON schedule_fires (schedule, instant_ms) WHERE outcome = 'waiting';
  `,
}
