/**
 * Opens the database file, or says in words why it must not be used. Called by `sqlite-database.ts`.
 * A new file appears under its name only when its schema is complete, so an empty or half-made one is
 * always damage. Invariant: a damaged or newer database is left exactly as it was found.
 */
import { chmodSync, closeSync, fsyncSync, lstatSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ensureFolder } from '@berth/runtime'
import type { Migration } from './migrations/migration.ts'
import { MIGRATIONS } from './migrations/migrations.ts'
import { StoreError } from './store-error.ts'

/** SQLite's primary result codes that mean something of their own here. */
export const SQLITE = { BUSY: 5, LOCKED: 6, IOERR: 10, CORRUPT: 11, TOOBIG: 18, CONSTRAINT: 19 } as const
const NOTADB = 26
/** Extended codes of writes that the system refused (no quota, file too large, read-only): none of it is in the file. */
const REFUSED_WRITES: ReadonlySet<number> = new Set([0x30a, 0x130a])
/** What is read at the start in any case. */
const CHECKED_TABLES = ['migrations', 'balancer', 'intents', 'workers', 'interfaces', 'sessions', 'settings']
const CHECKED_BYTES = 64 * 1024 * 1024

/** The primary result code of an error that SQLite raised; undefined for any other. */
export function sqliteCode(error: unknown): number | undefined {
  const code = extendedCode(error)
  return code === undefined ? undefined : code & 0xff
}

/** Why nobody knows any more what is in the file. A write that was refused as such is no such fault: it left nothing. */
export function isIoFault(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === SQLITE.CORRUPT || (code === SQLITE.IOERR && !isRefusedWrite(error))
}

export function isRefusedWrite(error: unknown): boolean {
  const code = extendedCode(error)
  return code !== undefined && REFUSED_WRITES.has(code)
}

function extendedCode(error: unknown): number | undefined {
  const code = error instanceof Error ? Reflect.get(error, 'errcode') : undefined
  return typeof code === 'number' ? code : undefined
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Opens, checks and migrates, making the file when there is none. Throws `StoreError`. */
export function openFile(
  path: string,
  busyTimeoutMs: number,
  migrations: readonly Migration[] = MIGRATIONS,
): DatabaseSync {
  try {
    if (!isThere(path)) create(path, busyTimeoutMs, migrations)
    chmodSync(path, 0o600)
    return openExisting(path, busyTimeoutMs, migrations)
  } catch (error) {
    throw error instanceof StoreError ? error : translate(path, error)
  }
}

function isThere(path: string): boolean {
  const file = statSync(path, { throwIfNoEntry: false })
  if (file === undefined) {
    if (lstatSync(`${path}-wal`, { throwIfNoEntry: false }) === undefined) return false
    const message = `${path} is missing but ${path}-wal is there: put the database back, or remove ${path}-wal and ${path}-shm to begin with an empty one`
    throw new StoreError('DAMAGED', message)
  }
  if (!file.isFile()) throw new StoreError('UNUSABLE', `${path} is not a regular file; move it away`)
  if (file.size === 0) throw damaged(path, 'the file is empty')
  return true
}

function create(path: string, busyTimeoutMs: number, migrations: readonly Migration[]): void {
  ensureFolder(dirname(path))
  const draft = `${path}.new`
  for (const leftover of [draft, `${draft}-journal`]) rmSync(leftover, { force: true })
  const database = new DatabaseSync(draft, { timeout: busyTimeoutMs })
  try {
    // Nobody knows of the draft before it is complete, and it is synced as a whole then.
    database.exec('PRAGMA synchronous = OFF')
    database.exec(
      'CREATE TABLE migrations (id INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL)',
    )
    migrate(database, path, migrations)
  } finally {
    database.close()
  }
  const file = openSync(draft, 'r+')
  fsyncSync(file)
  closeSync(file)
  renameSync(draft, path)
}

function openExisting(path: string, timeout: number, migrations: readonly Migration[]): DatabaseSync {
  const database = new DatabaseSync(path, { timeout, enableForeignKeyConstraints: true })
  try {
    check(database, path)
    setPragmas(database, path)
    migrate(database, path, migrations)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** All of a small file; of one with many runs, which would take as long as reading it, what is not of runs. */
function check(database: DatabaseSync, path: string): void {
  const isLarge = statSync(path).size > CHECKED_BYTES
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  const names = tables.map(({ name }) => String(name))
  for (const part of isLarge ? CHECKED_TABLES.filter((name) => names.includes(name)) : ['1']) {
    const [finding] = database.prepare(`PRAGMA quick_check(${part})`).all()
    if (finding?.quick_check !== 'ok') throw damaged(path, String(finding?.quick_check))
  }
  if (!names.includes('migrations'))
    throw new StoreError('UNUSABLE', `${path} is a database of something else; move it away`)
}

/** FULL: what was answered as accepted survives a power cut, not only the end of the process. */
function setPragmas(database: DatabaseSync, path: string): void {
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode
  if (mode !== 'wal')
    throw new StoreError(
      'UNUSABLE',
      `${path} lies where SQLite cannot keep a write-ahead log (it stays in mode ${mode}); choose a DATA_DIR on a local disk`,
    )
  database.exec('PRAGMA synchronous = FULL')
  // The reading thread brings the log into the file, so that no commit has to; this is for when it cannot keep up.
  database.exec('PRAGMA wal_autocheckpoint = 32768')
  database.exec('PRAGMA cache_size = -32000')
  database.exec('PRAGMA journal_size_limit = 67108864')
}

function migrate(database: DatabaseSync, path: string, migrations: readonly Migration[]): void {
  const applied = new Set(
    database
      .prepare('SELECT id FROM migrations')
      .all()
      .map(({ id }) => Number(id)),
  )
  const newest = migrations.at(-1)?.id ?? 0
  const found = Math.max(0, ...applied)
  if (found > newest) {
    const message = `${path} was written by a newer version of Berth (its schema is ${found}, this version knows ${newest}); start that version, or restore a copy from before the upgrade`
    throw new StoreError('NEWER', message)
  }
  for (const migration of migrations) if (!applied.has(migration.id)) applyMigration(database, migration)
}

function applyMigration(database: DatabaseSync, { id, name, sql }: Migration): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec(sql)
    const record = database.prepare('INSERT INTO migrations (id, name, applied_at) VALUES (?, ?, ?)')
    record.run(id, name, new Date().toISOString())
    database.exec('COMMIT')
  } catch (error) {
    rollBack(database)
    throw error
  }
}

/** Ends a transaction that failed, without hiding why: SQLite may have ended it by itself. */
export function rollBack(database: DatabaseSync): void {
  try {
    if (database.isTransaction) database.exec('ROLLBACK')
  } catch {}
}

/** Readable for whoever starts the balancer: what, to what, and what to do. */
export function translate(path: string, error: unknown): StoreError {
  const code = sqliteCode(error)
  if (code === SQLITE.BUSY || code === SQLITE.LOCKED)
    return new StoreError(
      'LOCKED',
      `${path} is locked by another process; end it (fuser names it) and start again`,
    )
  if (code === SQLITE.CORRUPT || code === NOTADB) return damaged(path, messageOf(error))
  return new StoreError(
    'UNUSABLE',
    `${path} cannot be opened: ${messageOf(error)}; check the disk and the rights of DATA_DIR`,
  )
}

function damaged(path: string, finding: string): StoreError {
  const message = `${path} is damaged (${finding.slice(0, 200)}); nothing was changed. Restore it from a backup, or move it away together with ${path}-wal and ${path}-shm to begin with an empty one (operators' maintenance and limits and sign-ins are then forgotten)`
  return new StoreError('DAMAGED', message)
}
