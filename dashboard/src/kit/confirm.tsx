/**
 * Asks before an action that hurts: its effect in numbers (from a dry run), why, the name to type when it
 * cannot be undone, and the same action for a shell. The dialog waits for what `onConfirm` promises and
 * closes when that is settled; failures are told by the action itself.
 */
import { type FormEvent, type ReactNode, useRef, useState } from 'react'
import { text } from '../text/text.ts'
import { Button } from './button.tsx'
import { CopyButton } from './copy.tsx'
import { Dialog } from './dialog.tsx'
import { Field } from './field.tsx'
import { type Tone, ToneMark } from './marks.tsx'

export const MAX_REASON = 500

export interface Fact {
  readonly label: string
  readonly value: ReactNode
  readonly tone?: Tone
}

export interface ConfirmProps {
  readonly title: string
  /** `bad` for what cannot be undone. */
  readonly tone?: Tone
  /** The effect; undefined while the dry run is under way. Leave out when there is none. */
  readonly facts?: readonly Fact[]
  /** The dry run is awaited: shows bones where the facts will be and waits with the button. */
  readonly isLoading?: boolean
  readonly reason?: 'none' | 'optional' | 'required'
  /** The name that must be typed. */
  readonly typeToConfirm?: string
  /** The same action for a shell. */
  readonly equivalent?: string
  readonly confirmLabel: string
  /** What closes it without a change; default "Cancel". */
  readonly dismissLabel?: string
  /** Why it cannot be confirmed now. */
  readonly disabledWhy?: string | false | null
  onConfirm(reason: string): unknown
  onClose(): void
  readonly size?: 'small' | 'wide' | 'full'
  readonly children?: ReactNode
}

export function ConfirmDialog(props: ConfirmProps) {
  const {
    title,
    tone,
    reason = 'optional',
    typeToConfirm,
    equivalent,
    confirmLabel,
    onConfirm,
    onClose,
  } = props
  const [why, setWhy] = useState('')
  const [typed, setTyped] = useState('')
  const [isWorking, setWorking] = useState(false)
  const isAlive = useRef(true)
  const blocked =
    props.disabledWhy ||
    (props.isLoading && text.kit.confirm.counting) ||
    (reason === 'required' && why.trim() === '' && text.kit.confirm.needsReason) ||
    (typeToConfirm !== undefined && typed.trim() !== typeToConfirm && text.kit.confirm.needsName) ||
    undefined
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (blocked || isWorking) return
    setWorking(true)
    try {
      await onConfirm(why.trim())
    } finally {
      isAlive.current = false
      onClose()
    }
  }
  return (
    <Dialog title={title} onClose={onClose} size={props.size} isSticky>
      <form className="confirm" onSubmit={(event) => void submit(event)}>
        {props.children}
        <Facts facts={props.facts} isLoading={props.isLoading} />
        {reason !== 'none' && (
          <Field
            label={reason === 'required' ? text.kit.confirm.reason : text.kit.confirm.reasonOptional}
            hint={text.kit.confirm.reasonHint}
            isRequired={reason === 'required'}
          >
            {(wired) => (
              <input
                className="field"
                {...wired}
                value={why}
                maxLength={MAX_REASON}
                autoComplete="off"
                onChange={(event) => setWhy(event.target.value)}
              />
            )}
          </Field>
        )}
        {typeToConfirm !== undefined && (
          <Field label={text.kit.confirm.typeName(typeToConfirm)}>
            {(wired) => (
              <input
                className="field"
                {...wired}
                value={typed}
                autoComplete="off"
                spellCheck={false}
                onChange={(event) => setTyped(event.target.value)}
              />
            )}
          </Field>
        )}
        {equivalent !== undefined && <Equivalent command={equivalent} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{props.dismissLabel ?? text.kit.cancel}</Button>
          <Button
            type="submit"
            kind={tone === 'bad' ? 'danger' : 'primary'}
            pending={isWorking}
            disabledWhy={blocked}
          >
            {confirmLabel}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function Facts({ facts, isLoading }: Pick<ConfirmProps, 'facts' | 'isLoading'>) {
  if (isLoading) {
    return (
      <div className="confirm-facts" role="status">
        <span className="only-heard">{text.kit.confirm.counting}</span>
        <span className="bone" />
        <span className="bone bone-short" />
      </div>
    )
  }
  if (!facts || facts.length === 0) return null
  return (
    <dl className="confirm-facts">
      {facts.map((fact) => (
        <div key={fact.label} className={fact.tone ? `tone-${fact.tone}` : undefined}>
          <dt>
            {fact.tone && <ToneMark tone={fact.tone} />}
            {fact.label}
          </dt>
          <dd>{fact.value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** The same thing for a terminal, folded away. */
export function Equivalent({ command }: { command: string }) {
  return (
    <details className="equivalent">
      <summary>{text.kit.confirm.equivalent}</summary>
      <div className="equivalent-box">
        <pre>{command}</pre>
        <CopyButton value={command} label={text.kit.copyCommand} />
      </div>
    </details>
  )
}
