/** `/dashboard/schedules`: what runs by the clock, when next, how it went, and what to do about it. */
import type { ScheduleView } from '@berth/protocol'
import { useMemo } from 'react'
import { z } from 'zod'
import { curlOf } from '../../api/client.ts'
import { Badge } from '../../kit/badge.tsx'
import { Button } from '../../kit/button.tsx'
import { Chip } from '../../kit/chip.tsx'
import { CopyMenu } from '../../kit/copy.tsx'
import { type Column, DataTable } from '../../kit/data-table.tsx'
import { Link } from '../../kit/link.tsx'
import { type ActionItem, ActionMenu } from '../../kit/menu.tsx'
import { useNavigate } from '../../kit/navigate.ts'
import { Page, Panel } from '../../kit/page.tsx'
import { Segmented } from '../../kit/segmented.tsx'
import { EmptyByFilter, EmptyState, ErrorState } from '../../kit/states.tsx'
import { Instant } from '../../kit/time.tsx'
import { useUrlState } from '../../kit/use-url-state.ts'
import { paths } from '../../paths.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { useGroup } from '../../shell/group.ts'
import { useZone, type Zone } from '../../shell/zone.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { CalendarStrip } from './calendar-strip.tsx'
import { Until } from './next-runs.tsx'
import { OutcomeTicks } from './outcome-ticks.tsx'
import { useScheduleMenu } from './schedule-actions.tsx'
import { ScheduleDialog } from './schedule-dialog.tsx'
import { useSchedules, useTicks } from './schedule-queries.ts'
import { hasSentence, sentenceOf } from './sentence.ts'
import './schedules.css'

const addressSchema = z.object({
  show: z.enum(['active', 'paused']).optional(),
  function: z.string().max(256).optional(),
  /** A new one is being made. */
  make: z.string().optional(),
})
const ALL = 'all'
const ENABLED = { active: 'true', paused: 'false' } as const

export function SchedulesPage() {
  const [address, patch] = useUrlState(addressSchema)
  const { group } = useGroup()
  const { may, why } = useMayOperate()
  const navigate = useNavigate()
  const list = useSchedules({
    group: group ?? undefined,
    function: address.function,
    enabled: address.show && ENABLED[address.show],
  })
  const rows = useMemo(() => list.data?.pages.flatMap(({ items }) => items) ?? [], [list.data])
  const { itemsOf, dialog } = useScheduleMenu()
  const [zone] = useZone()
  const columns = useMemo(() => columnsOf(itemsOf, zone), [itemsOf, zone])
  const isNarrowed = address.show !== undefined || address.function !== undefined || group !== null
  const make = (
    <Button
      kind="primary"
      icon="plus"
      disabledWhy={may ? undefined : why}
      onClick={() => patch({ make: '1' })}
    >
      {text.schedules.make}
    </Button>
  )
  return (
    <Page
      title={text.schedules.title}
      lead={rows.length > 0 ? text.schedules.lead(rows.length, list.hasNextPage) : undefined}
      actions={
        <>
          <CopyMenu link={paths.schedules()} curl={curlOf({ method: 'GET', path: '/schedules' })} />
          {make}
        </>
      }
    >
      <CalendarStrip group={group} />
      <Panel isFlush>
        <div className="schedules-bar">
          <Segmented
            label={text.schedules.show}
            value={address.show ?? ALL}
            onChange={(show) => patch({ show: show === ALL ? null : show })}
            options={[
              { value: ALL, label: text.schedules.shows.all },
              { value: 'active', label: text.schedules.shows.active },
              { value: 'paused', label: text.schedules.shows.paused },
            ]}
          />
          {address.function !== undefined && (
            <Chip
              name={text.schedules.function}
              value={address.function}
              onRemove={() => patch({ function: null })}
            />
          )}
        </div>
        {list.error && rows.length === 0 ? (
          <ErrorState error={list.error} onRetry={() => void list.refetch()} />
        ) : (
          <DataTable<ScheduleView>
            label={text.schedules.title}
            rows={rows}
            columns={columns}
            rowId={idOf}
            rowHeight={44}
            onOpen={(schedule) => navigate(paths.schedule(schedule.id))}
            isLoading={list.isPending}
            rowTone={(schedule) => (schedule.enabled ? undefined : 'muted')}
            empty={
              isNarrowed ? (
                <EmptyByFilter
                  what={text.schedules.nothingMatches}
                  onClear={() => patch({ show: null, function: null })}
                />
              ) : (
                <EmptyState title={text.schedules.empty} teach={text.schedules.teach} actions={make} />
              )
            }
          />
        )}
        {list.hasNextPage && (
          <div className="schedules-more">
            <Button pending={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
              {text.schedules.older}
            </Button>
          </div>
        )}
      </Panel>
      {address.make !== undefined && (
        <ScheduleDialog group={group ?? undefined} onClose={() => patch({ make: null }, { replace: true })} />
      )}
      {dialog}
    </Page>
  )
}

const idOf = ({ id }: ScheduleView) => id

function columnsOf(
  itemsOf: (schedule: ScheduleView) => readonly ActionItem[],
  zone: Zone,
): readonly Column<ScheduleView>[] {
  return [
    {
      id: 'function',
      header: text.schedules.function,
      width: '190px',
      cell: (schedule) => (
        <span className="schedule-name">
          <Link to={paths.schedule(schedule.id)}>{visible(schedule.function)}</Link>
          <span className="muted">{visible(schedule.group)}</span>
        </span>
      ),
    },
    {
      id: 'when',
      header: text.schedules.when,
      isWide: true,
      cell: (schedule) => <When schedule={schedule} zone={zone} />,
    },
    {
      id: 'next',
      header: text.schedules.next,
      width: '170px',
      cell: (schedule) => <Next schedule={schedule} />,
    },
    {
      id: 'outcomes',
      header: text.schedules.outcomesHead,
      width: '260px',
      isMinor: true,
      cell: ({ id }) => <Ticks id={id} />,
    },
    {
      id: 'rules',
      header: text.schedules.rules,
      width: '190px',
      isMinor: true,
      cell: ({ overlap, missed }) => (
        <span className="muted">
          {text.schedules.overlapsShort[overlap]}, {text.schedules.missedShort[missed]}
        </span>
      ),
    },
    {
      id: 'actions',
      header: '',
      headerText: text.schedules.actions,
      width: '52px',
      cell: (schedule) => (
        <ActionMenu
          label={text.schedules.actionsOf(visible(schedule.function))}
          items={itemsOf(schedule)}
          kind="quiet"
          isIconOnly
        />
      ),
    },
  ]
}

export function When({ schedule, zone }: { schedule: ScheduleView; zone: Zone }) {
  return (
    <span className="schedule-when">
      {hasSentence(schedule) ? <span>{sentenceOf(schedule, zone)}</span> : <code>{schedule.cron}</code>}
      {schedule.type === 'cron' && (
        <span className="muted">
          {hasSentence(schedule) && <code>{schedule.cron}</code>}{' '}
          {schedule.timezone ?? text.schedules.ownZone}
        </span>
      )}
    </span>
  )
}

function Next({ schedule: { enabled, nextRunAt, waiting } }: { schedule: ScheduleView }) {
  if (!enabled) return <Badge tone="held">{text.schedules.pausedWord}</Badge>
  if (nextRunAt === null) return <span className="unknown">{text.schedules.noNext}</span>
  return (
    <span className="schedule-when schedule-next">
      <Instant at={nextRunAt} />
      <span className="muted">
        <Until at={nextRunAt} />
        {waiting > 0 && ` · ${text.schedules.waitingShort(waiting)}`}
      </span>
    </span>
  )
}

function Ticks({ id }: { id: string }) {
  const found = useTicks(id)
  return <OutcomeTicks ticks={found?.ticks} />
}
