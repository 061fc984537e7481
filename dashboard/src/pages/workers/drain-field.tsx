/** By when what runs has to end: presets, or a span such as `1h30m`; what cannot be read says why. */
import { useState } from 'react'
import { Field } from '../../kit/field.tsx'
import { Segmented } from '../../kit/segmented.tsx'
import { formatDuration } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { readSpan } from './span-text.ts'
import './drain-field.css'

const PRESETS_MS = [300_000, 900_000, 3_600_000] as const
/** Chosen to begin with. */
export const DEFAULT_DEADLINE_MS = 900_000

export interface DeadlineChoice {
  /** Null: no deadline, what runs ends when it ends. */
  readonly ms: number | null
  readonly error: string | null
}

interface Props {
  readonly value: DeadlineChoice
  onChange(next: DeadlineChoice): void
}

interface SpanProps extends Props {
  readonly label: string
  /** Below, with a span chosen and without one. */
  readonly hint: string
  readonly noneHint: string
}

type Choice = 'none' | 'other' | `${(typeof PRESETS_MS)[number]}`

/** How long what runs on a drained worker has. */
export function DeadlineField(props: Props) {
  const { deadline, hint, noneHint } = text.workers.drain
  return <SpanField {...props} label={deadline} hint={hint} noneHint={noneHint} />
}

export function SpanField({ value, onChange, label, hint, noneHint }: SpanProps) {
  const [choice, setChoice] = useState<Choice>(() => choiceOf(value.ms))
  const [written, setWritten] = useState('')
  const words = text.workers.drain
  const choose = (next: Choice) => {
    setChoice(next)
    if (next === 'none') onChange({ ms: null, error: null })
    else if (next === 'other') onChange(readChoice(written))
    else onChange({ ms: Number(next), error: null })
  }
  return (
    <div className="deadline">
      <span className="form-label">{label}</span>
      <Segmented<Choice>
        label={label}
        value={choice}
        onChange={choose}
        options={[
          ...PRESETS_MS.map((ms): { value: Choice; label: string } => ({
            value: `${ms}`,
            label: formatDuration(ms),
          })),
          { value: 'other', label: words.other },
          { value: 'none', label: words.none },
        ]}
      />
      {choice === 'other' && (
        <Field
          label={words.span}
          hint={words.spanHint}
          error={written.trim() === '' ? undefined : (value.error ?? undefined)}
        >
          {(wired) => (
            <input
              className="field"
              {...wired}
              value={written}
              autoComplete="off"
              spellCheck={false}
              placeholder="1h30m"
              onChange={(event) => {
                setWritten(event.target.value)
                onChange(readChoice(event.target.value))
              }}
            />
          )}
        </Field>
      )}
      <p className="form-hint">{value.ms === null ? noneHint : hint}</p>
    </div>
  )
}

function choiceOf(ms: number | null): Choice {
  const preset = PRESETS_MS.find((one) => one === ms)
  return ms === null ? 'none' : preset ? `${preset}` : 'other'
}

function readChoice(written: string): DeadlineChoice {
  const read = readSpan(written)
  if (read.ok) return { ms: read.ms, error: null }
  return { ms: null, error: text.workers.drain.errors[read.why](read.part) }
}
