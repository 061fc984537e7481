/**
 * `/dashboard/functions`: what the fleet can do, what it costs and what waits for it. Filter and sort stand in the
 * address (`q`, `only`, `sort`).
 */
import { useMemo } from 'react'
import { z } from 'zod'
import { useFeed } from '../../feed/use-feed.tsx'
import { ButtonLink } from '../../kit/button.tsx'
import { type Column, DataTable, type Sort } from '../../kit/data-table.tsx'
import { Link } from '../../kit/link.tsx'
import { useNavigate } from '../../kit/navigate.ts'
import { Page, Panel } from '../../kit/page.tsx'
import { Select } from '../../kit/select.tsx'
import { EmptyByFilter, EmptyState, ErrorState } from '../../kit/states.tsx'
import { useUrlState } from '../../kit/use-url-state.ts'
import { paths } from '../../paths.ts'
import { useGroup } from '../../shell/group.ts'
import { useKeys } from '../../shell/keys.ts'
import { formatCount, formatMs, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { type CatalogueEntry, gatherFunctions, useFunctions } from '../invoke/parts/functions-data.ts'
import { type Demand, type FunctionFigures, useDemand, useFigures, useSchedules } from './function-data.ts'
import { FunctionMarks } from './function-marks.tsx'
import './functions.css'

const ONLY = ['', 'scheduled', 'background', 'paused', 'unserved'] as const
const addressSchema = z.object({
  q: z.string().default(''),
  only: z.enum(ONLY).default(''),
  sort: z.string().default(''),
})

interface Row extends CatalogueEntry {
  readonly inService: number
  readonly capable: number
  readonly schedules: number
  readonly figures: FunctionFigures | undefined
  readonly demand: Demand | undefined
}

export function FunctionsPage() {
  const [address, patch] = useUrlState(addressSchema)
  const functions = useFunctions()
  const { group } = useGroup()
  const rows = useRows()
  const navigate = useNavigate()
  const shown = useMemo(
    () =>
      rows.filter((row) => isMeant(row, address.q, address.only) && (group === null || row.group === group)),
    [rows, address.q, address.only, group],
  )
  useKeys({
    '/': { label: text.functions.filter, run: () => document.getElementById('function-filter')?.focus() },
  })
  const sort = readSort(address.sort)
  const unserved = rows.filter(({ inService }) => inService === 0).length
  return (
    <Page
      title={text.functions.title}
      lead={functions.data && rows.length > 0 ? text.functions.lead(rows.length, unserved) : undefined}
      actions={
        <ButtonLink to={paths.invoke()} icon="invoke">
          {text.functions.openInvoke}
        </ButtonLink>
      }
    >
      <Panel isFlush className="function-panel">
        <div className="function-filter">
          <input
            id="function-filter"
            className="field"
            type="search"
            aria-label={text.functions.filter}
            placeholder={text.functions.filter}
            value={address.q}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => patch({ q: event.target.value }, { replace: true })}
          />
          <Select
            label={text.functions.only}
            value={address.only}
            onChange={(only) => patch({ only })}
            options={ONLY.map((one) => ({
              value: one,
              label: text.functions.kinds[one === '' ? 'all' : one],
            }))}
          />
        </div>
        {functions.error && !functions.data ? (
          <ErrorState error={functions.error} onRetry={() => void functions.refetch()} />
        ) : (
          <DataTable
            label={text.functions.title}
            rows={shown}
            columns={columns}
            rowId={(row) => row.key}
            rowHeight={48}
            sort={sort}
            onSort={(next) =>
              patch(
                { sort: `${next.direction === 'descending' ? '-' : ''}${next.column}` },
                { replace: true },
              )
            }
            onOpen={(row) => navigate(paths.function(row.group, row.name))}
            rowTone={(row) => (row.inService === 0 ? 'warn' : undefined)}
            isLoading={functions.data === undefined}
            empty={
              rows.length === 0 ? (
                <NoFunctions />
              ) : (
                <EmptyByFilter what={text.functions.noMatch} onClear={() => patch({ q: null, only: null })} />
              )
            }
          />
        )}
        {functions.data?.isCut && <p className="muted function-note">{text.functions.cut}</p>}
      </Panel>
    </Page>
  )
}

function useRows(): readonly Row[] {
  const { data } = useFunctions()
  const figures = useFigures()
  const demand = useDemand()
  const schedules = useSchedules().data?.items
  const { workers } = useFeed().feed
  return useMemo(() => {
    const fired = Map.groupBy(schedules ?? [], (one) => `${one.group}/${one.function}`)
    return gatherFunctions(data?.items ?? []).map((entry) => {
      const ids = new Set(entry.contracts.flatMap((item) => item.workers))
      const inService = [...ids].filter((id) => {
        const status = workers.get(id)?.status
        return status === 'ready' || status === 'saturated'
      }).length
      return {
        ...entry,
        capable: ids.size,
        inService,
        schedules: fired.get(entry.key)?.filter((one) => one.enabled).length ?? 0,
        figures: figures.get(entry.key),
        demand: demand.get(entry.key),
      }
    })
  }, [data, figures, demand, schedules, workers])
}

export function isMeant(
  row: Pick<Row, 'key' | 'newest' | 'schedules' | 'inService'>,
  q: string,
  only: string,
): boolean {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  const haystack = `${row.key} ${row.newest.description ?? ''}`.toLowerCase()
  if (!words.every((word) => haystack.includes(word))) return false
  switch (only) {
    case 'scheduled':
      return row.schedules > 0
    case 'background':
      return row.newest.background
    case 'paused':
      return row.newest.paused !== null
    case 'unserved':
      return row.inService === 0
    default:
      return true
  }
}

function readSort(given: string): Sort | null {
  if (given === '') return null
  const isDown = given.startsWith('-')
  return { column: isDown ? given.slice(1) : given, direction: isDown ? 'descending' : 'ascending' }
}

const words = text.functions.columns

const columns: readonly Column<Row>[] = [
  {
    id: 'name',
    header: words.name,
    isWide: true,
    sortBy: (row) => row.name,
    cell: (row) => (
      <span className="function-name">
        <span className="row">
          <Link to={paths.function(row.group, row.name)}>{visible(row.name)}</Link>
          <FunctionMarks item={row.newest} schedules={row.schedules} />
        </span>
        <span className="muted function-detail">
          <span className="function-where">{visible(row.group)} · </span>
          {visible(row.newest.description ?? inputsOf(row))}
        </span>
      </span>
    ),
  },
  {
    id: 'group',
    header: words.group,
    isMinor: true,
    sortBy: (row) => row.group,
    cell: (row) => (
      <span>
        {visible(row.group)}
        <span className="muted"> @{row.contracts.map(({ contract }) => contract).join(' @')}</span>
      </span>
    ),
  },
  {
    id: 'workers',
    header: words.workers,
    isNumber: true,
    sortBy: (row) => row.inService,
    cell: (row) => (
      <span className={row.inService === 0 ? 'tone-warn' : undefined}>
        {text.functions.workersOf(formatCount(row.inService), formatCount(row.capable))}
      </span>
    ),
  },
  figureColumn(
    'waiting',
    words.waiting,
    (row) => row.demand?.waiting ?? null,
    (n) => formatCount(n),
    true,
  ),
  figureColumn('p50', words.p50, (row) => row.figures?.p50Ms ?? null, formatMs, true),
  figureColumn('p95', words.p95, (row) => row.figures?.p95Ms ?? null, formatMs, true),
  figureColumn('errors', words.errors, (row) => row.figures?.errorShare ?? null, formatShare),
]

function figureColumn(
  id: string,
  header: string,
  read: (row: Row) => number | null,
  format: (n: number) => string,
  isMinor = false,
): Column<Row> {
  return {
    id,
    header,
    isNumber: true,
    isMinor,
    sortBy: read,
    cell: (row) => {
      const value = read(row)
      return value === null ? <span className="unknown">{text.unknown}</span> : format(value)
    },
  }
}

/** Of a function that nobody has described. */
function inputsOf({ newest }: CatalogueEntry): string {
  const { properties } = newest.input
  return typeof properties === 'object' && properties !== null ? Object.keys(properties).join(', ') : ''
}

function NoFunctions() {
  return (
    <EmptyState
      title={text.functions.none}
      teach={
        <>
          <p>{text.functions.teach}</p>
          <pre>{SAMPLE}</pre>
          <p>{text.functions.teachAfter}</p>
        </>
      }
    />
  )
}

const SAMPLE = `// functions/hello.ts
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ name: z.string().default('World') }),
  config: { description: 'Greets by name' },
  async handler({ name }) {
    return { message: \`Hello \${name}!\` }
  },
})`
