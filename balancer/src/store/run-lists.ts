/**
 * Lists and counts of a million runs, on the store's reading thread. A filter becomes a few probes, each of which
 * walks one index from the newest run down: function and status are in every index behind what narrows most, and
 * only those pairs are walked that exist. Words are looked up in their own index, or in the names of the functions
 * and the beginnings of ids for runs that have no words of their own.
 * Invariant: a list is in the order of seq, the newest first, and has no run twice.
 */
import { RUN_STATUSES, type RunStatus } from '@berth/protocol'
import { wordsOf } from '@berth/runtime'
import { joinParts } from '../ports/run-parts.ts'
import type { RunParts, RunTally, StoredFilter } from '../ports/run-reads.ts'
import type { StoredRun } from '../ports/stored-run.ts'
import { type Bounds, boundsOf, boundsOfPrefix, bucketsOf, overlap } from './run-bounds.ts'
import {
  codeOf,
  decodeDone,
  decodeLive,
  type Row,
  SELECT_DONE,
  SELECT_LIVE,
  statusOf,
  text,
} from './run-codec.ts'
import { partsOf, partsOfSlices } from './run-parts.ts'
import {
  conditionsOf,
  countProbes,
  GIVEN,
  highest,
  type Probe,
  type Table,
  walkProbes,
} from './run-probes.ts'
import { isMeant, wordsToFind } from './run-search.ts'
import { type Slice, tallyListed, tallySlices } from './run-tally.ts'
import type { Statements } from './statements.ts'
import type { Value } from './write-packing.ts'

/** What narrows a walk before function and status do, the narrowest first. */
const NARROWING = ['session', 'schedule', 'worker'] as const

interface NamedFunction {
  readonly id: number
  readonly group: string
  readonly name: string
}

/** Up to so many functions are walked without asking which of their statuses there are. */
const FEW = 8
/** With so many functions and statuses nothing is gathered. */
const MANY_PROBES = 100

const CODE = `r.end_facts ->> '$.error.code' = ?`
/** Fewer are looked at one by one for the code of their error. */
const MANY_ERRORS = 10_000

/** With words, or below one run, the newest so many are added up. */
const LISTED_TALLY = 10_000

/** How words go together with other conditions that mean so many runs. */
export interface RunListTerms {
  /** The newest so many are looked at first: a word that many have fills a page before its rows have been joined. */
  readonly glanced: number
  /** Fewer are looked at one by one. */
  readonly fewRuns: number
  /** Fewer are gathered first, to walk down the words with them at hand; of more, each that has the words is looked up. */
  readonly manyRuns: number
}

const TERMS: RunListTerms = { glanced: 250, fewRuns: 300, manyRuns: 120_000 }

export class RunLists {
  readonly #statements: Statements
  readonly #terms: RunListTerms
  readonly #words = new Map<string, readonly string[]>()

  constructor(statements: Statements, terms: RunListTerms = TERMS) {
    this.#statements = statements
    this.#terms = terms
  }

  /** Within a transaction, so that a run that moves is seen once. */
  list(filter: StoredFilter, limit: number, before: string | null): StoredRun[] {
    const bounds = boundsOf(this.#statements, filter, before)
    return bounds === undefined ? [] : this.#fetch(this.#seqs(filter, bounds, limit))
  }

  count(filter: StoredFilter, atMost: number): number {
    const bounds = boundsOf(this.#statements, filter, null)
    if (bounds === undefined) return 0
    if (isListed(filter)) return this.#seqs(filter, bounds, atMost).length
    return this.#countProbes(this.#probes(filter, bounds), atMost)
  }

  /** The newest `atMost` that are meant, added up between the edges. */
  tally(filter: StoredFilter, edgesMs: readonly number[], atMost: number): RunTally {
    const bounds = boundsOf(this.#statements, filter, null)
    if (bounds === undefined) return { cells: [], cappedMs: null }
    const buckets = bucketsOf(this.#statements, edgesMs, bounds)
    if (isListed(filter)) {
      const seqs = this.#seqs(filter, bounds, Math.min(atMost, LISTED_TALLY))
      return tallyListed(this.#statements, seqs, buckets, Math.min(atMost, LISTED_TALLY))
    }
    return tallySlices(this.#statements, this.#slices(filter, bounds), buckets, atMost)
  }

  /** All that are meant, by function and status. */
  parts(filter: StoredFilter): RunParts {
    const bounds = boundsOf(this.#statements, filter, null)
    if (bounds === undefined) return joinParts([])
    if (isListed(filter))
      return partsOf(this.#statements, this.#seqs(filter, bounds, Number.MAX_SAFE_INTEGER))
    return partsOfSlices(this.#statements, this.#slices(filter, bounds), bounds)
  }

  /** One for each pair of function and status that there is between the bounds. */
  #slices(filter: StoredFilter, bounds: Bounds): Slice[] {
    const functions = this.#functions(filter)
    if (functions?.length === 0) return []
    return tablesOf(filter).flatMap((table) => {
      const walk = { table, from: `${table} r`, walked: 'r.seq', bounds } as const
      const statuses = new Set(statusesOf(filter, table))
      return this.#bases(filter).flatMap((base) =>
        this.#pairs({ ...base, ...walk }, functions, statuses).map(([id, status]) => {
          const where = [...base.where, 'r.function = ?', 'r.status = ?'].join(' AND ')
          return {
            table,
            where,
            values: [...base.values, id, status],
            function: id,
            status: statusOf(status),
          }
        }),
      )
    })
  }

  /** The newest of those that are meant. */
  #seqs(filter: StoredFilter, bounds: Bounds, limit: number): number[] {
    const sought = wordsToFind(withError(filter))
    if (sought?.length === 0 || wordsToFind(filter.q)?.length === 0) return []
    if (filter.parent !== undefined) return this.#childSeqs(filter, bounds, limit)
    // The first word of every id.
    const words = sought?.filter((word) => word !== 'r') ?? []
    if (words.length === 0) return this.#walk(this.#probes(filter, bounds), limit)
    const { q, error, ...given } = filter
    const others = error === undefined ? given : { ...given, status: withErrors(filter) }
    // The search index and the tables of runs have the same rows: without more to hold, the tables are not looked at.
    const glanced = this.#glance(others, bounds, { q, error }, limit)
    if (glanced !== undefined) return glanced
    if (!isNarrowed(others)) {
      const named = this.#nameProbes(filter, bounds, words)
      return this.#walk([wordsAlone(bounds, words), ...named], limit)
    }
    const probes = this.#probes(others, bounds)
    const found: number[] = []
    const walks: Probe[] = []
    for (const table of tablesOf(others)) {
      const own = probes.filter((probe) => probe.table === table)
      const count = this.#countProbes(own, Math.max(this.#terms.fewRuns, this.#terms.manyRuns))
      if (count < this.#terms.fewRuns)
        found.push(...this.#lookThrough(own, { q, error }, this.#terms.fewRuns))
      else walks.push(...this.#wordWalks(filter, table, bounds, words, own, count))
    }
    const walked = this.#walk(walks, limit)
    return found.length === 0 ? walked : highest([...found, ...walked], limit)
  }

  /** A page that the newest runs fill; undefined when they do not. */
  #glance(others: StoredFilter, bounds: Bounds, filter: StoredFilter, limit: number): number[] | undefined {
    const { glanced } = this.#terms
    if (limit > glanced / 2) return undefined
    const found = this.#lookThrough(this.#probes(others, bounds), filter, glanced)
    return found.length >= limit ? found.slice(0, limit) : undefined
  }

  /** Few are looked at one by one. */
  #lookThrough(probes: readonly Probe[], filter: StoredFilter, most: number): number[] {
    const runs = this.#fetch(this.#walk(probes, most))
    return runs.filter((run) => isMeant(filter, run)).map(({ run }) => run.seq)
  }

  /** Of one table, of which the other conditions mean so many runs, which `probes` walk. */
  #wordWalks(
    filter: StoredFilter,
    table: Table,
    bounds: Bounds,
    words: readonly string[],
    probes: readonly Probe[],
    count: number,
  ): Probe[] {
    const { error } = filter
    if (error !== undefined) {
      const isCodeAlone = wordsToFind(filter.q) === undefined && count < MANY_ERRORS
      // Every run with an error has words of its own.
      return isCodeAlone
        ? probes.map((probe) => withCode(probe, error))
        : this.#wordProbes(filter, table, bounds, words)
    }
    const named = this.#nameProbes(filter, bounds, words).filter((probe) => probe.table === table)
    const isGathered = count < this.#terms.manyRuns && probes.length <= MANY_PROBES
    const among = isGathered ? [wordsAmong(probes, bounds, words)] : undefined
    return [...(among ?? this.#wordProbes(filter, table, bounds, words)), ...named]
  }

  /** What one run called is little: each is looked at. */
  #childSeqs(filter: StoredFilter, { low, high }: Bounds, limit: number): number[] {
    const statement = this.#statements.of(CHILDREN)
    const found: number[] = []
    for (let last = high; found.length < limit; ) {
      const seqs = statement.all(filter.parent ?? '', low, last).map(({ seq }) => Number(seq))
      for (const one of this.#fetch(seqs)) if (isMeant(filter, one)) found.push(one.run.seq)
      if (seqs.length < CHILDREN_AT_ONCE) break
      last = (seqs.at(-1) ?? 0) - 1
    }
    return found.slice(0, limit)
  }

  #walk(probes: readonly Probe[], limit: number): number[] {
    return walkProbes(this.#statements, probes, limit)
  }

  #countProbes(probes: readonly Probe[], atMost: number): number {
    return countProbes(this.#statements, probes, atMost)
  }

  /** Of these functions alone, undefined for any. */
  #probes(filter: StoredFilter, bounds: Bounds, functions = this.#functions(filter)): Probe[] {
    if (functions?.length === 0) return []
    return tablesOf(filter).flatMap((table) => {
      const walk = { table, from: `${table} r`, walked: 'r.seq', bounds } as const
      return this.#bases(filter).flatMap((base) => this.#pairProbes(filter, { ...base, ...walk }, functions))
    })
  }

  /** What narrows first, and whatever else must hold beside function and status; none when nothing can be meant. */
  #bases(filter: StoredFilter): Pick<Probe, 'where' | 'values'>[] {
    const workers = filter.worker === undefined ? undefined : this.#workers(filter.worker)
    if (workers?.length === 0) return []
    const first = NARROWING.find((name) => filter[name] !== undefined)
    const where: string[] = []
    const values: Value[] = []
    for (const name of NARROWING) {
      const value = filter[name]
      if (value === undefined || name === 'worker') continue
      where.push(`${name === first ? '' : '+'}r.${name} = ?`)
      values.push(value)
    }
    if (workers === undefined) return [{ where, values }]
    if (first !== 'worker') {
      const rest = `+r.worker IN ${GIVEN}`
      return [{ where: [...where, rest], values: [...values, JSON.stringify(workers)] }]
    }
    return workers.map((worker) => ({ where: ['r.worker = ?'], values: [worker] }))
  }

  /** A probe for each pair of function and status, or the one that it was when neither is asked for. */
  #pairProbes(filter: StoredFilter, base: Probe, functions: readonly NamedFunction[] | undefined): Probe[] {
    if (functions === undefined && filter.status === undefined && base.where.length === 0) return [base]
    const statuses = new Set(statusesOf(filter, base.table))
    return this.#pairs(base, functions, statuses).map(([id, status]) => ({
      ...base,
      where: [...base.where, 'r.function = ?', 'r.status = ?'],
      values: [...base.values, id, status],
    }))
  }

  #pairs(
    base: Probe,
    functions: readonly NamedFunction[] | undefined,
    statuses: ReadonlySet<number>,
  ): (readonly [number, number])[] {
    if (functions !== undefined && functions.length <= FEW)
      return functions.flatMap(({ id }) => [...statuses].map((status) => [id, status] as const))
    const wanted = functions && new Set(functions.map(({ id }) => id))
    return this.#existingPairs(base).filter(
      ([id, status]) => statuses.has(status) && (wanted === undefined || wanted.has(id)),
    )
  }

  /** From one pair to the next, by the index; as one comparison of two columns it would look at every run. */
  #existingPairs({ table, where, values }: Probe): (readonly [number, number])[] {
    const narrow = where.filter((condition) => !condition.startsWith('+'))
    const given = values.slice(0, narrow.length)
    const select = (column: string, more: readonly string[]) =>
      this.#statements.of(
        `SELECT r.${column} AS value FROM ${table} r WHERE ${[...narrow, ...more].join(' AND ')}
          ORDER BY r.${column} LIMIT 1`,
      )
    const nextFunction = select('function', ['r.function > ?'])
    const nextStatus = select('status', ['r.function = ?', 'r.status > ?'])
    const pairs: (readonly [number, number])[] = []
    for (let id = -1; ; ) {
      const found = nextFunction.get(...given, id)
      if (found === undefined) return pairs
      id = Number(found.value)
      for (let row = nextStatus.get(...given, id, -1); row !== undefined; ) {
        const status = Number(row.value)
        pairs.push([id, status])
        row = nextStatus.get(...given, id, status)
      }
    }
  }

  /** Runs that have words of their own, by these. */
  #wordProbes(filter: StoredFilter, table: Table, bounds: Bounds, words: readonly string[]): Probe[] {
    const functions = this.#functions(filter)
    const match = matchOf(words)
    return this.#bases(filter).map((base) => {
      const where = [MATCH, ...base.where.map((condition) => condition.replace(/^r\./, '+r.'))]
      const values: Value[] = [match, ...base.values]
      if (functions !== undefined) {
        where.push(`+r.function IN ${GIVEN}`)
        values.push(JSON.stringify(functions.map(({ id }) => id)))
      }
      if (filter.status !== undefined) {
        where.push(`+r.status IN ${GIVEN}`)
        values.push(JSON.stringify(statusesOf(filter, table)))
      }
      if (filter.error !== undefined) {
        where.push(CODE)
        values.push(filter.error)
      }
      const from = `run_words w CROSS JOIN ${table} r ON r.seq = w.rowid`
      return { table, from, walked: 'w.rowid', where, values, bounds }
    })
  }

  /** Runs that are meant by their function and the beginning of their id alone. */
  #nameProbes(filter: StoredFilter, bounds: Bounds, words: readonly string[]): Probe[] {
    const functions = this.#functions(filter)
    const all = functions ?? this.#allFunctions()
    const byRest = Map.groupBy(all, ({ name }) => this.#wordsBeyond(name, words).join(' '))
    return [...byRest].flatMap(([rest, named]) => {
      const within = this.#boundsOfWords(rest === '' ? [] : rest.split(' '), bounds)
      if (within === undefined) return []
      return this.#probes({ ...filter, q: undefined }, within, named.length < all.length ? named : functions)
    })
  }

  /** Those that the name of a function does not have. */
  #wordsBeyond(name: string, words: readonly string[]): readonly string[] {
    const own = this.#wordsOf(name)
    return words.filter((word) => !own.some((one) => one.startsWith(word)))
  }

  /** Runs whose ids have all of these words. */
  #boundsOfWords(words: readonly string[], bounds: Bounds): Bounds | undefined {
    const [longest = '', ...others] = words.filter((word) => word !== 'r').sort((a, b) => b.length - a.length)
    if (longest === '') return bounds
    if (!others.every((word) => longest.startsWith(word))) return undefined
    const within = boundsOfPrefix(this.#statements, `r_${longest}`)
    return within && overlap(within, bounds)
  }

  #wordsOf(name: string): readonly string[] {
    let words = this.#words.get(name)
    if (words === undefined) {
      words = wordsOf(name)
      this.#words.set(name, words)
    }
    return words
  }

  /** Undefined: all of them. */
  #functions({ group, function: name }: StoredFilter): NamedFunction[] | undefined {
    if (group === undefined && name === undefined) return undefined
    const sql = `SELECT id, worker_group, name FROM functions
      WHERE (?1 IS NULL OR worker_group = ?1) AND (?2 IS NULL OR name = ?2)`
    return this.#statements
      .of(sql)
      .all(group ?? null, name ?? null)
      .map(toNamed)
  }

  #allFunctions(): NamedFunction[] {
    return this.#statements.of('SELECT id, worker_group, name FROM functions').all().map(toNamed)
  }

  #workers(shown: string): number[] {
    return this.#statements
      .of('SELECT id FROM run_workers WHERE shown = ?')
      .all(shown)
      .map(({ id }) => Number(id))
  }

  #fetch(seqs: readonly number[]): StoredRun[] {
    if (seqs.length === 0) return []
    const given = JSON.stringify(seqs)
    const where = `WHERE r.seq IN ${GIVEN}`
    const live = this.#statements.of(`${SELECT_LIVE} ${where}`).all(given).map(decodeLive)
    const done = this.#statements.of(`${SELECT_DONE} ${where}`).all(given).map(decodeDone)
    return [
      ...live.map((run) => ({ kind: 'live', run }) as const),
      ...done.map((run) => ({ kind: 'done', run }) as const),
    ].sort((a, b) => b.run.seq - a.run.seq)
  }
}

const MATCH = 'run_words MATCH ?'
const CHILDREN_AT_ONCE = 500
const CHILDREN = `SELECT seq FROM run_children WHERE parent = ? AND seq >= ? AND seq <= ?
  ORDER BY seq DESC LIMIT ${CHILDREN_AT_ONCE}`

/** Runs of these probes that have words of their own, by these words. */
function wordsAmong(probes: readonly Probe[], bounds: Bounds, words: readonly string[]): Probe {
  const sets = probes.map((probe) => `SELECT r.seq FROM ${probe.from} WHERE ${conditionsOf(probe)}`)
  return {
    table: 'runs_done',
    from: 'run_words w',
    walked: 'w.rowid',
    where: [MATCH, `+w.rowid IN (${sets.join(' UNION ALL ')})`],
    values: [
      matchOf(words),
      ...probes.flatMap(({ values, bounds: { low, high } }) => [...values, low, high]),
    ],
    bounds,
  }
}

/** Runs of either table that have words of their own, by these. */
function wordsAlone(bounds: Bounds, words: readonly string[]): Probe {
  const from = 'run_words w'
  return { table: 'runs_done', from, walked: 'w.rowid', where: [MATCH], values: [matchOf(words)], bounds }
}

function matchOf(words: readonly string[]): string {
  return words.map((word) => `"${word}" *`).join(' ')
}

function tablesOf(filter: StoredFilter): Table[] {
  return (['runs_live', 'runs_done'] as const).filter((table) => statusesOf(filter, table).length > 0)
}

/** Codes of those that a table has and that are asked for. */
function statusesOf({ status }: StoredFilter, table: Table): number[] {
  const isLive = (code: number) => code <= codeOf('running')
  return (status ?? RUN_STATUSES).map(codeOf).filter((code) => isLive(code) === (table === 'runs_live'))
}

/** Statuses of runs that may have an error. */
function withErrors({ status = RUN_STATUSES }: StoredFilter): RunStatus[] {
  return status.filter((one) => one === 'failed' || one === 'cancelled' || one === 'expired')
}

function withCode(probe: Probe, code: string): Probe {
  return { ...probe, where: [...probe.where, CODE], values: [...probe.values, code] }
}

/** What is not walked down an index of function and status. */
function isListed(filter: StoredFilter): boolean {
  return wordsToFind(withError(filter)) !== undefined || filter.parent !== undefined
}

/** The words of the code that an error must have are words of the run. */
function withError({ q, error }: StoredFilter): string | undefined {
  return error === undefined ? q : `${q ?? ''} ${error}`
}

/** By more than time, which bounds every walk. */
function isNarrowed({ fromMs: _from, toMs: _to, ...others }: StoredFilter): boolean {
  return Object.values(others).some((value) => value !== undefined)
}

function toNamed(row: Row): NamedFunction {
  return { id: Number(row.id), group: text(row.worker_group), name: text(row.name) }
}
