/**
 * The live tail of the log lines that a query means. It follows the end until the reader scrolls up; then the place
 * stays and a pill counts what is new. Paused, it holds what it shows and counts on. The balancer filters; here
 * only the rows on screen are drawn, out of 50,000 that are kept.
 */
import { type LogQuery, writeLogWord } from '@berth/protocol'
import {
  type KeyboardEvent,
  type MouseEvent,
  memo,
  type PointerEvent,
  type ReactNode,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react'
import { emptyLogBuffer, type LogBuffer } from '../feed/log-buffer.ts'
import { useLog } from '../feed/use-feed.tsx'
import { useKeys } from '../shell/keys.ts'
import { formatCount, visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { Button } from './button.tsx'
import { LogFilterFields, type LogTextFilter, withTextFilter } from './log-filter-fields.tsx'
import { type LogNarrowing, LogRowView, type RowActs } from './log-row.tsx'
import { layoutRows, type TimeSpan, toNdjson, windowOf } from './log-view.ts'
import { useNavigate } from './navigate.ts'
import { usePreference, useSwitchedOn } from './preference.ts'
import { ScrollBox } from './scroll-box.tsx'
import { useLogFollow } from './use-log-follow.ts'
import './log-list.css'

interface Props {
  readonly query: LogQuery
  /** Names the list: "Log of w3". */
  readonly label: string
  /** Of the download, without its ending. */
  readonly fileName: string
  /** The label stands above already and is only spoken. */
  readonly isTitled?: boolean
  /** Fields for level and text of its own. */
  readonly hasFilter?: boolean
  /** Fills what is left of the window, as on the Logs page. */
  readonly isTall?: boolean
  /** What the download is narrowed to. */
  readonly span?: TimeSpan
  /** Offered on an open line. */
  onNarrow?(to: LogNarrowing): void
  /** Said instead of "no lines" when nothing matches. */
  readonly empty?: ReactNode
}

/** More rows than any window shows. */
const SLOTS = 512
const NO_FILTER: LogTextFilter = { level: 'debug', text: '' }

export function LogList(props: Props) {
  const { query, label, isTitled, hasFilter = false, isTall } = props
  const [filter, setFilter] = useState(NO_FILTER)
  const whole = useMemo(() => (hasFilter ? withTextFilter(query, filter) : query), [query, filter, hasFilter])
  const { live, shown, refused } = useLog(writeLogWord(whole))
  const [held, setHeld] = useState<LogBuffer | null>(null)
  const last = useLastBuffer(shown)
  const buffer = held ?? shown ?? last
  const current = live ?? buffer
  const isPaused = held !== null || shown !== live
  return (
    <section className={isTall ? 'log log-tall' : 'log'} aria-label={label}>
      <div className="log-tools">
        {!isTitled && <h3>{label}</h3>}
        {hasFilter && <LogFilterFields filter={filter} onChange={setFilter} />}
        <Tally buffer={buffer} behind={isPaused ? Math.max(0, current.received - buffer.received) : null} />
        <LogTools {...props} buffer={buffer} held={held} onHold={setHeld} current={current} />
      </div>
      {refused === null ? (
        <LogRows
          {...props}
          key={writeLogWord(whole)}
          buffer={buffer}
          isWaiting={live === null}
          isFiltered={filter !== NO_FILTER}
        />
      ) : (
        <p className="log-empty log-refused" role="alert">
          {refused === '' ? text.logs.tail.refused : text.logs.tail.refusedBecause(visible(refused))}
        </p>
      )}
    </section>
  )
}

/** While a new filter has no answer yet, what was there stays in view. */
function useLastBuffer(shown: LogBuffer | null): LogBuffer {
  const last = useRef(emptyLogBuffer)
  useEffect(() => {
    if (shown !== null) last.current = shown
  }, [shown])
  return last.current
}

/** How many lines there are, or how many have come since the pause. */
function Tally({ buffer, behind }: { buffer: LogBuffer; behind: number | null }) {
  const words = text.logs.tail
  const lines = buffer.rows.length
  return (
    <span className="muted log-count">
      {behind === null ? words.count(formatCount(lines), lines) : words.paused(formatCount(behind), behind)}
      {buffer.skipped > 0 && words.andSkipped(formatCount(buffer.skipped))}
    </span>
  )
}

interface ToolProps extends Props {
  readonly buffer: LogBuffer
  readonly current: LogBuffer
  readonly held: LogBuffer | null
  onHold(buffer: LogBuffer | null): void
}

function LogTools({ buffer, current, held, onHold, fileName, span }: ToolProps) {
  const words = text.logs.tail
  return (
    <>
      <LookSwitches />
      <Button
        icon={held ? 'play' : 'pause'}
        onClick={() => onHold(held ? null : current)}
        aria-pressed={held !== null}
      >
        {held ? words.resume : words.pause}
      </Button>
      <Button
        icon="download"
        disabledWhy={buffer.rows.length === 0 && words.nothingToDownload}
        onClick={() => download(toNdjson(buffer.rows, span), `${fileName}.ndjson`)}
      >
        {words.download}
      </Button>
    </>
  )
}

const LOOKS = [
  ['w', 'log-wrap'],
  ['s', 'log-times'],
  ['o', 'log-colours'],
] as const

function useLooks() {
  const [wrap, setWrap] = usePreference('log-wrap', ['on', 'off'], 'off')
  const [hasTimes, setTimes] = useSwitchedOn('log-times')
  const [hasColours, setColours] = useSwitchedOn('log-colours')
  return {
    'log-wrap': { isOn: wrap === 'on', set: (isOn: boolean) => setWrap(isOn ? 'on' : 'off') },
    'log-times': { isOn: hasTimes, set: setTimes },
    'log-colours': { isOn: hasColours, set: setColours },
  } as const
}

/** Drawn when a switch is turned, not with every line. */
const LookSwitches = memo(function LookSwitches() {
  const looks = useLooks()
  const names = text.logs.tail.looks
  useKeys(
    Object.fromEntries(
      LOOKS.map(([key, look]) => [
        key,
        { label: names[look], run: () => looks[look].set(!looks[look].isOn) },
      ]),
    ),
    text.logs.tail.keys,
  )
  return (
    <fieldset className="log-looks">
      <legend className="only-heard">{names.legend}</legend>
      {LOOKS.map(([key, look]) => (
        <Button
          key={key}
          kind="quiet"
          aria-pressed={looks[look].isOn}
          aria-keyshortcuts={key}
          onClick={() => looks[look].set(!looks[look].isOn)}
        >
          {names[look]}
        </Button>
      ))}
    </fieldset>
  )
})

interface RowsProps extends Props {
  readonly buffer: LogBuffer
  readonly isWaiting: boolean
  readonly isFiltered: boolean
}

function LogRows({ buffer, isWaiting, isFiltered, label, query, onNarrow, empty }: RowsProps) {
  const box = useRef<HTMLElement>(null)
  const looks = useLooks()
  const columns = useTextColumns(box, looks['log-wrap'].isOn, looks['log-times'].isOn)
  const hold = useRef(() => {})
  const { opened, acts } = useOpened(onNarrow, hold)
  const { rows, trimmed } = buffer
  const layout = useMemo(() => layoutRows(rows, columns, opened), [rows, columns, opened])
  const view = useLogFollow(box, buffer, layout)
  useEffect(() => {
    hold.current = view.hold
  })
  const { start, end } = windowOf(layout, view.scrollTop, view.height)
  const current = useCurrentRow(box, rows, layout.topOf, hold)
  const follow = useRowLinks()
  // What is pressed or selected must not become another line in the middle of it.
  const holdLine = (event: PointerEvent) => {
    if ((event.target as HTMLElement).closest('.log-line')) view.hold()
  }
  const words = text.logs.tail
  const classes = ['log-box', columns !== null && 'log-wrapped', !looks['log-colours'].isOn && 'log-plain']
  const nothing = isWaiting ? words.waiting : (empty ?? (isFiltered ? words.noMatch : words.empty))
  return (
    <div className="log-frame">
      {trimmed > 0 && <p className="log-trimmed muted">{words.trimmed(formatCount(trimmed), trimmed)}</p>}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: keys and presses of the buttons and links within. */}
      <div className="log-keys" onKeyDown={current.onKeyDown} onClick={follow} onPointerDown={holdLine}>
        <ScrollBox
          ref={box}
          className={classes.filter(Boolean).join(' ')}
          role="log"
          label={label}
          onScroll={view.onScroll}
        >
          {rows.length === 0 && <div className="log-empty muted">{nothing}</div>}
          <div className="log-sheet" style={{ height: layout.height }}>
            <div className="log-window" style={{ transform: `translateY(${layout.topOf(start)}px)` }}>
              {rows.slice(start, end).map((row) => (
                <LogRowView
                  // The element of a row that has left is taken for the one that comes.
                  key={row.id % SLOTS}
                  row={row}
                  isOpen={opened.has(row.id)}
                  isCurrent={row.id === current.id}
                  hasTime={looks['log-times'].isOn}
                  hasWorker={query.workers.length !== 1 && query.source !== 'balancer'}
                  acts={acts}
                />
              ))}
            </div>
          </div>
        </ScrollBox>
      </div>
      {!view.isFollowing && (
        <Button className="log-pill" icon="down" onClick={view.follow}>
          {words.newLines(formatCount(view.newCount), view.newCount)}
        </Button>
      )}
    </div>
  )
}

/** Leads where a bare link of a row says, without loading the page anew. */
function useRowLinks(): (event: MouseEvent) => void {
  const navigate = useNavigate()
  return (event) => {
    const link = (event.target as HTMLElement).closest<HTMLElement>('a[data-to]')
    const to = link?.dataset.to
    if (to === undefined || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    navigate(to)
  }
}

/** Rows that are open, with the height of what stands below them. */
function useOpened(
  narrow: Props['onNarrow'],
  hold: { readonly current: () => void },
): { opened: ReadonlyMap<number, number>; acts: RowActs } {
  const [opened, setOpened] = useState<ReadonlyMap<number, number>>(new Map())
  const acts = useMemo<RowActs>(
    () => ({
      turn: (id) => {
        // What is read must not scroll away.
        hold.current()
        setOpened((old) => {
          const next = new Map(old)
          if (!next.delete(id)) next.set(id, 0)
          return next
        })
      },
      measure: (id, height) =>
        setOpened((old) => (old.has(id) && old.get(id) !== height ? new Map(old).set(id, height) : old)),
      ...(narrow ? { narrow } : {}),
    }),
    [narrow, hold],
  )
  return { opened, acts }
}

/** The row that the keys are at: up and down (or k and j) move it, Enter opens it. */
function useCurrentRow(
  box: { readonly current: HTMLElement | null },
  rows: LogBuffer['rows'],
  topOf: (index: number) => number,
  hold: { readonly current: () => void },
) {
  const [id, setId] = useState<number | null>(null)
  const focus = useCallback(
    (index: number) => {
      const row = rows.at(index)
      const element = box.current
      if (!row || !element) return
      hold.current()
      setId(row.id)
      const top = topOf(index)
      if (top < element.scrollTop) element.scrollTop = top
      const below = topOf(index + 1) - element.clientHeight
      if (below > element.scrollTop) element.scrollTop = below
    },
    [box, rows, topOf, hold],
  )
  useEffect(() => {
    if (id === null || !box.current?.contains(document.activeElement)) return
    box.current.querySelector<HTMLElement>(`[data-row="${id}"] .log-open`)?.focus({ preventScroll: true })
  }, [id, box])
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key]
    if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    if ((event.target as HTMLElement).closest('.log-opened')) return
    event.preventDefault()
    event.stopPropagation()
    const at = id === null ? rows.length : id - (rows.at(0)?.id ?? 0)
    focus(Math.max(0, Math.min(rows.length - 1, at + by)))
  }
  return { id, onKeyDown }
}

/** How many characters of text fit into a line; null while lines are not wrapped. */
function useTextColumns(
  box: { readonly current: HTMLElement | null },
  isWrapped: boolean,
  hasTimes: boolean,
): number | null {
  const [columns, setColumns] = useState(100)
  // biome-ignore lint/correctness/useExhaustiveDependencies: without times there is more room.
  useEffect(() => {
    const element = box.current
    if (!element || !isWrapped || typeof ResizeObserver === 'undefined') return
    const measure = () => {
      const cell = element.querySelector<HTMLElement>('.log-text')
      const probe = document.createElement('span')
      probe.textContent = '0'.repeat(100)
      probe.className = 'log-probe'
      element.append(probe)
      const characterWidth = probe.getBoundingClientRect().width / 100
      probe.remove()
      const width = cell?.clientWidth ?? element.clientWidth - 300
      if (characterWidth > 0) setColumns(Math.max(10, Math.floor(width / characterWidth)))
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [box, isWrapped, hasTimes])
  return isWrapped ? columns : null
}

function download(content: string, fileName: string): void {
  const address = URL.createObjectURL(new Blob([content], { type: 'application/x-ndjson' }))
  const link = document.createElement('a')
  link.href = address
  link.download = fileName
  link.click()
  // The browser reads the address after this turn.
  window.setTimeout(() => URL.revokeObjectURL(address), 1_000)
}
