/**
 * The SQL that writes runs, on the store's writer thread, always within a transaction of `sqlite-database.ts`.
 * Every value is bound. A write that does not fit throws; whoever began the transaction undoes it.
 */
import type { FileWrite } from '../ports/files.ts'
import type { IdempotencyRow } from '../ports/run-writes.ts'
import type { ScheduleWrite } from '../ports/schedule-store.ts'
import type { FleetWrite } from '../ports/store.ts'
import type { StoredDelivery } from '../ports/stored-delivery.ts'
import type { RunProgress } from '../ports/stored-run.ts'
import type { StoredEvent } from '../ports/told.ts'
import { DoneRuns } from './done-runs.ts'
import { dropOtherAttempts } from './file-tables.ts'
import { codeOf } from './run-codec.ts'
import type { RunNames } from './run-names.ts'
import { findDescendants, removeKey, removeRuns } from './run-removal.ts'
import { TRIES_KEPT } from './run-rows.ts'
import { addTold, addToTotals, forgetIdleTotals, forgetTotals, setUsed } from './run-usage.ts'
import type { Statements } from './statements.ts'
import { heldLane, type JoiningTurn, TurnTables } from './turn-tables.ts'
import {
  ACCEPTED,
  type FinishExtras,
  type PackedFinish,
  type PackedWrite,
  type Value,
} from './write-packing.ts'
import { type UnpackedRun, unpackAccepted } from './write-unpacking.ts'

type RunPacked = Exclude<PackedWrite, FleetWrite | FileWrite | ScheduleWrite>
type Packed<Kind extends RunPacked['kind']> = Extract<RunPacked, { kind: Kind }>

const INSERT_LIVE = `INSERT INTO runs_live (seq, id, function, contract, lane, status, priority, accepted_ms, due_ms,
    give_up_ms, session, schedule, key_hash, has_words, facts)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
const INSERT_ID = 'INSERT INTO run_ids (id, seq) VALUES (?, ?)'
const INSERT_PAYLOAD = `INSERT INTO payloads (seq, media_type, bytes, head, result_type, result)
  VALUES (?, ?, ?, ?, ?, ?)`
const MOVE = `UPDATE runs_live SET status = ?, priority = ?, attempt = ?, failures = ?, losses = ?, worker = ?, boot = ?,
    fence = ?, started_ms = ?, history = ?
  WHERE seq = ?`
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
const SET_BULK = `INSERT INTO bulk_jobs (id, state, finished_ms, job) VALUES (?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET state = excluded.state, finished_ms = excluded.finished_ms, job = excluded.job`

/** The end of a run that is accepted now. */
export interface EndAhead {
  readonly write: PackedFinish
  readonly bytes: Uint8Array
}

/** Ends that come later among the writes under way. */
export interface EndsAhead {
  /** The end of a run, which counts as written from now on. */
  take(seq: number, payloadBytes: number): EndAhead | undefined
  isWritten(write: PackedFinish): boolean
}

const NOTHING_AHEAD: EndsAhead = { take: () => undefined, isWritten: () => false }

export class RunTables {
  readonly #statements: Statements
  readonly #names: RunNames
  readonly #done: DoneRuns
  readonly #turns: TurnTables

  constructor(statements: Statements, names: RunNames) {
    this.#statements = statements
    this.#names = names
    this.#done = new DoneRuns(statements, names)
    this.#turns = new TurnTables(statements)
  }

  /** After a transaction, or a part of one, that was rolled back. */
  forget(): void {
    this.#done.forget()
  }

  /** At the end of a transaction, and of every part of one that may be rolled back alone. */
  keepCount(): void {
    this.#done.keepCount()
  }

  /**
   * Throws what SQLite or the binding of a value throws. `bytes` are those of the batch, `ahead` knows the ends of
   * runs that come later in the same transaction or behind it.
   */
  write(write: RunPacked, bytes: Uint8Array, ahead: EndsAhead = NOTHING_AHEAD): void {
    switch (write.kind) {
      case 'runs-accepted':
        return this.#accept(write, bytes, ahead)
      case 'run-moved':
        return this.#move(write.seq, write.progress)
      case 'run-finished':
        return ahead.isWritten(write) ? undefined : this.#finish(write, bytes)
      case 'run-recorded':
        return this.#done.record(write, bytes)
      case 'run-removed':
        removeKey(this.#statements, write.seq)
        return this.#remove([write.seq, ...findDescendants(this.#statements, write.seq)])
      case 'turn-set':
        return this.#turns.set(write.seq, write.priority)
      case 'run-events':
        return this.#addEvents(write)
      case 'run-lines':
        return this.#addLines(write)
      case 'run-told':
        setUsed(this.#statements, write.seq, write.used)
        if (this.#done.isThere(write.seq)) addTold(this.#statements, write.seq, write.told)
        return
      case 'usage-forgotten':
        return forgetTotals(this.#statements, write.scope)
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

  #accept({ values, moved, key }: Packed<'runs-accepted'>, bytes: Uint8Array, ahead: EndsAhead): void {
    if (key !== null) this.#setKey(SET_KEY, key, values[0] ?? null)
    const keyHash = key?.hash ?? null
    for (let at = 0; at < values.length; at += ACCEPTED.length) {
      const run = unpackAccepted(values, at, bytes)
      // A turn goes before others, which must see it among those that wait.
      const end = run.session === null ? ahead.take(run.seq, run.bytes.length) : undefined
      if (end === undefined) this.#acceptOne(run, keyHash)
      else this.#acceptEnded(run, end)
    }
    for (const { seq, progress } of moved) this.#move(seq, progress)
    const joining = joiningOf(values)
    if (joining.length > 0) this.#turns.joinAccepted(joining)
  }

  #acceptOne(run: UnpackedRun, keyHash: string | null): void {
    const { seq, id, group, name, contract, tags, hasWords, facts } = run
    const ownLane = this.#names.lane(`${group}\n${name}\n${contract}\n${tags ?? ''}`)
    const number = this.#names.function(group, name)
    const { status, priority, acceptedMs, dueMs, giveUpMs, session, schedule } = run
    const lane = session === null ? ownLane : heldLane(ownLane)
    this.#run(
      INSERT_LIVE,
      seq,
      id,
      number,
      contract,
      lane,
      status,
      priority,
      acceptedMs,
      dueMs,
      giveUpMs,
      session,
      schedule,
      keyHash,
      hasWords,
      facts,
    )
    this.#run(INSERT_ID, id, seq)
    this.#run(INSERT_PAYLOAD, seq, run.mediaType, run.bytes, run.head, null, null)
    if (hasWords === 1) this.#done.setWords(seq, { id, name, facts }, null)
  }

  /** It never was in the table of live ones. */
  #acceptEnded(run: UnpackedRun, { write, bytes }: EndAhead): void {
    const { mediaType, result } = this.#done.insertEnded(run, write, bytes)
    this.#run(INSERT_ID, run.id, run.seq)
    this.#run(INSERT_PAYLOAD, run.seq, run.mediaType, run.bytes, run.head, mediaType, result)
    if (write.more !== null) this.#addExtras(run.seq, write.more, Number(write.values[3]))
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
    if (!this.#done.finish(write, bytes) || write.more === null) return
    const [seq, fence = null] = write.values
    if (write.more.mayHaveFiles)
      dropOtherAttempts(this.#statements, Number(seq), fence === null ? null : Number(fence))
    if (write.more.session) this.#turns.set(Number(seq), null)
    this.#addExtras(Number(seq), write.more, Number(write.values[3]))
  }

  #addExtras(
    seq: number,
    { events, delivery, told, scopes = [], usage }: FinishExtras,
    endedMs: number,
  ): void {
    if (events.length > 0) this.#addEvents({ kind: 'run-events', seq, events, dropBefore: 0, dropped: 0 })
    if (delivery !== null) this.#setDelivery({ kind: 'delivery-set', delivery, attempt: null })
    if (told) addTold(this.#statements, seq, told)
    for (const scope of scopes) addToTotals(this.#statements, scope, usage ?? null, endedMs)
  }

  #addEvents({ seq, events, dropBefore, dropped }: Packed<'run-events'>): void {
    if (!this.#done.isThere(seq)) return
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
    if (!this.#done.isThere(seq)) return
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
    const excess = Math.max(0, Math.min(limit - old.length, this.#done.count() - keepAtMost))
    if (excess > 0) this.#remove(this.#seqs('SELECT seq FROM runs_done ORDER BY seq LIMIT ?', excess))
    this.#run(
      `DELETE FROM idempotency WHERE hash IN (SELECT hash FROM idempotency WHERE expires_ms <= ?
        ORDER BY expires_ms LIMIT ?)`,
      keysExpiredMs,
      limit,
    )
    this.#run('DELETE FROM bulk_jobs WHERE finished_ms < ?', endedBeforeMs)
    forgetIdleTotals(this.#statements, endedBeforeMs, limit)
  }

  #remove(seqs: readonly number[]): void {
    if (seqs.length > 0) this.#done.left(removeRuns(this.#statements, seqs))
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
