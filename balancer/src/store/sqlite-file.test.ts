/** How a database is opened, and everything that must not be opened. */
import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { openFile } from './sqlite-file.ts'
import { SqliteStore } from './sqlite-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-sqlite-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
const newPath = () => join(folder, `data-${++count}`, 'berth.db')

const QUIET = { onPersisted() {}, onFailed() {}, onClaimed() {}, onDue() {}, onTurns() {} }

/** A database with a thousand rows, closed again. */
function makeFilled(): string {
  const path = newPath()
  const database = openFile(path, 100)
  database.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    INSERT INTO sessions (hash, created_at, expires_at) SELECT printf('%064d', i), 'created', 'expires' FROM n`)
  database.close()
  return path
}

async function refusal(path: string): Promise<{ code: unknown; message: string }> {
  const store = new SqliteStore({ path, busyTimeoutMs: 20 })
  try {
    await store.open(QUIET)
  } catch (error) {
    assert.ok(error instanceof Error)
    return { code: Reflect.get(error, 'code'), message: error.message }
  } finally {
    await store.close()
  }
  return assert.fail(`${path} was opened`)
}

test('a new database is for this user alone, durable, and leaves no draft', () => {
  const path = newPath()
  const database = openFile(path, 100)
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700)
  for (const name of readdirSync(dirname(path)))
    assert.equal(statSync(join(dirname(path), name)).mode & 0o777, 0o600)
  assert.deepEqual({ ...database.prepare('PRAGMA journal_mode').get() }, { journal_mode: 'wal' })
  assert.deepEqual({ ...database.prepare('PRAGMA synchronous').get() }, { synchronous: 2 })
  assert.deepEqual({ ...database.prepare('PRAGMA foreign_keys').get() }, { foreign_keys: 1 })
  assert.deepEqual({ ...database.prepare('PRAGMA busy_timeout').get() }, { timeout: 100 })
  database.close()
  assert.deepEqual(readdirSync(dirname(path)), ['berth.db'])
})

test('a draft that a dead process left is no hindrance', () => {
  const path = newPath()
  mkdirSync(dirname(path))
  writeFileSync(`${path}.new`, 'half a database')
  openFile(path, 100).close()
  assert.deepEqual(readdirSync(dirname(path)), ['berth.db'])
})

test('migrations run once each, in order, and a failing one leaves nothing of itself', () => {
  const path = newPath()
  const one = { id: 1, name: 'one', sql: 'CREATE TABLE t (a); INSERT INTO t VALUES (1)' }
  const two = { id: 2, name: 'two', sql: 'UPDATE t SET a = a + 1; CREATE TABLE u (b)' }
  const broken = { id: 3, name: 'broken', sql: 'CREATE TABLE v (c); BOGUS' }
  openFile(path, 100, [one]).close()
  openFile(path, 100, [one, two]).close()
  assert.throws(() => openFile(path, 100, [one, two, broken]), { name: 'StoreError' })
  const database = openFile(path, 100, [one, two])
  assert.deepEqual({ ...database.prepare('SELECT a FROM t').get() }, { a: 2 })
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE name IN ('t', 'u', 'v') ORDER BY 1")
    .all()
  assert.deepEqual(
    tables.map(({ name }) => name),
    ['t', 'u'],
  )
  database.close()
})

test('a database of a newer version is refused by its number and left as it is', async () => {
  const path = makeFilled()
  const database = new DatabaseSync(path)
  database.exec("INSERT INTO migrations VALUES (99, 'future', 'then')")
  database.close()
  const { code, message } = await refusal(path)
  assert.equal(code, 'NEWER')
  assert.match(message, /its schema is 99, this version knows \d+/)
})

test('a damaged page is found before anything is written', async () => {
  const path = makeFilled()
  const bytes = readFileSync(path)
  bytes.fill(0xa5, 4096 * 8, 4096 * 12)
  writeFileSync(path, bytes)
  const { code, message } = await refusal(path)
  assert.equal(code, 'DAMAGED')
  assert.match(message, /Restore it from a backup, or move it away/)
  assert.deepEqual(readFileSync(path), bytes)
})

test('garbage, an empty file and a cut file are damage', async () => {
  const garbage = makeFilled()
  writeFileSync(garbage, 'x'.repeat(8192))
  const empty = makeFilled()
  truncateSync(empty, 0)
  const cut = makeFilled()
  truncateSync(cut, 4096 * 5)
  for (const path of [garbage, empty, cut]) {
    const size = statSync(path).size
    assert.equal((await refusal(path)).code, 'DAMAGED', path)
    assert.equal(statSync(path).size, size)
  }
})

test('a log whose database is gone is never replayed into a new one', async () => {
  const path = makeFilled()
  const database = new DatabaseSync(path)
  database.exec("UPDATE sessions SET expires_at = 'later'")
  renameSync(path, `${path}.elsewhere`)
  const { code, message } = await refusal(path)
  database.close()
  assert.equal(code, 'DAMAGED')
  assert.match(message, /is missing but .*-wal is there/)
})

test('a database of something else and a folder are refused', async () => {
  const path = newPath()
  mkdirSync(dirname(path))
  const foreign = new DatabaseSync(path)
  foreign.exec('CREATE TABLE notes (a)')
  foreign.close()
  assert.match((await refusal(path)).message, /database of something else/)
  const asFolder = newPath()
  mkdirSync(asFolder, { recursive: true })
  assert.match((await refusal(asFolder)).message, /not a regular file/)
})

test('a lock of another process is a refusal that says so', async () => {
  const path = makeFilled()
  const rival = new DatabaseSync(path)
  rival.exec('BEGIN IMMEDIATE')
  const { code, message } = await refusal(path)
  rival.close()
  assert.equal(code, 'LOCKED')
  assert.match(message, /berth\.db is locked by another process/)
})
