/**
 * `/dashboard/queue`: what waits, for each function and in the order in which it goes; pausing and resuming, changing
 * a priority, cancelling. State of the view: `?group=` (the shell's), `?show=all`.
 */
import { useState } from 'react'
import { z } from 'zod'
import { curlOf } from '../../api/client.ts'
import { WaitingByGroupChart } from '../../charts/fleet-stats.tsx'
import { ArrivalChart } from '../../charts/rate-stats.tsx'
import { Button } from '../../kit/button.tsx'
import { CopyMenu } from '../../kit/copy.tsx'
import { Page, Panel, Tile } from '../../kit/page.tsx'
import { Segmented } from '../../kit/segmented.tsx'
import { EmptyState, ErrorState, Skeleton } from '../../kit/states.tsx'
import { Age } from '../../kit/time.tsx'
import { useUrlState } from '../../kit/use-url-state.ts'
import { paths } from '../../paths.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { useGroup } from '../../shell/group.ts'
import { formatCount, formatDuration, formatRate } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { HeadTable } from './head-table.tsx'
import { LaneTable, type PauseTarget } from './lane-table.tsx'
import { PauseDialog, usePausing } from './pausing.tsx'
import './queue.css'
import { figuresOf, isBusy, type Queue, type QueueFigures, useQueue, type Waiting } from './queue-data.ts'
import { CancelDialog, PriorityDialog, useTaskActions } from './task-dialogs.tsx'

const words = text.queue
const viewSchema = z.object({ show: z.enum(['busy', 'all']).default('busy') })

type Asked =
  | { readonly kind: 'pause'; readonly target: PauseTarget }
  | { readonly kind: 'priority' | 'cancel'; readonly task: Waiting }

export function QueuePage() {
  const { group } = useGroup()
  const { data, error, refetch } = useQueue(group)
  if (!data) {
    return (
      <Page title={words.title}>
        {error ? <ErrorState error={error} onRetry={() => void refetch()} /> : <Skeleton rows={10} />}
      </Page>
    )
  }
  return <QueueView queue={data} group={group} />
}

function QueueView({ queue, group }: { queue: Queue; group: string | null }) {
  const [view, patch] = useUrlState(viewSchema)
  const { why } = useMayOperate()
  const [asked, setAsked] = useState<Asked | null>(null)
  const { pause, resume } = usePausing()
  const { prioritise, cancel } = useTaskActions()
  const figures = figuresOf(queue.lanes)
  const shown = view.show === 'all' ? queue.lanes : queue.lanes.filter(isBusy)
  const close = () => setAsked(null)
  const all = figures.hasMore ? words.atLeast(formatCount(queue.waiting)) : formatCount(queue.waiting)
  return (
    <Page
      title={words.title}
      lead={words.lead(queue.waiting, figures.waitingFunctions)}
      actions={
        <CopyMenu link={paths.queue()} curl={curlOf({ method: 'GET', path: '/queue', query: { group } })} />
      }
    >
      <Tiles queue={queue} figures={figures} all={all} />
      <Panel
        title={words.lanes.title}
        isFlush
        actions={
          <Segmented
            label={words.lanes.show}
            value={view.show}
            onChange={(show) => patch({ show: show === 'busy' ? null : show })}
            options={[
              { value: 'busy', label: words.lanes.busy },
              { value: 'all', label: words.lanes.all },
            ]}
          />
        }
      >
        {shown.length > 0 ? (
          <LaneTable
            lanes={shown}
            atMs={Date.parse(queue.at)}
            actions={{
              why,
              onPause: (target) => setAsked({ kind: 'pause', target }),
              onResume: (target, paused) => void resume.start(target, paused),
            }}
          />
        ) : queue.lanes.length > 0 ? (
          <EmptyState
            title={words.lanes.allBusy(figures.functions)}
            actions={<Button onClick={() => patch({ show: 'all' })}>{words.lanes.showAll}</Button>}
          />
        ) : (
          <EmptyState title={words.lanes.empty} teach={words.lanes.teach} />
        )}
      </Panel>
      <div className="queue-charts">
        <ArrivalChart group={group} />
        <WaitingByGroupChart />
      </div>
      <Panel title={words.head.title} unit={words.head.unit(queue.head.length, all)} isFlush>
        <HeadTable
          head={queue.head}
          why={why}
          onPrioritise={(task) => setAsked({ kind: 'priority', task })}
          onCancel={(task) => setAsked({ kind: 'cancel', task })}
        />
        {queue.head.length > 0 && <p className="queue-note muted">{words.head.ageNote}</p>}
      </Panel>
      {asked?.kind === 'pause' && (
        <PauseDialog
          target={asked.target}
          lanes={queue.lanes}
          onConfirm={(until) => pause.start(asked.target, until)}
          onClose={close}
        />
      )}
      {asked?.kind === 'priority' && (
        <PriorityDialog
          task={asked.task}
          head={queue.head}
          onConfirm={(priority, reason) => prioritise.start(asked.task, priority, reason)}
          onClose={close}
        />
      )}
      {asked?.kind === 'cancel' && (
        <CancelDialog
          task={asked.task}
          onConfirm={(reason) => cancel.start(asked.task, reason)}
          onClose={close}
        />
      )}
    </Page>
  )
}

function Tiles({ queue, figures, all }: { queue: Queue; figures: QueueFigures; all: string }) {
  const { tiles } = words
  const { oldestAt, arrivals, served, paused, functions } = figures
  const measured = (rate: number | null) => (rate === null ? tiles.measuring : undefined)
  return (
    <div className="tiles queue-tiles">
      <Tile label={tiles.waiting} value={all} />
      <Tile
        label={tiles.oldest}
        value={oldestAt === null ? text.unknown : <Age at={oldestAt} form="span" />}
      />
      <Tile
        label={tiles.arrivals}
        value={formatRate(arrivals)}
        unit={tiles.perSecond}
        detail={measured(arrivals)}
      />
      <Tile
        label={tiles.served}
        value={formatRate(served)}
        unit={tiles.perSecond}
        detail={measured(served)}
      />
      <ClearTile queue={queue} figures={figures} />
      <Tile
        label={tiles.paused}
        value={formatCount(paused)}
        unit={tiles.ofFunctions(functions)}
        tone={paused > 0 ? 'held' : undefined}
      />
    </div>
  )
}

function ClearTile({ queue, figures: { clearMs, doesGrow } }: { queue: Queue; figures: QueueFigures }) {
  const { tiles } = words
  if (queue.waiting === 0) return <Tile label={tiles.clear} value={text.unknown} detail={tiles.idle} />
  if (doesGrow) return <Tile label={tiles.clear} value={tiles.grows} detail={tiles.growsDetail} tone="warn" />
  return <Tile label={tiles.clear} value={formatDuration(clearMs)} />
}
