/**
 * The order of thousands of workers, four times a second: what is compared as people read it is ranked once, and
 * from then on numbers are compared. Pure but for the ranks, which `IdRanks` keeps as long as the ids stay.
 * Invariant: unknown stands last in both directions, equals by id, so that rows never trade places without a reason.
 */
import type { WorkerView } from '@berth/protocol'
import type { Column, Sort } from '../../kit/data-table.tsx'

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** The place of each id among all of them. */
export class IdRanks {
  #ranks: ReadonlyMap<string, number> = new Map()

  of(ids: Iterable<string>, count: number): ReadonlyMap<string, number> {
    if (count === this.#ranks.size && isKnown(ids, this.#ranks)) return this.#ranks
    this.#ranks = rank(ids)
    return this.#ranks
  }
}

function isKnown(ids: Iterable<string>, ranks: ReadonlyMap<string, number>): boolean {
  for (const id of ids) if (!ranks.has(id)) return false
  return true
}

function rank(words: Iterable<string>): Map<string, number> {
  const sorted = [...words].sort((a, b) => collator.compare(a, b) || (a < b ? -1 : 1))
  return new Map(sorted.map((word, i) => [word, i]))
}

/** Rows in the order of a column; by id where the column is not sorted by. */
export function sortFleet(
  workers: readonly WorkerView[],
  sort: Sort,
  columns: readonly Column<WorkerView>[],
  ranks: ReadonlyMap<string, number>,
): readonly WorkerView[] {
  const sign = sort.direction === 'ascending' ? 1 : -1
  const rankOf = (worker: WorkerView) => ranks.get(worker.id) ?? 0
  if (sort.column === 'worker') return byRank(workers, ranks, sign)
  const read = columns.find(({ id }) => id === sort.column)?.sortBy
  const values = read ? numbersOf(workers.map(read)) : workers.map(() => 0)
  const keyed = workers.map((worker, i) => ({ worker, value: values[i] ?? null, rank: rankOf(worker) }))
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null)
      return Number(a.value === null) - Number(b.value === null) || a.rank - b.rank
    return sign * (a.value - b.value) || a.rank - b.rank
  })
  return keyed.map(({ worker }) => worker)
}

/** Each into its place: no two have the same, and comparing takes longer. */
function byRank(
  workers: readonly WorkerView[],
  ranks: ReadonlyMap<string, number>,
  sign: 1 | -1,
): readonly WorkerView[] {
  const places = new Array<WorkerView | undefined>(ranks.size)
  for (const worker of workers) places[ranks.get(worker.id) ?? 0] = worker
  const ordered = places.filter((worker) => worker !== undefined)
  return sign === 1 ? ordered : ordered.reverse()
}

/** Words become their rank among those that there are: of groups and versions there are few. */
function numbersOf(values: readonly (string | number | null)[]): readonly (number | null)[] {
  const words = new Set<string>()
  for (const value of values) if (typeof value === 'string') words.add(value)
  if (words.size === 0) return values as readonly (number | null)[]
  const ranks = rank(words)
  return values.map((value) => (typeof value === 'string' ? (ranks.get(value) ?? 0) : value))
}
