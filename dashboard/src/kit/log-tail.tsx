/**
 * The live tail of one log source. It follows the end until the reader scrolls up; then the place
 * stays and a pill counts what is new. Only the rows on screen are in the document, every row is
 * plain text of one height, and characters that would act are shown as escapes.
 */
import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { LogBuffer, LogRow } from '../feed/log-buffer.ts'
import { emptyLogBuffer } from '../feed/log-buffer.ts'
import { useLog } from '../feed/use-feed.tsx'
import { formatCount, formatLogTime, visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { countAfter, filterRows, LOG_LEVELS, type LogFilter, lineText, toText, windowOf } from './log-view.ts'
import { ScrollBox } from './scroll-box.tsx'

const ROW_HEIGHT = 20
/** Nearer than this to the end counts as being at it. */
const END_SLACK = 8

interface LogTailProps {
  readonly source: string
  readonly label: string
  readonly fileName: string
  /** The label stands above already and is only spoken. */
  readonly isTitled?: boolean
}

export function LogTail({ source, label, fileName, isTitled }: LogTailProps) {
  const { buffer: live, isRefused } = useLog(source)
  const [filter, setFilter] = useState<LogFilter>({ level: 'debug', text: '' })
  const [paused, setPaused] = useState<LogBuffer | null>(null)
  const current = live ?? emptyLogBuffer
  const shown = paused ?? current
  const rows = filterRows(shown.rows, filter)
  const newWhilePaused = paused ? countAfter(filterRows(current.rows, filter), paused.nextId - 1) : 0
  if (isRefused) return <p className="log-empty muted">{text.logs.tail.refused}</p>
  return (
    <section className="log" aria-label={label}>
      <div className="log-tools">
        {!isTitled && <h3>{label}</h3>}
        <LogFilters filter={filter} onChange={setFilter} />
        <span className="muted log-count">
          {paused
            ? text.logs.tail.paused(formatCount(newWhilePaused), newWhilePaused)
            : text.logs.tail.count(formatCount(rows.length), rows.length)}
        </span>
        <button
          type="button"
          className="button"
          aria-pressed={paused !== null}
          onClick={() => setPaused(paused ? null : current)}
        >
          {paused ? text.logs.tail.resume : text.logs.tail.pause}
        </button>
        <button
          type="button"
          className="button"
          disabled={rows.length === 0}
          onClick={() => download(rows, fileName)}
        >
          {text.logs.tail.download}
        </button>
      </div>
      <LogRows
        rows={rows}
        trimmed={shown.trimmed}
        label={label}
        emptyText={
          live === null
            ? text.logs.tail.waiting
            : shown.rows.length > 0
              ? text.logs.tail.noMatch
              : text.logs.tail.empty
        }
      />
    </section>
  )
}

function LogFilters({ filter, onChange }: { filter: LogFilter; onChange: (filter: LogFilter) => void }) {
  return (
    <>
      <select
        className="field"
        aria-label={text.logs.tail.level}
        value={filter.level}
        onChange={(event) => {
          const level = LOG_LEVELS.find((one) => one === event.target.value)
          if (level) onChange({ ...filter, level })
        }}
      >
        {LOG_LEVELS.map((level) => (
          <option key={level} value={level}>
            {text.logs.tail.levels[level]}
          </option>
        ))}
      </select>
      <input
        className="field"
        type="search"
        aria-label={text.logs.tail.filter}
        placeholder={text.logs.tail.filter}
        value={filter.text}
        onChange={(event) => onChange({ ...filter, text: event.target.value })}
      />
    </>
  )
}

interface RowsProps {
  readonly rows: readonly LogRow[]
  readonly trimmed: number
  readonly label: string
  readonly emptyText: string
}

function LogRows({ rows, trimmed, label, emptyText }: RowsProps) {
  const box = useRef<HTMLElement>(null)
  const view = useScrollFollow(box, rows)
  const { start, end } = windowOf(rows.length, view.scrollTop, view.height, ROW_HEIGHT)
  return (
    <div className="log-frame">
      {trimmed > 0 && (
        <p className="log-trimmed muted">{text.logs.tail.trimmed(formatCount(trimmed), trimmed)}</p>
      )}
      <ScrollBox ref={box} className="log-box" role="log" label={label} onScroll={view.onScroll}>
        {rows.length === 0 && <p className="log-empty muted">{emptyText}</p>}
        <div className="log-sheet" style={{ height: rows.length * ROW_HEIGHT }}>
          <div className="log-window" style={{ transform: `translateY(${start * ROW_HEIGHT}px)` }}>
            {rows.slice(start, end).map((row) => (
              <LogLine key={row.id} row={row} />
            ))}
          </div>
        </div>
      </ScrollBox>
      {!view.isFollowing && (
        <button type="button" className="button log-pill" onClick={view.follow}>
          {text.logs.tail.newLines(formatCount(view.newCount), view.newCount)}
        </button>
      )}
    </div>
  )
}

/** Keeps the end in view, or, once the reader has scrolled up, the row that was on top. */
function useScrollFollow(box: RefObject<HTMLElement | null>, rows: readonly LogRow[]) {
  const [isFollowing, setFollowing] = useState(true)
  const [place, setPlace] = useState({ scrollTop: 0, height: 0 })
  const anchor = useRef<{ id: number; offset: number } | null>(null)
  const lastSeenId = useRef(0)
  const lastId = rows.at(-1)?.id ?? 0
  useEffect(() => {
    if (isFollowing) lastSeenId.current = lastId
  }, [isFollowing, lastId])
  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    if (isFollowing) element.scrollTop = rows.length * ROW_HEIGHT
    else if (anchor.current) {
      const { id, offset } = anchor.current
      const index = rows.findIndex((row) => row.id >= id)
      if (index >= 0) element.scrollTop = index * ROW_HEIGHT + offset
    }
    setPlace((old) =>
      old.scrollTop === element.scrollTop && old.height === element.clientHeight
        ? old
        : { scrollTop: element.scrollTop, height: element.clientHeight },
    )
  }, [box, rows, isFollowing])
  const onScroll = () => {
    const element = box.current
    if (!element) return
    const top = Math.floor(element.scrollTop / ROW_HEIGHT)
    const row = rows[top]
    anchor.current = row ? { id: row.id, offset: element.scrollTop - top * ROW_HEIGHT } : null
    const isAtEnd = element.scrollTop + element.clientHeight >= rows.length * ROW_HEIGHT - END_SLACK
    // A box that just grew is not at its end yet, but the reader has not moved up either.
    if (isAtEnd) setFollowing(true)
    else if (element.scrollTop < place.scrollTop) setFollowing(false)
    setPlace({ scrollTop: element.scrollTop, height: element.clientHeight })
  }
  const newCount = isFollowing ? 0 : countAfter(rows, lastSeenId.current)
  return { ...place, isFollowing, newCount, onScroll, follow: () => setFollowing(true) }
}

function LogLine({ row }: { row: LogRow }) {
  if (row.kind === 'skipped') {
    return (
      <div className="log-line log-skipped">{text.logs.tail.skipped(formatCount(row.count), row.count)}</div>
    )
  }
  const { entry } = row
  return (
    <div className={`log-line log-${entry.level}`}>
      <span className="log-time">{formatLogTime(entry.at)}</span>
      <span className="log-level">{text.logs.tail.levelWords[entry.level]}</span>
      {entry.run && <span className="log-run">{visible(entry.run)}</span>}
      <span className="log-text">{visible(lineText(entry))}</span>
    </div>
  )
}

function download(rows: readonly LogRow[], fileName: string): void {
  const address = URL.createObjectURL(new Blob([toText(rows, visible)], { type: 'text/plain' }))
  const link = document.createElement('a')
  link.href = address
  link.download = fileName
  link.click()
  // The browser reads the address after this turn.
  window.setTimeout(() => URL.revokeObjectURL(address), 1_000)
}
