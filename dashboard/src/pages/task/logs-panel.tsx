/** The lines that a task has logged, with a choice of levels. Read again while it runs. */
import { isFinal, type RunView } from '@berth/protocol'
import { useState } from 'react'
import { z } from 'zod'
import { useGet } from '../../api/query.ts'
import { Button } from '../../kit/button.tsx'
import { Panel } from '../../kit/page.tsx'
import { ScrollBox } from '../../kit/scroll-box.tsx'
import { Select } from '../../kit/select.tsx'
import { ErrorState } from '../../kit/states.tsx'
import { formatCount, formatLogTime, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof LEVELS)[number]

const linesSchema = z.object({ logs: z.array(z.string()), dropped: z.number() })
const EVERY_MS = 2_000
const FIRST_LINES = 300

export function LogsPanel({ run }: { run: RunView }) {
  const words = text.task.logs
  const [level, setLevel] = useState<Level>('debug')
  const [shown, setShown] = useState(FIRST_LINES)
  const { data, error, refetch } = useGet({
    key: ['run', run.id, 'logs', level, isFinal(run.status)],
    path: `/runs/${encodeURIComponent(run.id)}/logs`,
    query: { level },
    schema: linesSchema,
    everyMs: isFinal(run.status) ? undefined : EVERY_MS,
    keepsPrevious: true,
  })
  const lines = data?.logs ?? []
  if (data && lines.length === 0 && data.dropped === 0 && level === 'debug') return null
  return (
    <Panel
      title={words.title}
      unit={data && words.count(lines.length)}
      actions={
        <Select
          label={words.level}
          value={level}
          onChange={(value) => setLevel(value)}
          options={LEVELS.map((value): { value: Level; label: string } => ({
            value,
            label: words.levels[value],
          }))}
        />
      }
    >
      {error && !data && <ErrorState error={error} onRetry={() => void refetch()} />}
      {data && data.dropped > 0 && <p className="muted">{words.dropped(formatCount(data.dropped))}</p>}
      {lines.length > shown && (
        <Button kind="quiet" onClick={() => setShown(shown + FIRST_LINES)}>
          {words.older(formatCount(lines.length - shown))}
        </Button>
      )}
      {lines.length > 0 ? (
        <ScrollBox className="run-log" label={words.lines} role="log">
          <ol>
            {numbered(lines, shown).map(({ n, line }) => (
              <Line key={n} raw={line} />
            ))}
          </ol>
        </ScrollBox>
      ) : (
        <p className="muted">{words.none}</p>
      )}
    </Panel>
  )
}

/** The newest so many, with their places in all. */
function numbered(lines: readonly string[], count: number): { n: number; line: string }[] {
  const first = Math.max(0, lines.length - count)
  return lines.slice(first).map((line, at) => ({ n: first + at, line }))
}

function Line({ raw }: { raw: string }) {
  const { at, level, text: words } = readLine(raw)
  return (
    <li className={`run-line run-line-${level}`}>
      {at !== '' && <time>{formatLogTime(at)}</time>} <span className="run-level">{visible(level)}</span>{' '}
      <span>{visible(words)}</span>
    </li>
  )
}

/** A line is JSON; one that is none shows as it is. */
function readLine(raw: string): { readonly at: string; readonly level: string; readonly text: string } {
  try {
    const {
      at,
      level,
      text: words,
      source: _,
      run: __,
      ...fields
    } = JSON.parse(raw) as Record<string, unknown>
    const rest = Object.keys(fields).length > 0 ? ` ${JSON.stringify(fields)}` : ''
    return { at: String(at ?? ''), level: String(level ?? ''), text: `${String(words ?? '')}${rest}` }
  } catch {
    return { at: '', level: '', text: raw }
  }
}
