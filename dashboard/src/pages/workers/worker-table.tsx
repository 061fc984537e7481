/**
 * The table of workers: filter, sorting, expansion, and the keys `/` `j` `k` `Enter` `m`. At most
 * 200 rows are drawn until the operator asks for all.
 */
import type { WorkerView } from '@berth/protocol'
import { useCallback, useRef, useState } from 'react'
import { Icon } from '../../kit/marks.tsx'
import { useKeys } from '../../shell/keys.ts'
import { text } from '../../text/text.ts'
import type { MaintenanceControl } from './maintenance.ts'
import {
  defaultSorting,
  filterWorkers,
  nextSorting,
  SORT_COLUMNS,
  type SortColumn,
  type Sorting,
  sortWorkers,
} from './worker-list.ts'
import { WorkerRow } from './worker-row.tsx'

const DRAWN_ROWS = 200

type Column = SortColumn | 'tags' | 'maintenance'

const columns: readonly Column[] = [
  'worker',
  'state',
  'maintenance',
  'slots',
  'cpu',
  'memory',
  'group',
  'tags',
  'functions',
  'version',
  'latency',
  'age',
]
const numbers: ReadonlySet<Column> = new Set(['cpu', 'memory', 'functions', 'latency', 'age'])

interface Props {
  readonly workers: ReadonlyMap<string, WorkerView>
  readonly control: MaintenanceControl
  readonly isConnected: boolean
}

export function WorkerTable({ workers, control, isConnected }: Props) {
  const [sorting, setSorting] = useState<Sorting>(defaultSorting)
  const [filter, setFilter] = useState('')
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set())
  const [isWhole, setWhole] = useState(false)
  const filterBox = useRef<HTMLInputElement>(null)
  const body = useRef<HTMLTableSectionElement>(null)
  const matching = sortWorkers(filterWorkers(workers.values(), filter, text.states), sorting)
  const drawn = isWhole ? matching : matching.slice(0, DRAWN_ROWS)
  const toggle = useCallback(
    (id: string) =>
      setExpanded((old) => new Set(old.has(id) ? [...old].filter((one) => one !== id) : [...old, id])),
    [],
  )
  useTableKeys(filterBox, body)
  const clear = () => {
    setFilter('')
    filterBox.current?.focus()
  }
  return (
    <section className={isConnected ? 'panel table-panel' : 'panel table-panel offline'} id="workers">
      <div className="table-tools">
        <label className="filter">
          <Icon name="search" />
          <input
            ref={filterBox}
            type="search"
            className="field"
            aria-label={text.workers.table.filter}
            placeholder={text.workers.table.filterHint}
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Escape') return
              if (filter === '') event.currentTarget.blur()
              else setFilter('')
            }}
          />
          <span className="key" aria-hidden="true">
            /
          </span>
        </label>
        <SortChoice sorting={sorting} onSort={setSorting} />
        <span className="muted shown">{text.workers.table.shown(matching.length, workers.size)}</span>
      </div>
      {matching.length === 0 ? (
        <div className="no-match">
          <p>{text.workers.table.noMatch(filter.trim())}</p>
          <button type="button" className="button" onClick={clear}>
            {text.workers.table.clearFilter}
          </button>
        </div>
      ) : (
        <div className="table-box">
          <table className="workers">
            <caption className="only-heard">{text.workers.table.caption}</caption>
            <thead>
              <tr>
                {columns.map((column) => (
                  <Heading key={column} column={column} sorting={sorting} onSort={setSorting} />
                ))}
              </tr>
            </thead>
            <tbody ref={body}>
              {drawn.map((worker) => (
                <WorkerRow
                  key={worker.id}
                  worker={worker}
                  pending={control.pending.get(worker.id)}
                  isConnected={isConnected}
                  isExpanded={expanded.has(worker.id)}
                  columns={columns.length}
                  onExpand={toggle}
                  onSwitch={control.request}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {drawn.length < matching.length && (
        <p className="capped">
          {text.workers.table.capped(drawn.length, matching.length)}{' '}
          <button type="button" className="button" onClick={() => setWhole(true)}>
            {text.workers.table.showAll}
          </button>
        </p>
      )}
    </section>
  )
}

interface SortProps {
  readonly sorting: Sorting
  onSort(sorting: Sorting): void
}

function Heading({ column, sorting, onSort }: SortProps & { column: Column }) {
  const className = numbers.has(column) ? 'head-cell number' : 'head-cell'
  const sortable = SORT_COLUMNS.find((one) => one === column)
  if (!sortable) {
    return (
      <th scope="col" className={className}>
        <span className="heading">{text.workers.table.columns[column]}</span>
      </th>
    )
  }
  const direction = sorting.column === sortable ? sorting.direction : undefined
  return (
    <th scope="col" className={className} aria-sort={direction ?? 'none'}>
      <button
        type="button"
        className={direction ? 'heading heading-sort heading-sorted' : 'heading heading-sort'}
        onClick={() => onSort(nextSorting(sorting, sortable))}
      >
        {text.workers.table.columns[column]}
        <Icon name={direction === undefined ? 'both' : direction === 'ascending' ? 'up' : 'down'} />
      </button>
    </th>
  )
}

/** Stands in for the headings where rows are cards. */
function SortChoice({ sorting, onSort }: SortProps) {
  const other = sorting.direction === 'ascending' ? 'descending' : 'ascending'
  return (
    <span className="sort-choice">
      <select
        className="field"
        aria-label={text.workers.table.sortBy}
        value={sorting.column}
        onChange={(event) => {
          const column = SORT_COLUMNS.find((one) => one === event.target.value)
          if (column) onSort({ ...sorting, column })
        }}
      >
        {SORT_COLUMNS.map((column) => (
          <option key={column} value={column}>
            {text.workers.table.columns[column]}
          </option>
        ))}
      </select>
      <button
        type="button"
        className="button icon-button"
        aria-label={text.workers.table[sorting.direction]}
        onClick={() => onSort({ ...sorting, direction: other })}
      >
        <Icon name={sorting.direction === 'ascending' ? 'up' : 'down'} />
      </button>
    </span>
  )
}

function useTableKeys(
  filterBox: React.RefObject<HTMLInputElement | null>,
  body: React.RefObject<HTMLTableSectionElement | null>,
): void {
  const rowsOf = () => [...(body.current?.querySelectorAll<HTMLElement>('tr[data-worker]') ?? [])]
  const focusedRow = () => document.activeElement?.closest<HTMLElement>('tr[data-worker]') ?? null
  const step = (by: 1 | -1) => {
    const rows = rowsOf()
    const at = rows.indexOf(focusedRow() ?? document.body)
    const next =
      rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))]
    next?.focus()
    next?.scrollIntoView?.({ block: 'nearest' })
  }
  const press = (selector: string) => focusedRow()?.querySelector<HTMLElement>(selector)?.click()
  // On a button within the row Enter presses that button.
  const expand = (event: KeyboardEvent) => {
    if (event.target === focusedRow()) press('.expand')
  }
  const words = text.shell.help.keys
  useKeys({
    '/': {
      label: words.filter,
      run: (event) => {
        event.preventDefault()
        filterBox.current?.focus()
      },
    },
    j: { label: words.next, run: () => step(1) },
    k: { label: words.previous, run: () => step(-1) },
    m: { label: words.maintenance, run: () => press('[role="switch"]') },
    Enter: { label: words.expand, run: expand },
  })
}
