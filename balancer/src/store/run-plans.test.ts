/**
 * How lists and summaries of runs are read: by which index, with nothing sorted and no table gone through, and how
 * much of it. A plan is the same on every machine, which a time is not.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import type { RunFilter } from '../ports/run-filter.ts'
import { RunLists } from './run-lists.ts'
import { SqliteStore } from './sqlite-store.ts'
import { Statements } from './statements.ts'
import { SILENT } from './testing/silent-events.ts'
import { acceptedRun, endOf, idAt } from './testing/stored-runs.ts'

const RUNS = 3_000
const LIVE = 40

const folder = mkdtempSync(join(tmpdir(), 'berth-plans-'))
const path = join(folder, 'berth.db')

/** Keeps what is asked, and adds up what is read of indexes. */
class Watched extends Statements {
  readonly asked = new Set<string>()
  read = 0

  override of(sql: string): StatementSync {
    this.asked.add(sql)
    const statement = super.of(sql)
    const get = (...values: Parameters<StatementSync['get']>) => {
      const row = statement.get(...values)
      if (typeof row?.seqs === 'string') this.read += JSON.parse(row.seqs).length
      return row
    }
    return { get, all: statement.all.bind(statement) } as unknown as StatementSync
  }
}

let database: DatabaseSync

before(async () => {
  const store = new SqliteStore({ path })
  await store.open(SILENT)
  const seqs = Array.from({ length: RUNS }, (_, index) => index + 1)
  store.apply(seqs.map((seq) => acceptedRun(seq, 'queued')))
  store.apply(seqs.slice(0, -LIVE).map((seq) => endOf(seq)))
  await store.flush()
  await store.close()
  database = new DatabaseSync(path, { readOnly: true })
})

after(() => {
  database?.close()
  rmSync(folder, { recursive: true, force: true })
})

const everything = { fromMs: idAt(1).acceptedMs, toMs: idAt(RUNS).acceptedMs }

/** Each documented filter, and what its runs are walked down by. */
const WAYS: Readonly<Record<string, readonly [RunFilter, RegExp]>> = {
  nothing: [{}, /SEARCH r USING INTEGER PRIMARY KEY/],
  'from and to': [everything, /SEARCH r USING INTEGER PRIMARY KEY/],
  status: [{ status: ['failed'] }, /USING COVERING INDEX runs_done_function /],
  'status of live ones': [{ status: ['queued'] }, /USING COVERING INDEX runs_live_function /],
  function: [{ function: 'function-1' }, /USING COVERING INDEX runs_done_function /],
  group: [{ group: 'group-1' }, /USING COVERING INDEX runs_done_function /],
  worker: [{ worker: 'worker-3' }, /USING COVERING INDEX runs_done_worker /],
  session: [{ session: 'session-5' }, /USING COVERING INDEX runs_done_session /],
  schedule: [{ schedule: 'schedule-1' }, /USING COVERING INDEX runs_done_schedule /],
  error: [{ error: 'FUNCTION_FAILED' }, /USING COVERING INDEX runs_done_function /],
  q: [{ q: 'customer' }, /SCAN w VIRTUAL TABLE INDEX/],
  'one letter of q': [{ q: 'o' }, /SCAN w VIRTUAL TABLE INDEX/],
  'q and error': [{ q: 'printer', error: 'FUNCTION_FAILED' }, /USING COVERING INDEX runs_done_function /],
  'q and function': [{ q: 'customer', function: 'function-1' }, /USING COVERING INDEX runs_done_function /],
  parent: [{ parent: idAt(5).id }, /run_children USING PRIMARY KEY/],
}

for (const [name, [filter, way]] of Object.entries(WAYS)) {
  test(`${name}: its first page is walked down an index`, () => {
    const statements = new Watched(database)
    new RunLists(statements).list(filter, 51, null)
    const plans = plansOf(statements)
    assert.match(plans, way)
    assertNothingIsGoneThrough(plans)
  })

  test(`${name}: its summary is counted from an index`, () => {
    const statements = new Watched(database)
    const edges = [everything.fromMs, everything.fromMs + 100, everything.toMs + 1]
    new RunLists(statements).tally({ ...everything, ...filter }, edges, 1_000)
    assertNothingIsGoneThrough(plansOf(statements))
  })
}

test('words alone are found without a look at the tables of runs', () => {
  const statements = new Watched(database)
  new RunLists(statements).list({ ...everything, q: 'customer' }, 51, null)
  const walks = [...statements.asked].filter((sql) => sql.includes('MATCH'))
  assert.equal(walks.length, 1)
  assert.doesNotMatch(walks[0] ?? '', /runs_(live|done)/)
})

test('for a summary that is capped little more is read than it counts', () => {
  for (const atMost of [10, 300, 1_000, 2_500]) {
    const statements = new Watched(database)
    const edges = [everything.fromMs, everything.toMs + 1]
    const { cells, cappedMs } = new RunLists(statements).tally(everything, edges, atMost)
    assert.ok(cappedMs !== null)
    assert.equal(
      cells.reduce((sum, { count }) => sum + count, 0),
      atMost,
    )
    assert.ok(
      statements.read >= atMost && statements.read <= 2.5 * atMost + 100,
      `${statements.read} for ${atMost}`,
    )
  }
})

function plansOf({ asked }: Watched): string {
  return [...asked]
    .flatMap((sql) =>
      database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map(({ detail }) => `${detail}\n`),
    )
    .join('')
}

function assertNothingIsGoneThrough(plans: string): void {
  assert.doesNotMatch(plans, /SCAN (r|runs_live|runs_done)\b/)
  assert.doesNotMatch(plans, /TEMP B-TREE/)
}

test('an id is looked for once, however many functions there are', () => {
  const statements = new Watched(database)
  new RunLists(statements).list({ q: idAt(RUNS / 2).id }, 51, null)
  const walks = [...statements.asked].filter((sql) => sql.includes('ORDER BY r.seq DESC'))
  assert.equal(walks.length, 2, 'one walk of each table')
})
