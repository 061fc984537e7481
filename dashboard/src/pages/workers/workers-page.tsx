/**
 * `/dashboard/workers`: every worker, as a table or as a grid, found by words and facets, and put away or brought
 * back, one or many.
 */
import type { WorkerView } from '@berth/protocol'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useFeed } from '../../feed/use-feed.tsx'
import { DataTable } from '../../kit/data-table.tsx'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { useNavigate } from '../../kit/navigate.ts'
import { Page, Panel } from '../../kit/page.tsx'
import { Segmented } from '../../kit/segmented.tsx'
import { Select } from '../../kit/select.tsx'
import { EmptyByFilter, Skeleton } from '../../kit/states.tsx'
import { paths } from '../../paths.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { EmptyFleet } from './empty-fleet.tsx'
import { factsOf, toneOfFleet, verdictOf } from './fleet-facts.ts'
import { GridLegend } from './grid-legend.tsx'
import { groupingKeys } from './grid-sections.ts'
import { effectOf, useMaintenance } from './maintenance.ts'
import { OffDialog } from './off-dialog.tsx'
import { SelectionBar } from './selection-bar.tsx'
import { useThrottled } from './use-throttled.ts'
import { useWorkersAddress } from './use-worker-filter.ts'
import { useWorkerKeys } from './use-worker-keys.ts'
import { whyAsked } from './why-asked.ts'
import { columnsOf } from './worker-columns.tsx'
import { countFacets, filterFleet } from './worker-filter.ts'
import { WorkerGrid } from './worker-grid.tsx'
import { IdRanks, sortFleet } from './worker-order.ts'
import { useWorkerRates } from './worker-rates.ts'
import { WorkerTools } from './worker-tools.tsx'
import './workers.css'

export function WorkersPage() {
  const { feed, link } = useFeed()
  const facts = useMemo(() => factsOf(feed.workers.values(), feed.queue), [feed.workers, feed.queue])
  const isLoading = feed.seq === null
  const isOld = isLoading || link.phase !== 'live'
  return (
    <Page
      title={text.workers.verdict.page}
      lead={
        <p className={isOld ? 'verdict verdict-old' : 'verdict'}>
          <ToneMark tone={isOld ? 'calm' : toneOfFleet(facts)} />
          {isLoading ? text.workers.verdict.loading : verdictOf(facts, text)}
        </p>
      }
    >
      <ErrorBoundary>
        {isLoading ? (
          <Skeleton rows={8} />
        ) : feed.workers.size === 0 ? (
          <EmptyFleet />
        ) : (
          <Workers workers={feed.workers} isLive={link.phase === 'live'} />
        )}
      </ErrorBoundary>
    </Page>
  )
}

interface WorkersProps {
  readonly workers: ReadonlyMap<string, WorkerView>
  readonly isLive: boolean
}

function Workers({ workers, isLive }: WorkersProps) {
  const address = useWorkersAddress()
  const control = useMaintenance()
  const { may, why } = useMayOperate()
  const disabledWhy = may ? undefined : why
  const search = useRef<HTMLInputElement>(null)
  const { words, setWords } = useTypedWords(address.filter.words, address.setWords)
  const { group, grouping } = address
  const { picked } = address.filter
  const found = useMemo(
    () => filterFleet(ofGroup(workers, group), { words, picked }, text.states),
    [workers, group, words, picked],
  )
  // Counts are looked at, not watched: a second is as live as they have to be.
  const counted = useThrottled(workers, COUNT_MS)
  const counts = useMemo(
    () => countFacets(ofGroup(counted, group), { words, picked }, text.states),
    [counted, group, words, picked],
  )
  const [selection, setSelection] = useState<ReadonlySet<string>>(new Set())
  const chosen = useMemo(() => [...selection].filter((id) => workers.has(id)), [selection, workers])
  const [asked, setAsked] = useState<'maintenance' | 'drain' | null>(null)
  const [drained, setDrained] = useState<string | null>(null)
  const current = useRef<string | null>(null)
  const rates = useWorkerRates(isLive)
  const navigate = useNavigate()
  const open = useCallback((id: string) => navigate(paths.worker(id)), [navigate])
  const pick = useRef(address.toggle)
  useEffect(() => {
    pick.current = address.toggle
  })
  const columns = useMemo(
    () =>
      columnsOf({
        control,
        rates,
        disabledWhy,
        onTag: (key, value) => pick.current(`tag:${key}`, value),
      }),
    [control, rates, disabledWhy],
  )
  // Their order is made here, with ranks that are kept; the table only shows by what.
  const shownColumns = useMemo(
    () => columns.map(({ sortBy, ...column }) => ({ ...column, isSortable: sortBy !== undefined })),
    [columns],
  )
  const [idRanks] = useState(() => new IdRanks())
  const isGrid = address.view === 'grid'
  const ordered = useMemo(
    () => sortFleet(found, isGrid ? BY_ID : address.sort, columns, idRanks.of(workers.keys(), workers.size)),
    [found, isGrid, address.sort, columns, idRanks, workers],
  )
  useWorkerKeys({
    search,
    current,
    hasSelection: chosen.length > 0,
    onMaintenance: (id) => {
      if (disabledWhy) return
      if (id === null) setAsked('maintenance')
      else control.request(id, workers.get(id)?.maintenance == null)
    },
    onDrain: (id) => {
      if (disabledWhy) return
      if (id === null) setAsked('drain')
      else setDrained(id)
    },
  })
  const asking = control.asking === null ? undefined : workers.get(control.asking)
  return (
    <>
      <Panel className={isLive ? 'workers-panel' : 'workers-panel offline'} isFlush id="workers">
        <WorkerTools
          address={address}
          counts={counts}
          shown={found.length}
          workers={workers}
          words={words}
          setWords={setWords}
          search={search}
        >
          {isGrid && <GroupingChoice workers={workers} address={address} />}
          <Segmented
            label={text.workers.view.label}
            value={address.view}
            onChange={address.setView}
            options={[
              { value: 'table', label: text.workers.view.table, icon: 'table' },
              { value: 'grid', label: text.workers.view.grid, icon: 'grid' },
            ]}
          />
        </WorkerTools>
        {found.length === 0 ? (
          <EmptyByFilter
            what={text.workers.table.noMatch(wordsOfFilter(words, picked.size))}
            onClear={() => {
              setWords('')
              address.clear()
              search.current?.focus()
            }}
          />
        ) : isGrid ? (
          <>
            <WorkerGrid
              workers={ordered}
              grouping={grouping}
              selection={selection}
              onSelection={setSelection}
              onOpen={open}
              onCurrent={(id) => {
                current.current = id
              }}
            />
            <GridLegend
              workers={ordered}
              picked={picked}
              onPick={(state) => address.toggle('state', state)}
            />
          </>
        ) : (
          <DataTable
            label={text.workers.table.caption}
            rows={ordered}
            columns={shownColumns}
            rowId={idOf}
            rowLabel={labelOf}
            rowHeight={ROW_HEIGHT}
            sort={address.sort}
            onSort={address.setSort}
            selection={selection}
            onSelection={setSelection}
            onOpen={openOf(open)}
            maxHeight="calc(100dvh - 236px)"
          />
        )}
      </Panel>
      <SelectionBar
        ids={chosen}
        workers={workers}
        disabledWhy={disabledWhy}
        onClear={() => setSelection(new Set())}
        asked={asked}
        onAsked={setAsked}
      />
      {drained !== null && <OffDialog ids={[drained]} isDrain onClose={() => setDrained(null)} />}
      {asking && (
        <OffDialog
          ids={[asking.id]}
          lead={whyAsked(asking, effectOf(asking, workers.values()))}
          onClose={control.answered}
        />
      )}
    </>
  )
}

const ROW_HEIGHT = 44
const COUNT_MS = 1_000
const BY_ID = { column: 'worker', direction: 'ascending' } as const

function idOf({ id }: WorkerView): string {
  return id
}

function labelOf({ id }: WorkerView): string {
  return visible(id)
}

function openOf(open: (id: string) => void): (worker: WorkerView) => void {
  return ({ id }) => open(id)
}

function wordsOfFilter(words: string, picked: number): string {
  const trimmed = words.trim()
  if (trimmed !== '') return trimmed
  return text.workers.table.pickedWords(picked)
}

function* ofGroup(workers: ReadonlyMap<string, WorkerView>, group: string | null): Iterable<WorkerView> {
  for (const worker of workers.values()) if (group === null || worker.group === group) yield worker
}

/** What is typed stands in the box at once and in the address a moment later. */
function useTypedWords(inAddress: string, write: (words: string) => void) {
  const [words, setWords] = useState(inAddress)
  const written = useRef(inAddress)
  const latest = useRef(write)
  useEffect(() => {
    latest.current = write
  })
  useEffect(() => {
    if (inAddress === written.current) return
    written.current = inAddress
    setWords(inAddress)
  }, [inAddress])
  useEffect(() => {
    if (words === written.current) return
    const timer = window.setTimeout(() => {
      written.current = words
      latest.current(words)
    }, 250)
    return () => window.clearTimeout(timer)
  }, [words])
  return { words, setWords }
}

function GroupingChoice({
  workers,
  address,
}: {
  workers: ReadonlyMap<string, WorkerView>
  address: ReturnType<typeof useWorkersAddress>
}) {
  const keys = useMemo(() => groupingKeys([...workers.values()]), [workers])
  return (
    <Select
      label={text.workers.grid.groupBy}
      prefix={text.workers.grid.groupBy}
      value={address.grouping}
      onChange={address.setGrouping}
      options={[
        { value: 'group', label: text.workers.grid.byGroup },
        ...keys.map((key) => ({ value: `tag:${key}`, label: visible(key) })),
        { value: 'none', label: text.workers.grid.byNothing },
      ]}
    />
  )
}
