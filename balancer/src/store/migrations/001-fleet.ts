/** The fleet's memory: the epoch, operators' wishes, what workers served, browsers' sessions. */
import type { Migration } from './migration.ts'

export const fleetMigration: Migration = {
  id: 1,
  name: 'fleet',
  sql: `
    CREATE TABLE balancer (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      epoch INTEGER NOT NULL
    ) STRICT;
    INSERT INTO balancer (id, epoch) VALUES (1, 0);

    CREATE TABLE intents (
      worker TEXT PRIMARY KEY,
      reason TEXT,
      since TEXT NOT NULL,
      until TEXT
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE workers (
      worker TEXT PRIMARY KEY,
      worker_group TEXT NOT NULL,
      contract INTEGER NOT NULL,
      interface_hash TEXT NOT NULL,
      seen_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE interfaces (
      hash TEXT PRIMARY KEY,
      functions TEXT NOT NULL
    ) STRICT;

    CREATE TABLE sessions (
      hash TEXT PRIMARY KEY,
      created_at TEXT NOT NULL,
      expires_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
}
