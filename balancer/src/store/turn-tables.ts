/**
 * The SQL of sessions' turns: joined, given to the next, ended; on the store's writer thread, within the transactions
 * of whatever made the difference. Called by `run-tables.ts`, `run-claims.ts` and `run-removal.ts`.
 * Invariant: see ports/session-store.ts; `#advance` is called after every change of a session's turns.
 */
import type { SessionAsk, SessionTurn } from '../ports/session-store.ts'
import { decodeClaimed, numberOrNull, SELECT_CLAIMED, text, textOrNull } from './run-codec.ts'
import type { Statements } from './statements.ts'

export const TURN = { held: 0, head: 1, completed: 2, ended: 3 } as const

/** One that was made to wait for its instant again behind its joining has its place already. */
const JOIN =
  'INSERT INTO turns (session, state, place, seq, priority) VALUES (?, 0, ?, ?, ?) ON CONFLICT DO NOTHING'
/** The run whose id a session bears is its first turn. */
const BASE = `SELECT i.seq, coalesce(l.status, d.status) AS status, l.priority, l.seq AS live
  FROM run_ids i LEFT JOIN runs_live l ON l.seq = i.seq LEFT JOIN runs_done d ON d.seq = i.seq
  WHERE i.id = ?1 AND coalesce(l.session, d.session) IS NULL AND coalesce(d.is_recorded, 0) = 0
    AND NOT EXISTS (SELECT 1 FROM turns WHERE session = ?1)`
const JOIN_BASE = 'INSERT INTO turns (session, state, place, seq, priority) VALUES (?, ?, ?, ?, ?)'
const NEWEST =
  'SELECT max(n) AS n FROM (SELECT max(seq) AS n FROM runs_live UNION ALL SELECT max(seq) FROM runs_done)'
const OVER = `UPDATE turns SET state = (SELECT iif(d.status = 3, 2, 3) FROM runs_done d WHERE d.seq = ?1)
  WHERE seq = ?1 AND state < 2 AND EXISTS (SELECT 1 FROM runs_done d WHERE d.seq = ?1)`
const HEAD = 'SELECT seq FROM turns WHERE session = ? AND state = 1 LIMIT 1'
const NEXT = 'SELECT seq FROM turns WHERE session = ? AND state = 0 ORDER BY place, seq LIMIT 1'
const RELEASE = 'UPDATE runs_live SET lane = -1 - lane WHERE seq = ? AND lane < 0'
/** Left to itself SQLite looks at every turn that waits. */
const URGENT = 'SELECT min(priority) AS n FROM turns INDEXED BY turns_open WHERE session = ? AND state < 2'
const HURRY = 'UPDATE runs_live SET priority = ?2 WHERE seq = ?1 AND status = 1 AND priority <> ?2'
const HEAD_RUN = `SELECT l.seq, l.id, l.status, l.priority FROM turns t JOIN runs_live l ON l.seq = t.seq
  WHERE t.session = ? AND t.state = 1 LIMIT 1`
const LAST_WORKER = `SELECT t.place, w.key FROM (
    SELECT place, seq FROM turns WHERE session = ?1 AND state = ?2 ORDER BY place DESC, seq DESC LIMIT 1
  ) t JOIN runs_done d ON d.seq = t.seq JOIN run_workers w ON w.id = d.worker`
const CLAIMED = `${SELECT_CLAIMED} WHERE r.seq = ?`
const GIVEN = 'SELECT value FROM json_each(?)'

/** What a run that joins is known by. */
export interface JoiningTurn {
  readonly session: string
  readonly seq: number
  readonly priority: number
}

/** A lane in which no claim looks, and back. */
export function heldLane(lane: number): number {
  return -1 - lane
}

export class TurnTables {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Runs that were accepted in this order; those that are not due yet are not among them. */
  joinAccepted(turns: readonly JoiningTurn[]): void {
    for (const { session, seq, priority } of turns) {
      this.#joinBase(session)
      this.#run(JOIN, session, 2 * seq, seq, priority)
    }
    for (const session of sessionsOf(turns)) this.#advance(session)
  }

  /** Runs that are due now: they stand behind all that were accepted before. */
  joinDue(turns: readonly JoiningTurn[]): void {
    if (turns.length === 0) return
    const place = 2 * (numberOrNull(this.#get(NEWEST)?.n) ?? 0) + 1
    for (const { session, seq, priority } of turns) {
      this.#joinBase(session)
      this.#run(JOIN, session, place, seq, priority)
    }
    for (const session of sessionsOf(turns)) this.#advance(session)
  }

  /** See `SessionWrite`. */
  set(seq: number, priority: number | null): void {
    const session = this.#sessionOf(seq)
    if (session === undefined) return
    this.#run(OVER, seq)
    if (priority !== null) this.#run('UPDATE turns SET priority = ? WHERE seq = ?', priority, seq)
    this.#advance(session)
  }

  /** Their runs are about to be removed with all they have. */
  remove(seqs: readonly number[]): void {
    const given = JSON.stringify(seqs)
    const open = `SELECT DISTINCT session FROM turns WHERE state < 2 AND seq IN (${GIVEN})`
    const sessions = this.#statements.of(open).all(given)
    this.#run(`DELETE FROM turns WHERE seq IN (${GIVEN})`, given)
    for (const { session } of sessions) this.#advance(text(session))
  }

  /** Whose turn it is. */
  ask(asked: readonly SessionAsk[]): SessionTurn[] {
    return asked.map(({ session, known }) => {
      const row = this.#get(HEAD_RUN, session)
      const urgent = numberOrNull(this.#get(URGENT, session)?.n)
      const head = row ? { id: text(row.id), priority: urgent ?? Number(row.priority) } : null
      const isWanted = row?.status === 1 && head?.id !== known
      const found = isWanted ? this.#get(CLAIMED, Number(row.seq)) : undefined
      return {
        session,
        head,
        run: found ? decodeClaimed(found) : null,
        worker: lastWorker(this.#statements, session),
      }
    })
  }

  #joinBase(session: string): void {
    const base = RUN_ID.test(session) ? this.#get(BASE, session) : undefined
    // One that is not due yet has no turn yet.
    if (!base || base.status === 0) return
    const seq = Number(base.seq)
    const isLive = base.live !== null
    const state = isLive ? TURN.head : base.status === 3 ? TURN.completed : TURN.ended
    this.#run(JOIN_BASE, session, state, 2 * seq, seq, numberOrNull(base.priority) ?? 0)
    this.#run(`UPDATE ${isLive ? 'runs_live' : 'runs_done'} SET session = ? WHERE seq = ?`, session, seq)
  }

  /** Lets the next turn go unless one goes, and hurries it as its session asks. */
  #advance(session: string): void {
    let head = this.#get(HEAD, session)?.seq
    if (head === undefined) {
      head = this.#get(NEXT, session)?.seq
      if (head === undefined) return
      this.#run('UPDATE turns SET state = 1 WHERE seq = ?', Number(head))
      this.#run(RELEASE, Number(head))
    }
    const urgent = numberOrNull(this.#get(URGENT, session)?.n)
    if (urgent !== null) this.#run(HURRY, Number(head), urgent)
  }

  #sessionOf(seq: number): string | undefined {
    const row = this.#get('SELECT session FROM turns WHERE seq = ?', seq)
    return row && text(row.session)
  }

  #get(sql: string, ...values: (string | number)[]) {
    return this.#statements.of(sql).get(...values)
  }

  #run(sql: string, ...values: (string | number)[]): void {
    this.#statements.run(sql, ...values)
  }
}

/** Of the newer of the last that completed and the last that did not. */
export function lastWorker(statements: Statements, session: string): string | null {
  const completed = statements.of(LAST_WORKER).get(session, TURN.completed)
  const other = statements.of(LAST_WORKER).get(session, TURN.ended)
  const isOtherNewer = Number(other?.place ?? -1) > Number(completed?.place ?? -1)
  return textOrNull((isOtherNewer ? other : completed)?.key ?? null)
}

const RUN_ID = /^r_[0-9a-z]{26}$/

function sessionsOf(turns: readonly JoiningTurn[]): Set<string> {
  return new Set(turns.map(({ session }) => session))
}
