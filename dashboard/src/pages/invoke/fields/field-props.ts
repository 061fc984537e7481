/** What a field is given to draw itself. */
import type { Draft } from '../form/draft.ts'
import type { Field } from '../form/field.ts'

export interface FieldProps {
  readonly field: Field
  readonly draft: Draft
  readonly name: string
  /** Into the input. */
  readonly pointer: string
  readonly isRequired: boolean
  onChange(draft: Draft): void
}
