/**
 * The journal: batches of a busy store as they came, on disk before they are in the tables, which the writer follows
 * up with in larger steps (journal.ts). A short result of a short input lies beside it in one row.
 */
import type { Migration } from './migration.ts'

export const journalMigration: Migration = {
  id: 6,
  name: 'journal',
  sql: `
    CREATE TABLE journal (
      n INTEGER PRIMARY KEY,
      -- JSON of packed writes (write-packing.ts), and the bytes that they point into.
      writes TEXT NOT NULL,
      bytes BLOB NOT NULL,
      -- Why it is not in the tables and will not be: a fault of ours, kept to be looked at.
      refused TEXT
    ) STRICT;

    ALTER TABLE payloads ADD COLUMN result_type TEXT;
    ALTER TABLE payloads ADD COLUMN result BLOB;
  `,
}
