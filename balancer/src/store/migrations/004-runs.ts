/**
 * Runs on disk. Statuses are their places in RUN_STATUSES; functions and workers are numbers of their own tables,
 * so that the indexes of a million runs stay small. `facts` and `end_facts` are JSON of what no list asks for.
 */
import type { Migration } from './migration.ts'

export const runsMigration: Migration = {
  id: 4,
  name: 'runs',
  sql: `
    CREATE TABLE functions (
      id INTEGER PRIMARY KEY,
      worker_group TEXT NOT NULL,
      name TEXT NOT NULL,
      UNIQUE (worker_group, name)
    ) STRICT;

    -- Workers by the balancer's own names for them, and as they are shown.
    CREATE TABLE run_workers (
      id INTEGER PRIMARY KEY,
      key TEXT NOT NULL UNIQUE,
      shown TEXT NOT NULL
    ) STRICT;
    CREATE INDEX run_workers_shown ON run_workers (shown);

    -- Of runs in either table; ids sort as seq does.
    CREATE TABLE run_ids (
      id TEXT PRIMARY KEY,
      seq INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE runs_live (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      function INTEGER NOT NULL,
      contract INTEGER NOT NULL,
      -- A number made of what the run needs of a worker: equal for all of one line.
      lane INTEGER NOT NULL,
      status INTEGER NOT NULL,
      priority INTEGER NOT NULL,
      accepted_ms REAL NOT NULL,
      due_ms REAL,
      give_up_ms REAL,
      session TEXT,
      schedule TEXT,
      key_hash TEXT,
      has_words INTEGER NOT NULL,
      facts TEXT NOT NULL,
      worker INTEGER,
      boot TEXT,
      fence INTEGER,
      attempt INTEGER NOT NULL DEFAULT 0,
      failures INTEGER NOT NULL DEFAULT 0,
      losses INTEGER NOT NULL DEFAULT 0,
      started_ms REAL,
      history TEXT
    ) STRICT;
    CREATE INDEX runs_live_lane ON runs_live (lane, priority) WHERE status = 1;
    CREATE INDEX runs_live_due ON runs_live (due_ms) WHERE status = 0;
    CREATE INDEX runs_live_give_up ON runs_live (give_up_ms) WHERE give_up_ms IS NOT NULL AND status < 2;
    CREATE INDEX runs_live_running ON runs_live (status) WHERE status = 2;
    CREATE INDEX runs_live_function ON runs_live (function, status);
    CREATE INDEX runs_live_worker ON runs_live (worker, function, status) WHERE worker IS NOT NULL;
    CREATE INDEX runs_live_session ON runs_live (session, function, status) WHERE session IS NOT NULL;
    CREATE INDEX runs_live_schedule ON runs_live (schedule, function, status) WHERE schedule IS NOT NULL;

    CREATE TABLE runs_done (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL,
      function INTEGER NOT NULL,
      contract INTEGER NOT NULL,
      status INTEGER NOT NULL,
      worker INTEGER,
      accepted_ms REAL NOT NULL,
      finished_ms REAL NOT NULL,
      session TEXT,
      schedule TEXT,
      has_words INTEGER NOT NULL,
      -- 1: a task in memory that was recorded behind its end.
      is_recorded INTEGER NOT NULL DEFAULT 0,
      result_bytes INTEGER,
      webhook_state TEXT,
      deliveries INTEGER NOT NULL DEFAULT 0,
      facts TEXT NOT NULL,
      end_facts TEXT NOT NULL
    ) STRICT;
    CREATE INDEX runs_done_finished ON runs_done (finished_ms);
    CREATE INDEX runs_done_function ON runs_done (function, status);
    CREATE INDEX runs_done_worker ON runs_done (worker, function, status) WHERE worker IS NOT NULL;
    CREATE INDEX runs_done_session ON runs_done (session, function, status) WHERE session IS NOT NULL;
    CREATE INDEX runs_done_schedule ON runs_done (schedule, function, status) WHERE schedule IS NOT NULL;

    CREATE TABLE payloads (
      seq INTEGER PRIMARY KEY,
      media_type TEXT NOT NULL,
      bytes BLOB NOT NULL,
      head BLOB
    ) STRICT;

    CREATE TABLE results (
      seq INTEGER PRIMARY KEY,
      media_type TEXT NOT NULL,
      bytes BLOB NOT NULL
    ) STRICT;

    CREATE TABLE run_events (
      seq INTEGER NOT NULL,
      n INTEGER NOT NULL,
      type TEXT NOT NULL,
      at_ms REAL NOT NULL,
      data TEXT NOT NULL,
      PRIMARY KEY (seq, n)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE run_event_drops (
      seq INTEGER PRIMARY KEY,
      dropped INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE run_lines (
      seq INTEGER NOT NULL,
      n INTEGER NOT NULL,
      type TEXT NOT NULL,
      at_ms REAL NOT NULL,
      data TEXT NOT NULL,
      PRIMARY KEY (seq, n)
    ) STRICT, WITHOUT ROWID;

    -- The words of runs that have metadata or an error, as run-search.ts cuts them; its rowid is seq.
    CREATE VIRTUAL TABLE run_words USING fts5 (
      words, content = '', contentless_delete = 1, tokenize = 'ascii', detail = 'none'
    );

    CREATE TABLE deliveries (
      id TEXT PRIMARY KEY,
      seq INTEGER NOT NULL,
      run TEXT NOT NULL,
      type TEXT NOT NULL,
      url TEXT NOT NULL,
      receiver TEXT NOT NULL,
      created_ms REAL NOT NULL,
      state TEXT NOT NULL,
      tries INTEGER NOT NULL,
      failures INTEGER NOT NULL,
      next_ms REAL,
      last_status INTEGER,
      last_error TEXT
    ) STRICT;
    CREATE INDEX deliveries_seq ON deliveries (seq);
    CREATE INDEX deliveries_created ON deliveries (created_ms, id);
    CREATE INDEX deliveries_next ON deliveries (next_ms, receiver) WHERE state = 'pending';
    CREATE INDEX deliveries_url ON deliveries (url) WHERE state = 'pending';

    CREATE TABLE delivery_tries (
      delivery TEXT NOT NULL,
      n INTEGER NOT NULL,
      at_ms REAL NOT NULL,
      duration_ms REAL NOT NULL,
      status INTEGER,
      error TEXT,
      PRIMARY KEY (delivery, n)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE disabled_urls (
      url TEXT PRIMARY KEY,
      since_ms REAL NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE idempotency (
      hash TEXT PRIMARY KEY,
      body_hash TEXT NOT NULL,
      runs TEXT NOT NULL,
      answer TEXT,
      expires_ms REAL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_expires ON idempotency (expires_ms) WHERE expires_ms IS NOT NULL;

    CREATE TABLE bulk_jobs (
      id TEXT PRIMARY KEY,
      state TEXT NOT NULL,
      finished_ms REAL,
      job TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
}
