/** The columns of the list: what a task is, where it stands, how long it took, what went wrong. */
import { isFinal, type RunItem } from '@berth/protocol'
import { Badge } from '../../kit/badge.tsx'
import type { Column } from '../../kit/data-table.tsx'
import { Link } from '../../kit/link.tsx'
import { RunMark } from '../../kit/marks.tsx'
import { Age, Duration, Instant } from '../../kit/time.tsx'
import { paths } from '../../paths.ts'
import { formatCount, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

const words = text.tasks.columns

export const taskColumns: readonly Column<RunItem>[] = [
  { id: 'status', header: words.state, width: '128px', cell: (run) => <StateCell run={run} /> },
  {
    id: 'function',
    header: words.function,
    width: '220px',
    cell: (run) => (
      <Link to={paths.run(run.id)} className="task-link">
        {functionWords(run)}
      </Link>
    ),
  },
  { id: 'mode', header: words.mode, width: '132px', isMinor: true, cell: (run) => <ModeCell run={run} /> },
  {
    id: 'worker',
    header: words.worker,
    width: '120px',
    isMinor: true,
    cell: ({ worker }) =>
      worker === null ? <Unknown /> : <Link to={paths.worker(worker)}>{visible(worker)}</Link>,
  },
  {
    id: 'created',
    header: words.accepted,
    width: '150px',
    isMinor: true,
    cell: ({ createdAt }) => <Instant at={createdAt} />,
  },
  { id: 'wait', header: words.wait, width: '92px', isNumber: true, cell: (run) => <WaitCell run={run} /> },
  { id: 'run', header: words.run, width: '92px', isNumber: true, cell: (run) => <RunCell run={run} /> },
  {
    id: 'attempt',
    header: words.attempts,
    width: '76px',
    isNumber: true,
    isMinor: true,
    cell: ({ attempt }) => formatCount(attempt),
  },
  {
    id: 'priority',
    header: words.priority,
    width: '80px',
    isNumber: true,
    isMinor: true,
    cell: ({ priority }) => formatCount(priority),
  },
  {
    id: 'detail',
    header: words.detail,
    isWide: true,
    isMinor: true,
    cell: (run) => <DetailCell run={run} />,
  },
]

/** `gpu/resize@2`; what everybody has is left out. */
export function functionWords({
  group,
  function: name,
  contract,
}: Pick<RunItem, 'group' | 'function' | 'contract'>) {
  const own = group === 'default' ? visible(name) : `${visible(group)}/${visible(name)}`
  return contract === null ? own : `${own}@${contract}`
}

function Unknown() {
  return <span className="unknown">{text.unknown}</span>
}

function StateCell({ run }: { run: RunItem }) {
  const { status, progress } = run
  return (
    <span className="task-state">
      <RunMark status={status} />
      {progress !== null && !isFinal(status) && (
        <span className="muted" title={progress.text === null ? undefined : visible(progress.text)}>
          {formatShare(progress.fraction)}
        </span>
      )}
    </span>
  )
}

function ModeCell({ run }: { run: RunItem }) {
  return (
    <span className="task-modes">
      <Badge>{text.tasks.modes[run.mode]}</Badge>
      {run.durable && <Badge title={text.tasks.durableHint}>{text.tasks.durable}</Badge>}
    </span>
  )
}

/** What waits now has waited since it was accepted, or was due. */
function WaitCell({ run }: { run: RunItem }) {
  if (run.status === 'queued') return <Age at={run.scheduledFor ?? run.createdAt} form="span" />
  return <Duration ms={run.queueMs} />
}

function RunCell({ run }: { run: RunItem }) {
  if (run.status === 'running') return <Age at={run.startedAt} form="span" />
  return <Duration ms={run.runMs} />
}

function DetailCell({ run }: { run: RunItem }) {
  if (run.error)
    return (
      <span className="task-error" title={visible(run.error.message)}>
        <code>{visible(run.error.code)}</code> {visible(run.error.message)}
      </span>
    )
  const metadata = Object.entries(run.metadata).map(([name, value]) => `${name}=${value}`)
  return <span className="muted">{visible(metadata.join('  '))}</span>
}
