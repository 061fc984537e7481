/** What a run has put out, from its events: chunks as one text, statuses, messages. Bounded; the newest stays. */
import { useEffect, useState } from 'react'
import { text } from '../../text/text.ts'
import { followEvents, type RunEvent } from './event-stream.ts'

export interface RunOutput {
  /** Chunks of text, joined. */
  readonly streamed: string
  /** Characters of it that are not kept. */
  readonly cut: number
  /** All but chunks, the newest so many. */
  readonly events: readonly RunEvent[]
}

const MAX_TEXT = 200_000
const MAX_EVENTS = 500
const nothing: RunOutput = { streamed: '', cut: 0, events: [] }

/** Followed while mounted; `isEnabled` false for what has no events of its own. */
export function useEvents(id: string, isEnabled: boolean): RunOutput {
  const [output, setOutput] = useState(nothing)
  useEffect(() => {
    setOutput(nothing)
    if (!isEnabled) return
    const ending = new AbortController()
    void followEvents(id, ending.signal, (events) => setOutput((old) => addEvents(old, events)))
    return () => ending.abort()
  }, [id, isEnabled])
  return output
}

export function addEvents(old: RunOutput, events: readonly RunEvent[]): RunOutput {
  const streamed =
    old.streamed +
    events
      .filter(({ type }) => type === 'chunk')
      .map(textOf)
      .join('')
  const over = Math.max(0, streamed.length - MAX_TEXT)
  const others = events.filter(({ type }) => type !== 'chunk')
  return {
    streamed: over > 0 ? streamed.slice(over) : streamed,
    cut: old.cut + over,
    events: others.length === 0 ? old.events : [...old.events, ...others].slice(-MAX_EVENTS),
  }
}

/** A chunk is text, or bytes that are no text. */
function textOf({ data }: RunEvent): string {
  if (typeof data === 'string') return data
  const { text: words, base64 } = (data ?? {}) as { readonly text?: unknown; readonly base64?: unknown }
  if (typeof words === 'string') return words
  return typeof base64 === 'string' ? text.task.stream.bytes(base64.length) : JSON.stringify(data)
}
