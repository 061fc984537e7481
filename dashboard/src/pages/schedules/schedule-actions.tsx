/** What can be done to a schedule: run it now, pause and resume it (undone), change it, delete it, make one. */
import type { ScheduleView } from '@berth/protocol'
import { useState } from 'react'
import { curlOf, request } from '../../api/client.ts'
import { type Action, useAction } from '../../api/use-action.ts'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import type { ActionItem } from '../../kit/menu.tsx'
import { useMayOperate } from '../../session/use-me.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { ScheduleDialog } from './schedule-dialog.tsx'
import { SCHEDULE_READS } from './schedule-queries.ts'
import { sentenceOf } from './sentence.ts'

const addressOf = (id: string, rest = '') => `/schedules/${encodeURIComponent(id)}${rest}`

export const curlOfSchedule = (id: string) => curlOf({ method: 'GET', path: addressOf(id) })

export function useTrigger(): Action<[ScheduleView], { runId: string }> {
  return useAction<[ScheduleView], { runId: string }>({
    run: ({ id }: ScheduleView) => request<{ runId: string }>('POST', addressOf(id, '/trigger')),
    title: (_answer, schedule) => text.schedules.triggered(visible(schedule.function)),
    detail: ({ runId }) => runId,
    undo: ({ runId }) => request('POST', `/runs/${encodeURIComponent(runId)}/cancel`),
    failed: text.schedules.triggerFailed,
    invalidates: SCHEDULE_READS,
  })
}

export function useSwitch(): Action<[ScheduleView, boolean], ScheduleView> {
  const set = (id: string, enabled: boolean) =>
    request<ScheduleView>('PATCH', addressOf(id), { body: { enabled } })
  return useAction({
    run: ({ id }: ScheduleView, enabled: boolean) => set(id, enabled),
    title: (_answer, schedule, enabled) =>
      enabled
        ? text.schedules.resumed(visible(schedule.function))
        : text.schedules.paused(visible(schedule.function)),
    undo: (_answer, { id }, enabled) => set(id, !enabled),
    failed: text.schedules.switchFailed,
    invalidates: SCHEDULE_READS,
  })
}

/** One that has fired once and for all can only be given another time. */
export function isOver({ type, enabled, nextRunAt, counts }: ScheduleView): boolean {
  return (type === 'delayed' || type === 'scheduled') && !enabled && nextRunAt === null && counts.fired > 0
}

interface Opened {
  readonly what: 'edit' | 'delete'
  readonly schedule: ScheduleView
}

/** The entries of a schedule's menu, and the dialog that one of them has opened. */
export function useScheduleMenu({ onDeleted }: { onDeleted?(): void } = {}) {
  const [opened, setOpened] = useState<Opened | null>(null)
  const { may, why } = useMayOperate()
  const trigger = useTrigger()
  const turn = useSwitch()
  const no = may ? undefined : why
  const itemsOf = (schedule: ScheduleView): readonly ActionItem[] => [
    { label: text.schedules.runNow, icon: 'play', disabledWhy: no, run: () => void trigger.start(schedule) },
    schedule.enabled
      ? {
          label: text.schedules.pause,
          icon: 'pause',
          disabledWhy: no,
          run: () => void turn.start(schedule, false),
        }
      : {
          label: text.schedules.resume,
          icon: 'play',
          disabledWhy: no ?? (isOver(schedule) ? text.schedules.isOver : undefined),
          run: () => void turn.start(schedule, true),
        },
    {
      label: text.schedules.edit,
      icon: 'edit',
      disabledWhy: no,
      run: () => setOpened({ what: 'edit', schedule }),
    },
    {
      label: text.schedules.delete,
      icon: 'bin',
      tone: 'bad',
      isApart: true,
      disabledWhy: no,
      run: () => setOpened({ what: 'delete', schedule }),
    },
  ]
  const close = () => setOpened(null)
  const dialog =
    opened === null ? null : opened.what === 'edit' ? (
      <ScheduleDialog schedule={opened.schedule} onClose={close} />
    ) : (
      <DeleteDialog schedule={opened.schedule} onClose={close} onDeleted={onDeleted} />
    )
  return { itemsOf, dialog }
}

interface DeleteProps {
  readonly schedule: ScheduleView
  onClose(): void
  onDeleted?: (() => void) | undefined
}

function DeleteDialog({ schedule, onClose, onDeleted }: DeleteProps) {
  const { id, nextRuns, counts, waiting } = schedule
  const remove = useAction({
    run: (reason: string) => request('DELETE', addressOf(id), { reason }),
    title: text.schedules.deleted(visible(schedule.function)),
    failed: text.schedules.deleteFailed,
    invalidates: SCHEDULE_READS,
    onDone: () => onDeleted?.(),
  })
  return (
    <ConfirmDialog
      title={text.schedules.deleteTitle(visible(schedule.function))}
      tone="bad"
      reason="required"
      typeToConfirm={schedule.function}
      confirmLabel={text.schedules.delete}
      equivalent={curlOf({ method: 'DELETE', path: addressOf(id) })}
      facts={[
        { label: text.schedules.when, value: sentenceOf(schedule) },
        {
          label: text.schedules.nextWillNot,
          value: nextRuns.length === 0 ? text.schedules.noNext : nextRuns.length,
        },
        { label: text.schedules.waitingLost, value: waiting, tone: waiting > 0 ? 'warn' : undefined },
        { label: text.schedules.runsStay, value: counts.fired },
      ]}
      onConfirm={(reason) => remove.start(reason)}
      onClose={onClose}
    >
      <p>{text.schedules.deleteWarning}</p>
    </ConfirmDialog>
  )
}
