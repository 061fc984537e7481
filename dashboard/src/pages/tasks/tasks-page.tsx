/** `/dashboard/tasks`: every task, whatever its mode: how many came when, in which state, and what to do with them. */
import { type BulkAction, RUN_STATUSES, type RunItem, type RunStatus } from '@berth/protocol'
import { type UIEvent, useCallback, useMemo, useRef, useState } from 'react'
import { curlOf } from '../../api/client.ts'
import { failureToast } from '../../api/use-action.ts'
import { Button } from '../../kit/button.tsx'
import { CopyMenu } from '../../kit/copy.tsx'
import { DataTable } from '../../kit/data-table.tsx'
import { useNavigate } from '../../kit/navigate.ts'
import { Page, Panel } from '../../kit/page.tsx'
import { QueryBar } from '../../kit/query-bar.tsx'
import { SavedViews } from '../../kit/saved-views.tsx'
import { EmptyByFilter, EmptyState, ErrorState, Skeleton } from '../../kit/states.tsx'
import { Tabs } from '../../kit/tabs.tsx'
import { Instant } from '../../kit/time.tsx'
import { useToasts } from '../../kit/toasts.tsx'
import { useUrlState } from '../../kit/use-url-state.ts'
import { paths } from '../../paths.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { useRange } from '../../shell/range.ts'
import { formatCount } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import type { BulkSource } from './bulk.ts'
import { BulkDialog } from './bulk-dialog.tsx'
import { BulkProgress } from './bulk-progress.tsx'
import { exportTasks } from './export-tasks.ts'
import { SelectionBar } from './selection-bar.tsx'
import { functionWords, taskColumns } from './task-columns.tsx'
import {
  filterOf,
  isUnsearchable,
  qualifiersOf,
  statusesOf,
  type TaskFilter,
  taskQuerySchema,
  typedQuery,
} from './task-query.ts'
import { holdRows } from './task-rows.ts'
import { useBulk } from './use-bulk.ts'
import { useAnchoredFilter, useSummary, useWiderCount } from './use-summary.ts'
import { useTaskKeys } from './use-task-keys.ts'
import { useTaskNames } from './use-task-names.ts'
import { useTaskRows } from './use-task-rows.ts'
import { VolumeChart } from './volume-chart.tsx'
import './tasks.css'

const ALL = 'all'
const firstTask = () =>
  curlOf({ method: 'POST', path: '/task', body: { function: 'hello', input: { name: 'Ada' } } })
/** So near to the foot of the list the next page is read. */
const NEAR_FOOT_PX = 400
const NEAR_TOP_PX = 4

export function TasksPage() {
  const [query, patch] = useUrlState(taskQuerySchema)
  const range = useRange()
  const names = useTaskNames()
  const qualifiers = useMemo(() => qualifiersOf(names), [names])
  const filter = useAnchoredFilter(filterOf(query), range)
  const { summary, error: summaryError } = useSummary(filterOf(query), range)
  const setBulk = useCallback((id: string | null) => patch({ bulk: id }, { replace: true }), [patch])
  const bulk = useBulk(query.bulk, setBulk)
  const [asked, setAsked] = useState<{ action: BulkAction; source: BulkSource } | null>(null)
  const ask = (action: BulkAction, source: BulkSource) => setAsked({ action, source })
  const describe = useCallback(
    ({ member }: { member: string }) => text.tasks.qualifiers[member as keyof typeof text.tasks.qualifiers],
    [],
  )
  const zoomed = useRef<(() => void) | null>(null)
  const zoom = (fromMs: number, toMs: number) => {
    const { name } = range
    if (name !== null) zoomed.current = () => range.set(name)
    range.set({ fromMs, toMs })
  }
  return (
    <Page
      title={text.tasks.title}
      lead={summary && <Lead summary={summary} label={range.label} />}
      actions={<PageActions filter={filter} />}
    >
      {summary ? (
        <VolumeChart
          summary={summary}
          statuses={statusesOf(query)}
          onZoom={zoom}
          onZoomOut={range.isRelative ? undefined : () => (zoomed.current ?? (() => range.set('1h')))()}
        />
      ) : summaryError ? (
        <ErrorState error={summaryError} />
      ) : (
        <div className="panel volume-bones">
          <Skeleton rows={3} />
        </div>
      )}
      <BulkProgress control={bulk} />
      <Panel isFlush className="tasks-panel">
        <div className="tasks-bar">
          <QueryBar
            label={text.tasks.search}
            qualifiers={qualifiers}
            describe={describe}
            values={query}
            onChange={patch}
            isUnsearchable={isUnsearchable}
            unsearchableWhy={text.tasks.unsearchable}
          />
          <SavedViews page="tasks" path={paths.runs()} given={text.tasks.views} />
        </div>
        <StateTabs
          counts={summary?.counts}
          statuses={statusesOf(query)}
          onChange={(status) => patch({ status })}
        />
        <TaskList
          filter={filter}
          range={range}
          typed={typedQuery(query, qualifiers)}
          onClear={() => patch(Object.fromEntries(Object.keys(filterOf(query)).map((name) => [name, null])))}
          onAsk={ask}
        />
      </Panel>
      {asked && (
        <BulkDialog
          action={asked.action}
          source={asked.source}
          onConfirm={(reason) => bulk.begin(asked.action, asked.source, reason)}
          onClose={() => setAsked(null)}
        />
      )}
    </Page>
  )
}

function Lead({
  summary,
  label,
}: {
  summary: NonNullable<ReturnType<typeof useSummary>['summary']>
  label: string
}) {
  const total = Object.values(summary.counts).reduce((sum, n) => sum + n, 0)
  return (
    <>
      {text.tasks.lead(formatCount(total), label)}{' '}
      {summary.isCapped && (
        <span className="muted">
          {text.tasks.capped} <Instant at={summary.cappedAt} />
        </span>
      )}
    </>
  )
}

function PageActions({ filter }: { filter: TaskFilter }) {
  const showToast = useToasts()
  const [lines, setLines] = useState<number | null>(null)
  const ending = useRef<AbortController | null>(null)
  const words = text.tasks.export
  const begin = async () => {
    ending.current = new AbortController()
    setLines(0)
    try {
      const { lines: count, isCut } = await exportTasks(filter, ending.current.signal, setLines)
      const detail = isCut ? words.cut : undefined
      showToast({ tone: isCut ? 'warn' : 'ok', title: words.done(formatCount(count)), detail })
    } catch (error) {
      if (!ending.current.signal.aborted) showToast(failureToast(words.failed, error))
    } finally {
      setLines(null)
    }
  }
  return (
    <>
      {lines === null ? (
        <Button icon="download" onClick={() => void begin()}>
          {words.title}
        </Button>
      ) : (
        <Button icon="stop" onClick={() => ending.current?.abort()}>
          {words.stop(formatCount(lines))}
        </Button>
      )}
      <CopyMenu
        curl={curlOf({ method: 'GET', path: '/runs', query: filter })}
        link={`${paths.runs()}${window.location.search}`}
      />
    </>
  )
}

interface StateTabsProps {
  readonly counts: Readonly<Record<RunStatus, number>> | undefined
  readonly statuses: readonly RunStatus[]
  onChange(status: string | null): void
}

/** Several states of the query bar choose no tab but the first. */
function StateTabs({ counts, statuses, onChange }: StateTabsProps) {
  const order: readonly RunStatus[] = [
    'queued',
    'running',
    'completed',
    'failed',
    'cancelled',
    'expired',
    'scheduled',
  ]
  const total = counts && RUN_STATUSES.reduce((sum, status) => sum + counts[status], 0)
  return (
    <Tabs
      label={text.tasks.states}
      value={statuses.length === 1 ? (statuses[0] ?? ALL) : ALL}
      onChange={(value: string) => onChange(value === ALL ? null : value)}
      items={[
        { value: ALL, label: text.tasks.all, count: countOf(total) },
        ...order.map((status) => ({
          value: status as string,
          label: text.runStates[status],
          count: countOf(counts?.[status]),
        })),
      ]}
    />
  )
}

function countOf(n: number | undefined): string {
  return formatCount(n ?? null)
}

interface TaskListProps {
  readonly filter: TaskFilter
  readonly range: ReturnType<typeof useRange>
  /** The filter as it is typed. */
  readonly typed: string
  onClear(): void
  onAsk(action: BulkAction, source: BulkSource): void
}

function TaskList({ filter, range, typed, onClear, onAsk }: TaskListProps) {
  const list = useTaskRows(filter, range.fromMs)
  const navigate = useNavigate()
  const { may, why } = useMayOperate()
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [isAll, setAll] = useState(false)
  const [topId, setTopId] = useState<string | null>(null)
  const box = useRef<HTMLDivElement>(null)
  const { shown, held } = holdRows(list.rows, topId)
  const choose = (next: ReadonlySet<string>) => {
    setAll(false)
    setChosen(next)
    if (next.size > 0) hold()
    else releaseAtTop()
  }
  const hold = () => setTopId((old) => old ?? list.rows[0]?.id ?? null)
  /** Who reads further down, or has chosen some, keeps what he looks at. */
  const releaseAtTop = () => {
    if ((box.current?.querySelector('.data-box')?.scrollTop ?? 0) <= NEAR_TOP_PX) setTopId(null)
  }
  const release = () => {
    setTopId(null)
    box.current?.querySelector('.data-box')?.scrollTo({ top: 0 })
  }
  const scroll = (event: UIEvent<HTMLDivElement>) => {
    const { scrollTop, scrollHeight, clientHeight } = event.target as HTMLElement
    if (scrollTop > NEAR_TOP_PX) hold()
    else if (chosen.size === 0) setTopId(null)
    if (scrollHeight - scrollTop - clientHeight < NEAR_FOOT_PX) list.loadMore()
  }
  const chosenRuns = useMemo(() => list.rows.filter(({ id }) => chosen.has(id)), [list.rows, chosen])
  const open = (run: RunItem) => navigate(paths.run(run.id))
  useTaskKeys({
    box,
    rows: list.rows,
    chosen: chosenRuns,
    mayOperate: may,
    onAsk: (action, runs) => onAsk(action, { kind: 'chosen', runs }),
    onExplain: (run) => navigate(`${paths.run(run.id)}#explain`),
  })
  const ask = (action: BulkAction) => {
    onAsk(action, isAll ? { kind: 'all', filter } : { kind: 'chosen', runs: chosenRuns })
    choose(new Set())
  }
  if (list.error && list.rows.length === 0) return <ErrorState error={list.error} onRetry={list.reload} />
  return (
    <div ref={box} onScrollCapture={scroll}>
      {(chosenRuns.length > 0 || isAll) && (
        <SelectionBar
          runs={chosenRuns}
          isAll={isAll}
          why={may ? undefined : why}
          onAsk={ask}
          onAll={() => setAll(true)}
          onNone={() => choose(new Set())}
        />
      )}
      {held > 0 && (
        <button type="button" className="tasks-news" onClick={release}>
          {text.tasks.news(formatCount(held))}
        </button>
      )}
      <DataTable
        label={text.tasks.title}
        rows={shown}
        columns={taskColumns}
        rowId={(run) => run.id}
        rowLabel={(run) => `${functionWords(run)} ${run.id}`}
        selection={chosen}
        onSelection={choose}
        onSelectAll={() => {
          choose(new Set(shown.map(({ id }) => id)))
          setAll(list.hasMore)
        }}
        onOpen={open}
        isLoading={list.isLoading}
        rowTone={(run) => (run.status === 'failed' ? 'bad' : run.status === 'expired' ? 'warn' : undefined)}
        empty={<Nothing filter={filter} typed={typed} range={range} onClear={onClear} />}
        maxHeight="max(320px, calc(100dvh - 330px))"
      />
      {shown.length > 0 && (
        <p className="tasks-foot">
          {text.tasks.shown(formatCount(shown.length))}
          {list.hasMore ? (
            <Button kind="quiet" pending={list.isLoadingMore} onClick={list.loadMore}>
              {text.tasks.more}
            </Button>
          ) : (
            <span>{text.tasks.end}</span>
          )}
        </p>
      )}
    </div>
  )
}

function Nothing({
  filter,
  typed,
  range,
  onClear,
}: Pick<TaskListProps, 'filter' | 'typed' | 'range' | 'onClear'>) {
  const { from: _, to: __, ...rest } = filter
  const wider = useWiderCount(rest, range.toMs, true)
  const widen = () => range.set('24h')
  if (typed === '' && wider === 0)
    return <EmptyState title={text.tasks.none} teach={<pre>{firstTask()}</pre>} />
  return (
    <EmptyByFilter
      what={text.tasks.noneMatches(typed, range.label)}
      onClear={onClear}
      onWiden={range.name === '24h' || range.name === '7d' ? undefined : widen}
      widerCount={wider === undefined ? undefined : formatCount(wider)}
    />
  )
}
