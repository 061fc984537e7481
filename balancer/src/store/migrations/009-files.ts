/**
 * Files of runs: which there are, and names of bytes that no run has any more. The trigger notes the latter whatever
 * removes a row (DELETE, retention, another attempt), in the same transaction: bytes are removed behind it.
 */
import type { Migration } from './migration.ts'

export const filesMigration: Migration = {
  id: 9,
  name: 'files',
  sql: `
    CREATE TABLE run_files (
      seq INTEGER NOT NULL,
      -- Of the attempt that wrote it; 0 for what was sent along with the task.
      fence INTEGER NOT NULL,
      path TEXT NOT NULL,
      name TEXT NOT NULL UNIQUE,
      media_type TEXT NOT NULL,
      size INTEGER NOT NULL,
      sha256 TEXT NOT NULL,
      PRIMARY KEY (seq, fence, path)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE gone_files (
      name TEXT PRIMARY KEY
    ) STRICT, WITHOUT ROWID;

    CREATE TRIGGER run_files_gone AFTER DELETE ON run_files
    BEGIN
      INSERT OR IGNORE INTO gone_files (name) VALUES (old.name);
    END;
  `,
}
