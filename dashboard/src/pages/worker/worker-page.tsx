/** `/dashboard/workers/:id`: one worker, what it does and has done, and what can be done with it. */
import type { WorkerView } from '@berth/protocol'
import { lazy, memo, Suspense } from 'react'
import { ButtonLink } from '../../kit/button.tsx'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'
import { LogTail } from '../../kit/log-tail.tsx'
import { StateMark } from '../../kit/marks.tsx'
import { Page, Panel } from '../../kit/page.tsx'
import { EmptyState, ErrorState, Skeleton } from '../../kit/states.tsx'
import { paths } from '../../paths.ts'
import type { PageProps } from '../../routes.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { DrainPanel } from './drain-panel.tsx'
import { FunctionsCard } from './functions-card.tsx'
import { LinkCard } from './link-card.tsx'
import { RunningTasks } from './running-tasks.tsx'
import { SlotsCard, SystemCard, TagsCard } from './state-cards.tsx'
import { useWorkerDetail, type WorkerFacts } from './use-worker-detail.ts'
import { WorkerActions } from './worker-actions.tsx'
import { WorkerEvents } from './worker-events.tsx'
import { WorkerSince } from './worker-since.tsx'
import './worker.css'

// The page is drawn at every word of the feed; these change with what they read alone.
const Tasks = memo(RunningTasks)
const Events = memo(WorkerEvents)
const Log = memo(LogTail)
const WorkerCharts = lazy(async () => ({ default: (await import('./worker-charts.tsx')).WorkerCharts }))

export function WorkerPage({ params }: PageProps) {
  const id = params.id ?? ''
  const facts = useWorkerDetail(id)
  const { worker } = facts
  return (
    <Page
      title={visible(id)}
      state={worker && <StateMark state={worker.status} />}
      lead={worker && <WorkerSince worker={worker} link={facts.detail?.link} />}
      actions={worker && <WorkerActions worker={worker} />}
    >
      {worker === undefined ? (
        facts.error ? (
          <ErrorState error={facts.error} onRetry={facts.retry} />
        ) : (
          <Skeleton rows={6} />
        )
      ) : worker === null ? (
        <Unknown id={id} />
      ) : (
        <Whole worker={worker} facts={facts} />
      )}
    </Page>
  )
}

function Unknown({ id }: { id: string }) {
  const words = text.worker.unknown
  return (
    <Panel>
      <EmptyState
        title={words.title(visible(id))}
        teach={<p>{words.teach}</p>}
        actions={
          <>
            <ButtonLink to={paths.workers()}>{words.toWorkers}</ButtonLink>
            <ButtonLink to={paths.activity()}>{words.toActivity}</ButtonLink>
          </>
        }
      />
    </Panel>
  )
}

function Whole({ worker, facts }: { worker: WorkerView; facts: WorkerFacts }) {
  const { detail } = facts
  return (
    <div className="worker-page">
      <DrainPanel worker={worker} />
      <div className="worker-cards">
        <div>
          <SlotsCard worker={worker} />
          <TagsCard worker={worker} operatorTags={detail?.operatorTags ?? null} />
        </div>
        <div>
          <SystemCard worker={worker} />
          <ErrorBoundary>
            <FunctionsCard worker={worker} served={detail?.interface} />
          </ErrorBoundary>
        </div>
        <div>
          <ErrorBoundary>
            <LinkCard worker={worker} link={detail?.link} error={facts.error} />
          </ErrorBoundary>
        </div>
      </div>
      <ErrorBoundary>
        <Suspense fallback={<Skeleton rows={4} />}>
          <WorkerCharts worker={worker.id} />
        </Suspense>
      </ErrorBoundary>
      <ErrorBoundary>
        <Tasks worker={worker.id} />
      </ErrorBoundary>
      <ErrorBoundary>
        <Panel title={text.worker.log} className="worker-log">
          <Log
            source={`logs:${worker.id}`}
            label={text.worker.details.log(visible(worker.id))}
            fileName={`${fileNameOf(worker.id)}.txt`}
            isTitled
          />
        </Panel>
      </ErrorBoundary>
      <ErrorBoundary>
        <Events worker={worker.id} />
      </ErrorBoundary>
    </div>
  )
}

/** An id may hold `:` and `/`, which no file name takes. */
function fileNameOf(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9._-]+/g, '-')
}
