/**
 * The SQL that writes runs, on the store's writer thread, always within a transaction of `sqlite-database.ts`.
 * Every value is bound. A write that does not fit throws; whoever began the transaction undoes it.
 */

import type { FileWrite } from '../ports/files.ts'
import type { IdempotencyRow, RunProgress, StoredDelivery, StoredEvent } from '../ports/run-store.ts'
import type { ScheduleWrite } from '../ports/schedule-store.ts'
import type { FleetWrite } from '../ports/store.ts'
import { dropOtherAttempts, keepFiles } from './file-tables.ts'
import { codeOf, hasAny, type Row, text } from './run-codec.ts'
import type { RunNames } from './run-names.ts'
import { findDescendants, removeKey, removeRuns } from './run-removal.ts'
import { TRIES_KEPT } from './run-rows.ts'
import { searchedWords } from './run-search.ts'
import type { Statements } from './statements.ts'
import { heldLane, type JoiningTurn, TurnTables } from './turn-tables.ts'
import { ACCEPTED, type PackedEnd, type PackedWrite, type Value } from './write-packing.ts'

type RunPacked = Exclude<PackedWrite, FleetWrite | FileWrite | ScheduleWrite>
type Packed<Kind extends RunPacked['kind']> = Extract<RunPacked, { kind: Kind }>

const INSERT_LIVE = `INSERT INTO runs_live (seq, id, function, contract, lane, status, priority, accepted_ms, due_ms,
    give_up_ms, session, schedule, key_hash, has_words, facts)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
const INSERT_ID = 'INSERT INTO run_ids (id, seq) VALUES (?, ?)'
const INSERT_PAYLOAD = 'INSERT INTO payloads (seq, media_type, bytes, head) VALUES (?, ?, ?, ?)'
const INSERT_RESULT = 'INSERT INTO results (seq, media_type, bytes) VALUES (?, ?, ?)'
const INSERT_WORDS = 'INSERT INTO run_words (rowid, words) VALUES (?, ?)'
const MOVE = `UPDATE runs_live SET status = ?, priority = ?, attempt = ?, failures = ?, losses = ?, worker = ?, boot = ?,
    fence = ?, started_ms = ?, history = ?
  WHERE seq = ?`
const FINISH = `INSERT INTO runs_done (seq, id, function, contract, status, worker, accepted_ms, finished_ms, session,
    schedule, key_hash, has_words, result_bytes, facts, end_facts)
  SELECT seq, id, function, contract, ?2, ?3, accepted_ms, ?4, session, schedule, key_hash, has_words OR ?5, ?6, facts, ?7
  FROM runs_live WHERE seq = ?1 AND (?8 IS NULL OR fence IS NULL OR fence <= ?8)`
const LEAVE = 'DELETE FROM runs_live WHERE seq = ?'
const EXPIRE_KEY = `UPDATE idempotency SET expires_ms = ?2 WHERE hash = (SELECT key_hash FROM runs_live WHERE seq = ?1)
  AND NOT EXISTS (SELECT 1 FROM runs_live r WHERE r.key_hash = idempotency.hash AND r.seq <> ?1)`
const RECORD = `INSERT INTO runs_done (seq, id, function, contract, status, worker, accepted_ms, finished_ms, session,
    schedule, has_words, is_recorded, result_bytes, facts, end_facts)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)`
const SEARCHED = `SELECT r.id, f.name, r.facts FROM runs_done r JOIN functions f ON f.id = r.function WHERE r.seq = ?`
const IS_THERE = `SELECT 1 FROM runs_live WHERE seq = ?1 UNION ALL SELECT 1 FROM runs_done WHERE seq = ?1`
const SET_KEY = `INSERT INTO idempotency (hash, body_hash, runs, answer, expires_ms, first_seq) VALUES (?, ?, ?, ?, ?, ?)`
const REPLACE_KEY = `${SET_KEY} ON CONFLICT (hash) DO UPDATE SET body_hash = excluded.body_hash,
  runs = excluded.runs, answer = excluded.answer, expires_ms = coalesce(excluded.expires_ms, expires_ms)`
const SET_DELIVERY = `INSERT INTO deliveries (id, seq, run, type, url, receiver, created_ms, state, tries, failures, next_ms,
    last_status, last_error)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET state = excluded.state, tries = excluded.tries, failures = excluded.failures,
    next_ms = excluded.next_ms, last_status = excluded.last_status, last_error = excluded.last_error,
    url = excluded.url, receiver = excluded.receiver, created_ms = excluded.created_ms, type = excluded.type`
const NOTE_DELIVERIES = `UPDATE runs_done SET
    webhook_state = (SELECT state FROM deliveries WHERE seq = ?1 ORDER BY id DESC LIMIT 1),
    deliveries = (SELECT coalesce(sum(tries), 0) FROM deliveries WHERE seq = ?1)
  WHERE seq = ?1`
const SET_TRY = `INSERT INTO delivery_tries (delivery, n, at_ms, duration_ms, status, error) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (delivery, n) DO UPDATE SET at_ms = excluded.at_ms, duration_ms = excluded.duration_ms,
    status = excluded.status, error = excluded.error`
const CUT_TRIES = `DELETE FROM delivery_tries WHERE delivery = ?1 AND n <= (
    SELECT n FROM delivery_tries WHERE delivery = ?1 ORDER BY n DESC LIMIT 1 OFFSET ${TRIES_KEPT})`
/** Each of the two has an index of its own. */
const OLDEST = `SELECT seq FROM runs_done WHERE key_hash IS NULL AND finished_ms < ? ORDER BY finished_ms, seq LIMIT ?`
/** Of the oldest, those that answer for no key any more; a 202 can be said again without its runs. */
const OLDEST_KEYED = `SELECT seq FROM (
    SELECT seq, key_hash FROM runs_done WHERE key_hash IS NOT NULL AND finished_ms < ?1
    ORDER BY finished_ms, seq LIMIT ?2) r
  WHERE NOT EXISTS (SELECT 1 FROM idempotency k WHERE k.hash = r.key_hash AND k.first_seq <= r.seq
    AND k.answer IS NOT 'accepted' AND (k.expires_ms IS NULL OR k.expires_ms > ?3))`
/** Kept, because counting millions would hold up the writer. */
const COUNT = `SELECT runs FROM run_counts WHERE name = 'done'`
const ADD_TO_COUNT = `UPDATE run_counts SET runs = runs + ? WHERE name = 'done'`
const SET_BULK = `INSERT INTO bulk_jobs (id, state, finished_ms, job) VALUES (?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET state = excluded.state, finished_ms = excluded.finished_ms, job = excluded.job`

export class RunTables {
  readonly #statements: Statements
  readonly #names: RunNames
  /** Rows of `runs_done` beyond those that are in the table of counts. */
  #added = 0
  readonly #turns: TurnTables

  constructor(statements: Statements, names: RunNames) {
    this.#statements = statements
    this.#names = names
    this.#turns = new TurnTables(statements)
  }

  /** After a transaction, or a part of one, that was rolled back. */
  forget(): void {
    this.#added = 0
  }

  /** At the end of a transaction, and of every part of one that may be rolled back alone. */
  keepCount(): void {
    if (this.#added !== 0) this.#run(ADD_TO_COUNT, this.#added)
    this.#added = 0
  }

  /** Throws what SQLite or the binding of a value throws. `bytes` are those of the batch. */
  write(write: RunPacked, bytes: Uint8Array): void {
    switch (write.kind) {
      case 'runs-accepted':
        return this.#accept(write, bytes)
      case 'run-moved':
        return this.#move(write.seq, write.progress)
      case 'run-finished':
        return this.#finish(write, bytes)
      case 'run-recorded':
        return this.#record(write, bytes)
      case 'run-removed':
        removeKey(this.#statements, write.seq)
        return this.#remove([write.seq, ...findDescendants(this.#statements, write.seq)])
      case 'turn-set':
        return this.#turns.set(write.seq, write.priority)
      case 'run-events':
        return this.#addEvents(write)
      case 'run-lines':
        return this.#addLines(write)
      case 'delivery-set':
        return this.#setDelivery(write)
      case 'url-disabled':
        return this.#disable(write.url, write.sinceMs)
      case 'url-enabled':
        return this.#run('DELETE FROM disabled_urls WHERE url = ?', write.url)
      case 'key-set':
        return this.#setKey(REPLACE_KEY, write.row, null)
      case 'key-removed':
        return this.#run('DELETE FROM idempotency WHERE hash = ?', write.hash)
      case 'bulk-set': {
        const { id, state, finishedMs } = write.bulk
        return this.#run(SET_BULK, id, state, finishedMs, JSON.stringify(write.bulk))
      }
      case 'retention':
        return this.#retain(write)
    }
  }

  #accept({ values, moved, key }: Packed<'runs-accepted'>, bytes: Uint8Array): void {
    if (key !== null) this.#setKey(SET_KEY, key, values[0] ?? null)
    const keyHash = key?.hash ?? null
    for (let at = 0; at < values.length; at += ACCEPTED.length) this.#acceptOne(values, at, keyHash, bytes)
    for (const { seq, progress } of moved) this.#move(seq, progress)
    const joining = joiningOf(values)
    if (joining.length > 0) this.#turns.joinAccepted(joining)
  }

  /** The places are those of `ACCEPTED`. */
  #acceptOne(values: readonly Value[], at: number, keyHash: string | null, bytes: Uint8Array): void {
    const value = (place: number): Value => values[at + place] ?? null
    const [seq, id] = [value(0), value(1)]
    const [group, name, contract, tags] = [String(value(2)), String(value(3)), value(4), value(5)]
    const ownLane = this.#names.lane(`${group}\n${name}\n${contract}\n${tags ?? ''}`)
    const lane = value(11) === null ? ownLane : heldLane(ownLane)
    const number = this.#names.function(group, name)
    const [hasWords, facts] = [value(14), value(13)]
    this.#run(
      INSERT_LIVE,
      seq,
      id,
      number,
      contract,
      lane,
      value(6),
      value(7),
      value(8),
      value(9),
      value(10),
      value(11),
      value(12),
      keyHash,
      hasWords,
      facts,
    )
    this.#run(INSERT_ID, id, seq)
    const from = Number(value(16))
    const to = from + Number(value(17))
    const headLength = value(18)
    const head = headLength === null ? null : bytes.subarray(to, to + Number(headLength))
    this.#run(INSERT_PAYLOAD, seq, value(15), bytes.subarray(from, to), head)
    if (hasWords === 1) this.#setWords(Number(seq), { id, name, facts }, null)
  }

  #move(seq: number, progress: RunProgress): void {
    const { status, priority, attempt, failures, losses, worker, boot, fence, startedMs, history } = progress
    this.#run(
      MOVE,
      codeOf(status),
      priority,
      attempt,
      failures,
      losses,
      this.#names.worker(worker),
      boot,
      fence,
      startedMs,
      history.length === 0 ? null : JSON.stringify(history),
      seq,
    )
  }

  #finish(write: Packed<'run-finished'>, bytes: Uint8Array): void {
    const { seq, fence, end, events, delivery, keyExpiresMs } = write
    const { status, worker, finishedMs, error, facts } = end
    const size = end.mediaType === null ? null : end.bytesLength
    const moved = this.#statements.run(
      FINISH,
      seq,
      status,
      this.#names.worker(worker),
      finishedMs,
      error === null ? 0 : 1,
      size,
      facts,
      fence,
    )
    if (moved === 0) return
    if (keyExpiresMs !== null) this.#run(EXPIRE_KEY, seq, keyExpiresMs)
    this.#run(LEAVE, seq)
    if (write.mayHaveFiles) dropOtherAttempts(this.#statements, seq, fence)
    this.#keepResult(seq, end, bytes)
    if (write.session) this.#turns.set(seq, null)
    if (error !== null) this.#setWordsAgain(seq, error)
    if (events.length > 0) this.#addEvents({ kind: 'run-events', seq, events, dropBefore: 0, dropped: 0 })
    if (delivery !== null) this.#setDelivery({ kind: 'delivery-set', delivery, attempt: null })
    this.#added++
  }

  #keepResult(seq: number, { mediaType, bytesAt, bytesLength }: PackedEnd, bytes: Uint8Array): void {
    if (mediaType !== null)
      this.#run(INSERT_RESULT, seq, mediaType, bytes.subarray(bytesAt, bytesAt + bytesLength))
  }

  #record({ order, facts, end, files = [] }: Packed<'run-recorded'>, bytes: Uint8Array): void {
    const { seq, id, metadata } = order
    const known = this.#statements.of('SELECT 1 FROM run_ids WHERE id = ?').get(id)
    const isNew = known === undefined && !this.#isThere(seq)
    if (files.length > 0) keepFiles(this.#statements, seq, files, isNew)
    if (!isNew) return
    const hasWords = hasAny(metadata) || end.error !== null
    const size = end.mediaType === null ? null : end.bytesLength
    this.#run(
      RECORD,
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
      size,
      facts,
      end.facts,
    )
    if (files.length > 0) this.#run('UPDATE runs_done SET is_recorded = 0 WHERE seq = ?', seq)
    this.#run(INSERT_ID, id, seq)
    if (order.parent !== null)
      this.#run('INSERT INTO run_children (parent, seq) VALUES (?, ?)', order.parent, seq)
    this.#keepResult(seq, end, bytes)
    if (hasWords) this.#setWords(seq, { id, name: order.function, facts }, end.error)
    this.#added++
  }

  #setWords(seq: number, row: Row, error: PackedEnd['error']): void {
    const { metadata = {} }: { metadata?: Record<string, string> } = JSON.parse(text(row.facts))
    const words = searchedWords({ id: text(row.id), function: text(row.name), metadata, error })
    this.#run(INSERT_WORDS, seq, [...words].join(' '))
  }

  #setWordsAgain(seq: number, error: PackedEnd['error']): void {
    const row = this.#statements.of(SEARCHED).get(seq)
    if (row === undefined) return
    this.#run('DELETE FROM run_words WHERE rowid = ?', seq)
    this.#setWords(seq, row, error)
  }

  #isThere(seq: number): boolean {
    return this.#statements.of(IS_THERE).get(seq) !== undefined
  }

  #addEvents({ seq, events, dropBefore, dropped }: Packed<'run-events'>): void {
    if (!this.#isThere(seq)) return
    this.#insertAll('run_events', seq, events)
    if (dropBefore > 0) this.#run('DELETE FROM run_events WHERE seq = ? AND n < ?', seq, dropBefore)
    if (dropped === 0) return
    this.#run(
      `INSERT INTO run_event_drops (seq, dropped) VALUES (?, ?)
        ON CONFLICT (seq) DO UPDATE SET dropped = max(dropped, excluded.dropped)`,
      seq,
      dropped,
    )
  }

  #addLines({ seq, lines, dropBefore }: Packed<'run-lines'>): void {
    if (!this.#isThere(seq)) return
    this.#insertAll('run_lines', seq, lines)
    if (dropBefore > 0) this.#run('DELETE FROM run_lines WHERE seq = ? AND n < ?', seq, dropBefore)
  }

  #insertAll(table: 'run_events' | 'run_lines', seq: number, all: readonly StoredEvent[]): void {
    const sql = `INSERT INTO ${table} (seq, n, type, at_ms, data) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (seq, n) DO UPDATE SET type = excluded.type, at_ms = excluded.at_ms, data = excluded.data`
    for (const { n, type, atMs, data } of all) this.#run(sql, seq, n, type, atMs, data)
  }

  #setDelivery({ delivery, attempt }: Packed<'delivery-set'>): void {
    const { seq } = delivery
    if (this.#statements.of('SELECT 1 FROM runs_done WHERE seq = ?').get(seq) === undefined) return
    this.#run(SET_DELIVERY, ...valuesOfDelivery(delivery))
    if (attempt !== null) {
      const { n, atMs, durationMs, status, error } = attempt
      this.#run(SET_TRY, delivery.id, n, atMs, durationMs, status, error)
      this.#run(CUT_TRIES, delivery.id)
    }
    this.#run(NOTE_DELIVERIES, seq)
  }

  #disable(url: string, sinceMs: number): void {
    this.#run('INSERT INTO disabled_urls (url, since_ms) VALUES (?, ?) ON CONFLICT DO NOTHING', url, sinceMs)
    const rows = this.#statements
      .of(`SELECT seq FROM deliveries WHERE url = ? AND state = 'pending'`)
      .all(url)
    this.#run(
      `UPDATE deliveries SET state = 'disabled', next_ms = NULL WHERE url = ? AND state = 'pending'`,
      url,
    )
    for (const seq of new Set(rows.map((row) => Number(row.seq)))) this.#run(NOTE_DELIVERIES, seq)
  }

  /** `firstSeq`: of the runs that it begins now. */
  #setKey(sql: string, { hash, bodyHash, runs, answer, expiresMs }: IdempotencyRow, firstSeq: Value): void {
    this.#run(sql, hash, bodyHash, JSON.stringify(runs), answer, expiresMs, firstSeq)
  }

  #retain({
    endedBeforeMs,
    keyedEndedBeforeMs,
    keepAtMost,
    keysExpiredMs,
    limit,
  }: Packed<'retention'>): void {
    const old = this.#seqs(OLDEST, endedBeforeMs, limit)
    if (old.length < limit)
      old.push(...this.#seqs(OLDEST_KEYED, keyedEndedBeforeMs, limit - old.length, keysExpiredMs))
    this.#remove(old)
    const done = Number(this.#statements.of(COUNT).get()?.runs) + this.#added
    const excess = Math.max(0, Math.min(limit - old.length, done - keepAtMost))
    if (excess > 0) this.#remove(this.#seqs('SELECT seq FROM runs_done ORDER BY seq LIMIT ?', excess))
    this.#run(
      `DELETE FROM idempotency WHERE hash IN (SELECT hash FROM idempotency WHERE expires_ms <= ?
        ORDER BY expires_ms LIMIT ?)`,
      keysExpiredMs,
      limit,
    )
    this.#run('DELETE FROM bulk_jobs WHERE finished_ms < ?', endedBeforeMs)
  }

  #remove(seqs: readonly number[]): void {
    if (seqs.length === 0) return
    this.#added -= removeRuns(this.#statements, seqs)
  }

  #seqs(sql: string, ...values: number[]): number[] {
    return this.#statements
      .of(sql)
      .all(...values)
      .map(({ seq }) => Number(seq))
  }

  #run(sql: string, ...values: (Value | Uint8Array)[]): void {
    this.#statements.run(sql, ...values)
  }
}

/** Those of a session that wait for their turn from now on. */
function joiningOf(values: readonly Value[]): JoiningTurn[] {
  const joining: JoiningTurn[] = []
  for (let at = 0; at < values.length; at += ACCEPTED.length) {
    const session = values[at + 11] ?? null
    if (session === null || values[at + 6] !== codeOf('queued')) continue
    joining.push({ session: String(session), seq: Number(values[at]), priority: Number(values[at + 7]) })
  }
  return joining
}

function valuesOfDelivery(delivery: StoredDelivery): Value[] {
  const { id, seq, run, type, url, receiver, createdMs, state, tries, failures } = delivery
  const { nextMs, lastStatus, lastError } = delivery
  return [id, seq, run, type, url, receiver, createdMs, state, tries, failures, nextMs, lastStatus, lastError]
}
