/**
 * A labelled form field. The control is a function that gets the ids which wire label, hint and error to it:
 * `<Field label="Reason">{(wired) => <input className="field" {...wired} />}</Field>`.
 */
import { type ReactNode, useId } from 'react'

export interface Wired {
  readonly id: string
  readonly 'aria-describedby': string | undefined
  readonly 'aria-invalid': true | undefined
  readonly required: boolean | undefined
}

interface Props {
  readonly label: ReactNode
  readonly hint?: ReactNode
  readonly error?: ReactNode
  readonly isRequired?: boolean
  /** The label is only spoken. */
  readonly isLabelHidden?: boolean
  readonly className?: string
  children(wired: Wired): ReactNode
}

export function Field({ label, hint, error, isRequired, isLabelHidden, className, children }: Props) {
  const id = useId()
  const hasError = error !== undefined && error !== null && error !== false && error !== ''
  const describedBy = [hint !== undefined && `${id}-hint`, hasError && `${id}-error`]
    .filter(Boolean)
    .join(' ')
  return (
    <div className={['form-field', className].filter(Boolean).join(' ')}>
      <label htmlFor={id} className={isLabelHidden ? 'only-heard' : 'form-label'}>
        {label}
        {isRequired && <span aria-hidden="true"> *</span>}
      </label>
      {children({
        id,
        'aria-describedby': describedBy || undefined,
        'aria-invalid': hasError || undefined,
        required: isRequired || undefined,
      })}
      {hint !== undefined && (
        <p className="form-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {hasError && (
        <p className="form-error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
    </div>
  )
}
