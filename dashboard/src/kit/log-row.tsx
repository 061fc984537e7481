/**
 * One row of a log: columns of fixed width and the text, or how many lines are missing. Everything that came from
 * elsewhere is text with what would act shown as escapes. What is open shows its JSON and where it leads. Drawn by
 * log-list.tsx.
 */
import type { FeedLine } from '@berth/protocol'
import { memo, useEffect, useRef } from 'react'
import type { LogRow } from '../feed/log-buffer.ts'
import { BASE, paths } from '../paths.ts'
import { formatCount, formatDuration, formatLogTime, visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { Button, ButtonLink } from './button.tsx'
import { CopyButton } from './copy.tsx'
import { JsonView } from './json-view.tsx'
import { fieldsText } from './log-view.ts'

/** What a line may be narrowed to. */
export interface LogNarrowing {
  readonly worker?: string
  readonly task?: string
}

export interface RowActs {
  turn(id: number): void
  measure(id: number, height: number): void
  narrow?(to: LogNarrowing): void
}

interface Props {
  readonly row: LogRow
  readonly isOpen: boolean
  /** The one that the keys are at. */
  readonly isCurrent: boolean
  readonly hasTime: boolean
  readonly hasWorker: boolean
  readonly acts: RowActs
}

export const LogRowView = memo(function LogRowView({ row, isOpen, isCurrent, acts, ...columns }: Props) {
  if (row.kind === 'skipped') return <SkippedLine row={row} />
  const { entry } = row
  return (
    <>
      <div className={`log-line log-${entry.level}`} data-row={row.id} data-current={isCurrent || undefined}>
        <button
          type="button"
          className="log-open"
          aria-expanded={isOpen}
          aria-label={text.logs.tail.open}
          tabIndex={isCurrent ? 0 : -1}
          onClick={() => acts.turn(row.id)}
        >
          <span aria-hidden="true" />
        </button>
        <LineCells entry={entry} {...columns} />
      </div>
      {isOpen && <OpenLine id={row.id} entry={entry} acts={acts} />}
    </>
  )
})

function SkippedLine({ row }: { row: Extract<LogRow, { kind: 'skipped' }> }) {
  const spanMs = row.toMs - row.fromMs
  const words = text.logs.tail
  return (
    <div className="log-line log-skipped" data-row={row.id}>
      {spanMs >= 1_000
        ? words.skippedIn(formatCount(row.count), row.count, formatDuration(spanMs))
        : words.skipped(formatCount(row.count), row.count)}
    </div>
  )
}

interface CellProps {
  readonly entry: FeedLine
  readonly hasTime: boolean
  readonly hasWorker: boolean
}

function LineCells({ entry, hasTime, hasWorker }: CellProps) {
  const { at, level, worker, source, run, fields } = entry
  return (
    <>
      {hasTime && <span className="log-time">{formatLogTime(at)}</span>}
      <span className="log-level">{text.logs.tail.levelWords[level]}</span>
      {hasWorker &&
        (worker === undefined ? (
          <span className="log-who muted">{text.logs.tail.balancerWord}</span>
        ) : (
          <RowLink className="log-who" to={paths.worker(worker)} id={worker} width={WHO_WIDTH} />
        ))}
      <span className="log-source" title={visible(source)}>
        {visible(source)}
      </span>
      {run !== undefined && <RowLink className="log-run" to={paths.run(run)} id={run} width={RUN_WIDTH} />}
      <span className="log-text">
        {visible(entry.text)}
        {fields && <span className="log-fields">{visible(fieldsText(fields))}</span>}
      </span>
    </>
  )
}

interface RowLinkProps {
  readonly className: string
  readonly to: string
  readonly id: string
  readonly width: number
}

/**
 * A bare link, since hundreds come and go in a second: the list leads there when it is pressed (`data-to`). By keys
 * the line is opened, which has links of its own.
 */
function RowLink({ className, to, id, width }: RowLinkProps) {
  return (
    <a className={className} href={`${BASE}${to}`} data-to={to} tabIndex={-1} title={visible(id)}>
      {endOf(visible(id), width)}
    </a>
  )
}

/** Characters of the columns in log-list.css. */
const WHO_WIDTH = 16
const RUN_WIDTH = 10

/** Ids begin alike; they differ at the end. */
function endOf(id: string, width: number): string {
  return id.length <= width ? id : `…${id.slice(1 - width)}`
}

function OpenLine({ id, entry, acts }: { id: number; entry: FeedLine; acts: RowActs }) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = box.current
    if (!element) return
    acts.measure(id, element.offsetHeight)
    if (typeof ResizeObserver === 'undefined') return
    const observer = new ResizeObserver(() => acts.measure(id, element.offsetHeight))
    observer.observe(element)
    return () => observer.disconnect()
  }, [id, acts])
  const { worker, run } = entry
  const { narrow } = acts
  const words = text.logs.tail
  return (
    <div ref={box} className="log-opened">
      <div className="log-opened-acts">
        {worker !== undefined && <ButtonLink to={paths.worker(worker)}>{words.toWorker}</ButtonLink>}
        {run !== undefined && <ButtonLink to={paths.run(run)}>{words.toTask}</ButtonLink>}
        {narrow && worker !== undefined && (
          <Button onClick={() => narrow({ worker })}>{words.onlyWorker}</Button>
        )}
        {narrow && run !== undefined && (
          <Button onClick={() => narrow({ task: run })}>{words.onlyTask}</Button>
        )}
        <CopyButton value={JSON.stringify(entry)} label={words.copyLine} kind="plain" isIconOnly={false} />
      </div>
      <JsonView value={entry} label={words.line} openLevels={3} isBare />
    </div>
  )
}
