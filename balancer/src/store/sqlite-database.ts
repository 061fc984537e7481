/**
 * The database as the store's writer thread works with it: synchronous, one writer. `commit` takes batches in one
 * transaction; when a write of them is bad, each batch is tried again alone with a savepoint for each write, so that
 * one bad write does not take the others, and good ones do not pay for it. While much is to be written batches go to
 * the journal first, a row each, and `settle` brings many of them into the tables at once.
 * Invariant: `ok` means on disk, in the file that bears the name. After an I/O error nothing is said to be
 * on disk any more: a later fsync of the same file would succeed without the pages that were lost. A write that the
 * system refused loses no page that was written before, so it is like a full disk.
 */
import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { RunLaneNeeds, RunPosition } from '../ports/run-store.ts'
import type { SessionAsk, SessionTurn } from '../ports/session-store.ts'
import type { StoreContents } from '../ports/store.ts'
import type { ClaimedRun } from '../ports/stored-run.ts'
import { ActivityTables, isActivityWrite } from './activity-tables.ts'
import { FileTables, isFileWrite } from './file-tables.ts'
import { FleetTables, isFleetWrite } from './fleet-tables.ts'
import { type Entry, Journal, type TextPart } from './journal.ts'
import { RunClaims } from './run-claims.ts'
import { RunNames } from './run-names.ts'
import { type EndsAhead, RunTables } from './run-tables.ts'
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
import { isStatsWrite, writeStats } from './stats-tables.ts'
import { StoreError } from './store-error.ts'
import type { ThreadSettings } from './thread-messages.ts'
import { WriteLoad } from './write-load.ts'
import { ACCEPTED, type PackedPart, type PackedWrite } from './write-packing.ts'

export type CommitOutcome = { readonly ok: true } | { readonly ok: false; readonly detail: string }

export interface Batch {
  readonly batch: number
  readonly parts: readonly PackedPart[]
}

/** A batch that was said to be on disk, and of which a part can never be in the tables: a fault of ours. */
export interface Refusal {
  readonly batch: number
  readonly detail: string
}

const RESTART = 'nothing more is written; check the disk and restart the balancer'
const REFUSED =
  'the disk takes no more: check its room, its quota, the largest size of a file there and whether it is read-only'
/** After a due run could not be taken it is tried again then. */
const DUE_AGAIN_MS = 1_000
/** Writes of one batch: many runs at once are more than the core holds, and it asks the tables for them at once. */
const MAX_JOURNALED = 1_000

export class SqliteDatabase {
  readonly contents: StoreContents
  readonly #path: string
  readonly #database: DatabaseSync
  readonly #statements: Statements
  readonly #fleet: FleetTables
  readonly #names: RunNames
  readonly #runs: RunTables
  readonly #claims: RunClaims
  readonly #schedules: ScheduleTables
  readonly #files: FileTables
  readonly #activity: ActivityTables
  readonly #journal: Journal
  readonly #journaling: ThreadSettings['journaling']
  readonly #load = new WriteLoad()
  /** Of all that was accepted. */
  #lastSeq: number
  /** Device and inode of the file and of its log, as opened. */
  readonly #identity: string
  #fault: string | undefined
  /** The last try did not succeed; the next one must prove that the file can be written. */
  #isInDoubt = false

  /** Opens the file and begins a new epoch, which is on disk when this returns. Throws `StoreError`. */
  constructor({ path, busyTimeoutMs, openedAtMs, journaling }: ThreadSettings) {
    this.#path = path
    this.#journaling = journaling
    this.#database = openFile(path, busyTimeoutMs)
    const statements = new Statements(this.#database)
    this.#statements = statements
    this.#fleet = new FleetTables(statements)
    this.#names = new RunNames(statements)
    this.#runs = new RunTables(statements, this.#names)
    this.#claims = new RunClaims(statements, this.#names)
    this.#schedules = new ScheduleTables(statements)
    this.#files = new FileTables(statements)
    this.#activity = new ActivityTables(statements)
    this.#journal = new Journal(statements)
    try {
      this.#journal.load()
      this.#settleOrThrow()
      this.contents = this.#transact(() => ({
        ...this.#fleet.begin(openedAtMs),
        runs: this.#claims.begin(),
        schedules: this.#schedules.begin(),
      }))
      this.#lastSeq = this.contents.runs.lastSeq
      this.#identity = identify(path)
    } catch (error) {
      this.#database.close()
      throw error instanceof StoreError ? error : translate(path, error)
    }
  }

  /** Writes batches, in order. Never throws; `detail` says what is not on disk and why. */
  commit(batches: readonly Batch[], nowMs: number): readonly CommitOutcome[] {
    try {
      if (this.#fault !== undefined) throw new Error(this.#fault)
      const parts = this.#journalled(batches, nowMs)
      if (parts !== undefined) this.#keep(batches, parts, nowMs)
      else {
        this.#settleOrThrow()
        this.#transact(() => {
          for (const batch of batches) this.#writeAll(batch)
        })
      }
      this.#confirm()
      for (const batch of batches) this.#noteSeqs(batch)
      return batches.map(() => ({ ok: true }))
    } catch (error) {
      if (this.#fault === undefined && isOwnFault(error))
        return batches.map((batch) => this.#commitCarefully(batch))
      const outcome = this.#describe(error)
      return batches.map(() => outcome)
    }
  }

  /** Something is on disk that is not in the tables. */
  get isBehind(): boolean {
    return !this.#journal.isEmpty
  }

  /** The oldest of what is not in the tables. */
  get oldestKeptAtMs(): number {
    return this.#journal.oldest?.keptAtMs ?? Number.POSITIVE_INFINITY
  }

  /** What of the journal has to be done, and what it takes in memory. */
  get journalSize(): { readonly weight: number; readonly bytes: number } {
    return this.#journal
  }

  /** The number of the newest row of the journal; `isSettled` tells when it is in the tables. */
  get lastKept(): number {
    return this.#journal.last
  }

  isSettled(n: number): boolean {
    return (this.#journal.oldest?.n ?? Number.POSITIVE_INFINITY) > n
  }

  /** Brings the oldest of the journal into the tables, all of it unless told how much. Never throws. */
  settle(weight = Number.POSITIVE_INFINITY): {
    readonly outcome: CommitOutcome
    readonly refusals: readonly Refusal[]
  } {
    try {
      if (this.#fault !== undefined) throw new Error(this.#fault)
      const refusals = this.#settleOrThrow(weight)
      this.#confirm()
      return { outcome: { ok: true }, refusals }
    } catch (error) {
      return { outcome: this.#describe(error), refusals: [] }
    }
  }

  /** None, and more to come, when the database cannot be read now. */
  claim(
    needs: RunLaneNeeds,
    count: number,
    after: RunPosition | null,
  ): { readonly runs: readonly ClaimedRun[]; readonly hasMore: boolean } {
    try {
      if (this.#fault === undefined) {
        this.#settleOrThrow()
        return this.#claims.claim(needs, count, after)
      }
    } catch (error) {
      this.#describe(error)
    }
    return { runs: [], hasMore: true }
  }

  /** Null when the database cannot be read now. */
  askTurns(asked: readonly SessionAsk[]): readonly SessionTurn[] | null {
    try {
      if (this.#fault === undefined) {
        this.#settleOrThrow()
        return this.#claims.askTurns(asked)
      }
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
      this.#settleOrThrow()
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
    if (!this.#database.isOpen) return
    this.settle()
    this.#database.close()
  }

  /** The parts of all batches when they may go to the journal first. */
  #journalled(batches: readonly Batch[], nowMs: number): (readonly TextPart[])[] | undefined {
    if (this.#journaling === 'never') return undefined
    let last = this.#lastSeq
    let weight = 0
    const all: TextPart[][] = []
    for (const { parts } of batches) {
      const texts: TextPart[] = []
      const before = weight
      for (const part of parts) {
        if (part.text === undefined) return undefined
        if (part.seqs !== null && part.seqs.first <= last) return undefined
        last = part.seqs?.last ?? last
        weight += part.weight
        texts.push(part)
      }
      if (weight - before > MAX_JOURNALED) return undefined
      all.push(texts)
    }
    this.#load.add(weight, nowMs)
    return this.#load.isBusy || this.#journaling === 'always' ? all : undefined
  }

  #keep(batches: readonly Batch[], parts: readonly (readonly TextPart[])[], nowMs: number): void {
    const kept = this.#transact(() =>
      parts.flatMap((each, at) => this.#journal.insert(batches[at]?.batch ?? 0, each, nowMs)),
    )
    this.#journal.push(kept)
  }

  #settleOrThrow(weight = Number.POSITIVE_INFINITY): readonly Refusal[] {
    const entries = this.#journal.first(weight)
    if (entries.length === 0) return []
    try {
      return this.#settleAll(entries, (entry, write) => {
        this.#write(write, entry.bytes, this.#journal)
        return []
      })
    } catch (error) {
      if (this.#fault !== undefined || !isOwnFault(error)) throw error
      return this.#settleAll(entries, (entry, write) => this.#writeOne(write, entry.bytes))
    }
  }

  #settleAll(
    entries: readonly Entry[],
    write: (entry: Entry, write: PackedWrite) => readonly string[],
  ): readonly Refusal[] {
    const refusals: Refusal[] = []
    this.#transact(() => {
      for (const entry of entries) {
        const refused = this.#journal.writesOf(entry).flatMap((each) => write(entry, each))
        if (refused.length === 0) continue
        const detail = `what was on disk already cannot be used: ${refused[0]}`
        this.#journal.refuse(entry, detail)
        refusals.push({ batch: entry.batch, detail })
      }
      this.#journal.remove(entries)
    })
    this.#journal.forget(entries)
    return refusals
  }

  #noteSeqs({ parts }: Batch): void {
    for (const part of parts) {
      if (part.text !== undefined) this.#lastSeq = Math.max(this.#lastSeq, part.seqs?.last ?? 0)
      else for (const write of part.writes) this.#lastSeq = Math.max(this.#lastSeq, lastSeqOf(write))
    }
  }

  #writeAll({ parts }: Batch): void {
    for (const part of parts) for (const write of writesOf(part)) this.#write(write, part.bytes)
  }

  #write(write: PackedWrite, bytes: Uint8Array, ahead?: EndsAhead): void {
    if (isFleetWrite(write)) return this.#fleet.write(write)
    if (isFileWrite(write)) return this.#files.write(write)
    if (isActivityWrite(write)) return this.#activity.write(write)
    if (isStatsWrite(write)) return writeStats(this.#statements, write)
    if (isScheduleWrite(write)) {
      this.#schedules.write(write)
      if (write.kind === 'schedule-unfired') this.#runs.write({ kind: 'run-removed', seq: write.seq }, bytes)
      return
    }
    if (write.kind === 'runs-accepted' && write.claim) this.#schedules.claim(write.claim)
    this.#runs.write(write, bytes, ahead)
  }

  /** One batch, write by write. */
  #commitCarefully(batch: Batch): CommitOutcome {
    try {
      if (this.#fault !== undefined) throw new Error(this.#fault)
      this.#settleOrThrow()
      const writes = batch.parts.flatMap((part) => writesOf(part).map((write) => ({ write, part })))
      const refusals = this.#transact(() =>
        writes.flatMap(({ write, part }) => this.#writeOne(write, part.bytes)),
      )
      this.#confirm()
      this.#noteSeqs(batch)
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
    this.#journal.undo()
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

function writesOf(part: PackedPart): readonly PackedWrite[] {
  if (part.text === undefined) return part.writes
  const writes: readonly PackedWrite[] = JSON.parse(part.text)
  return writes
}

function lastSeqOf(write: PackedWrite): number {
  if (write.kind !== 'runs-accepted') return 0
  let last = 0
  for (let at = 0; at < write.values.length; at += ACCEPTED.length)
    last = Math.max(last, Number(write.values[at]))
  return last
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
