/** The workers as a table or as a grid, with what both share: the choice of rows, opening one. */
import type { WorkerView } from '@berth/protocol'
import { useCallback, useMemo, useState } from 'react'
import { useFeedPart } from '../../feed/use-feed.tsx'
import { type Column, DataTable } from '../../kit/data-table.tsx'
import { useNavigate } from '../../kit/navigate.ts'
import { Segmented } from '../../kit/segmented.tsx'
import { Select } from '../../kit/select.tsx'
import { paths } from '../../paths.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { GridLegend } from './grid-legend.tsx'
import { groupingKeys } from './grid-sections.ts'
import { SteadyRows } from './steady-rows.ts'
import { useThrottled } from './use-throttled.ts'
import type { WorkersAddress } from './use-worker-filter.ts'
import { WorkerGrid } from './worker-grid.tsx'

const ROW_HEIGHT = 44
const KEYS_MS = 3_000

interface Props {
  readonly address: WorkersAddress
  readonly workers: readonly WorkerView[]
  readonly columns: readonly Column<WorkerView>[]
  readonly selection: ReadonlySet<string>
  onSelection(next: ReadonlySet<string>): void
  onCurrent(id: string | null): void
}

export function FleetView({ address, workers, columns, selection, onSelection, onCurrent }: Props) {
  const navigate = useNavigate()
  const open = useCallback((id: string) => navigate(paths.worker(id)), [navigate])
  const openRow = useCallback(({ id }: WorkerView) => open(id), [open])
  const [steady] = useState(() => new SteadyRows())
  // Their order is made by the page, with ranks that are kept; the table only shows by what.
  const shownColumns = useMemo(
    () => columns.map(({ sortBy, ...column }) => ({ ...column, isSortable: sortBy !== undefined })),
    [columns],
  )
  if (address.view === 'grid') {
    return (
      <>
        <WorkerGrid
          workers={workers}
          grouping={address.grouping}
          selection={selection}
          onSelection={onSelection}
          onOpen={open}
          onCurrent={onCurrent}
        />
        <GridLegend
          workers={workers}
          picked={address.filter.picked}
          onPick={(state) => address.toggle('state', state)}
        />
      </>
    )
  }
  return (
    <DataTable
      label={text.workers.table.caption}
      rows={steady.of(workers)}
      columns={shownColumns}
      rowId={idOf}
      rowLabel={labelOf}
      rowHeight={ROW_HEIGHT}
      sort={address.sort}
      onSort={address.setSort}
      selection={selection}
      onSelection={onSelection}
      onOpen={openRow}
      maxHeight="calc(100dvh - 236px)"
    />
  )
}

function idOf({ id }: WorkerView): string {
  return id
}

function labelOf({ id }: WorkerView): string {
  return visible(id)
}

interface ChoiceProps {
  readonly address: WorkersAddress
}

/** Table or grid, and by what the grid is grouped. */
export function ViewChoice({ address }: ChoiceProps) {
  const words = text.workers.view
  return (
    <>
      {address.view === 'grid' && <GroupingChoice address={address} />}
      <Segmented
        label={words.label}
        value={address.view}
        onChange={address.setView}
        options={[
          { value: 'table', label: words.table, icon: 'table' },
          { value: 'grid', label: words.grid, icon: 'grid' },
        ]}
      />
    </>
  )
}

function GroupingChoice({ address }: ChoiceProps) {
  const workers = useFeedPart(({ feed }) => feed.workers)
  const looked = useThrottled(workers, KEYS_MS)
  const keys = useMemo(() => groupingKeys([...looked.values()]), [looked])
  const words = text.workers.grid
  return (
    <Select
      label={words.groupBy}
      prefix={words.groupBy}
      value={address.grouping}
      onChange={address.setGrouping}
      options={[
        { value: 'group', label: words.byGroup },
        ...keys.map((key) => ({ value: `tag:${key}`, label: visible(key) })),
        { value: 'none', label: words.byNothing },
      ]}
    />
  )
}
