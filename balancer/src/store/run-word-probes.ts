/**
 * Words as walks: down their own index, for runs that have words of their own, and by the names of functions and the
 * beginnings of ids for all others. Used by run-lists.ts on the store's reading thread; what else a filter asks for
 * comes from run-filter-probes.ts.
 * Invariant: a run that has all the words is found by one of the two.
 */
import { wordsOf } from '@berth/runtime'
import type { RunFilter } from '../ports/run-filter.ts'
import { type Bounds, boundsOfPrefix, overlap } from './run-bounds.ts'
import { type FilterProbes, statusesOf } from './run-filter-probes.ts'
import { conditionsOf, GIVEN, type Probe, type Table } from './run-probes.ts'
import type { Statements } from './statements.ts'
import type { Value } from './write-packing.ts'

const CODE = `r.end_facts ->> '$.error.code' = ?`
const MATCH = 'run_words MATCH ?'

export class WordProbes {
  readonly #statements: Statements
  readonly #filters: FilterProbes
  readonly #words = new Map<string, readonly string[]>()

  constructor(statements: Statements, filters: FilterProbes) {
    this.#statements = statements
    this.#filters = filters
  }

  /** Runs that have words of their own, by these. */
  own(filter: RunFilter, table: Table, bounds: Bounds, words: readonly string[]): Probe[] {
    const functions = this.#filters.functions(filter)
    const match = matchOf(words)
    return this.#filters.bases(filter).map((base) => {
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
  named(filter: RunFilter, bounds: Bounds, words: readonly string[]): Probe[] {
    const functions = this.#filters.functions(filter)
    const all = functions ?? this.#filters.allFunctions()
    const byRest = Map.groupBy(all, ({ name }) => this.#wordsBeyond(name, words).join(' '))
    return [...byRest].flatMap(([rest, named]) => {
      const within = this.#boundsOfWords(rest === '' ? [] : rest.split(' '), bounds)
      if (within === undefined) return []
      return this.#filters.probes(
        { ...filter, q: undefined },
        within,
        named.length < all.length ? named : functions,
      )
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
}

/** Runs of these probes that have words of their own, by these words. */
export function wordsAmong(probes: readonly Probe[], bounds: Bounds, words: readonly string[]): Probe {
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
export function wordsAlone(bounds: Bounds, words: readonly string[]): Probe {
  const from = 'run_words w'
  return { table: 'runs_done', from, walked: 'w.rowid', where: [MATCH], values: [matchOf(words)], bounds }
}

/** Only those whose error has that code, looked at one by one. */
export function withCode(probe: Probe, code: string): Probe {
  return { ...probe, where: [...probe.where, CODE], values: [...probe.values, code] }
}

function matchOf(words: readonly string[]): string {
  return words.map((word) => `"${word}" *`).join(' ')
}
