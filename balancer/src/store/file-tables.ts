/**
 * The SQL that writes which files runs have, on the store's writer thread, within the transactions of
 * `sqlite-database.ts`. Invariant: a name is some run's or among the gone ones, from the moment it is told here.
 */
import type { FileWrite, StoredFile } from '../ports/files.ts'
import type { Statements } from './statements.ts'

const KINDS: Readonly<Record<FileWrite['kind'], true>> = { 'run-file': true, 'files-gone': true }
const NOTE_GONE = 'INSERT OR IGNORE INTO gone_files (name) VALUES (?)'
const IS_NEWEST = 'SELECT 1 FROM runs_live WHERE seq = ?1 AND (?2 = 0 OR fence IS NULL OR fence <= ?2)'
const LEAVE_PATH = 'DELETE FROM run_files WHERE seq = ? AND fence = ? AND path = ?'
const INSERT = `INSERT INTO run_files (seq, fence, path, name, media_type, size, sha256) VALUES (?, ?, ?, ?, ?, ?, ?)`
const DROP_OTHERS = 'DELETE FROM run_files WHERE seq = ? AND fence <> 0 AND fence <> ?'

export function isFileWrite<Write extends { readonly kind: string }>(
  write: Write,
): write is Extract<Write, { readonly kind: FileWrite['kind'] }> {
  return write.kind in KINDS
}

export class FileTables {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Throws what SQLite or the binding of a value throws. */
  write(write: FileWrite): void {
    if (write.kind === 'files-gone') return this.#forget(write.names)
    const { seq, file } = write
    const isWanted = this.#statements.of(IS_NEWEST).get(seq, file.fence) !== undefined
    keepFiles(this.#statements, seq, [file], isWanted)
  }

  #forget(names: readonly string[]): void {
    const sql = 'DELETE FROM gone_files WHERE name IN (SELECT value FROM json_each(?))'
    this.#statements.run(sql, JSON.stringify(names))
  }
}

/** `isWanted`: the run is there; else the names are noted as gone. */
export function keepFiles(
  statements: Statements,
  seq: number,
  files: readonly StoredFile[],
  isWanted: boolean,
): void {
  for (const { fence, path, name, mediaType, size, sha256 } of files) {
    if (!isWanted) statements.run(NOTE_GONE, name)
    else {
      statements.run(LEAVE_PATH, seq, fence, path)
      statements.run(INSERT, seq, fence, path, name, mediaType, size, sha256)
    }
  }
}

/** The run has ended with this attempt, or with none. */
export function dropOtherAttempts(statements: Statements, seq: number, fence: number | null): void {
  statements.run(DROP_OTHERS, seq, fence ?? 0)
}
