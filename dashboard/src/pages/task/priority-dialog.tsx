/** Asks for another priority of a task that waits, and says where it stands now. */
import { explanationSchema, MAX_PRIORITY, type RunView } from '@berth/protocol'
import { useState } from 'react'
import { curlOf } from '../../api/client.ts'
import { useGet } from '../../api/query.ts'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { Field } from '../../kit/field.tsx'
import { formatCount } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { readPriority } from './input-dialog.tsx'

interface Props {
  readonly run: RunView
  onConfirm(priority: number, reason: string): unknown
  onClose(): void
}

export function PriorityDialog({ run, onConfirm, onClose }: Props) {
  const words = text.task.actions
  const path = `/runs/${encodeURIComponent(run.id)}`
  const [raw, setRaw] = useState(String(run.priority))
  const { data } = useGet({
    key: ['run', run.id, 'place'],
    path: `${path}/explain`,
    schema: explanationSchema,
  })
  const priority = readPriority(raw)
  const wrong = priority === null ? words.wrongPriority(MAX_PRIORITY) : undefined
  const position = data?.position ?? null
  return (
    <ConfirmDialog
      title={words.priority}
      facts={[
        { label: words.now, value: formatCount(run.priority) },
        ...(position === null ? [] : [{ label: words.before, value: formatCount(position) }]),
        ...(priority === null ? [] : [{ label: words.place, value: placeOf(priority, run.priority) }]),
      ]}
      confirmLabel={words.setPriority}
      disabledWhy={wrong ?? (priority === run.priority ? words.samePriority : undefined)}
      equivalent={priority === null ? undefined : curlOf({ method: 'PATCH', path, body: { priority } })}
      onConfirm={(reason) => priority !== null && onConfirm(priority, reason)}
      onClose={onClose}
    >
      <Field label={words.priorityLabel} hint={words.priorityHint} error={wrong}>
        {(wired) => (
          <input
            className="field"
            {...wired}
            inputMode="numeric"
            value={raw}
            onChange={(event) => setRaw(event.target.value)}
          />
        )}
      </Field>
    </ConfirmDialog>
  )
}

function placeOf(next: number, now: number): string {
  const words = text.task.actions
  if (next === now) return words.samePlace
  return next < now ? words.earlier(formatCount(next)) : words.later(formatCount(next))
}
