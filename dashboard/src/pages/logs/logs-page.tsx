/** `/dashboard/logs`: lines of the whole fleet in one tail, filtered at the balancer, with the filter in the address. */
import { lazy, Suspense, useCallback, useMemo, useState } from 'react'
import { useFeedClient, useFeedPart } from '../../feed/use-feed.tsx'
import { Button } from '../../kit/button.tsx'
import { LevelSelect, TypedField } from '../../kit/log-filter-fields.tsx'
import { LogList } from '../../kit/log-list.tsx'
import type { LogNarrowing } from '../../kit/log-row.tsx'
import { Page } from '../../kit/page.tsx'
import { Segmented } from '../../kit/segmented.tsx'
import { EmptyByFilter } from '../../kit/states.tsx'
import { type Patch, useUrlState } from '../../kit/use-url-state.ts'
import { useGroup } from '../../shell/group.ts'
import { useRange } from '../../shell/range.ts'
import { text } from '../../text/text.ts'
import { isNarrowed, type LogAddress, logAddressSchema, queryOf } from './log-address.ts'
import './logs.css'

const LogVolumeChart = lazy(async () => ({
  default: (await import('../../charts/rate-stats.tsx')).LogVolumeChart,
}))

type PatchAddress = (
  next: Patch<typeof logAddressSchema.shape>,
  options?: { readonly replace?: boolean },
) => void

const NOTHING = { source: null, worker: null, tag: null, level: null, text: null, regex: null, task: null }

export function LogsPage() {
  const [address, patch] = useUrlState(logAddressSchema)
  const { group } = useGroup()
  const range = useRange()
  const query = useMemo(() => queryOf(address, group), [address, group])
  const narrow = useCallback((to: LogNarrowing) => patch(to), [patch])
  const clear = () => patch(NOTHING)
  return (
    <Page title={text.logs.title} lead={text.logs.lead}>
      <div className="logs-page">
        <div className="logs-volume">
          <Suspense fallback={<div className="panel" />}>
            <LogVolumeChart />
          </Suspense>
        </div>
        <Filters address={address} patch={patch} onClear={clear} />
        <LogList
          query={query}
          label={text.logs.title}
          fileName="berth-logs"
          isTitled
          isTall
          span={{ fromMs: range.fromMs, toMs: range.toMs }}
          onNarrow={narrow}
          empty={
            isNarrowed(address) || group !== null ? (
              <EmptyByFilter what={text.logs.emptyByFilter} onClear={clear} />
            ) : undefined
          }
        />
        <p className="muted logs-note">{text.logs.download(range.label)}</p>
      </div>
    </Page>
  )
}

interface FilterProps {
  readonly address: LogAddress
  readonly patch: PatchAddress
  onClear(): void
}

function Filters({ address, patch, onClear }: FilterProps) {
  const words = text.logs
  const set = useCallback(
    (name: keyof LogAddress) => (value: string) => patch({ [name]: value }, { replace: true }),
    [patch],
  )
  return (
    <search className="logs-filters" aria-label={words.filters}>
      <Segmented
        label={words.source}
        value={address.source}
        onChange={(source) => patch({ source: source === '*' ? null : source })}
        options={(['*', 'balancer', 'workers'] as const).map((value) => ({
          value,
          label: words.sources[value],
        }))}
      />
      <LevelSelect
        level={address.level}
        onChange={(level) => patch({ level: level === 'debug' ? null : level })}
      />
      <KnownField name="worker" label={words.worker} address={address} set={set} />
      <KnownField name="tag" label={words.tag} address={address} set={set} placeholder={words.tagExample} />
      <TypedField
        label={words.task}
        placeholder={words.taskExample}
        className="logs-task"
        value={address.task}
        onChange={set('task')}
      />
      <SearchField address={address} patch={patch} />
      {isNarrowed(address) && (
        <Button kind="quiet" icon="close" isIconOnly onClick={onClear}>
          {words.clear}
        </Button>
      )}
    </search>
  )
}

/** One field for both: a switch says whether what is typed is a pattern. */
function SearchField({ address, patch }: Omit<FilterProps, 'onClear'>) {
  const words = text.logs
  // An empty field has no place in the address to say what it is going to be.
  const [wantsRegex, setWantsRegex] = useState(false)
  const isRegex = address.regex !== '' || (wantsRegex && address.text === '')
  const value = isRegex ? address.regex : address.text
  const change = useCallback(
    (next: string) => patch(isRegex ? { regex: next } : { text: next }, { replace: true }),
    [patch, isRegex],
  )
  return (
    <span className="logs-search">
      <TypedField
        label={isRegex ? words.searchRegex : words.search}
        value={value}
        onChange={change}
        className={isRegex ? 'logs-regex' : undefined}
      />
      <Button
        kind="quiet"
        aria-pressed={isRegex}
        onClick={() => {
          setWantsRegex(!isRegex)
          patch(isRegex ? { text: value, regex: null } : { regex: value, text: null })
        }}
      >
        {words.isRegex}
      </Button>
    </span>
  )
}

/** Suggestions a browser can show at once. */
const MOST_SUGGESTED = 200

interface KnownProps {
  readonly name: 'worker' | 'tag'
  readonly label: string
  readonly address: LogAddress
  readonly placeholder?: string
  set(name: keyof LogAddress): (value: string) => void
}

/** Suggests what the fleet has; anything else may be typed. */
function KnownField({ name, label, address, placeholder, set }: KnownProps) {
  const change = useMemo(() => set(name), [set, name])
  const client = useFeedClient()
  const count = useFeedPart(({ feed }) => feed.workers.size)
  // biome-ignore lint/correctness/useExhaustiveDependencies: they change every second, who is there does not.
  const known = useMemo(() => {
    const { workers } = client.getShown().feed
    if (name === 'worker') return [...workers.keys()].slice(0, MOST_SUGGESTED)
    const tags = [...workers.values()].flatMap((worker) =>
      Object.entries(worker.tags).flatMap(([key, value]) => [value].flat().map((one) => `${key}=${one}`)),
    )
    return [...new Set(tags)].sort().slice(0, MOST_SUGGESTED)
  }, [name, count])
  return (
    <>
      <TypedField
        label={label}
        value={address[name]}
        onChange={change}
        list={`known-${name}`}
        placeholder={placeholder}
        className={`logs-${name}`}
      />
      <datalist id={`known-${name}`}>
        {known.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </>
  )
}
