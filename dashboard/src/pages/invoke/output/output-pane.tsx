/**
 * What has come of a call: how it stands, where it ran and how long, its chunks as they come, its result in the way
 * that fits, its files, or what went wrong and what to do about it. Whatever a function answers is drawn as text.
 */

import type { FormCell, RunStatus } from '@berth/protocol'
import { useEffect, useState } from 'react'
import { Badge } from '../../../kit/badge.tsx'
import { Button } from '../../../kit/button.tsx'
import { CopyButton } from '../../../kit/copy.tsx'
import { DataTable } from '../../../kit/data-table.tsx'
import { JsonView } from '../../../kit/json-view.tsx'
import { Link } from '../../../kit/link.tsx'
import { RunMark, ToneMark } from '../../../kit/marks.tsx'
import { ScrollBox } from '../../../kit/scroll-box.tsx'
import { Segmented } from '../../../kit/segmented.tsx'
import { paths } from '../../../paths.ts'
import { formatCount, formatDuration, visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import type { CallProblem } from '../call/call-task.ts'
import type { CallView, CellView } from '../page/workspace.ts'
import { bytesOf, decodeBase64, type OutputTable, type OutputView, tableOf, viewsOf } from './output.ts'

interface Props {
  readonly view: CellView
  readonly isPlain: boolean
  onShow(show: FormCell['show']): void
}

export function OutputPane({ view, isPlain, onShow }: Props) {
  const { call, cell, state } = view
  if (call === null) return <p className="muted invoke-none">{text.invoke.noOutput}</p>
  const { outcome } = call
  return (
    <>
      <CallHead call={call} isPlain={isPlain} />
      {state.isOutdated && outcome?.ok && <p className="muted">{text.invoke.outdated}</p>}
      {call.progress && (
        <p className="invoke-progress">
          <progress max={1} value={call.progress.fraction} aria-label={text.invoke.progress} />
          {call.progress.text !== null && <span>{visible(call.progress.text)}</span>}
        </p>
      )}
      {call.tail.chunks > 0 && <StreamText call={call} />}
      {outcome?.ok && (
        <Result
          value={outcome.result}
          show={cell.show}
          isPlain={isPlain}
          onShow={onShow}
          name={cell.function}
        />
      )}
      {outcome && !outcome.ok && outcome.problem && <ProblemBox problem={outcome.problem} />}
      {call.files.length > 0 && <Files call={call} />}
      {call.lines.length > 0 && !isPlain && <Lines call={call} />}
    </>
  )
}

function statusOf(call: CallView): RunStatus {
  if (call.outcome === null)
    return call.status === 'queued' || call.status === 'scheduled' ? call.status : 'running'
  if (call.outcome.ok) return 'completed'
  return call.outcome.isCancelled ? 'cancelled' : 'failed'
}

function CallHead({ call, isPlain }: { call: CallView; isPlain: boolean }) {
  const { facts, worker } = call
  return (
    <div className="row invoke-call" role="status">
      <RunMark status={statusOf(call)} />
      <Elapsed call={call} />
      {!isPlain && (
        <>
          {worker !== null && (
            <span>
              {text.invoke.on} <Link to={paths.worker(worker)}>{visible(worker)}</Link>
            </span>
          )}
          {facts?.attempt != null && facts.attempt > 1 && (
            <Badge tone="warn">{text.invoke.attempt(facts.attempt)}</Badge>
          )}
          {Object.entries(facts?.timing ?? {}).map(([name, ms]) => (
            <span key={name} className="muted">
              {text.invoke.timing[name as keyof typeof text.invoke.timing] ?? name} {formatDuration(ms)}
            </span>
          ))}
          {facts?.runId != null && <Link to={paths.run(facts.runId)}>{text.invoke.run}</Link>}
        </>
      )}
    </div>
  )
}

const TICK_MS = 100

/** Counts while it runs. */
function Elapsed({ call }: { call: CallView }) {
  const [nowMs, setNowMs] = useState(() => performance.now())
  const isOver = call.endedAtMs !== null
  useEffect(() => {
    if (isOver) return
    const timer = setInterval(() => setNowMs(performance.now()), TICK_MS)
    return () => clearInterval(timer)
  }, [isOver])
  const ms = Math.max(0, (call.endedAtMs ?? nowMs) - call.startedAtMs)
  return (
    <span className="invoke-elapsed" aria-hidden={!isOver || undefined}>
      {formatDuration(Math.round(ms))}
    </span>
  )
}

function StreamText({ call }: { call: CallView }) {
  const { text: said, chunks, dropped } = call.tail
  return (
    <section aria-label={text.invoke.stream}>
      <p className="muted">
        {text.invoke.chunks(chunks)}
        {dropped > 0 && ` ${text.invoke.droppedText(formatCount(dropped))}`}
      </p>
      <TextOut label={text.invoke.stream}>{said}</TextOut>
    </section>
  )
}

function TextOut({ label, children }: { label: string; children: string }) {
  return (
    <ScrollBox className="invoke-text-out" role="region" label={label}>
      <pre>{children}</pre>
    </ScrollBox>
  )
}

interface ResultProps {
  readonly value: unknown
  readonly show: FormCell['show']
  readonly isPlain: boolean
  readonly name: string
  onShow(show: FormCell['show']): void
}

function Result({ value, show, isPlain, name, onShow }: ResultProps) {
  const views = viewsOf(value)
  const wanted = views.find((one) => one === show) ?? views[0] ?? 'json'
  const options = views.filter((one) => !isPlain || one !== 'json' || views.length === 1)
  return (
    <section className="invoke-result" aria-label={text.invoke.result}>
      <div className="row invoke-bar">
        {options.length > 1 && (
          <Segmented
            label={text.invoke.showAs}
            value={wanted}
            onChange={(next) => onShow(next === 'file' ? 'auto' : next)}
            options={options
              .filter((one) => one !== 'file')
              .map((one) => ({ value: one, label: text.invoke.views[one] }))}
          />
        )}
        {bytesOf(value) !== null && <Download value={value} name={name} />}
        {typeof value === 'string' && <CopyButton value={value} label={text.invoke.copyText} />}
      </div>
      <Shown view={wanted} value={value} />
    </section>
  )
}

function Shown({ view, value }: { view: OutputView; value: unknown }) {
  const table = view === 'table' ? tableOf(value) : null
  const bytes = view === 'picture' ? bytesOf(value) : null
  if (table) return <ResultTable table={table} />
  if (bytes)
    return (
      <img
        className="invoke-picture"
        alt={text.invoke.pictureAlt}
        src={`data:${bytes.mediaType};base64,${bytes.base64}`}
      />
    )
  if (view === 'text' && typeof value === 'string')
    return <TextOut label={text.invoke.result}>{value}</TextOut>
  return <JsonView value={value} label={text.invoke.result} maxHeight="420px" />
}

interface TableRow {
  readonly at: number
  readonly cells: readonly unknown[]
}

function ResultTable({ table }: { table: OutputTable }) {
  const rows: TableRow[] = table.rows.map((cells, at) => ({ at, cells }))
  const isCut = table.rowCount > table.rows.length || table.columnCount > table.columns.length
  return (
    <>
      {table.beside.length > 0 && (
        <dl className="invoke-facts">
          {table.beside.map(([name, value]) => (
            <div key={name}>
              <dt>{visible(name)}</dt>
              <dd>{cellText(value)}</dd>
            </div>
          ))}
        </dl>
      )}
      <DataTable
        label={text.invoke.result}
        rows={rows}
        rowId={({ at }) => String(at)}
        maxHeight="420px"
        columns={table.columns.map((name, at) => ({
          id: `c${at}`,
          header: visible(name),
          headerText: name === '' ? text.invoke.value : visible(name),
          cell: (row: TableRow) => cellText(row.cells[at]),
          sortBy: (row: TableRow) => sortOf(row.cells[at]),
          isNumber: table.rows.every((cells) => typeof cells[at] === 'number' || cells[at] === undefined),
        }))}
      />
      {isCut && (
        <p className="muted">
          {text.invoke.cutTable(formatCount(table.rows.length), formatCount(table.rowCount))}
        </p>
      )}
    </>
  )
}

function cellText(value: unknown): string {
  if (value === undefined) return ''
  const shown = typeof value === 'string' ? value : JSON.stringify(value)
  return visible(shown.length > 300 ? `${shown.slice(0, 300)}…` : shown)
}

function sortOf(value: unknown): string | number | null {
  if (typeof value === 'number' || typeof value === 'string') return value
  return value === undefined || value === null ? null : JSON.stringify(value)
}

function Download({ value, name }: { value: unknown; name: string }) {
  const bytes = bytesOf(value)
  const decoded = bytes && decodeBase64(bytes.base64)
  if (!bytes || !decoded) return null
  const save = () => {
    const address = URL.createObjectURL(new Blob([decoded], { type: bytes.mediaType }))
    const link = document.createElement('a')
    link.href = address
    link.download = `${name}.${bytes.mediaType.split('/')[1]?.split('+')[0] ?? 'bin'}`
    link.click()
    setTimeout(() => URL.revokeObjectURL(address), 10_000)
  }
  return (
    <Button icon="download" onClick={save}>
      {text.invoke.download(bytes.mediaType, formatCount(decoded.length))}
    </Button>
  )
}

function Files({ call }: { call: CallView }) {
  const run = call.facts?.runId
  return (
    <section aria-label={text.invoke.filesOut}>
      <h3 className="form-label">{text.invoke.filesOut}</h3>
      <ul className="invoke-files">
        {call.files.map(({ path, mediaType, size }) => (
          <li key={path}>
            {run ? (
              <a
                href={`/runs/${encodeURIComponent(run)}/files/${path.split('/').map(encodeURIComponent).join('/')}`}
                download
              >
                {visible(path)}
              </a>
            ) : (
              visible(path)
            )}{' '}
            <span className="muted">{text.invoke.fileFacts(mediaType, formatCount(size))}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Lines({ call }: { call: CallView }) {
  return (
    <details>
      <summary>{text.invoke.lines(call.lines.length + call.linesDropped)}</summary>
      <pre className="invoke-text-out">
        {call.lines.map(({ level, text: line }) => `${level.padEnd(5)} ${visible(line)}`).join('\n')}
      </pre>
    </details>
  )
}

function ProblemBox({ problem }: { problem: CallProblem }) {
  const cures: Readonly<Record<string, string>> = text.invoke.cures
  const cure = cures[problem.code]
  return (
    <div className="error-state" role="alert">
      <ToneMark tone="bad" />
      <div className="error-words">
        <strong>{problem.code}</strong>
        <p>{visible(problem.detail)}</p>
        {problem.errors.length > 0 && (
          <ul>
            {problem.errors.map(({ pointer, detail }) => (
              <li key={`${pointer} ${detail}`}>
                <code>{visible(pointer)}</code> {visible(detail)}
              </li>
            ))}
          </ul>
        )}
        {cure !== undefined && <p className="muted">{cure}</p>}
        {problem.retryAfterS !== null && (
          <p className="muted">{text.invoke.retryAfter(problem.retryAfterS)}</p>
        )}
      </div>
    </div>
  )
}
