/** Asks for the input of a task that comes of another, as JSON, and for its priority. */
import { MAX_PRIORITY, type RunView } from '@berth/protocol'
import { useState } from 'react'
import { curlOf } from '../../api/client.ts'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { Field } from '../../kit/field.tsx'
import { text } from '../../text/text.ts'

export interface Edited {
  readonly input: Readonly<Record<string, unknown>>
  readonly priority: number | undefined
}

interface Props {
  readonly run: RunView
  readonly title: string
  readonly lead: string
  readonly hasPriority?: boolean
  readonly confirmLabel: string
  readonly curlPath: string
  onConfirm(edited: Edited, reason: string): unknown
  onClose(): void
}

export function InputDialog(props: Props) {
  const { run, title, lead, hasPriority, confirmLabel, curlPath, onConfirm, onClose } = props
  const words = text.task.actions
  const [raw, setRaw] = useState(() => JSON.stringify(isObject(run.input) ? run.input : {}, null, 2))
  const [priority, setPriority] = useState(String(run.priority))
  const read = readInput(raw)
  const wanted = readPriority(priority)
  const wrongPriority = hasPriority && wanted === null ? words.wrongPriority(MAX_PRIORITY) : undefined
  const body = { input: read.input, ...(hasPriority && wanted !== null ? { priority: wanted } : {}) }
  return (
    <ConfirmDialog
      title={title}
      size="wide"
      confirmLabel={confirmLabel}
      disabledWhy={read.error ?? wrongPriority}
      equivalent={read.input && curlOf({ method: 'POST', path: curlPath, body })}
      onConfirm={(reason) =>
        read.input &&
        onConfirm({ input: read.input, priority: hasPriority ? (wanted ?? undefined) : undefined }, reason)
      }
      onClose={onClose}
    >
      <p className="dialog-lead">{lead}</p>
      <Field label={words.input} error={read.error} hint={raw.includes('"***"') ? words.redacted : undefined}>
        {(wired) => (
          <textarea
            className="field input-area"
            {...wired}
            value={raw}
            rows={12}
            spellCheck={false}
            onChange={(event) => setRaw(event.target.value)}
          />
        )}
      </Field>
      {hasPriority && (
        <Field label={words.priorityLabel} hint={words.priorityHint} error={wrongPriority}>
          {(wired) => (
            <input
              className="field"
              {...wired}
              inputMode="numeric"
              value={priority}
              onChange={(event) => setPriority(event.target.value)}
            />
          )}
        </Field>
      )}
    </ConfirmDialog>
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readInput(raw: string): { input?: Record<string, unknown>; error?: string } {
  try {
    const input: unknown = JSON.parse(raw)
    return isObject(input) ? { input } : { error: text.task.actions.notAnObject }
  } catch (error) {
    return { error: text.task.actions.notJson(error instanceof Error ? error.message : '') }
  }
}

/** Null for what is no priority. */
export function readPriority(raw: string): number | null {
  const priority = Number(raw)
  return /^\d+$/.test(raw.trim()) && priority >= 1 && priority <= MAX_PRIORITY ? priority : null
}
