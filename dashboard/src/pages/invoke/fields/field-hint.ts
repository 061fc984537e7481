/** What stands below a field: its description and its bounds, in one line. Pure. */
import { formatCount, visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import type { Field } from '../form/field.ts'

const MAX_PRESET = 60

/** `hasKind`: a number says that it is whole. */
export function hintOf(field: Field, hasKind = true): string | undefined {
  const parts = [
    field.description === null ? null : visible(field.description),
    boundsOf(field, hasKind),
    presetOf(field),
  ]
  return parts.filter(Boolean).join(' · ') || undefined
}

function boundsOf(field: Field, hasKind: boolean): string | null {
  const words = text.invoke.form
  if (field.kind === 'number') {
    const kind = hasKind && field.isInteger ? words.wholeNumber : null
    const bounds = [
      hasBound(field.min) && `${field.isMinExclusive ? '>' : '≥'} ${formatCount(field.min)}`,
      hasBound(field.max) && `${field.isMaxExclusive ? '<' : '≤'} ${formatCount(field.max)}`,
      field.multipleOf !== null && words.multipleOf(formatCount(field.multipleOf)),
    ]
    return [kind, ...bounds].filter(Boolean).join(', ') || null
  }
  if (field.kind === 'text') {
    const { minLength, maxLength, format, pattern } = field
    const length =
      maxLength !== null
        ? words.length(minLength ?? 0, maxLength)
        : minLength !== null && minLength > 1
          ? words.minLength(minLength)
          : null
    // A format has its own pattern, which says less to a reader.
    return (
      [format && words.format(format), length, !format && pattern && words.pattern(visible(pattern))]
        .filter(Boolean)
        .join(', ') || null
    )
  }
  if (field.kind === 'list' && (field.minItems > 0 || field.maxItems !== null))
    return words.items(field.minItems, field.maxItems)
  return null
}

/** The largest safe number says nothing. */
function hasBound(bound: number | null): bound is number {
  return bound !== null && Math.abs(bound) < Number.MAX_SAFE_INTEGER
}

function presetOf({ preset }: Field): string | null {
  if (preset === undefined || preset === null) return null
  const shown = typeof preset === 'string' ? preset : JSON.stringify(preset)
  return text.invoke.form.preset(
    visible(shown.length > MAX_PRESET ? `${shown.slice(0, MAX_PRESET)}…` : shown),
  )
}
