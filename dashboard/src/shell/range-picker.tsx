/** The time range of the page: named ranges that move with the clock, or two instants that stand still. */
import { type FormEvent, useState } from 'react'
import { Button } from '../kit/button.tsx'
import { Field } from '../kit/field.tsx'
import { Icon } from '../kit/marks.tsx'
import { Popover } from '../kit/popover.tsx'
import { text } from '../text/text.ts'
import { RANGES, useRange } from './range.ts'
import { useZone, type Zone } from './zone.ts'

export function RangePicker() {
  const range = useRange()
  const words = text.shell.range
  return (
    <Popover
      label={words.title}
      trigger={
        <button type="button" className="button top-bar-range" title={words.title}>
          <Icon name="clock" />
          <span className="only-heard">{words.title}: </span>
          <span className="top-bar-range-words">{range.label}</span>
          <Icon name="down" />
        </button>
      }
      placement="bottom-end"
    >
      {(close) => (
        <div className="range-box">
          <div className="range-names">
            {RANGES.map((name) => (
              <button
                key={name}
                type="button"
                className="button"
                aria-pressed={range.name === name}
                onClick={() => {
                  range.set(name)
                  close()
                }}
              >
                {words.last[name]}
              </button>
            ))}
          </div>
          <CustomRange
            fromMs={range.fromMs}
            toMs={range.toMs}
            onApply={(fromMs, toMs) => {
              range.set({ fromMs, toMs })
              close()
            }}
          />
        </div>
      )}
    </Popover>
  )
}

interface CustomProps {
  readonly fromMs: number
  readonly toMs: number
  onApply(fromMs: number, toMs: number): void
}

function CustomRange({ fromMs, toMs, onApply }: CustomProps) {
  const [zone] = useZone()
  const [from, setFrom] = useState(() => toInput(fromMs, zone))
  const [to, setTo] = useState(() => toInput(toMs, zone))
  const words = text.shell.range
  const isWrong = !(fromInput(from, zone) < fromInput(to, zone))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!isWrong) onApply(fromInput(from, zone), fromInput(to, zone))
  }
  return (
    <form className="range-custom" onSubmit={submit}>
      <Field label={`${words.from} (${text.shell.zones[zone]})`}>
        {(wired) => (
          <input
            className="field"
            type="datetime-local"
            step={1}
            {...wired}
            value={from}
            onChange={(event) => setFrom(event.target.value)}
          />
        )}
      </Field>
      <Field label={`${words.to} (${text.shell.zones[zone]})`} error={isWrong && words.wrong}>
        {(wired) => (
          <input
            className="field"
            type="datetime-local"
            step={1}
            {...wired}
            value={to}
            onChange={(event) => setTo(event.target.value)}
          />
        )}
      </Field>
      <Button type="submit" kind="primary" disabledWhy={isWrong && words.wrong}>
        {words.apply}
      </Button>
    </form>
  )
}

/** As a `datetime-local` field has it: no zone, whole seconds. */
export function toInput(ms: number, zone: Zone): string {
  const shifted = zone === 'utc' ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000
  return new Date(shifted).toISOString().slice(0, 19)
}

/** NaN for what is no instant. */
export function fromInput(value: string, zone: Zone): number {
  return Date.parse(zone === 'utc' ? `${value}Z` : value)
}
