/**
 * Who can do what: functions against groups and contracts, from the workers as the feed has them and the queue as it
 * was read last. Pure. What waits is unknown until the queue has been read; a cell that nobody serves is no cell.
 */
import type { WorkerView } from '@berth/protocol'
import { isServing } from '../workers/fleet-facts.ts'

export interface Lane {
  readonly group: string
  readonly contract: number
  readonly function: string
  readonly waiting: number
}

export interface Cell {
  /** Workers that list it, in service or not. */
  readonly listed: number
  /** Of these: in service. */
  readonly capable: number
  readonly free: number
  /** Null while nobody knows. */
  readonly waiting: number | null
}

export interface MatrixColumn {
  /** `group@contract`. */
  readonly key: string
  readonly group: string
  readonly contract: number
  readonly workers: number
}

export interface MatrixRow {
  readonly name: string
  readonly cells: ReadonlyMap<string, Cell>
}

export interface Matrix {
  readonly columns: readonly MatrixColumn[]
  readonly rows: readonly MatrixRow[]
  /** Cells that something waits for and nobody can take. */
  readonly starved: readonly { readonly name: string; readonly key: string; readonly waiting: number }[]
}

interface OpenCell {
  listed: number
  capable: number
  free: number
  waiting: number | null
}

/** `lanes` is null while the queue has not been read. */
export function matrixOf(workers: Iterable<WorkerView>, lanes: readonly Lane[] | null): Matrix {
  const columns = new Map<string, MatrixColumn & { workers: number }>()
  const rows = new Map<string, Map<string, OpenCell>>()
  const cellOf = (name: string, key: string): OpenCell => {
    const row = rows.get(name) ?? new Map<string, OpenCell>()
    rows.set(name, row)
    const cell = row.get(key) ?? { listed: 0, capable: 0, free: 0, waiting: lanes === null ? null : 0 }
    row.set(key, cell)
    return cell
  }
  const columnOf = (group: string, contract: number) => {
    const key = `${group}@${contract}`
    const column = columns.get(key) ?? { key, group, contract, workers: 0 }
    columns.set(key, column)
    return column
  }
  for (const worker of workers) {
    if (worker.group === null || worker.contract === null) continue
    const column = columnOf(worker.group, worker.contract)
    column.workers++
    const isIn = isServing(worker)
    for (const name of worker.functions) {
      const cell = cellOf(name, column.key)
      cell.listed++
      if (!isIn) continue
      cell.capable++
      cell.free += worker.slots?.available ?? 0
    }
  }
  for (const lane of lanes ?? []) {
    if (lane.waiting === 0) continue
    const cell = cellOf(lane.function, columnOf(lane.group, lane.contract).key)
    cell.waiting = (cell.waiting ?? 0) + lane.waiting
  }
  return close(columns, rows)
}

function close(columns: Map<string, MatrixColumn>, rows: Map<string, Map<string, OpenCell>>): Matrix {
  const names = [...rows.keys()].sort(collator.compare)
  const shown = names.map((name): MatrixRow => ({ name, cells: rows.get(name) ?? new Map() }))
  const starved = shown.flatMap(({ name, cells }) =>
    [...cells].flatMap(([key, cell]) => (isStarved(cell) ? [{ name, key, waiting: cell.waiting ?? 0 }] : [])),
  )
  return {
    columns: [...columns.values()].sort(
      (a, b) => collator.compare(a.group, b.group) || b.contract - a.contract,
    ),
    rows: shown,
    starved: starved.sort((a, b) => b.waiting - a.waiting),
  }
}

/** Something waits for it and nobody in service can take it. */
export function isStarved({ capable, waiting }: Cell): boolean {
  return capable === 0 && (waiting ?? 0) > 0
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })
