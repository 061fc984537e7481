/**
 * A table of many rows: a real `<table>`, sorted by its headings, with rows that can be chosen and opened by
 * pointer and keys (`j` `k` `Enter` `x` `Shift x` `* a`). Above 100 rows only those in view are in the
 * document; `aria-rowcount` and `aria-rowindex` keep telling how many there are.
 */
import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual'
import {
  type KeyboardEvent,
  type MouseEvent,
  memo,
  type ReactNode,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react'
import { formatCount } from '../text/format.ts'
import { text } from '../text/text.ts'
import { Icon } from './marks.tsx'
import { Skeleton } from './states.tsx'
import { useSortedRows } from './use-sorted-rows.ts'
import { useTableKeys } from './use-table-keys.ts'

export type Direction = 'ascending' | 'descending'

export interface Sort {
  readonly column: string
  readonly direction: Direction
}

export interface Column<Row> {
  readonly id: string
  readonly header: ReactNode
  /** The heading as words, where `header` is no string. */
  readonly headerText?: string
  cell(row: Row): ReactNode
  /** Sorts rows here by this; null comes last. */
  sortBy?(row: Row): string | number | null
  /** Sortable though not here: the server does it, `onSort` is told. */
  readonly isSortable?: boolean
  readonly isNumber?: boolean
  /** CSS width. */
  readonly width?: string
  /** Takes what is left and cuts what does not fit. */
  readonly isWide?: boolean
  /** Left out where the window is narrow. */
  readonly isMinor?: boolean
}

export interface DataTableProps<Row> {
  /** The table's name. */
  readonly label: string
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  rowId(row: Row): string
  /** How a row is called in "Select …"; default its id. */
  rowLabel?(row: Row): string
  /** Kept by the caller (in the address); without `onSort` the table keeps it. */
  readonly sort?: Sort | null
  onSort?(sort: Sort): void
  readonly selection?: ReadonlySet<string>
  onSelection?(next: ReadonlySet<string>): void
  /** `* a` and the box in the heading; default all rows here. */
  onSelectAll?(): void
  /** `Enter` or a press on the row. */
  onOpen?(row: Row): void
  /** In pixels, all alike; default 34. */
  readonly rowHeight?: number
  /** What stands there without rows. */
  readonly empty?: ReactNode
  readonly isLoading?: boolean
  /** Of all rows, when not all are here. */
  readonly total?: number
  rowTone?(row: Row): 'bad' | 'warn' | 'muted' | undefined
  /** CSS of the scrolling box's height; default as high as the window allows. */
  readonly maxHeight?: string
}

const ROW_HEIGHT = 34
const HEAD_HEIGHT = 32
/** Up to this many rows all are drawn. */
const PLAIN_ROWS = 100
/** Rows that are drawn beyond each edge of what is in view. */
const BEYOND = 3

/** Drawn again only for other props: who gives the same rows, columns and acts pays nothing for it. */
export const DataTable = memo(function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { label, rows, columns, rowId, rowHeight = ROW_HEIGHT, empty, isLoading } = props
  const [own, setOwn] = useState<Sort | null>(null)
  const sort = props.sort ?? own
  const setSort = props.onSort ?? setOwn
  const sorted = useSortedRows(rows, columns, sort)
  const box = useRef<HTMLDivElement>(null)
  const isVirtual = sorted.length > PLAIN_ROWS
  const virtualizer = useVirtualizer({
    count: isVirtual ? sorted.length : 0,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: BEYOND,
    enabled: isVirtual,
  })
  const ids = useMemo(() => sorted.map(rowId), [sorted, rowId])
  const keys = useTableKeys({
    box,
    ids,
    selection: props.selection,
    onSelection: props.onSelection,
    onSelectAll: props.onSelectAll,
    open: (id) => {
      const row = sorted[ids.indexOf(id)]
      if (row !== undefined) props.onOpen?.(row)
    },
    scrollTo: (index) => {
      if (isVirtual) virtualizer.scrollToIndex(index)
    },
  })
  if (isLoading && rows.length === 0) return <Skeleton rows={8} className="table-bones" />
  if (rows.length === 0 && empty !== undefined) return <>{empty}</>
  return (
    <div ref={box} className="data-box" style={{ maxHeight: props.maxHeight }}>
      <table
        className="data-table"
        aria-rowcount={(props.total ?? sorted.length) + 1}
        style={{ '--row': `${rowHeight}px` } as object}
      >
        <caption className="only-heard">{label}</caption>
        <colgroup>
          {props.onSelection && <col className="data-col-select" />}
          {columns.map((column) => (
            <col
              key={column.id}
              style={{ width: column.width }}
              className={column.isMinor ? 'minor' : undefined}
            />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {props.onSelection && <SelectAll ids={ids} {...props} />}
            {columns.map((column) => (
              <Heading key={column.id} column={column} sort={sort} onSort={setSort} />
            ))}
          </tr>
        </thead>
        <Body
          {...props}
          rows={sorted}
          ids={ids}
          virtualizer={isVirtual ? virtualizer : null}
          focused={keys.focused}
          onSelectRow={keys.select}
        />
      </table>
    </div>
  )
}) as <Row extends object>(props: DataTableProps<Row>) => ReactNode

interface BodyProps<Row> extends DataTableProps<Row> {
  readonly ids: readonly string[]
  readonly virtualizer: Virtualizer<HTMLDivElement, Element> | null
  readonly focused: string | null
  onSelectRow(id: string, isRange: boolean): void
}

function Body<Row>(props: BodyProps<Row>) {
  const { rows, ids, virtualizer, columns, selection, focused } = props
  const width = columns.length + (props.onSelection ? 1 : 0)
  const acts = useRowActs(props)
  const draw = (index: number) => {
    const [row, id] = [rows[index], ids[index]]
    if (row === undefined || id === undefined) return null
    return (
      <TableRow
        key={id}
        row={row}
        id={id}
        index={index}
        columns={columns}
        acts={acts}
        label={props.rowLabel?.(row) ?? id}
        tone={props.rowTone?.(row)}
        isSelected={selection?.has(id) ?? false}
        isTabStop={focused === id || (focused === null && index === 0)}
      />
    )
  }
  if (!virtualizer) return <tbody>{rows.map((_, index) => draw(index))}</tbody>
  const items = virtualizer.getVirtualItems()
  const before = items[0]?.start ?? 0
  const after = virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0)
  return (
    <tbody>
      <Gap height={before} width={width} />
      {items.map(({ index }) => draw(index))}
      <Gap height={after} width={width} />
    </tbody>
  )
}

/** What a press on a row does; null where it does nothing. */
interface RowActs<Row> {
  readonly open: ((row: Row) => void) | null
  readonly select: ((id: string, isRange: boolean) => void) | null
}

/** The same acts at every drawing, so that a row is drawn again for its own sake alone; they do what is latest. */
function useRowActs<Row>({ onOpen, onSelection, onSelectRow }: BodyProps<Row>): RowActs<Row> {
  const latest = useRef({ onOpen, onSelectRow })
  useLayoutEffect(() => {
    latest.current = { onOpen, onSelectRow }
  })
  const [opens, selects] = [onOpen !== undefined, onSelection !== undefined]
  return useMemo(
    () => ({
      open: opens ? (row) => latest.current.onOpen?.(row) : null,
      select: selects ? (id, isRange) => latest.current.onSelectRow(id, isRange) : null,
    }),
    [opens, selects],
  )
}

/** Holds the place of rows that are not drawn. */
function Gap({ height, width }: { height: number; width: number }) {
  if (height <= 0) return null
  return (
    <tr className="data-gap">
      <td colSpan={width} style={{ height }} />
    </tr>
  )
}

interface RowProps<Row> {
  readonly row: Row
  readonly id: string
  readonly index: number
  readonly columns: readonly Column<Row>[]
  readonly acts: RowActs<Row>
  readonly label: string
  readonly tone: ReturnType<NonNullable<DataTableProps<Row>['rowTone']>>
  readonly isSelected: boolean
  readonly isTabStop: boolean
}

/** Drawn again only when something of it is different: a feed draws the table four times a second. */
const TableRow = memo(function TableRow<Row>(props: RowProps<Row>) {
  const { row, id, index, columns, acts, label, tone, isSelected, isTabStop } = props
  const { open, select } = acts
  const press = (event: MouseEvent<HTMLTableRowElement>) => {
    // What a row's menu draws elsewhere in the document bubbles to the row all the same.
    if (!(event.target instanceof Node && event.currentTarget.contains(event.target))) return
    if (!open || isControl(event.target, event.currentTarget)) return
    // A press that ends a selection of text opens nothing.
    if (window.getSelection()?.toString()) return
    open(row)
  }
  const pressKey = (event: KeyboardEvent<HTMLTableRowElement>) => {
    if (event.key !== 'Enter' || event.target !== event.currentTarget) return
    event.preventDefault()
    open?.(row)
  }
  return (
    // The row is a shortcut for the pointer; what it opens is also a link or a button within it.
    <tr
      data-row={id}
      className={['data-row', open && 'data-row-open', tone && `data-row-${tone}`].filter(Boolean).join(' ')}
      aria-rowindex={index + 2}
      aria-selected={select ? isSelected : undefined}
      tabIndex={isTabStop ? 0 : -1}
      onClick={press}
      onKeyDown={pressKey}
    >
      {select && <SelectCell id={id} label={label} isSelected={isSelected} onSelect={select} />}
      <Cells row={row} columns={columns} />
    </tr>
  )
}) as <Row>(props: RowProps<Row>) => ReactNode

interface SelectProps {
  readonly id: string
  readonly label: string
  readonly isSelected: boolean
  onSelect(id: string, isRange: boolean): void
}

const SelectCell = memo(function SelectCell({ id, label, isSelected, onSelect }: SelectProps) {
  return (
    <td className="data-cell data-cell-select">
      <label className="data-check">
        <input
          type="checkbox"
          aria-label={text.kit.table.selectRow(label)}
          checked={isSelected}
          // Not in `onClick`: a press that is prevented gives the box its old tick back, behind the drawing.
          onChange={({ nativeEvent }) => onSelect(id, hasShift(nativeEvent))}
        />
      </label>
    </td>
  )
})

/** A box changes by a press, which knows the keys that are held. */
function hasShift(event: Event): boolean {
  return 'shiftKey' in event && event.shiftKey === true
}

interface CellsProps<Row> {
  readonly row: Row
  readonly columns: readonly Column<Row>[]
}

/** Drawn again only when the row or the columns are others, and not when it is chosen. */
const Cells = memo(function Cells<Row>({ row, columns }: CellsProps<Row>) {
  return columns.map((column) => (
    <td key={column.id} className={classOf('data-cell', column)}>
      {column.cell(row)}
    </td>
  ))
}) as <Row>(props: CellsProps<Row>) => ReactNode

function isControl(target: EventTarget, row: Element): boolean {
  if (!(target instanceof Element)) return false
  const control = target.closest(
    'a, button, input, label, select, summary, [role="menuitem"], [role="switch"]',
  )
  return control !== null && row.contains(control)
}

function classOf<Row>(base: string, column: Column<Row>): string {
  return [base, column.isNumber && 'number', column.isWide && 'data-wide', column.isMinor && 'minor']
    .filter(Boolean)
    .join(' ')
}

function Heading<Row>({
  column,
  sort,
  onSort,
}: {
  column: Column<Row>
  sort: Sort | null
  onSort(sort: Sort): void
}) {
  const direction = sort?.column === column.id ? sort.direction : undefined
  const isSortable = column.sortBy !== undefined || column.isSortable === true
  if (!isSortable) {
    return (
      <th scope="col" className={classOf('data-head', column)} aria-label={column.headerText}>
        <span className="heading">{column.header}</span>
      </th>
    )
  }
  const next: Direction = direction === 'ascending' ? 'descending' : 'ascending'
  return (
    <th
      scope="col"
      className={classOf('data-head', column)}
      aria-sort={direction ?? 'none'}
      aria-label={column.headerText}
    >
      <button
        type="button"
        className={direction ? 'heading heading-sort heading-sorted' : 'heading heading-sort'}
        onClick={() => onSort({ column: column.id, direction: next })}
      >
        {column.header}
        <Icon name={direction === undefined ? 'both' : direction === 'ascending' ? 'up' : 'down'} />
      </button>
    </th>
  )
}

interface SelectAllProps {
  readonly ids: readonly string[]
  readonly selection?: ReadonlySet<string>
  onSelection?(next: ReadonlySet<string>): void
  onSelectAll?(): void
}

function SelectAll({ ids, selection, onSelection, onSelectAll }: SelectAllProps) {
  const chosen = ids.filter((id) => selection?.has(id)).length
  const isAll = ids.length > 0 && chosen === ids.length
  const toggle = () => {
    if (isAll) onSelection?.(new Set())
    else if (onSelectAll) onSelectAll()
    else onSelection?.(new Set(ids))
  }
  return (
    <th scope="col" className="data-head data-cell-select">
      <label className="data-check" title={formatCount(chosen)}>
        <input
          type="checkbox"
          aria-label={text.kit.table.selectAll}
          checked={isAll}
          ref={(box) => {
            if (box) box.indeterminate = chosen > 0 && !isAll
          }}
          onChange={toggle}
        />
      </label>
    </th>
  )
}

export { HEAD_HEIGHT, ROW_HEIGHT }
