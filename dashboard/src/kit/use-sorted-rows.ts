/**
 * The rows of a table in the order of one column, by TanStack Table: numbers by size, words as people order
 * them, null last in both directions. A column without `sortBy` leaves the order to whoever gave the rows.
 */
import {
  type ColumnDef,
  createSortedRowModel,
  rowSortingFeature,
  tableFeatures,
  useTable,
} from '@tanstack/react-table'
import { useMemo, useRef } from 'react'
import { text } from '../text/text.ts'
import type { Column, Sort } from './data-table.tsx'

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel() })
type Features = typeof features

const collator = new Intl.Collator(text.locale, { numeric: true, sensitivity: 'base' })

export function useSortedRows<Row extends object>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: Sort | null,
): readonly Row[] {
  // Columns made in a component are new ones each time; the model only needs to know which there are.
  const latest = useRef(columns)
  latest.current = columns
  const names = columns.map(({ id, sortBy }) => (sortBy ? `+${id}` : `-${id}`)).join('\n')
  const definitions = useMemo(
    () =>
      names.split('\n').map((name) =>
        definitionOf(name.slice(1), (row: Row) => {
          const column = latest.current.find(({ id }) => id === name.slice(1))
          return column?.sortBy?.(row) ?? undefined
        }),
      ),
    [names],
  )
  const isSortedHere = columns.some((column) => column.id === sort?.column && column.sortBy)
  const sorting = useMemo(
    () => (sort && isSortedHere ? [{ id: sort.column, desc: sort.direction === 'descending' }] : []),
    [sort, isSortedHere],
  )
  // Rows that somebody else has put in order cost nothing here.
  const table = useTable<Features, Row>({
    features,
    data: isSortedHere ? rows : (NOTHING as readonly Row[]),
    columns: definitions,
    state: { sorting },
  })
  const model = table.getRowModel().rows
  const sorted = useMemo(() => model.map((row) => row.original), [model])
  return isSortedHere ? sorted : rows
}

const NOTHING: readonly never[] = []

function definitionOf<Row extends object>(
  id: string,
  read: (row: Row) => string | number | undefined,
): ColumnDef<Features, Row> {
  return {
    id,
    accessorFn: read,
    sortFn: (a, b, column) => compare(a.getValue(column), b.getValue(column)),
    sortUndefined: 'last',
  }
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return collator.compare(String(a), String(b))
}
