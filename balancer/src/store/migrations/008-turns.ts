/**
 * The turns of sessions, apart from the rows of runs: most runs have none. Those that wait for their turn have the
 * number of their lane as its complement in `runs_live`, where no claim looks.
 */
import type { Migration } from './migration.ts'

export const turnsMigration: Migration = {
  id: 8,
  name: 'turns',
  sql: `
    CREATE TABLE turns (
      session TEXT NOT NULL,
      -- 0: held, 1: the head, 2: completed, 3: ended in any other way.
      state INTEGER NOT NULL,
      -- When it joined: twice its seq, or for a delayed one behind all that were accepted before it was due.
      place INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      -- Its own; the head's row may say a more urgent one.
      priority INTEGER NOT NULL,
      PRIMARY KEY (session, state, place, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX turns_seq ON turns (seq);
    CREATE INDEX turns_open ON turns (session, priority) WHERE state < 2;
  `,
}
