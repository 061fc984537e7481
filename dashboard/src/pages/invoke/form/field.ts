/**
 * A form as data: one field for each place of an input that its JSON Schema names. Made by read-schema.ts, filled
 * by draft.ts, drawn by the fields' components.
 * Invariant: the tree is finite and bounded; what cannot be drawn is a field of kind `json`.
 */
export type Field =
  | TextField
  | NumberField
  | (FieldBase & { readonly kind: 'flag' })
  | (FieldBase & { readonly kind: 'choice'; readonly options: readonly Option[] })
  | (FieldBase & { readonly kind: 'constant'; readonly value: unknown })
  | GroupField
  | ListField
  | TupleField
  | RecordField
  | UnionField
  | (FieldBase & { readonly kind: 'json' })

export interface FieldBase {
  /** From `title`; null where the schema has none and the member's name is used. */
  readonly title: string | null
  readonly description: string | null
  readonly isNullable: boolean
  /** Undefined where the schema has none. */
  readonly preset: unknown
  /** The check takes more than the schema says (`x-lenient`): nothing is refused here. */
  readonly isLenient: boolean
}

export interface Option {
  readonly label: string
  readonly value: unknown
}

export interface TextField extends FieldBase {
  readonly kind: 'text'
  readonly format: string | null
  /** Told, never tried here: a pattern may take any time. The worker judges it. */
  readonly pattern: string | null
  readonly minLength: number | null
  readonly maxLength: number | null
  /** `base64` where the text bears bytes. */
  readonly encoding: string | null
  readonly example: string | null
}

export interface NumberField extends FieldBase {
  readonly kind: 'number'
  readonly isInteger: boolean
  readonly min: number | null
  readonly max: number | null
  readonly isMinExclusive: boolean
  readonly isMaxExclusive: boolean
  readonly multipleOf: number | null
}

export interface Member {
  readonly name: string
  readonly field: Field
  readonly isRequired: boolean
}

export interface GroupField extends FieldBase {
  readonly kind: 'group'
  readonly members: readonly Member[]
  /** What members beyond those may be; null where the schema names none. */
  readonly more: Field | null
  /** Some members are not drawn: without any left it is no empty form. */
  readonly isPart?: boolean
}

export interface ListField extends FieldBase {
  readonly kind: 'list'
  readonly item: Field
  readonly minItems: number
  readonly maxItems: number | null
}

export interface TupleField extends FieldBase {
  readonly kind: 'tuple'
  readonly items: readonly Field[]
}

export interface RecordField extends FieldBase {
  readonly kind: 'record'
  readonly value: Field
  /** The only names there may be; null for any. */
  readonly names: readonly string[] | null
}

export interface UnionField extends FieldBase {
  readonly kind: 'union'
  readonly variants: readonly { readonly label: string; readonly field: Field }[]
}

/** For what no schema describes. */
export const RAW_FIELD: Field = {
  kind: 'json',
  title: null,
  description: null,
  isNullable: false,
  preset: undefined,
  isLenient: true,
}

export const FORM_LIMITS = { depth: 7, fields: 400, options: 200, variants: 12, references: 16 } as const

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Two JSON values that are the same, the order of members aside. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b) || a === b) return true
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, at) => isSame(item, b[at]))
  if (!isObject(a) || !isObject(b)) return false
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  )
}
