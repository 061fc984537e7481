/**
 * The database as the store's writer thread works with it: synchronous, one writer. `commit` takes batches in one
 * transaction; when a write of them is bad, each batch is tried again alone with a savepoint for each write, so that
 * one bad write does not take the others, and good ones do not pay for it.
 * Invariant: `ok` means on disk, in the file that bears the name. After an I/O error nothing is said to be
 * on disk any more: a later fsync of the same file would succeed without the pages that were lost. A write that the
 * system refused loses no page that was written before, so it is like a full disk.
 */
import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { ClaimedRun, RunLaneNeeds, RunPosition } from '../ports/run-store.ts'
import type { SessionAsk, SessionTurn } from '../ports/session-store.ts'
import type { StoreContents } from '../ports/store.ts'
import { FileTables, isFileWrite } from './file-tables.ts'
import { FleetTables, isFleetWrite } from './fleet-tables.ts'
import { RunClaims } from './run-claims.ts'
import { RunNames } from './run-names.ts'
import { RunTables } from './run-tables.ts'
import { isScheduleWrite, ScheduleTables } from './schedule-tables.ts'
import {
  isIoFault,
  isRefusedWrite,
  messageOf,
  openFile,
  rollBack,
  SQLITE,
  sqliteCode,
  translate,
} from './sqlite-file.ts'
import { Statements } from './statements.ts'
import { StoreError } from './store-error.ts'
import type { ThreadSettings } from './thread-messages.ts'
import type { PackedBatch, PackedWrite } from './write-packing.ts'

export type CommitOutcome = { readonly ok: true } | { readonly ok: false; readonly detail: string }

const RESTART = 'nothing more is written; check the disk and restart the balancer'
const REFUSED =
  'the disk takes no more: check its room, its quota, the largest size of a file there and whether it is read-only'
/** After a due run could not be taken it is tried again then. */
const DUE_AGAIN_MS = 1_000

export class SqliteDatabase {
  readonly contents: StoreContents
  readonly #path: string
  readonly #database: DatabaseSync
  readonly #fleet: FleetTables
  readonly #names: RunNames
  readonly #runs: RunTables
  readonly #claims: RunClaims
  readonly #schedules: ScheduleTables
  readonly #files: FileTables
  /** Device and inode of the file and of its log, as opened. */
  readonly #identity: string
  #fault: string | undefined
  /** The last try did not succeed; the next one must prove that the file can be written. */
  #isInDoubt = false

  /** Opens the file and begins a new epoch, which is on disk when this returns. Throws `StoreError`. */
  constructor({ path, busyTimeoutMs, openedAtMs }: ThreadSettings) {
    this.#path = path
    this.#database = openFile(path, busyTimeoutMs)
    const statements = new Statements(this.#database)
    this.#fleet = new FleetTables(statements)
    this.#names = new RunNames(statements)
    this.#runs = new RunTables(statements, this.#names)
    this.#claims = new RunClaims(statements, this.#names)
    this.#schedules = new ScheduleTables(statements)
    this.#files = new FileTables(statements)
    try {
      this.contents = this.#transact(() => ({
        ...this.#fleet.begin(openedAtMs),
        runs: this.#claims.begin(),
        schedules: this.#schedules.begin(),
      }))
      this.#identity = identify(path)
    } catch (error) {
      this.#database.close()
      throw error instanceof StoreError ? error : translate(path, error)
    }
  }

  /** Writes batches, in order. Never throws; `detail` says what is not on disk and why. */
  commit(batches: readonly PackedBatch[]): readonly CommitOutcome[] {
    try {
      if (this.#fault !== undefined) throw new Error(this.#fault)
      this.#transact(() => {
        for (const { writes, bytes } of batches) for (const write of writes) this.#write(write, bytes)
      })
      this.#confirm()
      return batches.map(() => ({ ok: true }))
    } catch (error) {
      if (this.#fault === undefined && isOwnFault(error))
        return batches.map((batch) => this.#commitCarefully(batch))
      const outcome = this.#describe(error)
      return batches.map(() => outcome)
    }
  }

  /** None, and more to come, when the database cannot be read now. */
  claim(
    needs: RunLaneNeeds,
    count: number,
    after: RunPosition | null,
  ): { readonly runs: readonly ClaimedRun[]; readonly hasMore: boolean } {
    try {
      if (this.#fault === undefined) return this.#claims.claim(needs, count, after)
    } catch (error) {
      this.#describe(error)
    }
    return { runs: [], hasMore: true }
  }

  /** Null when the database cannot be read now. */
  askTurns(asked: readonly SessionAsk[]): readonly SessionTurn[] | null {
    try {
      if (this.#fault === undefined) return this.#claims.askTurns(asked)
    } catch (error) {
      this.#describe(error)
    }
    return null
  }

  takeDue(
    untilMs: number,
    limit: number,
  ): { readonly runs: readonly ClaimedRun[]; readonly nextMs: number | null } {
    try {
      if (this.#fault !== undefined) throw new Error(this.#fault)
      const runs = this.#transact(() => this.#claims.takeDue(untilMs, limit))
      this.#confirm()
      return { runs, nextMs: this.#claims.nextDueMs() }
    } catch (error) {
      this.#describe(error)
      return { runs: [], nextMs: untilMs + DUE_AGAIN_MS }
    }
  }

  /** Brings what is left of the log into the file, so that the log begins anew. Waits for nobody. */
  shortenLog(): void {
    try {
      if (this.#fault === undefined) this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } catch (error) {
      this.#describe(error)
    }
  }

  /** Says that nothing is to be relied on any more. */
  giveUp(why: string): void {
    this.#fault ??= `${why}; ${RESTART}`
  }

  /** Safe to call more than once. */
  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  #write(write: PackedWrite, bytes: Uint8Array): void {
    if (isFleetWrite(write)) return this.#fleet.write(write)
    if (isFileWrite(write)) return this.#files.write(write)
    if (isScheduleWrite(write)) {
      this.#schedules.write(write)
      if (write.kind === 'schedule-unfired') this.#runs.write({ kind: 'run-removed', seq: write.seq }, bytes)
      return
    }
    if (write.kind === 'runs-accepted' && write.claim) this.#schedules.claim(write.claim)
    this.#runs.write(write, bytes)
  }

  /** One batch, write by write. */
  #commitCarefully({ writes, bytes }: PackedBatch): CommitOutcome {
    try {
      if (this.#fault !== undefined) throw new Error(this.#fault)
      const refusals = this.#transact(() => writes.flatMap((write) => this.#writeOne(write, bytes)))
      this.#confirm()
      return refusals.length === 0 ? { ok: true } : describeRefusals(refusals, writes.length)
    } catch (error) {
      return this.#describe(error)
    }
  }

  /** Why one write cannot be kept, or nothing. What hinders all of them is thrown. */
  #writeOne(write: PackedWrite, bytes: Uint8Array): string[] {
    this.#database.exec('SAVEPOINT one')
    try {
      this.#write(write, bytes)
      this.#runs.keepCount()
      return []
    } catch (error) {
      if (!this.#database.isTransaction || !isOwnFault(error)) throw error
      this.#database.exec('ROLLBACK TO one')
      this.#forget()
      return [`${write.kind}: ${messageOf(error)}`]
    } finally {
      if (this.#database.isTransaction) this.#database.exec('RELEASE one')
    }
  }

  #transact<Result>(work: () => Result): Result {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      // What changes nothing, such as the removal of a run that is not there, succeeds on a full disk as well.
      if (this.#isInDoubt) this.#fleet.write({ kind: 'touch' })
      const result = work()
      this.#runs.keepCount()
      this.#database.exec('COMMIT')
      this.#isInDoubt = false
      return result
    } catch (error) {
      rollBack(this.#database)
      this.#forget()
      throw error
    }
  }

  #forget(): void {
    this.#names.forget()
    this.#runs.forget()
  }

  /** Throws when what was committed is not where it should be. */
  #confirm(): void {
    if (identify(this.#path) === this.#identity) return
    this.giveUp(`${this.#path} or its log was moved or removed while in use`)
    throw new Error(this.#fault)
  }

  #describe(error: unknown): CommitOutcome {
    this.#isInDoubt = true
    if (isIoFault(error)) this.giveUp(`${this.#path}: ${messageOf(error)}`)
    const refused = isRefusedWrite(error) ? `; ${REFUSED}` : ''
    const detail = this.#fault ?? `nothing of the batch was written: ${messageOf(error)}${refused}`
    return { ok: false, detail }
  }
}

/** The write itself is wrong (a constraint, a value that cannot be bound), not the database. */
function isOwnFault(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === undefined || code === SQLITE.CONSTRAINT || code === SQLITE.TOOBIG
}

function describeRefusals(refusals: readonly string[], total: number): CommitOutcome {
  const rest = refusals.length < total ? '; the others are on disk' : ''
  return { ok: false, detail: `${refusals.length} of ${total} writes refused: ${refusals[0]}${rest}` }
}

/** Of the file and of its log: who is meant by their names. */
function identify(path: string): string {
  return [path, `${path}-wal`]
    .map((name) => statSync(name, { throwIfNoEntry: false }))
    .map((file) => (file === undefined ? 'gone' : `${file.dev}:${file.ino}`))
    .join(' ')
}
