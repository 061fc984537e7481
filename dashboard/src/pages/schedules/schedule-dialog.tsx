/**
 * Makes a schedule or changes one: what is run with which input, when, and what becomes of instants that meet a run
 * under way or a balancer that was down. Opened from the page, and from a function's own menu with its name.
 */
import type { ScheduleView } from '@berth/protocol'
import { type FormEvent, useState } from 'react'
import { curlOf, request } from '../../api/client.ts'
import { useAction } from '../../api/use-action.ts'
import { Button } from '../../kit/button.tsx'
import { Equivalent } from '../../kit/confirm.tsx'
import { Dialog } from '../../kit/dialog.tsx'
import { Field } from '../../kit/field.tsx'
import { Select } from '../../kit/select.tsx'
import { useMayOperate } from '../../session/use-me.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { useFunctions } from '../invoke/parts/functions-data.ts'
import { emptyPicker, pickerOf } from './picker-state.ts'
import { bodyOf, type Draft, draftOf, type ScheduleBody, termsIn } from './schedule-draft.ts'
import { SchedulePicker } from './schedule-picker.tsx'
import { SCHEDULE_READS, useSchedule } from './schedule-queries.ts'
import './schedules.css'

export interface ScheduleDialogProps {
  /** What is to be run; asked for where it is not given. */
  readonly group?: string
  readonly name?: string
  readonly input?: unknown
  /** One that is to be changed, instead of a new one. */
  readonly schedule?: ScheduleView
  onClose(): void
  onMade?(schedule: ScheduleView): void
}

const OVERLAPS = ['skip', 'queue', 'allow'] as const
const MISSED = ['skip', 'once'] as const

export function ScheduleDialog(props: ScheduleDialogProps) {
  const { schedule, onClose } = props
  // A list leaves the input out.
  if (schedule === undefined || 'input' in schedule) return <Form {...props} />
  return <WithInput id={schedule.id} {...props} onClose={onClose} />
}

function WithInput({ id, ...props }: ScheduleDialogProps & { id: string }) {
  const { data } = useSchedule(id)
  return data === undefined ? null : <Form {...props} schedule={data} />
}

function Form({ group, name, input, schedule, onClose, onMade }: ScheduleDialogProps) {
  const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone
  const [picker, setPicker] = useState(() => (schedule ? pickerOf(schedule) : emptyPicker(browserZone)))
  const [draft, setDraft] = useState<Draft>(() => draftOf({ group, name, input, schedule }))
  const { may, why } = useMayOperate()
  const change = (changes: Partial<Draft>) => setDraft({ ...draft, ...changes })
  const read = bodyOf(draft, picker, schedule)
  const save = useSave(schedule)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (!read.ok) return
    const saved = await save.start(read.body, draft.reason)
    if (saved === undefined) return
    onMade?.(saved)
    onClose()
  }
  const words = text.schedules
  const title = schedule
    ? words.editTitle(visible(schedule.function))
    : name === undefined
      ? words.makeTitle
      : words.makeTitleOf(visible(name))
  const path = schedule ? `/schedules/${encodeURIComponent(schedule.id)}` : '/schedules'
  return (
    <Dialog title={title} onClose={onClose} size="wide" isSticky>
      <form className="schedule-form" onSubmit={(event) => void submit(event)}>
        {name === undefined && schedule === undefined && <FunctionFields draft={draft} change={change} />}
        <SchedulePicker value={picker} onChange={setPicker} before={schedule?.nextRuns} />
        <Field
          label={words.input}
          hint={words.inputHint}
          error={!read.ok && read.wrong === 'input' ? words.inputWrong : undefined}
        >
          {(wired) => (
            <textarea
              {...wired}
              className="field schedule-input"
              rows={4}
              spellCheck={false}
              value={draft.input}
              onChange={(event) => change({ input: event.target.value })}
            />
          )}
        </Field>
        <div className="schedule-policies">
          <Field label={words.overlap} hint={words.overlapHints[draft.overlap]}>
            {({ id }) => (
              <Select
                id={id}
                label={words.overlap}
                value={draft.overlap}
                onChange={(overlap) => change({ overlap })}
                options={OVERLAPS.map((one) => ({ value: one, label: words.overlaps[one] }))}
              />
            )}
          </Field>
          <Field label={words.missed} hint={words.missedHints[draft.missed]}>
            {({ id }) => (
              <Select
                id={id}
                label={words.missed}
                value={draft.missed}
                onChange={(missed) => change({ missed })}
                options={MISSED.map((one) => ({ value: one, label: words.missedWords[one] }))}
              />
            )}
          </Field>
          <Field label={text.kit.confirm.reasonOptional}>
            {(wired) => (
              <input
                {...wired}
                className="field"
                maxLength={500}
                autoComplete="off"
                value={draft.reason}
                onChange={(event) => change({ reason: event.target.value })}
              />
            )}
          </Field>
        </div>
        {read.ok && (
          <Equivalent command={curlOf({ method: schedule ? 'PATCH' : 'POST', path, body: read.body })} />
        )}
        <div className="dialog-actions">
          <Button onClick={onClose}>{text.kit.cancel}</Button>
          <Button
            type="submit"
            kind="primary"
            pending={save.isPending}
            disabledWhy={may ? !read.ok && words.wrong[read.wrong] : why}
          >
            {schedule ? words.save : words.make}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function FunctionFields({ draft, change }: { draft: Draft; change(changes: Partial<Draft>): void }) {
  const { data } = useFunctions()
  const items = data?.items ?? []
  const groups = [...new Set(items.map((item) => item.group))]
  const names = [...new Set(items.filter((item) => item.group === draft.group).map((item) => item.name))]
  return (
    <div className="schedule-policies">
      <Field label={text.schedules.function} isRequired>
        {(wired) => (
          <>
            <input
              {...wired}
              className="field"
              list="schedule-functions"
              autoComplete="off"
              spellCheck={false}
              value={draft.function}
              onChange={(event) => change({ function: event.target.value.trim() })}
            />
            <datalist id="schedule-functions">
              {names.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          </>
        )}
      </Field>
      <Field label={text.schedules.group}>
        {(wired) => (
          <>
            <input
              {...wired}
              className="field"
              list="schedule-groups"
              autoComplete="off"
              spellCheck={false}
              value={draft.group}
              onChange={(event) => change({ group: event.target.value.trim() })}
            />
            <datalist id="schedule-groups">
              {groups.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          </>
        )}
      </Field>
    </div>
  )
}

/** A change is taken back by giving what was there. */
function useSave(schedule: ScheduleView | undefined) {
  const path = schedule && `/schedules/${encodeURIComponent(schedule.id)}`
  return useAction<[ScheduleBody, string], ScheduleView>({
    run: (body: ScheduleBody, reason: string) =>
      path === undefined
        ? request<ScheduleView>('POST', '/schedules', { body, reason })
        : request<ScheduleView>('PATCH', path, { body, reason }),
    title: (made) =>
      schedule ? text.schedules.changed(visible(made.function)) : text.schedules.made(visible(made.function)),
    undo: (made: ScheduleView) =>
      schedule && path
        ? request('PATCH', path, { body: { ...termsIn(schedule), ...rulesOf(schedule) } })
        : request('DELETE', `/schedules/${encodeURIComponent(made.id)}`),
    failed: schedule ? text.schedules.changeFailed : text.schedules.makeFailed,
    invalidates: SCHEDULE_READS,
  })
}

function rulesOf({ overlap, missed, input, enabled }: ScheduleView) {
  return { overlap, missed, input, enabled }
}
