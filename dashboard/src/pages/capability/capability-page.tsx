/**
 * `/dashboard/capability`: which group and contract can do what, and where something waits that nobody can take. A
 * cell opens the schemas of its function, a heading the settings of its group.
 */
import type { WorkerView } from '@berth/protocol'
import { memo, useMemo } from 'react'
import { z } from 'zod'
import { useFeed } from '../../feed/use-feed.tsx'
import { type Column, DataTable } from '../../kit/data-table.tsx'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'
import { Icon, ToneMark } from '../../kit/marks.tsx'
import { Page, Panel } from '../../kit/page.tsx'
import { EmptyByFilter, EmptyState, Skeleton } from '../../kit/states.tsx'
import { useUrlState } from '../../kit/use-url-state.ts'
import { useGroup } from '../../shell/group.ts'
import { formatCount, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { useThrottled } from '../workers/use-throttled.ts'
import { useLanes } from './capability-data.ts'
import { CellPanel } from './cell-panel.tsx'
import { GroupPanel } from './group-panel.tsx'
import { type Cell, isStarved, type Lane, type Matrix, type MatrixRow, matrixOf } from './matrix.ts'
import './capability.css'

const addressSchema = z.object({
  q: z.string().default(''),
  /** `function` of the open cell, with `at`. */
  function: z.string().default(''),
  /** `group@contract` of the open cell or heading. */
  at: z.string().default(''),
})

export function CapabilityPage() {
  const { feed } = useFeed()
  const lanes = useLanes()
  const matrix = useMatrix(feed.workers, lanes)
  const words = text.capability
  return (
    <Page title={words.title} lead={<Verdict matrix={matrix} isLoading={feed.seq === null} />}>
      <ErrorBoundary>
        {feed.seq === null ? (
          <Skeleton rows={6} />
        ) : matrix.rows.length === 0 ? (
          <Panel>
            <EmptyState title={words.empty} teach={<p>{words.emptyTeach}</p>} />
          </Panel>
        ) : (
          <Capability matrix={matrix} />
        )}
      </ErrorBoundary>
    </Page>
  )
}

/** A second is as live as a matrix has to be; a thousand workers are counted in it, not four times. */
const EVERY_MS = 1_000

function useMatrix(workers: ReadonlyMap<string, WorkerView>, lanes: readonly Lane[] | null): Matrix {
  const counted = useThrottled(workers, EVERY_MS)
  return useMemo(() => matrixOf(counted.values(), lanes), [counted, lanes])
}

function Verdict({ matrix, isLoading }: { matrix: Matrix; isLoading: boolean }) {
  const words = text.capability
  const [first] = matrix.starved
  if (isLoading) return null
  return (
    <p className="verdict">
      <ToneMark tone={first ? 'bad' : 'ok'} />
      {first
        ? words.starved(matrix.starved.length, visible(first.name), visible(first.key), first.waiting)
        : words.served(matrix.rows.length, matrix.columns.length)}
    </p>
  )
}

/** Once a second, not with every word of the feed. */
const Capability = memo(function Capability({ matrix }: { matrix: Matrix }) {
  const [address, patch] = useUrlState(addressSchema)
  const { group } = useGroup()
  const [words, setWords] = [address.q, (q: string) => patch({ q }, { replace: true })]
  const columns = useMemo(
    () => matrix.columns.filter((column) => group === null || column.group === group),
    [matrix, group],
  )
  const rows = useMemo(() => {
    const wanted = words.trim().toLowerCase()
    const keys = new Set(columns.map(({ key }) => key))
    return matrix.rows.filter(
      ({ name, cells }) =>
        name.toLowerCase().includes(wanted) && [...cells.keys()].some((key) => keys.has(key)),
    )
  }, [matrix, columns, words])
  const open = (at: string, name: string) => patch({ at, function: name === '' ? null : name })
  const chosen = matrix.columns.find(({ key }) => key === address.at)
  const row = matrix.rows.find(({ name }) => name === address.function)
  const tableColumns = columnsOf(columns, open, address)
  return (
    <div className={chosen ? 'capability capability-open' : 'capability'}>
      <Panel isFlush>
        <div className="worker-tools">
          <label className="filter">
            <Icon name="search" />
            <input
              type="search"
              className="field"
              aria-label={text.capability.filter}
              placeholder={text.capability.filter}
              value={words}
              onChange={(event) => setWords(event.target.value)}
            />
          </label>
          <Legend />
        </div>
        {rows.length === 0 ? (
          <EmptyByFilter what={text.capability.noMatch(words.trim())} onClear={() => patch({ q: null })} />
        ) : (
          <DataTable
            label={text.capability.caption}
            rows={rows}
            columns={tableColumns}
            rowId={({ name }) => name}
            rowHeight={48}
          />
        )}
      </Panel>
      {chosen && (
        <ErrorBoundary>
          {row ? (
            <CellPanel
              name={row.name}
              column={chosen}
              row={row}
              columns={matrix.columns}
              onClose={() => patch({ at: null, function: null })}
            />
          ) : (
            <GroupPanel
              column={chosen}
              columns={matrix.columns}
              onClose={() => patch({ at: null, function: null })}
            />
          )}
        </ErrorBoundary>
      )}
    </div>
  )
})

function Legend() {
  const words = text.capability.legend
  return (
    <p className="muted capability-legend">
      <span>{words.cell}</span>
      <span className="tone-bad">
        <ToneMark tone="bad" /> {words.starved}
      </span>
      <span className="tone-warn">
        <ToneMark tone="warn" /> {words.nobody}
      </span>
    </p>
  )
}

type Address = z.infer<typeof addressSchema>

function columnsOf(
  columns: Matrix['columns'],
  open: (at: string, name: string) => void,
  address: Address,
): Column<MatrixRow>[] {
  return [
    {
      id: 'function',
      header: text.capability.function,
      width: '180px',
      sortBy: ({ name }) => name,
      cell: ({ name }) => <strong className="capability-name">{visible(name)}</strong>,
    },
    ...columns.map(
      (column): Column<MatrixRow> => ({
        id: column.key,
        header: (
          <button
            type="button"
            className="capability-heading"
            aria-pressed={address.at === column.key && address.function === ''}
            onClick={() => open(column.key, '')}
          >
            {visible(column.key)}
            <span className="muted">{text.capability.workers(column.workers)}</span>
          </button>
        ),
        headerText: visible(column.key),
        cell: ({ name, cells }) => {
          const cell = cells.get(column.key)
          if (!cell)
            return <span className="capability-none" role="img" aria-label={text.capability.notServed} />
          return (
            <CellButton
              cell={cell}
              label={text.capability.cellLabel(visible(name), visible(column.key))}
              isOpen={address.at === column.key && address.function === name}
              onPress={() => open(column.key, name)}
            />
          )
        },
      }),
    ),
  ]
}

interface CellProps {
  readonly cell: Cell
  readonly label: string
  readonly isOpen: boolean
  onPress(): void
}

function CellButton({ cell, label, isOpen, onPress }: CellProps) {
  const words = text.capability
  const tone = isStarved(cell) ? 'bad' : cell.capable === 0 ? 'warn' : null
  const waiting = cell.waiting === null ? text.unknown : formatCount(cell.waiting)
  return (
    <button
      type="button"
      className={['capability-cell', tone && `capability-${tone}`].filter(Boolean).join(' ')}
      aria-pressed={isOpen}
      title={words.figures(cell.capable, cell.free, waiting)}
      onClick={onPress}
    >
      <span className="only-heard">{label}: </span>
      {tone && <ToneMark tone={tone} />}
      <strong>{formatCount(cell.capable)}</strong>
      <span className="only-heard"> {words.inService(cell.capable)}, </span>
      <span aria-hidden="true">/</span>
      <span>{formatCount(cell.free)}</span>
      <span className="only-heard"> {words.freeSlots(cell.free)}, </span>
      <span aria-hidden="true">/</span>
      <span className={(cell.waiting ?? 0) > 0 ? 'capability-waiting' : 'muted'}>{waiting}</span>
      <span className="only-heard"> {words.waiting}</span>
    </button>
  )
}
