/**
 * Picks the time of a schedule: every so many minutes, hourly, daily, weekly, monthly, an interval, once, or a cron
 * expression of one's own. It writes the expression and shows the next runs as the balancer counts them.
 */

import { wordsOfError } from '../../api/use-action.ts'
import { Field } from '../../kit/field.tsx'
import { Segmented } from '../../kit/segmented.tsx'
import { Select } from '../../kit/select.tsx'
import { text } from '../../text/text.ts'
import { NextRuns } from './next-runs.tsx'
import { cronIn, HOUR_STEPS, MINUTE_STEPS, PICKER_KINDS, type PickerState, termsOf } from './picker-state.ts'
import { usePreview } from './schedule-queries.ts'
import { dayName, sentenceOf } from './sentence.ts'

interface Props {
  readonly value: PickerState
  onChange(next: PickerState): void
  /** What it fires now; shown beside what it will fire. */
  readonly before?: readonly string[] | undefined
}

type Change = (changes: Partial<PickerState>) => void

/** Monday first. */
const DAYS = [1, 2, 3, 4, 5, 6, 0]

export function SchedulePicker({ value, onChange, before }: Props) {
  const change: Change = (changes) => onChange({ ...value, ...changes })
  return (
    <div className="picker">
      <Segmented
        label={text.schedules.picker.kind}
        value={value.kind}
        onChange={(kind) => change({ kind })}
        options={PICKER_KINDS.map((kind) => ({ value: kind, label: text.schedules.picker.kinds[kind] }))}
      />
      <div className="picker-fields">
        <Fields value={value} change={change} />
      </div>
      <Outcome value={value} before={before} />
    </div>
  )
}

function Fields({ value, change }: { value: PickerState; change: Change }) {
  const words = text.schedules.picker
  switch (value.kind) {
    case 'minutes':
      return (
        <Select
          label={words.every}
          prefix={words.every}
          value={value.everyMinutes}
          onChange={(everyMinutes) => change({ everyMinutes })}
          options={MINUTE_STEPS.map((n) => ({ value: n as string, label: words.minutes(n) }))}
        />
      )
    case 'hourly':
      return (
        <>
          <Select
            label={words.every}
            prefix={words.every}
            value={value.everyHours}
            onChange={(everyHours) => change({ everyHours })}
            options={HOUR_STEPS.map((n) => ({ value: n as string, label: words.hours(n) }))}
          />
          <Text
            label={words.atMinute}
            value={value.minute}
            onChange={(minute) => change({ minute })}
            isNumber
          />
          <Zone value={value} change={change} />
        </>
      )
    case 'weekly':
      return (
        <>
          <Days value={value} change={change} />
          <Time value={value} change={change} />
          <Zone value={value} change={change} />
        </>
      )
    case 'monthly':
      return (
        <>
          <Text
            label={words.dayOfMonth}
            value={value.day}
            onChange={(day) => change({ day })}
            hint={Number(value.day) > 28 ? words.shortMonths : undefined}
            isNumber
          />
          <Time value={value} change={change} />
          <Zone value={value} change={change} />
        </>
      )
    case 'interval':
      return (
        <Text
          label={words.seconds}
          value={value.seconds}
          onChange={(seconds) => change({ seconds })}
          hint={words.intervalHint}
          isNumber
        />
      )
    case 'delay':
      return <Text label={words.delay} value={value.delay} onChange={(delay) => change({ delay })} isNumber />
    case 'once':
      return (
        <Field label={words.date} hint={words.dateHint}>
          {(wired) => (
            <input
              {...wired}
              type="datetime-local"
              step="1"
              className="field"
              value={value.date}
              onChange={(event) => change({ date: event.target.value })}
            />
          )}
        </Field>
      )
    case 'cron':
      return (
        <>
          <Text
            label={words.cron}
            value={value.cron}
            onChange={(cron) => change({ cron })}
            hint={words.cronHint}
          />
          <Zone value={value} change={change} />
        </>
      )
    case 'daily':
      return (
        <>
          <Time value={value} change={change} />
          <Zone value={value} change={change} />
        </>
      )
  }
}

interface TextProps {
  readonly label: string
  readonly value: string
  readonly hint?: string | undefined
  readonly isNumber?: boolean
  onChange(value: string): void
}

function Text({ label, value, hint, isNumber, onChange }: TextProps) {
  return (
    <Field label={label} hint={hint}>
      {(wired) => (
        <input
          {...wired}
          className={isNumber ? 'field picker-number' : 'field picker-cron'}
          inputMode={isNumber ? 'numeric' : undefined}
          spellCheck={false}
          autoComplete="off"
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  )
}

function Time({ value, change }: { value: PickerState; change: Change }) {
  return (
    <Field label={text.schedules.picker.time}>
      {(wired) => (
        <input
          {...wired}
          type="time"
          className="field"
          value={value.time}
          onChange={(event) => change({ time: event.target.value.slice(0, 5) })}
        />
      )}
    </Field>
  )
}

function Days({ value: { days }, change }: { value: PickerState; change: Change }) {
  const turn = (day: number) =>
    change({ days: days.includes(day) ? days.filter((one) => one !== day) : [...days, day] })
  return (
    <fieldset className="picker-days">
      <legend>{text.schedules.picker.days}</legend>
      {DAYS.map((day) => (
        <label key={day} className="picker-day">
          <input
            type="checkbox"
            checked={days.includes(day)}
            onChange={() => turn(day)}
            aria-label={dayName(day)}
          />
          <span aria-hidden="true">{dayName(day, 'short')}</span>
        </label>
      ))}
    </fieldset>
  )
}

/** Empty is the balancer's own. */
function Zone({ value, change }: { value: PickerState; change: Change }) {
  return (
    <Field label={text.schedules.picker.zone} hint={text.schedules.picker.zoneHint}>
      {(wired) => (
        <>
          <input
            {...wired}
            className="field"
            list="schedule-zones"
            autoComplete="off"
            spellCheck={false}
            value={value.timezone}
            placeholder={text.schedules.picker.ownZone}
            onChange={(event) => change({ timezone: event.target.value.trim() })}
          />
          <datalist id="schedule-zones">
            {ZONES.map((zone) => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  )
}

const ZONES: readonly string[] = ['UTC', ...Intl.supportedValuesOf('timeZone')]

function Outcome({ value, before }: Pick<Props, 'value' | 'before'>) {
  const terms = termsOf(value)
  const { nextRuns, error } = usePreview(terms)
  const cron = cronIn(value)
  return (
    <div className="picker-outcome">
      <p aria-live="polite">
        {terms === null ? (
          <span className="muted">{text.schedules.picker.incomplete}</span>
        ) : (
          <strong>{sentenceOf(terms)}</strong>
        )}{' '}
        {cron !== null && terms?.type === 'cron' && <code className="picker-expression">{cron}</code>}
      </p>
      {error && terms !== null ? (
        <p className="form-error" role="alert">
          {wordsOfError(error).detail}
        </p>
      ) : (
        <div className="picker-runs">
          {before !== undefined && (
            <div>
              <h3>{text.schedules.nextBefore}</h3>
              <NextRuns instants={before} label={text.schedules.nextBefore} />
            </div>
          )}
          {nextRuns && (
            <div>
              <h3>{before === undefined ? text.schedules.nextFive : text.schedules.nextAfter}</h3>
              <NextRuns
                instants={nextRuns}
                label={before === undefined ? text.schedules.nextFive : text.schedules.nextAfter}
              />
            </div>
          )}
        </div>
      )}
    </div>
  )
}
