/**
 * What the store's writer thread reads itself, in order behind the batches before: claims of waiting runs, those
 * that are due, and what the runs are at the start.
 */
import type { RunLane, RunLaneNeeds, RunPosition, RunsAtStart } from '../ports/run-store.ts'
import type { StoredBulk } from '../ports/run-writes.ts'
import type { SessionAsk, SessionTurn } from '../ports/session-store.ts'
import type { ClaimedRun } from '../ports/stored-run.ts'
import {
  decodeClaimed,
  decodeLive,
  numberOrNull,
  type Row,
  SELECT_CLAIMED,
  SELECT_LIVE,
  text,
} from './run-codec.ts'
import type { RunNames } from './run-names.ts'
import { laneKey } from './run-rows.ts'
import type { Statements } from './statements.ts'
import { TurnTables } from './turn-tables.ts'

const QUEUED = `${SELECT_CLAIMED} WHERE r.status = 1 AND r.lane = ?`

export class RunClaims {
  readonly #statements: Statements
  readonly #names: RunNames
  readonly #turns: TurnTables

  constructor(statements: Statements, names: RunNames) {
    this.#statements = statements
    this.#names = names
    this.#turns = new TurnTables(statements)
  }

  askTurns(asked: readonly SessionAsk[]): readonly SessionTurn[] {
    return this.#turns.ask(asked)
  }

  claim(
    needs: RunLaneNeeds,
    count: number,
    after: RunPosition | null,
  ): { readonly runs: ClaimedRun[]; readonly hasMore: boolean } {
    const lane = this.#names.lane(laneKey(needs))
    const rows = after === null ? [] : this.#ofPriority(lane, after, count + 1)
    const priority = after === null ? -1 : after.priority
    if (rows.length <= count) {
      const sql = `${QUEUED} AND r.priority > ? ORDER BY r.priority, r.seq LIMIT ?`
      rows.push(...this.#statements.of(sql).all(lane, priority, count + 1 - rows.length))
    }
    return { runs: rows.slice(0, count).map(decodeClaimed), hasMore: rows.length > count }
  }

  /** Within a transaction. */
  takeDue(untilMs: number, limit: number): ClaimedRun[] {
    const sql = `${SELECT_CLAIMED} WHERE r.status = 0 AND r.due_ms <= ? ORDER BY r.due_ms, r.seq LIMIT ?`
    const rows = this.#statements.of(sql).all(untilMs, limit)
    const seqs = JSON.stringify(rows.map(({ seq }) => seq))
    this.#statements.run(
      'UPDATE runs_live SET status = 1 WHERE seq IN (SELECT value FROM json_each(?))',
      seqs,
    )
    const due = rows.map((row): ClaimedRun => ({ ...decodeClaimed(row), status: 'queued' }))
    this.#turns.joinDue(
      due.flatMap(({ session, seq, priority }) => (session === null ? [] : [{ session, seq, priority }])),
    )
    return due
  }

  nextDueMs(): number | null {
    return this.#number('SELECT min(due_ms) AS n FROM runs_live WHERE status = 0')
  }

  begin(): RunsAtStart {
    return {
      lastSeq: Math.max(
        this.#number('SELECT max(seq) AS n FROM runs_live') ?? 0,
        this.#number('SELECT max(seq) AS n FROM runs_done') ?? 0,
      ),
      lastId: this.#lastId(),
      live: this.#number('SELECT count(*) AS n FROM runs_live') ?? 0,
      lanes: this.#lanes(),
      running: this.#statements
        .of(`${SELECT_CLAIMED} WHERE r.status = 2 ORDER BY r.seq`)
        .all()
        .map(decodeClaimed),
      nextDueMs: this.nextDueMs(),
      nextDeliveryMs: this.#number(`SELECT min(next_ms) AS n FROM deliveries WHERE state = 'pending'`),
      disabledUrls: this.#texts('SELECT url AS t FROM disabled_urls ORDER BY url'),
      keys: this.#number('SELECT count(*) AS n FROM idempotency') ?? 0,
      bulks: this.#texts(`SELECT job AS t FROM bulk_jobs WHERE state = 'running' ORDER BY id`).map(
        (job): StoredBulk => JSON.parse(job),
      ),
    }
  }

  /** The rest of a priority: rows are found by lane and priority, and only within one are they in order of seq. */
  #ofPriority(lane: number, { priority, seq }: RunPosition, limit: number): Row[] {
    const sql = `${QUEUED} AND r.priority = ? AND r.seq > ? ORDER BY r.seq LIMIT ?`
    return this.#statements.of(sql).all(lane, priority, seq, limit)
  }

  /** From one to the next by the index, for there may be a million rows. */
  #lanes(): RunLane[] {
    const first = this.#statements.of(
      `${SELECT_LIVE} WHERE r.status = 1 AND r.lane > ? ORDER BY r.lane, r.priority, r.seq LIMIT 1`,
    )
    const laneOf = this.#statements.of('SELECT lane FROM runs_live WHERE seq = ?')
    const lanes: RunLane[] = []
    let last = -1
    for (let row = first.get(last); row !== undefined; row = first.get(last)) {
      const { group, function: name, contract, tags, seq } = decodeLive(row)
      last = Number(laneOf.get(seq)?.lane)
      lanes.push({ lane: last, group, function: name, contract, tags })
    }
    return lanes
  }

  #lastId(): string | null {
    const row = this.#statements.of('SELECT id FROM run_ids ORDER BY id DESC LIMIT 1').get()
    return row === undefined ? null : text(row.id)
  }

  #number(sql: string): number | null {
    return numberOrNull(this.#statements.of(sql).get()?.n)
  }

  #texts(sql: string): string[] {
    return this.#statements
      .of(sql)
      .all()
      .map(({ t }) => text(t))
  }
}
