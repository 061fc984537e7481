/** What runs on a worker now, oldest first, each with a way to end it. Lists of the feed, told once a second. */
import type { RunItem } from '@berth/protocol'
import { useMemo, useState } from 'react'
import { curlOf, request } from '../../api/client.ts'
import { useAction } from '../../api/use-action.ts'
import { useWatchedRuns } from '../../feed/use-watched-runs.ts'
import { Button } from '../../kit/button.tsx'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { type Column, DataTable } from '../../kit/data-table.tsx'
import { Link } from '../../kit/link.tsx'
import { Panel } from '../../kit/page.tsx'
import { Age } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { formatCount, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

const MOST = 50

export function RunningTasks({ worker }: { worker: string }) {
  const query = new URLSearchParams({ worker, status: 'running', limit: String(MOST) }).toString()
  const { items, refused } = useWatchedRuns(query)
  const { may, why } = useMayOperate()
  const [asked, setAsked] = useState<RunItem | null>(null)
  const rows = useMemo(() => [...(items?.values() ?? [])].sort(byStart), [items])
  const words = text.worker.tasks
  const disabledWhy = may ? undefined : why
  const columns = useMemo(() => columnsOf(disabledWhy, setAsked), [disabledWhy])
  return (
    <Panel
      title={words.title}
      unit={items === null ? undefined : formatCount(rows.length)}
      actions={<Link to={withQuery(paths.runs(), { worker })}>{words.all}</Link>}
      isFlush
    >
      {refused !== null && <p className="worker-note muted">{words.refused}</p>}
      <DataTable
        label={words.title}
        rows={rows}
        columns={columns}
        rowId={({ id }) => id}
        isLoading={items === null && refused === null}
        maxHeight="320px"
        empty={<p className="worker-note muted">{words.none}</p>}
      />
      {asked && <CancelDialog run={asked} onClose={() => setAsked(null)} />}
    </Panel>
  )
}

function byStart(a: RunItem, b: RunItem): number {
  return (a.startedAt ?? a.createdAt) < (b.startedAt ?? b.createdAt) ? -1 : 1
}

function columnsOf(disabledWhy: string | undefined, ask: (run: RunItem) => void): Column<RunItem>[] {
  const words = text.worker.tasks
  return [
    {
      id: 'run',
      header: words.run,
      cell: ({ id }) => (
        <Link to={paths.run(id)}>
          <code>{id}</code>
        </Link>
      ),
    },
    {
      id: 'function',
      header: words.function,
      sortBy: (run) => run.function,
      cell: (run) => visible(run.function),
    },
    { id: 'mode', header: words.mode, sortBy: ({ mode }) => mode, cell: ({ mode }) => mode },
    {
      id: 'elapsed',
      header: words.elapsed,
      isNumber: true,
      sortBy: ({ startedAt }) => (startedAt === null ? null : -Date.parse(startedAt)),
      cell: ({ startedAt }) => <Age at={startedAt} form="span" />,
    },
    {
      id: 'progress',
      header: words.progress,
      isNumber: true,
      cell: ({ progress }) => (progress === null ? text.unknown : formatShare(progress.fraction)),
    },
    {
      id: 'attempt',
      header: words.attempt,
      isNumber: true,
      sortBy: ({ attempt }) => attempt,
      cell: ({ attempt }) => formatCount(attempt),
    },
    {
      id: 'cancel',
      header: '',
      headerText: words.cancel,
      cell: (run) => (
        <Button
          kind="quiet"
          disabledWhy={disabledWhy}
          aria-label={words.cancelOf(run.id)}
          onClick={() => ask(run)}
        >
          {words.cancel}
        </Button>
      ),
    },
  ]
}

function CancelDialog({ run, onClose }: { run: RunItem; onClose(): void }) {
  const words = text.worker.tasks
  const path = `/runs/${run.id}/cancel`
  const cancel = useAction({
    run: (reason: string) => request('POST', path, { body: {}, reason }),
    title: words.cancelled(visible(run.function)),
    failed: words.notCancelled(visible(run.function)),
    invalidates: [['runs'], ['run', run.id]],
  })
  return (
    <ConfirmDialog
      title={words.cancelTitle(visible(run.function))}
      facts={[
        { label: words.elapsed, value: <Age at={run.startedAt} form="span" /> },
        { label: words.attempt, value: formatCount(run.attempt) },
        { label: words.run, value: <code>{run.id}</code> },
      ]}
      equivalent={curlOf({ method: 'POST', path, body: {} })}
      confirmLabel={words.cancelConfirm}
      onConfirm={(reason) => cancel.start(reason)}
      onClose={onClose}
    >
      <p className="dialog-lead">{words.cancelLead}</p>
    </ConfirmDialog>
  )
}
