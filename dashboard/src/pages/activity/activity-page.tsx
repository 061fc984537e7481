/** `/dashboard/activity`: who did what, when and why, and what happened by itself. */
import type { ActivityItem } from '@berth/protocol'
import { useEffect, useMemo, useRef, useState } from 'react'
import { curlOf } from '../../api/client.ts'
import { useAction } from '../../api/use-action.ts'
import { Button } from '../../kit/button.tsx'
import { Chip } from '../../kit/chip.tsx'
import { CopyMenu } from '../../kit/copy.tsx'
import { DataTable } from '../../kit/data-table.tsx'
import { Page, Panel } from '../../kit/page.tsx'
import { Segmented } from '../../kit/segmented.tsx'
import { Select } from '../../kit/select.tsx'
import { EmptyByFilter, EmptyState, ErrorState } from '../../kit/states.tsx'
import { useUrlState } from '../../kit/use-url-state.ts'
import { paths } from '../../paths.ts'
import { useKeys } from '../../shell/keys.ts'
import { type Range, useRange } from '../../shell/range.ts'
import { text } from '../../text/text.ts'
import { activityColumns } from './activity-columns.tsx'
import {
  ACTION_WORDS,
  type ActivityFilter,
  activityQuerySchema,
  filterOf,
  isNarrowed,
  requestOf,
} from './activity-query.ts'
import { EntryDialog } from './entry-dialog.tsx'
import { actorWords } from './entry-words.tsx'
import { exportActivity } from './export-activity.ts'
import { type ActivityRows, useActivity, useEntry } from './use-activity.ts'
import './activity.css'

type Change = { readonly [Name in keyof ActivityFilter | 'entry']?: string | null }
type PatchQuery = (next: Change, options?: { readonly replace?: boolean }) => void

const ALL = 'all'

export function ActivityPage() {
  const [query, patch] = useUrlState(activityQuerySchema)
  const range = useRange()
  const filter = useMemo(() => filterOf(query), [query])
  const list = useActivity(filter, range)
  const entry = useEntry(query.entry, list.rows)
  return (
    <Page
      title={text.activity.title}
      lead={text.activity.lead}
      actions={<PageActions filter={filter} range={range} />}
    >
      <Panel isFlush>
        <FilterBar filter={filter} patch={patch} />
        <List list={list} filter={filter} range={range} patch={patch} />
      </Panel>
      {query.entry !== undefined && (
        <EntryDialog id={query.entry} entry={entry} onClose={() => patch({ entry: null })} />
      )}
    </Page>
  )
}

function PageActions({ filter, range }: { filter: ActivityFilter; range: Range }) {
  const asked = requestOf(filter, range.fromMs, range.isRelative ? undefined : range.toMs)
  const download = useAction({
    run: () => exportActivity(asked),
    title: (lines) => text.activity.exported(lines),
  })
  return (
    <>
      <CopyMenu link={paths.activity()} curl={curlOf({ method: 'GET', path: '/activity', query: asked })} />
      <Button icon="download" pending={download.isPending} onClick={() => void download.start()}>
        {text.activity.export}
      </Button>
    </>
  )
}

function FilterBar({ filter, patch }: { filter: ActivityFilter; patch: PatchQuery }) {
  const word = ACTION_WORDS.find((one) => one === filter.action)
  return (
    <div className="activity-bar">
      <Segmented
        label={text.activity.kind}
        value={filter.kind ?? ALL}
        onChange={(kind) => patch({ kind: kind === ALL ? null : kind })}
        options={[
          { value: ALL, label: text.activity.kinds.all },
          { value: 'operator', label: text.activity.kinds.operator },
          { value: 'system', label: text.activity.kinds.system },
        ]}
      />
      <Select
        label={text.activity.about}
        prefix={text.activity.about}
        value={word ?? ALL}
        onChange={(action) => patch({ action: action === ALL ? null : action })}
        options={[
          { value: ALL, label: text.activity.anything },
          ...ACTION_WORDS.map((one) => ({ value: one, label: text.activity.words[one] })),
        ]}
      />
      <SearchField value={filter.q ?? ''} onChange={(q) => patch({ q }, { replace: true })} />
      {filter.action !== undefined && word === undefined && (
        <Chip name={text.activity.action} value={filter.action} onRemove={() => patch({ action: null })} />
      )}
      {filter.actor !== undefined && (
        <Chip
          name={text.activity.who}
          value={actorWords(filter.actor)}
          onRemove={() => patch({ actor: null })}
        />
      )}
      {filter.target !== undefined && (
        <Chip name={text.activity.target} value={filter.target} onRemove={() => patch({ target: null })} />
      )}
    </div>
  )
}

const TYPING_MS = 250

/** What is typed goes into the address when the hand rests. */
function SearchField({ value, onChange }: { value: string; onChange(value: string): void }) {
  const field = useRef<HTMLInputElement>(null)
  const timer = useRef<number>(undefined)
  const [typed, setTyped] = useState(value)
  /** What the address holds as far as this field knows. */
  const [known, setKnown] = useState(value)
  if (value !== known) {
    setKnown(value)
    setTyped(value)
  }
  useKeys({ '/': { label: text.activity.searchKey, run: () => field.current?.focus() } })
  useEffect(() => () => window.clearTimeout(timer.current), [])
  const type = (next: string) => {
    setTyped(next)
    window.clearTimeout(timer.current)
    timer.current = window.setTimeout(() => {
      setKnown(next)
      onChange(next)
    }, TYPING_MS)
  }
  return (
    <input
      ref={field}
      type="search"
      className="field activity-search"
      aria-label={text.activity.search}
      placeholder={text.activity.search}
      value={typed}
      maxLength={256}
      onChange={(event) => type(event.target.value)}
    />
  )
}

interface ListProps {
  readonly list: ActivityRows
  readonly filter: ActivityFilter
  readonly range: Range
  readonly patch: PatchQuery
}

function List({ list, filter, range, patch }: ListProps) {
  const columns = useMemo(() => activityColumns((entry) => patch({ entry: entry.id })), [patch])
  if (list.error && list.rows.length === 0) return <ErrorState error={list.error} onRetry={list.reload} />
  return (
    <>
      <DataTable<ActivityItem>
        label={text.activity.title}
        rows={list.rows}
        columns={columns}
        rowId={idOf}
        onOpen={(entry) => patch({ entry: entry.id })}
        isLoading={list.isLoading}
        rowTone={toneOf}
        empty={<Empty filter={filter} range={range} patch={patch} />}
      />
      {list.hasMore && (
        <div className="activity-more">
          <Button pending={list.isLoadingMore} onClick={list.loadMore}>
            {text.activity.older}
          </Button>
        </div>
      )}
    </>
  )
}

const idOf = ({ id }: ActivityItem) => id

const BAD: ReadonlySet<string> = new Set(['worker.lost', 'store.refused', 'config.refused', 'activity.lost'])
const WARN: ReadonlySet<string> = new Set(['worker.ejected', 'worker.stalled', 'worker.mismatch'])

function toneOf({ action }: ActivityItem): 'bad' | 'warn' | undefined {
  if (BAD.has(action)) return 'bad'
  return WARN.has(action) ? 'warn' : undefined
}

function Empty({ filter, range, patch }: Omit<ListProps, 'list'>) {
  const widen = range.name === '7d' ? undefined : () => range.set('7d')
  if (isNarrowed(filter))
    return (
      <EmptyByFilter
        what={text.activity.nothingMatches(range.label)}
        onClear={() => patch({ kind: null, action: null, actor: null, target: null, q: null })}
        onWiden={widen}
        widenLabel={text.activity.widen}
      />
    )
  return (
    <EmptyState
      title={text.activity.empty(range.label)}
      teach={text.activity.teach}
      actions={widen && <Button onClick={widen}>{text.activity.widen}</Button>}
    />
  )
}
