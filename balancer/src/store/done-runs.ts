/**
 * The SQL that brings runs into the table of those that have ended: from the table of live ones, past it when the end
 * is known as early as the acceptance, or recorded behind a task in memory. On the store's writer thread, called by
 * `run-tables.ts` within a transaction.
 */
import { keepFiles } from './file-tables.ts'
import { hasAny, type Row, text } from './run-codec.ts'
import type { RunNames } from './run-names.ts'
import { searchedWords } from './run-search.ts'
import type { Statements } from './statements.ts'
import type { PackedEnd, PackedFinish, PackedWrite, Value } from './write-packing.ts'
import { type UnpackedEnd, type UnpackedRun, unpackFinished } from './write-unpacking.ts'

type Recorded = Extract<PackedWrite, { kind: 'run-recorded' }>

const INSERT_ID = 'INSERT INTO run_ids (id, seq) VALUES (?, ?)'
const INSERT_RESULT = 'INSERT INTO results (seq, media_type, bytes) VALUES (?, ?, ?)'
const INSERT_WORDS = 'INSERT INTO run_words (rowid, words) VALUES (?, ?)'
const FINISH = `INSERT INTO runs_done (seq, id, function, contract, status, worker, accepted_ms, finished_ms, session,
    schedule, key_hash, has_words, result_bytes, facts, end_facts)
  SELECT seq, id, function, contract, ?2, ?3, accepted_ms, ?4, session, schedule, key_hash, has_words OR ?5, ?6, facts, ?7
  FROM runs_live WHERE seq = ?1 AND (?8 IS NULL OR fence IS NULL OR fence <= ?8)`
const LEAVE = 'DELETE FROM runs_live WHERE seq = ?'
const EXPIRE_KEY = `UPDATE idempotency SET expires_ms = ?2 WHERE hash = (SELECT key_hash FROM runs_live WHERE seq = ?1)
  AND NOT EXISTS (SELECT 1 FROM runs_live r WHERE r.key_hash = idempotency.hash AND r.seq <> ?1)`
const INSERT_DONE = `INSERT INTO runs_done (seq, id, function, contract, status, worker, accepted_ms, finished_ms, session,
    schedule, has_words, is_recorded, result_bytes, facts, end_facts)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
const COUNT = `SELECT runs FROM run_counts WHERE name = 'done'`
const ADD_TO_COUNT = `UPDATE run_counts SET runs = runs + ? WHERE name = 'done'`
const SEARCHED = `SELECT r.id, f.name, r.facts FROM runs_done r JOIN functions f ON f.id = r.function WHERE r.seq = ?`
const IS_THERE = `SELECT 1 FROM runs_live WHERE seq = ?1 UNION ALL SELECT 1 FROM runs_done WHERE seq = ?1`

export class DoneRuns {
  readonly #statements: Statements
  readonly #names: RunNames
  /** Rows of `runs_done` beyond those that are in the table of counts. */
  #added = 0

  constructor(statements: Statements, names: RunNames) {
    this.#statements = statements
    this.#names = names
  }

  forget(): void {
    this.#added = 0
  }

  /** Kept, because counting millions would hold up the writer. */
  count(): number {
    return Number(this.#statements.of(COUNT).get()?.runs) + this.#added
  }

  keepCount(): void {
    if (this.#added !== 0) this.#run(ADD_TO_COUNT, this.#added)
    this.#added = 0
  }

  /** So many were removed. */
  left(count: number): void {
    this.#added -= count
  }

  /** False when it is not live, or at a higher fence. */
  finish({ values, more }: PackedFinish, bytes: Uint8Array): boolean {
    const end = unpackFinished(values, bytes)
    const { seq, status, finishedMs, mediaType, result } = end
    const error = more === null ? null : more.error
    const worker = this.#names.worker(end.worker)
    const hasError = error === null ? 0 : 1
    const size = result === null ? null : result.length
    if (this.#run(FINISH, seq, status, worker, finishedMs, hasError, size, end.facts, end.fence) === 0)
      return false
    if (more !== null && more.keyExpiresMs !== null) this.#run(EXPIRE_KEY, seq, more.keyExpiresMs)
    this.#run(LEAVE, seq)
    if (result !== null) this.#run(INSERT_RESULT, seq, mediaType, result)
    if (error !== null) this.#setWordsAgain(seq, error)
    this.#added++
    return true
  }

  /** A run that never was in the table of live ones, and was begun by no key. What is left is its result. */
  insertEnded(run: UnpackedRun, { values, more }: PackedFinish, bytes: Uint8Array): UnpackedEnd {
    const end = unpackFinished(values, bytes)
    const { seq, id, group, name, contract, acceptedMs, session, schedule, facts } = run
    const error = more === null ? null : more.error
    const hasWords = run.hasWords === 1 || error !== null
    this.#run(
      INSERT_DONE,
      seq,
      id,
      this.#names.function(group, name),
      contract,
      end.status,
      this.#names.worker(end.worker),
      acceptedMs,
      end.finishedMs,
      session,
      schedule,
      hasWords ? 1 : 0,
      0,
      end.result === null ? null : end.result.length,
      facts,
      end.facts,
    )
    if (hasWords) this.setWords(seq, { id, name, facts }, error)
    this.#added++
    return end
  }

  record({ order, facts, end, files = [] }: Recorded, bytes: Uint8Array): void {
    const { seq, id, metadata } = order
    const known = this.#statements.of('SELECT 1 FROM run_ids WHERE id = ?').get(id)
    const isNew = known === undefined && !this.isThere(seq)
    if (files.length > 0) keepFiles(this.#statements, seq, files, isNew)
    if (!isNew) return
    const hasWords = hasAny(metadata) || end.error !== null
    const result = end.mediaType === null ? null : bytes.subarray(end.bytesAt, end.bytesAt + end.bytesLength)
    this.#run(
      INSERT_DONE,
      seq,
      id,
      this.#names.function(order.group, order.function),
      order.contract,
      end.status,
      this.#names.worker(end.worker),
      order.acceptedMs,
      end.finishedMs,
      order.session,
      order.schedule,
      hasWords ? 1 : 0,
      files.length > 0 ? 0 : 1,
      result === null ? null : result.length,
      facts,
      end.facts,
    )
    this.#run(INSERT_ID, id, seq)
    if (order.parent !== null)
      this.#run('INSERT INTO run_children (parent, seq) VALUES (?, ?)', order.parent, seq)
    if (result !== null) this.#run(INSERT_RESULT, seq, end.mediaType, result)
    if (hasWords) this.setWords(seq, { id, name: order.function, facts }, end.error)
    this.#added++
  }

  isThere(seq: number): boolean {
    return this.#statements.of(IS_THERE).get(seq) !== undefined
  }

  setWords(seq: number, row: Row, error: PackedEnd['error']): void {
    const { metadata = {} }: { metadata?: Record<string, string> } = JSON.parse(text(row.facts))
    const words = searchedWords({ id: text(row.id), function: text(row.name), metadata, error })
    this.#run(INSERT_WORDS, seq, [...words].join(' '))
  }

  #setWordsAgain(seq: number, error: PackedEnd['error']): void {
    const row = this.#statements.of(SEARCHED).get(seq)
    if (row === undefined) return
    this.#run('DELETE FROM run_words WHERE rowid = ?', seq)
    this.setWords(seq, row, error)
  }

  #run(sql: string, ...values: (Value | Uint8Array)[]): number {
    return this.#statements.run(sql, ...values)
  }
}
