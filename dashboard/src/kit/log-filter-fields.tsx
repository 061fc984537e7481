/** Level and text of log lines as two fields; the text counts when nothing was typed for a moment. */
import { LOG_LEVELS, type LogLevel, type LogQuery } from '@berth/protocol'
import { useEffect, useState } from 'react'
import { text } from '../text/text.ts'
import { Select } from './select.tsx'

export interface LogTextFilter {
  readonly level: LogLevel
  readonly text: string
}

const TYPING_MS = 300

/** A filter can only narrow what the query means. */
export function withTextFilter(query: LogQuery, filter: LogTextFilter): LogQuery {
  const level =
    LOG_LEVELS.indexOf(filter.level) > LOG_LEVELS.indexOf(query.level) ? filter.level : query.level
  const words = filter.text.trim()
  return words === '' ? { ...query, level } : { ...query, level, text: words }
}

interface Props {
  readonly filter: LogTextFilter
  onChange(filter: LogTextFilter): void
}

export function LogFilterFields({ filter, onChange }: Props) {
  return (
    <>
      <LevelSelect level={filter.level} onChange={(level) => onChange({ ...filter, level })} />
      <TypedField
        label={text.logs.tail.filter}
        value={filter.text}
        onChange={(words) => onChange({ ...filter, text: words })}
      />
    </>
  )
}

export function LevelSelect({ level, onChange }: { level: LogLevel; onChange(level: LogLevel): void }) {
  return (
    <Select
      label={text.logs.tail.level}
      value={level}
      onChange={onChange}
      options={LOG_LEVELS.map((one) => ({ value: one, label: text.logs.tail.levels[one] }))}
    />
  )
}

interface TypedProps {
  readonly label: string
  readonly value: string
  onChange(value: string): void
  readonly list?: string
  readonly className?: string
  readonly placeholder?: string
}

/** Says its value when nothing was typed for a moment, at Enter, and when it is cleared. */
export function TypedField({ label, value, onChange, list, className, placeholder }: TypedProps) {
  const [typed, setTyped] = useState(value)
  const [told, setTold] = useState(value)
  // Changed from outside: another filter was chosen, or the way back.
  if (told !== value) {
    setTold(value)
    setTyped(value)
  }
  useEffect(() => {
    if (typed === value) return
    const timer = window.setTimeout(() => onChange(typed), typed === '' ? 0 : TYPING_MS)
    return () => window.clearTimeout(timer)
  }, [typed, value, onChange])
  return (
    <input
      className={['field', className].filter(Boolean).join(' ')}
      type="search"
      aria-label={label}
      placeholder={placeholder ?? label}
      value={typed}
      list={list}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => setTyped(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') onChange(typed)
      }}
    />
  )
}
