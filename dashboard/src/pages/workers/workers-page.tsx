/**
 * `/dashboard/workers`: every worker, as a table or as a grid, found by words and facets, and put away or brought
 * back, one or many.
 */
import type { WorkerView } from '@berth/protocol'
import { memo, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { FeedClient } from '../../feed/feed-client.ts'
import { useEachSecond, useFeedClient, useFeedPart } from '../../feed/use-feed.tsx'
import type { Column } from '../../kit/data-table.tsx'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { Page, Panel } from '../../kit/page.tsx'
import { EmptyByFilter, Skeleton } from '../../kit/states.tsx'
import { useMayOperate } from '../../session/use-me.ts'
import { text } from '../../text/text.ts'
import { EmptyFleet } from './empty-fleet.tsx'
import { type FleetFacts, factsOf, toneOfFleet, verdictOf } from './fleet-facts.ts'
import { FleetView } from './fleet-view.tsx'
import { effectOf, type MaintenanceControl, useMaintenance } from './maintenance.ts'
import { OffDialog } from './off-dialog.tsx'
import { SelectionBar } from './selection-bar.tsx'
import { useFleetList, useTypedWords } from './use-fleet-list.ts'
import { useSelection } from './use-selection.ts'
import { useWorkersAddress, type WorkersAddress } from './use-worker-filter.ts'
import { useWorkerKeys } from './use-worker-keys.ts'
import { whyAsked } from './why-asked.ts'
import { columnsOf } from './worker-columns.tsx'
import { useWorkerRates } from './worker-rates.ts'
import { WorkerTools } from './worker-tools.tsx'
import './workers.css'

export function WorkersPage() {
  const isLoading = useFeedPart(({ feed }) => feed.seq === null)
  const isLive = useFeedPart(({ link }) => link.phase === 'live')
  const workers = useFeedPart(({ feed }) => feed.workers)
  return (
    <Page
      title={text.workers.verdict.page}
      lead={<Verdict isLoading={isLoading} isOld={isLoading || !isLive} />}
    >
      <ErrorBoundary>
        {isLoading ? (
          <Skeleton rows={8} />
        ) : workers.size === 0 ? (
          <EmptyFleet />
        ) : (
          <Workers workers={workers} isLive={isLive} />
        )}
      </ErrorBoundary>
    </Page>
  )
}

interface VerdictProps {
  readonly isLoading: boolean
  readonly isOld: boolean
}

/**
 * Who is ready is told at once, how many slots are used once a second: a sentence that changes with every word of
 * the feed can be read no better, and has the whole page laid out.
 */
const Verdict = memo(function Verdict({ isLoading, isOld }: VerdictProps) {
  const client = useFeedClient()
  useFeedPart(({ feed }) => statesOf(feed.workers))
  const words = useEachSecond(() => verdictOf(shownFacts(client), text))
  return (
    <p className={isOld ? 'verdict verdict-old' : 'verdict'}>
      <ToneMark tone={isOld ? 'calm' : toneOfFleet(shownFacts(client))} />
      {isLoading ? text.workers.verdict.loading : words}
    </p>
  )
})

function shownFacts(client: FeedClient): FleetFacts {
  const { workers, queue } = client.getShown().feed
  return factsOf(workers.values(), queue)
}

/** One word for who is how, as long as the verdict needs no other. */
function statesOf(workers: ReadonlyMap<string, WorkerView>): string {
  let troubles = ''
  for (const { id, status } of workers.values())
    if (status !== 'ready' && status !== 'saturated') troubles += `${status} ${id}\n`
  return `${workers.size}\n${troubles}`
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
  const current = useRef<string | null>(null)
  const { words, setWords } = useTypedWords(address.filter.words, address.setWords)
  const columns = useColumns(address, control, disabledWhy, isLive)
  const { ordered, counts, onLook } = useFleetList(workers, address, words, columns)
  const isWhole = useFeedPart(({ feed }) => feed.toCome === 0)
  const [selection, setSelection] = useSelection(workers, isWhole)
  const chosen = useMemo(() => [...selection].filter((id) => workers.has(id)), [selection, workers])
  const [asked, setAsked] = useState<'maintenance' | 'drain' | null>(null)
  const [drained, setDrained] = useState<string | null>(null)
  const onCurrent = useCallback((id: string | null) => {
    current.current = id
  }, [])
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
  const clear = () => {
    setWords('')
    address.clear()
    search.current?.focus()
  }
  return (
    <>
      <Panel className={isLive ? 'workers-panel' : 'workers-panel offline'} isFlush id="workers">
        <WorkerTools
          address={address}
          counts={counts}
          onLook={onLook}
          shown={ordered.length}
          total={workers.size}
          words={words}
          setWords={setWords}
          search={search}
        />
        {ordered.length === 0 ? (
          <EmptyByFilter what={wordsOfFilter(words, address)} onClear={clear} />
        ) : (
          <FleetView
            address={address}
            workers={ordered}
            columns={columns}
            selection={selection}
            onSelection={setSelection}
            onCurrent={onCurrent}
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
      <LastOneDialog control={control} workers={workers} />
    </>
  )
}

/** The same columns as long as they would draw the same. */
function useColumns(
  { toggle }: WorkersAddress,
  control: MaintenanceControl,
  disabledWhy: string | undefined,
  isLive: boolean,
): readonly Column<WorkerView>[] {
  const rates = useWorkerRates(isLive)
  const pick = useRef(toggle)
  useEffect(() => {
    pick.current = toggle
  })
  return useMemo(() => {
    const onTag = (key: string, value: string) => pick.current(`tag:${key}`, value)
    return columnsOf({ control, rates, disabledWhy, onTag })
  }, [control, rates, disabledWhy])
}

interface LastOneProps {
  readonly control: MaintenanceControl
  readonly workers: ReadonlyMap<string, WorkerView>
}

/** Before the maintenance of a worker that is the last to have something. */
function LastOneDialog({ control, workers }: LastOneProps) {
  const asking = control.asking === null ? undefined : workers.get(control.asking)
  if (!asking) return null
  return (
    <OffDialog
      ids={[asking.id]}
      lead={whyAsked(asking, effectOf(asking, workers.values()))}
      onClose={control.answered}
    />
  )
}

function wordsOfFilter(words: string, { filter }: WorkersAddress): string {
  const table = text.workers.table
  return table.noMatch(words.trim() === '' ? table.pickedWords(filter.picked.size) : words.trim())
}
