/** Asks before a waiting task gets another priority, with its new place, or is cancelled. */
import { MAX_PRIORITY } from '@berth/protocol'
import { useState } from 'react'
import { curlOf, request } from '../../api/client.ts'
import { useAction } from '../../api/use-action.ts'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { Field } from '../../kit/field.tsx'
import { formatCount, formatDuration } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { HEAD, placeWith, type Waiting } from './queue-data.ts'

const pathOf = (id: string): string => `/runs/${encodeURIComponent(id)}`
const CHANGED = [['queue'], ['runs']] as const

export function useTaskActions() {
  const setPriority = (id: string, priority: number, reason = '') =>
    request('PATCH', pathOf(id), { body: { priority }, reason })
  const prioritise = useAction<[Waiting, number, string], unknown>({
    run: ({ id }, priority, reason) => setPriority(id, priority, reason),
    title: (_result, _task, priority) => text.queue.priority.done(formatCount(priority)),
    failed: text.queue.priority.failed,
    undo: (_result, { id, priority }) => setPriority(id, priority),
    invalidates: CHANGED,
  })
  const cancel = useAction<[Waiting, string], unknown>({
    run: ({ id }, reason) => request('POST', `${pathOf(id)}/cancel`, { reason }),
    title: text.queue.cancel.done,
    failed: text.queue.cancel.failed,
    invalidates: CHANGED,
  })
  return { prioritise, cancel }
}

interface PriorityProps {
  readonly task: Waiting
  readonly head: readonly Waiting[]
  onConfirm(priority: number, reason: string): Promise<unknown>
  onClose(): void
}

export function PriorityDialog({ task, head, onConfirm, onClose }: PriorityProps) {
  const words = text.queue.priority
  const [raw, setRaw] = useState(String(task.priority))
  const priority = /^\d{1,7}$/.test(raw.trim()) ? Number(raw) : 0
  const isWrong = priority < 1 || priority > MAX_PRIORITY
  const place = isWrong ? undefined : placeWith(head, task, priority)
  const wrong = isWrong ? words.wrong(formatCount(MAX_PRIORITY)) : undefined
  return (
    <ConfirmDialog
      title={words.title}
      facts={[
        { label: words.now, value: `${formatCount(task.position)}, ${words.of(formatCount(task.priority))}` },
        { label: words.next, value: wordsOfPlace(place) },
      ]}
      equivalent={curlOf({ method: 'PATCH', path: pathOf(task.id), body: { priority } })}
      confirmLabel={words.confirm}
      disabledWhy={wrong ?? (priority === task.priority && words.same)}
      onConfirm={(reason) => onConfirm(priority, reason)}
      onClose={onClose}
    >
      <Field label={words.label} hint={words.hint} error={wrong}>
        {(wired) => (
          <input
            {...wired}
            className="field"
            inputMode="numeric"
            autoComplete="off"
            value={raw}
            onChange={(event) => setRaw(event.target.value)}
          />
        )}
      </Field>
    </ConfirmDialog>
  )
}

function wordsOfPlace(place: number | null | undefined): string {
  if (place === undefined) return text.unknown
  const { about, beyond } = text.queue.priority
  return place === null ? beyond(formatCount(HEAD)) : about(formatCount(place))
}

interface CancelProps {
  readonly task: Waiting
  onConfirm(reason: string): Promise<unknown>
  onClose(): void
}

export function CancelDialog({ task, onConfirm, onClose }: CancelProps) {
  const words = text.queue.cancel
  return (
    <ConfirmDialog
      title={words.title}
      tone="bad"
      facts={[
        { label: words.place, value: formatCount(task.position) },
        { label: words.waited, value: formatDuration(task.waitedMs) },
      ]}
      equivalent={curlOf({ method: 'POST', path: `${pathOf(task.id)}/cancel` })}
      confirmLabel={words.confirm}
      onConfirm={onConfirm}
      onClose={onClose}
    >
      <p>{words.detail}</p>
    </ConfirmDialog>
  )
}
