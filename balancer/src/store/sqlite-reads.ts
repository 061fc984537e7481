/**
 * Everything that is read of runs, as the store's reading thread does it: synchronous, on a connection of its own.
 * Each question is answered from one state of the database.
 */
import { LIMITS } from '@berth/protocol'
import type { RunFilter } from '../ports/run-filter.ts'
import type { RunReads } from '../ports/run-reads.ts'
import type { IdempotencyRow, StoredBulk } from '../ports/run-writes.ts'
import type { StoredDelivery, StoredTry } from '../ports/stored-delivery.ts'
import type { StoredEvent, UsageScope } from '../ports/told.ts'
import { ActivitySqlReads } from './activity-tables.ts'
import { FileRows } from './file-rows.ts'
import {
  bytes,
  decodeDone,
  decodeLive,
  decodePayload,
  numberOrNull,
  type Row,
  SELECT_DONE,
  SELECT_LIVE,
  text,
  textOrNull,
} from './run-codec.ts'
import { RunLists } from './run-lists.ts'
import { readTold, readTotals } from './run-usage.ts'
import { ScheduleSqlReads } from './schedule-reads.ts'
import type { Statements } from './statements.ts'
import { readStats } from './stats-tables.ts'
import { encodeTurns, type StoredTurn } from './turn-list.ts'
import { lastWorker } from './turn-tables.ts'

/** The port without its promises. */
type SyncReads = {
  readonly [Name in keyof RunReads]: (
    ...values: Parameters<RunReads[Name]>
  ) => Awaited<ReturnType<RunReads[Name]>>
}

const HELD_BEFORE = `SELECT count(*) AS n FROM turns WHERE session = ?1 AND state = 0 AND (place, seq) < (?2, ?3)`

type Bound = string | number | null

const HEAD_ID = `SELECT l.id FROM turns t JOIN runs_live l ON l.seq = t.seq
  WHERE t.session = ? AND t.state = 1 LIMIT 1`
const INPUT = 'SELECT media_type, bytes FROM payloads WHERE seq = ?'
/** A short one of JSON may lie beside its input. */
const RESULT = `SELECT media_type, bytes FROM results WHERE seq = ?1 UNION ALL
  SELECT result_type, result FROM payloads WHERE seq = ?1 AND result_type IS NOT NULL`

export class SqliteReads implements SyncReads {
  readonly #statements: Statements
  readonly #lists: RunLists
  readonly #schedules: ScheduleSqlReads
  readonly #files: FileRows
  readonly #activity: ActivitySqlReads

  constructor(statements: Statements) {
    this.#statements = statements
    this.#lists = new RunLists(statements)
    this.#schedules = new ScheduleSqlReads(statements)
    this.#files = new FileRows(statements)
    this.#activity = new ActivitySqlReads(statements)
  }

  activity(...values: Parameters<RunReads['activity']>) {
    return this.#activity.activity(...values)
  }

  files(runs: readonly string[]) {
    return this.#files.ofRuns(runs)
  }

  filesOfAttempt(run: string, fence: number) {
    return this.#files.ofAttempt(this.#seqOf(run), fence)
  }

  knownFiles(names: readonly string[]) {
    return this.#files.known(names)
  }

  goneFiles(limit: number) {
    return this.#files.gone(limit)
  }

  configText(version: number) {
    const row = this.#get('SELECT text FROM config_versions WHERE version = ?', version)
    return row === undefined ? null : text(row.text)
  }

  list(...[filter, limit, before]: Parameters<RunReads['list']>) {
    return this.#lists.list(filter, limit, before)
  }

  count(...[filter, atMost]: Parameters<RunReads['count']>) {
    return this.#lists.count(filter, atMost)
  }

  tally(...[filter, edgesMs, atMost]: Parameters<RunReads['tally']>) {
    return this.#lists.tally(filter, edgesMs, atMost)
  }

  parts(filter: RunFilter) {
    return this.#lists.parts(filter)
  }

  find(id: string) {
    const seq = this.#seqOf(id)
    const live = this.#get(`${SELECT_LIVE} WHERE r.seq = ?`, seq)
    if (live !== undefined) return { kind: 'live', run: decodeLive(live) } as const
    const done = this.#get(`${SELECT_DONE} WHERE r.seq = ?`, seq)
    return done === undefined ? null : ({ kind: 'done', run: decodeDone(done) } as const)
  }

  payload(id: string) {
    const row = this.#get('SELECT media_type, bytes, head FROM payloads WHERE seq = ?', this.#seqOf(id))
    return row === undefined ? null : decodePayload(row)
  }

  result(id: string) {
    const row = this.#get(RESULT, this.#seqOf(id))
    return row === undefined ? null : { mediaType: text(row.media_type), bytes: bytes(row.bytes) }
  }

  events(id: string, after: number, limit: number) {
    const seq = this.#seqOf(id)
    const sql = 'SELECT n, type, at_ms, data FROM run_events WHERE seq = ? AND n > ? ORDER BY n LIMIT ?'
    const dropped = this.#get('SELECT dropped FROM run_event_drops WHERE seq = ?', seq)?.dropped
    return { events: this.#all(sql, seq, after, limit).map(toEvent), dropped: Number(dropped ?? 0) }
  }

  eventTotals(id: string) {
    const seq = this.#seqOf(id)
    const sql = `SELECT coalesce(max(n), 0) AS last, count(*) AS events, coalesce(sum(length(data)), 0) AS bytes FROM run_events WHERE seq = ?`
    const events = this.#get(sql, seq)
    const lines = this.#get('SELECT coalesce(max(n), 0) AS last FROM run_lines WHERE seq = ?', seq)
    const dropped = this.#get('SELECT dropped FROM run_event_drops WHERE seq = ?', seq)
    return {
      lastEvent: Number(events?.last),
      events: Number(events?.events),
      bytes: Number(events?.bytes),
      dropped: Number(dropped?.dropped ?? 0),
      lastLine: Number(lines?.last),
    }
  }

  lines(id: string, limit: number) {
    const seq = this.#seqOf(id)
    const sql = 'SELECT n, type, at_ms, data FROM run_lines WHERE seq = ? ORDER BY n DESC LIMIT ?'
    const kept = this.#get('SELECT max(n) - count(*) AS dropped FROM run_lines WHERE seq = ?', seq)
    return {
      lines: this.#all(sql, seq, limit).map(toEvent).reverse(),
      dropped: Number(kept?.dropped ?? 0),
    }
  }

  told(id: string) {
    return readTold(this.#statements, this.#seqOf(id))
  }

  usageTotals(scope: UsageScope) {
    return readTotals(this.#statements, scope)
  }

  deliveries(id: string) {
    const sql =
      'SELECT n, at_ms, duration_ms, status, error FROM delivery_tries WHERE delivery = ? ORDER BY n'
    return this.#all('SELECT * FROM deliveries WHERE seq = ? ORDER BY id', this.#seqOf(id))
      .map(toDelivery)
      .map((delivery) => ({ ...delivery, attempts: this.#all(sql, delivery.id).map(toTry) }))
  }

  delivery(id: string) {
    const row = this.#get('SELECT * FROM deliveries WHERE id = ?', id)
    return row === undefined ? null : toDelivery(row)
  }

  dueDeliveries(untilMs: number, limit: number, except: readonly string[]) {
    const sql = `SELECT * FROM deliveries WHERE state = 'pending' AND next_ms <= ?
      AND receiver NOT IN (SELECT value FROM json_each(?)) ORDER BY next_ms, id LIMIT ?`
    return this.#all(sql, untilMs, JSON.stringify(except), limit).map(toDelivery)
  }

  deliveriesBetween(...[fromMs, toMs, url, after, limit]: Parameters<RunReads['deliveriesBetween']>) {
    const sql = `SELECT * FROM deliveries
      WHERE created_ms BETWEEN ?1 AND ?2 AND (created_ms > ?1 OR id > ?3) AND (?4 IS NULL OR url = ?4)
      ORDER BY created_ms, id LIMIT ?5`
    const from = after ?? { createdMs: fromMs, id: '' }
    return this.#all(sql, from.createdMs, toMs, from.id, url, limit).map(toDelivery)
  }

  nextDeliveryMs(afterMs: number) {
    const sql = `SELECT min(next_ms) AS n FROM deliveries WHERE state = 'pending' AND next_ms > ?`
    return numberOrNull(this.#get(sql, afterMs)?.n)
  }

  overdue(untilMs: number, limit: number) {
    const sql = `${SELECT_LIVE} WHERE r.give_up_ms <= ? AND r.give_up_ms IS NOT NULL AND r.status < 2
      ORDER BY r.give_up_ms, r.seq LIMIT ?`
    return this.#all(sql, untilMs, limit).map(decodeLive)
  }

  key(hash: string) {
    const row = this.#get('SELECT * FROM idempotency WHERE hash = ?', hash)
    return row === undefined ? null : toKey(row)
  }

  keyCount() {
    return numberOrNull(this.#get('SELECT count(*) AS keys FROM idempotency')?.keys) ?? 0
  }

  bulk(id: string) {
    const row = this.#get('SELECT job FROM bulk_jobs WHERE id = ?', id)
    const bulk: StoredBulk | null = row === undefined ? null : JSON.parse(text(row.job))
    return bulk
  }

  schedule(id: string) {
    return this.#schedules.schedule(id)
  }

  schedulePayload(id: string) {
    return this.#schedules.schedulePayload(id)
  }

  schedules(...values: Parameters<RunReads['schedules']>) {
    return this.#schedules.schedules(...values)
  }

  dueSchedules(untilMs: number, limit: number) {
    return this.#schedules.dueSchedules(untilMs, limit)
  }

  dueSchedule(id: string) {
    return this.#schedules.dueSchedule(id)
  }

  scheduleCount() {
    return this.#schedules.scheduleCount()
  }

  scheduleFires(id: string, limit: number) {
    return this.#schedules.scheduleFires(id, limit)
  }

  statsBlocks(...asked: Parameters<RunReads['statsBlocks']>) {
    return readStats(this.#statements, ...asked)
  }

  turns(session: string) {
    return encodeTurns(this.#newestTurns(session))
  }

  /** One by one, for most are not long, and nobody wants those that are. */
  *#newestTurns(session: string): Iterable<StoredTurn> {
    const sql = `SELECT t.seq, coalesce(length(p.bytes), 0) + coalesce(length(r.bytes), length(p.result), 0) AS bytes
      FROM turns t
      LEFT JOIN payloads p ON p.seq = t.seq LEFT JOIN results r ON r.seq = t.seq
      WHERE t.session = ? AND t.state = 2 ORDER BY t.place DESC, t.seq DESC LIMIT ?`
    for (const { seq, bytes: length } of this.#all(sql, session, LIMITS.turns)) {
      if (Number(length) > LIMITS.turnsBytes) return
      const content = (sql: string) => {
        const row = this.#get(sql, Number(seq))
        return row ? { mediaType: text(row.media_type), bytes: bytes(row.bytes) } : null
      }
      yield { input: content(INPUT), output: content(RESULT) }
    }
  }

  lineOf(session: string) {
    const head = this.#get(HEAD_ID, session)
    const open = this.#get('SELECT count(*) AS n FROM turns WHERE session = ? AND state < 2', session)
    const worker = lastWorker(this.#statements, session)
    return { head: head ? text(head.id) : null, open: Number(open?.n), worker }
  }

  turnOf(id: string) {
    const own = this.#get('SELECT session, state, place FROM turns WHERE seq = ?', this.#seqOf(id))
    if (own?.state !== 0) return null
    const session = text(own.session)
    const head = this.#get(HEAD_ID, session)
    const seq = this.#seqOf(id)
    const before = this.#get(HELD_BEFORE, session, Number(own.place), seq)
    return head ? { head: text(head.id), before: 1 + Number(before?.n) } : null
  }

  /** -1, which no run has, for an unknown id. */
  #seqOf(id: string): number {
    return numberOrNull(this.#get('SELECT seq FROM run_ids WHERE id = ?', id)?.seq) ?? -1
  }

  #get(sql: string, ...values: Bound[]): Row | undefined {
    return this.#statements.of(sql).get(...values)
  }

  #all(sql: string, ...values: Bound[]): Row[] {
    return this.#statements.of(sql).all(...values)
  }
}

function toEvent(row: Row): StoredEvent {
  const type = text(row.type) as StoredEvent['type']
  return { n: Number(row.n), type, atMs: Number(row.at_ms), data: text(row.data) }
}

function toDelivery(row: Row): StoredDelivery {
  return {
    id: text(row.id),
    seq: Number(row.seq),
    run: text(row.run),
    type: text(row.type) as StoredDelivery['type'],
    url: text(row.url),
    receiver: text(row.receiver),
    createdMs: Number(row.created_ms),
    state: text(row.state) as StoredDelivery['state'],
    tries: Number(row.tries),
    failures: Number(row.failures),
    nextMs: numberOrNull(row.next_ms),
    lastStatus: numberOrNull(row.last_status),
    lastError: textOrNull(row.last_error),
  }
}

function toTry(row: Row): StoredTry {
  return {
    n: Number(row.n),
    atMs: Number(row.at_ms),
    durationMs: Number(row.duration_ms),
    status: numberOrNull(row.status),
    error: textOrNull(row.error),
  }
}

function toKey(row: Row): IdempotencyRow {
  return {
    hash: text(row.hash),
    bodyHash: text(row.body_hash),
    runs: JSON.parse(text(row.runs)),
    answer: textOrNull(row.answer) as IdempotencyRow['answer'],
    expiresMs: numberOrNull(row.expires_ms),
  }
}
