/**
 * A filter as walks down the indexes of runs, all but its words: function and status are in every index behind what
 * narrows most, and only those pairs of them are walked that exist. Used by run-lists.ts and run-word-probes.ts on
 * the store's reading thread.
 * Invariant: the probes of a filter find what it means, none twice, if it asks for no word, error or parent.
 */
import { RUN_STATUSES } from '@berth/protocol'
import type { RunFilter } from '../ports/run-filter.ts'
import type { Bounds } from './run-bounds.ts'
import { codeOf, type Row, statusOf, text } from './run-codec.ts'
import { GIVEN, type Probe, type Table } from './run-probes.ts'
import type { Slice } from './run-tally.ts'
import type { Statements } from './statements.ts'
import type { Value } from './write-packing.ts'

/** What narrows a walk before function and status do, the narrowest first. */
const NARROWING = ['session', 'schedule', 'worker'] as const

export interface NamedFunction {
  readonly id: number
  readonly group: string
  readonly name: string
}

/** Up to so many functions are walked without asking which of their statuses there are. */
const FEW = 8

export class FilterProbes {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Of these functions alone, undefined for any. */
  probes(filter: RunFilter, bounds: Bounds, functions = this.functions(filter)): Probe[] {
    if (functions?.length === 0) return []
    return tablesOf(filter).flatMap((table) => {
      const walk = { table, from: `${table} r`, walked: 'r.seq', bounds } as const
      return this.bases(filter).flatMap((base) => this.#pairProbes(filter, { ...base, ...walk }, functions))
    })
  }

  /** One for each pair of function and status that there is between the bounds. */
  slices(filter: RunFilter, bounds: Bounds): Slice[] {
    const functions = this.functions(filter)
    if (functions?.length === 0) return []
    return tablesOf(filter).flatMap((table) => {
      const walk = { table, from: `${table} r`, walked: 'r.seq', bounds } as const
      const statuses = new Set(statusesOf(filter, table))
      return this.bases(filter).flatMap((base) =>
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

  /** What narrows first, and whatever else must hold beside function and status; none when nothing can be meant. */
  bases(filter: RunFilter): Pick<Probe, 'where' | 'values'>[] {
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

  /** Undefined: all of them. */
  functions({ group, function: name }: RunFilter): NamedFunction[] | undefined {
    if (group === undefined && name === undefined) return undefined
    const sql = `SELECT id, worker_group, name FROM functions
      WHERE (?1 IS NULL OR worker_group = ?1) AND (?2 IS NULL OR name = ?2)`
    return this.#statements
      .of(sql)
      .all(group ?? null, name ?? null)
      .map(toNamed)
  }

  allFunctions(): NamedFunction[] {
    return this.#statements.of('SELECT id, worker_group, name FROM functions').all().map(toNamed)
  }

  /** A probe for each pair of function and status, or the one that it was when neither is asked for. */
  #pairProbes(filter: RunFilter, base: Probe, functions: readonly NamedFunction[] | undefined): Probe[] {
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

  #workers(shown: string): number[] {
    return this.#statements
      .of('SELECT id FROM run_workers WHERE shown = ?')
      .all(shown)
      .map(({ id }) => Number(id))
  }
}

/** Those with a status that is asked for. */
export function tablesOf(filter: RunFilter): Table[] {
  return (['runs_live', 'runs_done'] as const).filter((table) => statusesOf(filter, table).length > 0)
}

/** Codes of those that a table has and that are asked for. */
export function statusesOf({ status }: RunFilter, table: Table): number[] {
  const isLive = (code: number) => code <= codeOf('running')
  return (status ?? RUN_STATUSES).map(codeOf).filter((code) => isLive(code) === (table === 'runs_live'))
}

function toNamed(row: Row): NamedFunction {
  return { id: Number(row.id), group: text(row.worker_group), name: text(row.name) }
}
