/** What went to the journal first: found whatever happens in between, written into the tables once. */
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import type { RunWrite } from '../ports/run-writes.ts'
import type { StoreWrite } from '../ports/store.ts'
import { MIGRATIONS } from './migrations/migrations.ts'
import { type Batch, SqliteDatabase } from './sqlite-database.ts'
import { openFile } from './sqlite-file.ts'
import { SqliteReads } from './sqlite-reads.ts'
import { Statements } from './statements.ts'
import { acceptedRun, endOf, idAt } from './testing/stored-runs.ts'
import { packWrites } from './write-packing.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-journal-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let places = 0
const newPath = () => join(mkdtempSync(join(folder, `place-${++places}-`)), 'berth.db')
const TABLES = ['journal', 'runs_live', 'runs_done', 'run_ids', 'payloads', 'results', 'run_events'] as const

function open(path: string, journaling: 'busy' | 'always' | 'never' = 'always'): SqliteDatabase {
  return new SqliteDatabase({ path, busyTimeoutMs: 20, openedAtMs: 0, longLogBytes: 0, journaling })
}

let batches = 0
function pack(...writes: readonly StoreWrite[]): Batch {
  return { batch: ++batches, parts: packWrites(writes) }
}

function commit(database: SqliteDatabase, ...writes: readonly StoreWrite[]): void {
  assert.deepEqual(database.commit([pack(...writes)], performance.now()), [{ ok: true }])
}

/** Rows of each table, as another connection sees them. */
function count(path: string): Record<string, number> {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const of = (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n)
    const counts = TABLES.map((table) => [table, of(table)] as const)
    return Object.fromEntries(counts.filter(([, rows]) => rows > 0))
  } finally {
    database.close()
  }
}

function withEvent(write: StoreWrite): StoreWrite {
  assert.equal(write.kind, 'run-finished')
  return { ...write, events: [{ n: 1, type: 'status', atMs: 1, data: '{}' }] } as RunWrite
}

/** The files as they are now, as the end of a process at this moment would leave them. */
function copyOf(path: string): string {
  const copy = newPath()
  for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, copy + end)
  return copy
}

test('what is in the journal alone is found by the next process, and settling it twice changes nothing', () => {
  const path = newPath()
  const database = open(path)
  commit(database, acceptedRun(2, 'queued'), acceptedRun(3, 'queued'))
  commit(database, withEvent(endOf(2)))
  assert.deepEqual(count(path), { journal: 2 })
  const [before, between] = [copyOf(path), copyOf(path)]
  // A step that takes the acceptance, and with it the end that stands behind it.
  assert.deepEqual(database.settle(1), { outcome: { ok: true }, refusals: [] })
  const settled = { runs_live: 1, runs_done: 1, run_ids: 2, payloads: 2, run_events: 1 }
  assert.deepEqual(count(path), { journal: 1, ...settled })
  const after = copyOf(path)
  database.close()
  assert.deepEqual(count(path), settled)
  for (const left of [before, between, after]) {
    const next = open(left)
    assert.equal(next.contents.runs.live, 1)
    assert.equal(next.contents.runs.lastSeq, 3)
    assert.equal(next.contents.runs.lastId, idAt(3).id)
    next.close()
    assert.deepEqual(count(left), settled, left)
  }
})

test('an end that is on disk before its acceptance is settled never passes through the live ones', () => {
  const path = newPath()
  const database = open(path)
  commit(database, acceptedRun(2, 'queued'), endOf(2), acceptedRun(3, 'queued'))
  commit(database, endOf(3))
  commit(database, acceptedRun(4, 'queued'))
  database.settle()
  commit(database, endOf(4))
  database.settle()
  database.close()
  // The last one ended later, and has its result by itself.
  assert.deepEqual(count(path), { runs_done: 3, run_ids: 3, payloads: 3, results: 1 })
})

test('a long input has its row to itself, and an end of an older fence is none', () => {
  const path = newPath()
  const database = open(path)
  const long = acceptedRun(2, 'queued')
  assert.equal(long.kind, 'runs-accepted')
  const [first] = (long as Extract<RunWrite, { kind: 'runs-accepted' }>).runs
  assert.ok(first)
  const payload = { mediaType: 'a/b', bytes: new Uint8Array(5_000), head: null }
  commit(database, { kind: 'runs-accepted', runs: [{ run: first.run, payload }], key: null }, endOf(2))
  const { status: _, ...rest } = first.run
  const progress = { ...rest, status: 'running', fence: 50 } as const
  commit(database, acceptedRun(3, 'queued'), { kind: 'run-moved', seq: 3, progress })
  commit(database, { ...endOf(3), fence: 49 } as RunWrite)
  database.settle()
  database.close()
  assert.deepEqual(count(path), { runs_live: 1, runs_done: 1, run_ids: 2, payloads: 2, results: 1 })
})

test('what can be refused goes into the tables at once, behind all that came before', () => {
  const path = newPath()
  const database = open(path)
  commit(database, acceptedRun(2, 'queued'))
  const again = pack(acceptedRun(2, 'queued'))
  const [outcome] = database.commit([again], 0)
  assert.match(outcome?.ok === false ? outcome.detail : '', /1 of 1 writes refused: runs-accepted/)
  assert.deepEqual(count(path), { runs_live: 1, run_ids: 1, payloads: 1 })
  database.close()
})

test('a write that proves impossible later is kept aside and told, and takes no other with it', () => {
  const path = newPath()
  const database = open(path)
  const broken = { kind: 'run-moved', seq: 2, progress: { priority: null, history: [] } }
  commit(database, acceptedRun(2, 'queued'), broken as unknown as StoreWrite, acceptedRun(3, 'queued'))
  const bad = batches
  commit(database, acceptedRun(4, 'queued'))
  const { outcome, refusals } = database.settle()
  assert.deepEqual(outcome, { ok: true })
  assert.equal(refusals.length, 1)
  assert.equal(refusals[0]?.batch, bad)
  assert.match(refusals[0]?.detail ?? '', /cannot be used: run-moved: /)
  assert.ok(!database.isBehind)
  database.close()
  const next = open(path)
  assert.equal(next.contents.runs.live, 3)
  next.close()
  assert.deepEqual(count(path), { journal: 1, runs_live: 3, run_ids: 3, payloads: 3 })
})

test('while another process holds the lock nothing is lost from the journal', () => {
  const path = newPath()
  const database = open(path)
  commit(database, acceptedRun(2, 'queued'), endOf(2))
  const rival = new DatabaseSync(path)
  rival.exec('BEGIN IMMEDIATE')
  assert.deepEqual(database.settle().outcome.ok, false)
  const [refused] = database.commit([pack(acceptedRun(3, 'queued'))], 0)
  assert.equal(refused?.ok, false)
  rival.exec('ROLLBACK')
  rival.close()
  commit(database, acceptedRun(3, 'queued'), endOf(3))
  database.settle()
  database.close()
  assert.deepEqual(count(path), { runs_done: 2, run_ids: 2, payloads: 2 })
})

test('only a busy store writes twice', () => {
  const path = newPath()
  const database = open(path, 'busy')
  const run = (seq: number, atMs: number) => database.commit([pack(acceptedRun(seq, 'queued'))], atMs)[0]?.ok
  for (let seq = 1; seq <= 60; seq++) assert.ok(run(seq, seq * 10))
  assert.ok(!database.isBehind)
  for (let seq = 61; seq <= 120; seq++) assert.ok(run(seq, 1_000))
  assert.ok(database.isBehind)
  assert.ok(run(121, 2_000))
  assert.ok(!database.isBehind, 'what is not busy any more has all in the tables')
  database.close()
  assert.deepEqual(count(path), { runs_live: 121, run_ids: 121, payloads: 121 })
})

test('more runs at once than anybody holds in memory go into the tables at once', () => {
  const path = newPath()
  const database = open(path)
  const many = Array.from({ length: 1_200 }, (_, n) => acceptedRun(2_001 + n, 'queued'))
  commit(database, acceptedRun(2_000, 'queued'))
  assert.ok(database.isBehind)
  commit(database, ...many)
  assert.ok(!database.isBehind)
  database.close()
  assert.deepEqual(count(path), { runs_live: 1_201, run_ids: 1_201, payloads: 1_201 })
})

test('a database of before there was a journal opens with its runs', () => {
  const path = newPath()
  const before = openFile(
    path,
    100,
    MIGRATIONS.filter(({ id }) => id < 6),
  )
  const shared = `7, 1, 1, 1700000000000, 0, '{"mode":"async","trigger":"api"}'`
  before.exec(`
    INSERT INTO functions VALUES (7, 'default', 'hello');
    INSERT INTO run_ids VALUES ('r_1', 1), ('r_2', 2);
    INSERT INTO runs_live (function, contract, status, accepted_ms, has_words, facts, seq, id, lane, priority)
      VALUES (${shared}, 2, 'r_2', 9, 100);
    INSERT INTO runs_done (function, contract, status, accepted_ms, has_words, facts, seq, id, finished_ms, end_facts)
      VALUES (${shared}, 1, 'r_1', 1700000000009, '{"queueMs":1,"runMs":1,"attempt":1,"priority":100}');
    INSERT INTO payloads VALUES (1, '', x'7b7d', NULL), (2, '', x'7b7d', NULL);
    INSERT INTO results VALUES (1, 'a/b', x'2a');
    INSERT INTO run_events VALUES (1, 1, 'status', 1, '{}')`)
  before.close()
  const database = open(path)
  assert.deepEqual([database.contents.runs.live, database.contents.runs.lastSeq], [1, 2])
  commit(database, endOf(2))
  database.close()
  const reader = new DatabaseSync(path)
  const reads = new SqliteReads(new Statements(reader))
  assert.deepEqual([reads.find('r_1')?.kind, reads.find('r_2')?.kind], ['done', 'done'])
  assert.deepEqual(reads.result('r_1'), { mediaType: 'a/b', bytes: new Uint8Array([42]) })
  assert.equal(reads.result('r_2')?.mediaType, '')
  assert.deepEqual(reads.payload('r_2')?.bytes, new Uint8Array([123, 125]))
  assert.equal(reads.events('r_1', 0, 9).events.length, 1)
  reader.close()
})
