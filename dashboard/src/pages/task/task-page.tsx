/** `/dashboard/tasks/:id`: one task: its life, why it is where it is, what went in and came out, and its kin. */
import { deliveryViewSchema, isFinal, type RunView, timeOfRun } from '@berth/protocol'
import { z } from 'zod'
import { useGet } from '../../api/query.ts'
import { Badge } from '../../kit/badge.tsx'
import { ButtonLink } from '../../kit/button.tsx'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'
import { Link } from '../../kit/link.tsx'
import { RunMark, ToneMark } from '../../kit/marks.tsx'
import { KeyValues, Page, Panel } from '../../kit/page.tsx'
import { EmptyState, ErrorState, Skeleton } from '../../kit/states.tsx'
import { Duration, Instant } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import type { PageProps } from '../../routes.ts'
import { formatCount, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { functionWords } from '../tasks/task-columns.tsx'
import { ContentPanel } from './content-panel.tsx'
import { DeliveriesPanel } from './deliveries-panel.tsx'
import { ExplainPanel } from './explain-panel.tsx'
import { FamilyPanel } from './family-panel.tsx'
import { addressOfFile, FilesPanel } from './files-panel.tsx'
import { LogsPanel } from './logs-panel.tsx'
import { RunActions } from './run-actions.tsx'
import { StreamPanel } from './stream-panel.tsx'
import { Timeline } from './timeline.tsx'
import { UsagePanel } from './usage-panel.tsx'
import { useRun } from './use-run.ts'
import './task.css'

const deliveriesSchema = z.object({ items: z.array(deliveryViewSchema) })
const EVERY_MS = 3_000

export function TaskPage({ params }: PageProps) {
  const id = params.id ?? ''
  const { run, error, reload } = useRun(id)
  if (run === null) return <UnknownTask id={id} />
  if (run === undefined) {
    return (
      <Page title={text.task.title} lead={<code>{visible(id)}</code>}>
        {error ? <ErrorState error={error} onRetry={reload} /> : <Skeleton rows={8} />}
      </Page>
    )
  }
  return <KnownTask key={run.id} run={run} />
}

function KnownTask({ run }: { run: RunView }) {
  const name = functionWords(run)
  const deliveries = useDeliveries(run)
  return (
    <Page
      title={name}
      tabTitle={`${name} ${text.runStates[run.status]}`}
      state={<RunMark status={run.status} />}
      lead={<Lead run={run} />}
      actions={<RunActions run={run} />}
    >
      {run.error && (
        <div className="panel task-failure" role="note">
          <ToneMark tone="bad" />
          <p>
            <code>{visible(run.error.code)}</code> {visible(run.error.message)}
          </p>
        </div>
      )}
      <div className="task-grid">
        <div className="task-main">
          <ErrorBoundary>
            <Timeline run={run} deliveries={deliveries} />
          </ErrorBoundary>
          <ErrorBoundary>
            <ExplainPanel run={run} />
          </ErrorBoundary>
          <ErrorBoundary>
            <StreamPanel run={run} />
          </ErrorBoundary>
          <ErrorBoundary>
            <ContentPanel
              title={text.task.content.input}
              value={run.input}
              nothing={run.durable ? text.task.content.none : text.task.content.inMemory}
            />
          </ErrorBoundary>
          {(isFinal(run.status) || run.result !== null) && (
            <ErrorBoundary>
              <ContentPanel
                title={text.task.content.result}
                value={run.result}
                href={run.durable ? addressOfFile(run.id, 'result') : undefined}
                nothing={run.durable ? text.task.content.noResult : text.task.content.inMemory}
              />
            </ErrorBoundary>
          )}
          {run.durable && (
            <ErrorBoundary>
              <LogsPanel run={run} />
            </ErrorBoundary>
          )}
          <ErrorBoundary>
            <DeliveriesPanel run={run.id} deliveries={deliveries} />
          </ErrorBoundary>
        </div>
        <div className="task-side">
          <Facts run={run} />
          <ErrorBoundary>
            <FamilyPanel run={run} />
          </ErrorBoundary>
          <ErrorBoundary>
            <FilesPanel run={run} />
          </ErrorBoundary>
          <ErrorBoundary>
            <UsagePanel run={run} />
          </ErrorBoundary>
        </div>
      </div>
    </Page>
  )
}

function useDeliveries(run: RunView) {
  const isPending = run.webhook?.state === 'pending'
  const { data } = useGet({
    key: ['deliveries', run.id, run.webhook],
    path: `/runs/${encodeURIComponent(run.id)}/deliveries`,
    schema: deliveriesSchema,
    everyMs: isPending ? EVERY_MS : undefined,
    isEnabled: run.webhook !== null,
    keepsPrevious: true,
  })
  return data?.items ?? []
}

function Lead({ run }: { run: RunView }) {
  const words = text.task
  return (
    <span className="task-lead">
      <code>{visible(run.id)}</code>
      <Badge>{text.tasks.modes[run.mode]}</Badge>
      <Badge title={run.durable ? text.tasks.durableHint : words.inMemoryHint}>
        {run.durable ? text.tasks.durable : words.inMemory}
      </Badge>
    </span>
  )
}

function Facts({ run }: { run: RunView }) {
  const words = text.task.facts
  const metadata = Object.entries(run.metadata)
  return (
    <Panel title={words.title}>
      <KeyValues
        items={[
          {
            label: words.function,
            value: <Link to={paths.function(run.group, run.function)}>{visible(run.function)}</Link>,
          },
          {
            label: words.group,
            value: <Link to={withQuery(paths.runs(), { group: run.group })}>{visible(run.group)}</Link>,
          },
          { label: words.contract, value: run.contract === null ? text.unknown : String(run.contract) },
          {
            label: words.worker,
            value:
              run.worker === null ? (
                text.unknown
              ) : (
                <Link to={paths.worker(run.worker)}>{visible(run.worker)}</Link>
              ),
          },
          { label: words.priority, value: formatCount(run.priority) },
          { label: words.accepted, value: <Instant at={run.createdAt} isExact /> },
          run.scheduledFor !== null && { label: words.due, value: <Instant at={run.scheduledFor} /> },
          { label: words.waited, value: <Duration ms={run.queueMs} /> },
          { label: words.ran, value: <Duration ms={run.runMs} /> },
          { label: words.inAll, value: <Duration ms={run.latencyMs} /> },
        ]}
      />
      {metadata.length > 0 && (
        <>
          <h3 className="family-head">{words.metadata}</h3>
          <KeyValues
            items={metadata.map(([name, value]) => ({
              label: visible(name),
              value: visible(value),
              key: name,
            }))}
          />
        </>
      )}
    </Panel>
  )
}

/** It was, and is forgotten, or never was; its id tells when it would have come. */
function UnknownTask({ id }: { id: string }) {
  const words = text.task.unknown
  const acceptedMs = timeOfRun(id)
  return (
    <Page title={text.task.title} lead={<code>{visible(id)}</code>}>
      <Panel>
        <EmptyState
          title={acceptedMs === undefined ? words.noId : words.title}
          teach={
            acceptedMs !== undefined && (
              <>
                <p>
                  {words.accepted} <Instant at={acceptedMs} />
                </p>
                <p>{words.why}</p>
              </>
            )
          }
          actions={<ButtonLink to={paths.runs()}>{words.back}</ButtonLink>}
        />
      </Panel>
    </Page>
  )
}
