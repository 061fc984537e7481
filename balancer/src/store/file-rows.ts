/** What is read of the files of runs, on the store's reading thread. Used by `sqlite-reads.ts`. */
import type { FilesOfRun, StoredFile } from '../ports/files.ts'
import { type Row, text } from './run-codec.ts'
import type { Statements } from './statements.ts'

const GIVEN = 'SELECT value FROM json_each(?)'
const OF_RUNS = `SELECT i.id, f.* FROM run_ids i JOIN run_files f ON f.seq = i.seq
  WHERE i.id IN (${GIVEN}) AND (f.fence = 0 OR EXISTS (SELECT 1 FROM runs_done d WHERE d.seq = f.seq))`
const RESULTS = `SELECT i.id, r.media_type, length(r.bytes) AS size FROM run_ids i JOIN results r ON r.seq = i.seq
  WHERE i.id IN (${GIVEN}) AND r.media_type <> ''`

export class FileRows {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  ofRuns(runs: readonly string[]): FilesOfRun[] {
    const given = JSON.stringify(runs)
    const found = new Map<string, { run: string; files: StoredFile[]; result: FilesOfRun['result'] }>()
    const of = (run: string) => {
      const known = found.get(run) ?? { run, files: [], result: null }
      found.set(run, known)
      return known
    }
    for (const row of this.#statements.of(OF_RUNS).all(given)) of(text(row.id)).files.push(toFile(row))
    for (const row of this.#statements.of(RESULTS).all(given))
      of(text(row.id)).result = { mediaType: text(row.media_type), size: Number(row.size) }
    return [...found.values()]
  }

  ofAttempt(seq: number | null, fence: number): StoredFile[] {
    const sql = 'SELECT * FROM run_files WHERE seq = ? AND fence = ? ORDER BY path'
    return this.#statements.of(sql).all(seq, fence).map(toFile)
  }

  known(names: readonly string[]): string[] {
    const sql = `SELECT name FROM run_files WHERE name IN (${GIVEN})`
    return this.#statements
      .of(sql)
      .all(JSON.stringify(names))
      .map(({ name }) => text(name))
  }

  gone(limit: number): string[] {
    return this.#statements
      .of('SELECT name FROM gone_files LIMIT ?')
      .all(limit)
      .map(({ name }) => text(name))
  }
}

function toFile(row: Row): StoredFile {
  return {
    path: text(row.path),
    mediaType: text(row.media_type),
    size: Number(row.size),
    sha256: text(row.sha256),
    name: text(row.name),
    fence: Number(row.fence),
  }
}
