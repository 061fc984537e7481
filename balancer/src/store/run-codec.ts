/**
 * A run as a row of the tables, and back. Used on both sides of the store's threads. What no list asks for is
 * JSON without what is null or empty, so that the row of a plain run is short.
 */
import type { SQLOutputValue } from 'node:sqlite'
import { RUN_STATUSES, type RunStatus } from '@berth/protocol'
import type { DeliveryState } from '../ports/stored-delivery.ts'
import type {
  ClaimedRun,
  DoneRun,
  LiveRun,
  RunEnd,
  RunOrder,
  RunProgress,
  StoredPayload,
} from '../ports/stored-run.ts'
import type { UsedSoFar } from '../ports/told.ts'

export type Row = Record<string, SQLOutputValue>

/** What a row keeps of an order beside its columns. */
type Facts = Omit<
  RunOrder,
  'seq' | 'id' | 'group' | 'function' | 'contract' | 'acceptedMs' | 'session' | 'schedule'
>
type EndFacts = Pick<
  RunEnd,
  | 'startedMs'
  | 'queueMs'
  | 'runMs'
  | 'attempt'
  | 'priority'
  | 'history'
  | 'error'
  | 'explain'
  | 'coldStartMs'
  | 'usage'
  | 'messages'
>

const NO_FACTS = {
  tags: null,
  fairnessKey: null,
  attempts: null,
  idempotent: null,
  timeoutMs: null,
  deadlineMs: null,
  queueUntilMs: null,
  dueMs: null,
  scheduledForMs: null,
  parent: null,
  retryOf: null,
  budget: null,
  trace: '',
  webhook: null,
}
const NO_END_FACTS = { startedMs: null, error: null, explain: null }

const CODES = new Map(RUN_STATUSES.map((status, code) => [status, code]))

export function codeOf(status: RunStatus): number {
  return CODES.get(status) ?? -1
}

export function statusOf<Status extends RunStatus>(code: SQLOutputValue | undefined): Status {
  return RUN_STATUSES[Number(code)] as Status
}

export function encodeFacts(run: RunOrder): string {
  const facts: Partial<Record<keyof Facts, unknown>> = { mode: run.mode, trigger: run.trigger }
  if (run.trace !== '') facts.trace = run.trace
  if (hasAny(run.metadata)) facts.metadata = run.metadata
  if (run.tags !== null) facts.tags = run.tags
  if (run.fairnessKey !== null) facts.fairnessKey = run.fairnessKey
  if (run.attempts !== null) facts.attempts = run.attempts
  if (run.idempotent !== null) facts.idempotent = run.idempotent
  if (run.timeoutMs !== null) facts.timeoutMs = run.timeoutMs
  if (run.deadlineMs !== null) facts.deadlineMs = run.deadlineMs
  if (run.queueUntilMs !== null) facts.queueUntilMs = run.queueUntilMs
  if (run.dueMs !== null) facts.dueMs = run.dueMs
  if (run.scheduledForMs !== null) facts.scheduledForMs = run.scheduledForMs
  if (run.parent !== null) facts.parent = run.parent
  if (run.retryOf !== null) facts.retryOf = run.retryOf
  if (run.budget !== null) facts.budget = run.budget
  if (run.webhook !== null) facts.webhook = run.webhook
  if (run.isRouted === true) facts.isRouted = true
  if (run.uploads !== undefined) facts.uploads = run.uploads
  return JSON.stringify(facts)
}

export function encodeEnd(end: RunEnd): string {
  const facts: Partial<Record<keyof EndFacts, unknown>> = {
    queueMs: end.queueMs,
    runMs: end.runMs,
    attempt: end.attempt,
    priority: end.priority,
  }
  if (end.startedMs !== null) facts.startedMs = end.startedMs
  if (end.history.length > 0) facts.history = end.history
  if (end.error !== null) facts.error = end.error
  if (end.explain !== null) facts.explain = end.explain
  if (typeof end.coldStartMs === 'number') facts.coldStartMs = end.coldStartMs
  if (end.usage) facts.usage = end.usage
  if (end.messages !== undefined) facts.messages = end.messages
  return JSON.stringify(facts)
}

export function hasAny(object: Readonly<Record<string, unknown>>): boolean {
  for (const _ in object) return true
  return false
}

/** What a select must name of each table for the functions below; `r` is the table. */
const SHARED = `r.seq, r.id, f.worker_group, f.name, r.contract, r.status, r.accepted_ms, r.session, r.schedule,
  r.facts, w.key AS worker`
const NAMES = `JOIN functions f ON f.id = r.function LEFT JOIN run_workers w ON w.id = r.worker`
const LIVE_COLUMNS = `${SHARED}, r.priority, r.attempt, r.failures, r.losses, r.boot, r.fence, r.started_ms, r.history,
  r.used`
const DONE_COLUMNS = `${SHARED}, r.finished_ms, r.is_recorded, r.result_bytes, r.webhook_state, r.deliveries, r.end_facts`
export const SELECT_LIVE = `SELECT ${LIVE_COLUMNS} FROM runs_live r ${NAMES}`
export const SELECT_DONE = `SELECT ${DONE_COLUMNS} FROM runs_done r ${NAMES}`
/** Who ran the last turn of a session that completed; of any other run nobody is looked for. */
const PREFER = `CASE WHEN r.session IS NULL THEN NULL ELSE (
    SELECT tw.key FROM turns t JOIN runs_done td ON td.seq = t.seq JOIN run_workers tw ON tw.id = td.worker
    WHERE t.session = r.session AND t.state = 2 ORDER BY t.place DESC LIMIT 1) END`
export const SELECT_CLAIMED = `SELECT ${LIVE_COLUMNS}, p.media_type, p.bytes, p.head, ${PREFER} AS prefer
  FROM runs_live r ${NAMES} JOIN payloads p ON p.seq = r.seq`

export function decodeLive(row: Row): LiveRun {
  const live = { ...decodeOrder(row), ...decodeProgress(row) }
  return row.used === null ? live : { ...live, used: JSON.parse(text(row.used)) as UsedSoFar }
}

export function decodeClaimed(row: Row): ClaimedRun {
  const run = { ...decodeLive(row), payload: decodePayload(row) }
  return row.prefer === null ? run : { ...run, prefer: text(row.prefer) }
}

export function decodePayload(row: Row): StoredPayload {
  return { mediaType: text(row.media_type), bytes: bytes(row.bytes), head: row.head ? bytes(row.head) : null }
}

export function decodeDone(row: Row): DoneRun {
  const facts: Omit<EndFacts, 'history'> & Partial<EndFacts> = JSON.parse(text(row.end_facts))
  return {
    ...decodeOrder(row),
    ...NO_END_FACTS,
    ...facts,
    history: facts.history ?? [],
    status: statusOf(row.status),
    finishedMs: Number(row.finished_ms),
    worker: textOrNull(row.worker),
    isDurable: row.is_recorded === 0,
    webhookState: textOrNull(row.webhook_state) as DeliveryState | null,
    deliveries: Number(row.deliveries),
    resultBytes: numberOrNull(row.result_bytes),
  }
}

function decodeOrder(row: Row): RunOrder {
  const facts: Pick<Facts, 'mode' | 'trigger'> & Partial<Facts> = JSON.parse(text(row.facts))
  return {
    ...NO_FACTS,
    ...facts,
    metadata: facts.metadata ?? {},
    seq: Number(row.seq),
    id: text(row.id),
    group: text(row.worker_group),
    function: text(row.name),
    contract: Number(row.contract),
    acceptedMs: Number(row.accepted_ms),
    session: textOrNull(row.session),
    schedule: textOrNull(row.schedule),
  }
}

function decodeProgress(row: Row): RunProgress {
  return {
    status: statusOf(row.status),
    priority: Number(row.priority),
    attempt: Number(row.attempt),
    failures: Number(row.failures),
    losses: Number(row.losses),
    worker: textOrNull(row.worker),
    boot: textOrNull(row.boot),
    fence: numberOrNull(row.fence),
    startedMs: numberOrNull(row.started_ms),
    history: row.history === null ? [] : JSON.parse(text(row.history)),
  }
}

export function text(value: SQLOutputValue | undefined): string {
  if (typeof value !== 'string') throw new Error('a row of the database has no text where one must be')
  return value
}

export function textOrNull(value: SQLOutputValue | undefined): string | null {
  return value === null ? null : text(value)
}

export function numberOrNull(value: SQLOutputValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value)
}

export function bytes(value: SQLOutputValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Error('a row of the database has no bytes where some must be')
  return value
}
