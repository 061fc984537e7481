/** A switch that acts at once. It shows what is, not what was wished: `pending` says a wish is under way. */
import { type ReactNode, useId } from 'react'
import { Tooltip } from './tooltip.tsx'

interface Props {
  readonly label: string
  readonly checked: boolean
  onChange(checked: boolean): void
  readonly pending?: boolean
  readonly disabledWhy?: string | false | null
  /** The words beside the switch; none by default, the label is spoken. */
  readonly children?: ReactNode
}

export function Switch({ label, checked, onChange, pending, disabledWhy, children }: Props) {
  const noteId = useId()
  const isOff = Boolean(disabledWhy)
  const button = (
    <button
      type="button"
      role="switch"
      className="switch"
      aria-checked={checked}
      aria-label={label}
      aria-disabled={isOff || undefined}
      aria-busy={pending || undefined}
      aria-describedby={isOff ? noteId : undefined}
      data-pending={pending || undefined}
      onClick={() => {
        if (!isOff && !pending) onChange(!checked)
      }}
    >
      <span className="switch-track" aria-hidden="true">
        <span className="switch-thumb" />
      </span>
      {children !== undefined && <span className="switch-word">{children}</span>}
    </button>
  )
  if (!isOff) return button
  return (
    <>
      <Tooltip text={disabledWhy}>{button}</Tooltip>
      <span id={noteId} hidden>
        {disabledWhy}
      </span>
    </>
  )
}
