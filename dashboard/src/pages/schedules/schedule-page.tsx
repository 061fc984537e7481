/** `/dashboard/schedules/:id`: one schedule: its time, its rules, its next runs, how it went, and what it runs. */
import type { RunItem, ScheduleView } from '@berth/protocol'
import { ApiError } from '../../api/client.ts'
import { Badge } from '../../kit/badge.tsx'
import { Button } from '../../kit/button.tsx'
import { CopyMenu } from '../../kit/copy.tsx'
import { type Column, DataTable } from '../../kit/data-table.tsx'
import { JsonView } from '../../kit/json-view.tsx'
import { Link } from '../../kit/link.tsx'
import { RunMark } from '../../kit/marks.tsx'
import { ActionMenu } from '../../kit/menu.tsx'
import { useNavigate } from '../../kit/navigate.ts'
import { KeyValues, Page, Panel } from '../../kit/page.tsx'
import { EmptyState, ErrorState, Skeleton } from '../../kit/states.tsx'
import { Duration, Instant } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import type { PageProps } from '../../routes.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { useZone } from '../../shell/zone.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { NextRuns } from './next-runs.tsx'
import { OutcomeTicks, summaryOf, TickLegend } from './outcome-ticks.tsx'
import { curlOfSchedule, useScheduleMenu, useTrigger } from './schedule-actions.tsx'
import { useSchedule, useTicks } from './schedule-queries.ts'
import { sentenceOf } from './sentence.ts'
import './schedules.css'

const PAGE_AGAIN_MS = 3_000

export function SchedulePage({ params }: PageProps) {
  const id = params.id ?? ''
  const { data, error, refetch } = useSchedule(id)
  if (error && data === undefined) return <Missing id={id} error={error} onRetry={() => void refetch()} />
  if (data === undefined)
    return (
      <Page title={text.schedules.one}>
        <Skeleton rows={6} />
      </Page>
    )
  return <Schedule schedule={data} />
}

function Missing({ id, error, onRetry }: { id: string; error: Error; onRetry(): void }) {
  const isGone = error instanceof ApiError && error.status === 404
  return (
    <Page title={text.schedules.one}>
      {isGone ? (
        <EmptyState
          title={text.schedules.gone(visible(id))}
          teach={text.schedules.goneWhy}
          actions={<Link to={paths.schedules()}>{text.schedules.toAll}</Link>}
        />
      ) : (
        <ErrorState error={error} onRetry={onRetry} />
      )}
    </Page>
  )
}

function Schedule({ schedule }: { schedule: ScheduleView }) {
  const navigate = useNavigate()
  const [zone] = useZone()
  const { may, why } = useMayOperate()
  const trigger = useTrigger()
  const { itemsOf, dialog } = useScheduleMenu({ onDeleted: () => navigate(paths.schedules()) })
  const found = useTicks(schedule.id, PAGE_AGAIN_MS)
  const name = visible(schedule.function)
  return (
    <Page
      title={text.schedules.oneOf(name)}
      state={
        schedule.enabled ? (
          <Badge tone="ok" hasMark>
            {text.schedules.activeWord}
          </Badge>
        ) : (
          <Badge tone="held" hasMark>
            {text.schedules.pausedWord}
          </Badge>
        )
      }
      lead={sentenceOf(schedule, zone)}
      actions={
        <>
          <CopyMenu id={schedule.id} link={paths.schedule(schedule.id)} curl={curlOfSchedule(schedule.id)} />
          <Button
            icon="play"
            pending={trigger.isPending}
            disabledWhy={may ? undefined : why}
            onClick={() => void trigger.start(schedule)}
          >
            {text.schedules.runNow}
          </Button>
          <ActionMenu
            label={text.schedules.more}
            items={itemsOf(schedule).filter(({ label }) => label !== text.schedules.runNow)}
          />
        </>
      }
    >
      <div className="schedule-panels">
        <Panel title={text.schedules.nextFive}>
          <NextRuns instants={schedule.nextRuns} label={text.schedules.nextFive} />
        </Panel>
        <Facts schedule={schedule} />
        <Panel title={text.schedules.input}>
          <JsonView value={schedule.input ?? {}} label={text.schedules.input} maxHeight="220px" />
        </Panel>
      </div>
      <Panel
        title={text.schedules.outcomesHead}
        unit={found && found.ticks.length > 0 ? summaryOf(found.ticks) : undefined}
      >
        <OutcomeTicks ticks={found?.ticks} isLarge />
        {found && found.ticks.length > 0 && <TickLegend ticks={found.ticks} />}
      </Panel>
      <Panel
        title={text.schedules.runs}
        isFlush
        actions={
          <Link to={withQuery(paths.runs(), { schedule: schedule.id, range: '7d' })}>
            {text.schedules.allRuns}
          </Link>
        }
      >
        <DataTable<RunItem>
          label={text.schedules.runs}
          rows={found?.runs ?? []}
          columns={RUN_COLUMNS}
          rowId={(run) => run.id}
          onOpen={(run) => navigate(paths.run(run.id))}
          isLoading={found === undefined}
          empty={<EmptyState title={text.schedules.neverRan} />}
        />
      </Panel>
      <Passed schedule={schedule} />
      {dialog}
    </Page>
  )
}

function Facts({ schedule }: { schedule: ScheduleView }) {
  const { type, cron, timezone, overlap, missed, counts, waiting, createdAt, updatedAt, id } = schedule
  return (
    <Panel title={text.schedules.rules}>
      <KeyValues
        items={[
          {
            label: text.schedules.function,
            value: (
              <Link to={paths.function(schedule.group, schedule.function)}>
                {visible(`${schedule.group}/${schedule.function}`)}
              </Link>
            ),
          },
          type === 'cron' && { label: text.schedules.picker.cron, value: <code>{cron}</code> },
          type === 'cron' && { label: text.schedules.picker.zone, value: timezone ?? text.schedules.ownZone },
          { label: text.schedules.overlap, value: text.schedules.overlaps[overlap] },
          { label: text.schedules.missed, value: text.schedules.missedWords[missed] },
          {
            label: text.schedules.counts,
            value: text.schedules.countWords(counts.fired, counts.skipped, counts.missed, counts.refused),
          },
          waiting > 0 && { label: text.schedules.waitingLost, value: waiting },
          { label: text.schedules.createdAt, value: <Instant at={createdAt} /> },
          { label: text.schedules.updatedAt, value: <Instant at={updatedAt} /> },
          { label: text.schedules.id, value: <code>{id}</code> },
        ]}
      />
    </Panel>
  )
}

/** Instants that fired no run, with why. */
function Passed({ schedule: { history = [] } }: { schedule: ScheduleView }) {
  const passed = history.filter(({ outcome }) => outcome !== 'fired')
  if (passed.length === 0) return null
  return (
    <Panel title={text.schedules.passed}>
      <ul className="schedule-passed">
        {passed.map(({ scheduledFor, outcome, count, reason }) => (
          <li key={`${outcome} ${scheduledFor}`}>
            <Instant at={scheduledFor} /> <Badge tone="warn">{text.schedules.fires[outcome]}</Badge>
            {count > 1 && <span className="muted"> × {count}</span>} {reason === null ? '' : visible(reason)}
          </li>
        ))}
      </ul>
    </Panel>
  )
}

const RUN_COLUMNS: readonly Column<RunItem>[] = [
  {
    id: 'status',
    header: text.schedules.state,
    width: '130px',
    cell: ({ status }) => <RunMark status={status} />,
  },
  {
    id: 'for',
    header: text.schedules.scheduledFor,
    width: '190px',
    cell: ({ scheduledFor }) =>
      scheduledFor === null ? (
        <span className="muted">{text.schedules.byHand}</span>
      ) : (
        <Instant at={scheduledFor} />
      ),
  },
  {
    id: 'id',
    header: text.schedules.run,
    isWide: true,
    cell: ({ id }) => <Link to={paths.run(id)}>{id}</Link>,
  },
  {
    id: 'took',
    header: text.schedules.took,
    width: '110px',
    isNumber: true,
    cell: ({ runMs }) => <Duration ms={runMs} />,
  },
  {
    id: 'error',
    header: text.schedules.error,
    width: '260px',
    isMinor: true,
    cell: ({ error }) => (error === null ? '' : visible(error.message)),
  },
]
