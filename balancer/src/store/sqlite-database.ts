/**
 * The database as the store's thread works with it: synchronous, one writer. `commit` takes a batch in
 * one transaction, a savepoint for each write, so that one bad write does not take the others.
 * Invariant: `ok` means on disk, in the file that bears the name. After an I/O error nothing is said to be
 * on disk any more: a later fsync of the same file would succeed without the pages that were lost.
 */
import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { FleetContents, StoreWrite } from '../ports/store.ts'
import { FleetTables, isFleetWrite } from './fleet-tables.ts'
import { messageOf, openFile, rollBack, SQLITE, sqliteCode, translate } from './sqlite-file.ts'
import { StoreError } from './store-error.ts'
import type { ThreadSettings } from './thread-messages.ts'

export type CommitOutcome = { readonly ok: true } | { readonly ok: false; readonly detail: string }

const RESTART = 'nothing more is written; check the disk and restart the balancer'

export class SqliteDatabase {
  readonly contents: FleetContents
  readonly #path: string
  readonly #database: DatabaseSync
  readonly #tables: FleetTables
  /** Device and inode of the file and of its log, as opened. */
  readonly #identity: string
  #fault: string | undefined

  /** Opens the file and begins a new epoch, which is on disk when this returns. Throws `StoreError`. */
  constructor({ path, busyTimeoutMs, openedAtMs }: ThreadSettings) {
    this.#path = path
    this.#database = openFile(path, busyTimeoutMs)
    this.#tables = new FleetTables(this.#database)
    try {
      this.contents = this.#transact(() => this.#tables.begin(openedAtMs))
      this.#identity = identify(path)
    } catch (error) {
      this.#database.close()
      throw error instanceof StoreError ? error : translate(path, error)
    }
  }

  /** Writes a batch. Never throws; `detail` says what is not on disk and why. */
  commit(writes: readonly StoreWrite[]): CommitOutcome {
    if (this.#fault !== undefined) return { ok: false, detail: this.#fault }
    try {
      const refusals = this.#transact(() => writes.flatMap((write) => this.#writeOne(write)))
      if (identify(this.#path) !== this.#identity)
        return this.#fail(`${this.#path} or its log was moved or removed while in use`)
      return refusals.length === 0 ? { ok: true } : describeRefusals(refusals, writes.length)
    } catch (error) {
      if (isIoFault(error)) return this.#fail(`${this.#path}: ${messageOf(error)}`)
      return { ok: false, detail: `nothing of the batch was written: ${messageOf(error)}` }
    }
  }

  /** Safe to call more than once. */
  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  /** Why one write cannot be kept, or nothing. What hinders all of them is thrown. */
  #writeOne(write: StoreWrite): string[] {
    this.#database.exec('SAVEPOINT one')
    try {
      if (!isFleetWrite(write)) throw new Error('this store keeps no runs yet')
      this.#tables.write(write)
      return []
    } catch (error) {
      if (!this.#database.isTransaction || !isOwnFault(error)) throw error
      this.#database.exec('ROLLBACK TO one')
      return [`${write.kind}: ${messageOf(error)}`]
    } finally {
      if (this.#database.isTransaction) this.#database.exec('RELEASE one')
    }
  }

  #transact<Result>(work: () => Result): Result {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      rollBack(this.#database)
      throw error
    }
  }

  #fail(what: string): CommitOutcome {
    this.#fault = `${what}; ${RESTART}`
    return { ok: false, detail: this.#fault }
  }
}

/** The write itself is wrong (a constraint, a value that cannot be bound), not the database. */
function isOwnFault(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === undefined || code === SQLITE.CONSTRAINT || code === SQLITE.TOOBIG
}

function isIoFault(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === SQLITE.IOERR || code === SQLITE.CORRUPT
}

function describeRefusals(refusals: readonly string[], total: number): CommitOutcome {
  const rest = refusals.length < total ? '; the others are on disk' : ''
  return { ok: false, detail: `${refusals.length} of ${total} writes refused: ${refusals[0]}${rest}` }
}

function identify(path: string): string {
  return [path, `${path}-wal`]
    .map((name) => statSync(name, { throwIfNoEntry: false }))
    .map((file) => (file === undefined ? 'gone' : `${file.dev}:${file.ino}`))
    .join(' ')
}
