/**
 * Lists and counts of a million runs, on the store's reading thread. A filter becomes a few probes, each of which
 * walks one index from the newest run down (run-filter-probes.ts, run-word-probes.ts); which of the ways to a page is
 * short depends on how many runs each condition means, and is decided here.
 * Invariant: a list is in the order of seq, the newest first, and has no run twice.
 */
import { RUN_STATUSES, type RunStatus } from '@berth/protocol'
import type { RunFilter } from '../ports/run-filter.ts'
import { joinParts } from '../ports/run-parts.ts'
import type { RunParts, RunTally } from '../ports/run-reads.ts'
import type { StoredRun } from '../ports/stored-run.ts'
import { type Bounds, boundsOf, bucketsOf } from './run-bounds.ts'
import { decodeDone, decodeLive, SELECT_DONE, SELECT_LIVE } from './run-codec.ts'
import { FilterProbes, tablesOf } from './run-filter-probes.ts'
import { partsOf, partsOfSlices } from './run-parts.ts'
import { countProbes, GIVEN, highest, type Probe, type Table, walkProbes } from './run-probes.ts'
import { isMeant, wordsToFind } from './run-search.ts'
import { tallyListed, tallySlices } from './run-tally.ts'
import { WordProbes, withCode, wordsAlone, wordsAmong } from './run-word-probes.ts'
import type { Statements } from './statements.ts'

/** With so many functions and statuses nothing is gathered. */
const MANY_PROBES = 100

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
  readonly #filters: FilterProbes
  readonly #words: WordProbes

  constructor(statements: Statements, terms: RunListTerms = TERMS) {
    this.#statements = statements
    this.#terms = terms
    this.#filters = new FilterProbes(statements)
    this.#words = new WordProbes(statements, this.#filters)
  }

  /** Within a transaction, so that a run that moves is seen once. */
  list(filter: RunFilter, limit: number, before: string | null): StoredRun[] {
    const bounds = boundsOf(this.#statements, filter, before)
    return bounds === undefined ? [] : this.#fetch(this.#seqs(filter, bounds, limit))
  }

  count(filter: RunFilter, atMost: number): number {
    const bounds = boundsOf(this.#statements, filter, null)
    if (bounds === undefined) return 0
    if (isListed(filter)) return this.#seqs(filter, bounds, atMost).length
    return this.#countProbes(this.#filters.probes(filter, bounds), atMost)
  }

  /** The newest `atMost` that are meant, added up between the edges. */
  tally(filter: RunFilter, edgesMs: readonly number[], atMost: number): RunTally {
    const bounds = boundsOf(this.#statements, filter, null)
    if (bounds === undefined) return { cells: [], cappedMs: null }
    const buckets = bucketsOf(this.#statements, edgesMs, bounds)
    if (isListed(filter)) {
      const seqs = this.#seqs(filter, bounds, Math.min(atMost, LISTED_TALLY))
      return tallyListed(this.#statements, seqs, buckets, Math.min(atMost, LISTED_TALLY))
    }
    return tallySlices(this.#statements, this.#filters.slices(filter, bounds), buckets, atMost)
  }

  /** All that are meant, by function and status. */
  parts(filter: RunFilter): RunParts {
    const bounds = boundsOf(this.#statements, filter, null)
    if (bounds === undefined) return joinParts([])
    if (isListed(filter))
      return partsOf(this.#statements, this.#seqs(filter, bounds, Number.MAX_SAFE_INTEGER))
    return partsOfSlices(this.#statements, this.#filters.slices(filter, bounds), bounds)
  }

  /** The newest of those that are meant. */
  #seqs(filter: RunFilter, bounds: Bounds, limit: number): number[] {
    const sought = wordsToFind(withError(filter))
    if (sought?.length === 0 || wordsToFind(filter.q)?.length === 0) return []
    if (filter.parent !== undefined) return this.#childSeqs(filter, bounds, limit)
    // The first word of every id.
    const words = sought?.filter((word) => word !== 'r') ?? []
    if (words.length === 0) return this.#walk(this.#filters.probes(filter, bounds), limit)
    const { q, error, ...given } = filter
    const others = error === undefined ? given : { ...given, status: withErrors(filter) }
    // The search index and the tables of runs have the same rows: without more to hold, the tables are not looked at.
    const glanced = this.#glance(others, bounds, { q, error }, limit)
    if (glanced !== undefined) return glanced
    if (!isNarrowed(others)) {
      const named = this.#words.named(filter, bounds, words)
      return this.#walk([wordsAlone(bounds, words), ...named], limit)
    }
    const probes = this.#filters.probes(others, bounds)
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
  #glance(others: RunFilter, bounds: Bounds, filter: RunFilter, limit: number): number[] | undefined {
    const { glanced } = this.#terms
    if (limit > glanced / 2) return undefined
    const found = this.#lookThrough(this.#filters.probes(others, bounds), filter, glanced)
    return found.length >= limit ? found.slice(0, limit) : undefined
  }

  /** Few are looked at one by one. */
  #lookThrough(probes: readonly Probe[], filter: RunFilter, most: number): number[] {
    const runs = this.#fetch(this.#walk(probes, most))
    return runs.filter((run) => isMeant(filter, run)).map(({ run }) => run.seq)
  }

  /** Of one table, of which the other conditions mean so many runs, which `probes` walk. */
  #wordWalks(
    filter: RunFilter,
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
        : this.#words.own(filter, table, bounds, words)
    }
    const named = this.#words.named(filter, bounds, words).filter((probe) => probe.table === table)
    const isGathered = count < this.#terms.manyRuns && probes.length <= MANY_PROBES
    const among = isGathered ? [wordsAmong(probes, bounds, words)] : undefined
    return [...(among ?? this.#words.own(filter, table, bounds, words)), ...named]
  }

  /** What one run called is little: each is looked at. */
  #childSeqs(filter: RunFilter, { low, high }: Bounds, limit: number): number[] {
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

const CHILDREN_AT_ONCE = 500
const CHILDREN = `SELECT seq FROM run_children WHERE parent = ? AND seq >= ? AND seq <= ?
  ORDER BY seq DESC LIMIT ${CHILDREN_AT_ONCE}`

/** Statuses of runs that may have an error. */
function withErrors({ status = RUN_STATUSES }: RunFilter): RunStatus[] {
  return status.filter((one) => one === 'failed' || one === 'cancelled' || one === 'expired')
}

/** What is not walked down an index of function and status. */
function isListed(filter: RunFilter): boolean {
  return wordsToFind(withError(filter)) !== undefined || filter.parent !== undefined
}

/** The words of the code that an error must have are words of the run. */
function withError({ q, error }: RunFilter): string | undefined {
  return error === undefined ? q : `${q ?? ''} ${error}`
}

/** By more than time, which bounds every walk. */
function isNarrowed({ fromMs: _from, toMs: _to, ...others }: RunFilter): boolean {
  return Object.values(others).some((value) => value !== undefined)
}
