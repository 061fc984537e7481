/**
 * What stands in a form: a tree beside the tree of fields, text as typed, until it is read as JSON. Made empty or
 * from an input; changed by the components, a new tree each time; read by read-draft.ts.
 * Invariant: `draftOf` loses nothing. What does not fit its field stands there as raw JSON, and is sent as it is.
 */
import { type Field, isObject, isSame } from './field.ts'

export type Draft =
  /** Left out. */
  | { readonly is: 'absent' }
  | { readonly is: 'null' }
  /** Of `text` and `number`: as typed. */
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'flag'; readonly value: boolean }
  /** A place in the list of options. */
  | { readonly is: 'choice'; readonly at: number }
  | { readonly is: 'constant' }
  | {
      readonly is: 'group'
      readonly members: Readonly<Record<string, Draft>>
      /** Beyond the schema's. */
      readonly more: readonly Entry[]
    }
  | { readonly is: 'list'; readonly items: readonly Draft[] }
  | { readonly is: 'record'; readonly entries: readonly Entry[] }
  | { readonly is: 'union'; readonly at: number; readonly draft: Draft }
  /** Raw JSON; at any field. */
  | { readonly is: 'json'; readonly text: string }

export interface Entry {
  readonly name: string
  readonly draft: Draft
}

export const ABSENT: Draft = { is: 'absent' }
export const NULL: Draft = { is: 'null' }

/** How a form begins: presets are filled in, what is required has an empty place, the rest is left out. */
export function emptyDraft(field: Field, isRequired = true): Draft {
  if (field.preset !== undefined) return draftOf(field, field.preset)
  return isRequired ? presentDraft(field) : ABSENT
}

/** The emptiest value that a field can have when it is there. */
export function presentDraft(field: Field): Draft {
  switch (field.kind) {
    case 'text':
    case 'number':
      return { is: 'text', text: '' }
    case 'flag':
      return { is: 'flag', value: false }
    case 'choice':
      return { is: 'choice', at: -1 }
    case 'constant':
      return { is: 'constant' }
    case 'group': {
      const members = field.members.map(
        ({ name, field: member, isRequired }) => [name, emptyDraft(member, isRequired)] as const,
      )
      return { is: 'group', members: Object.fromEntries(members), more: [] }
    }
    case 'list':
      return { is: 'list', items: firstItems(field) }
    case 'tuple':
      return { is: 'list', items: field.items.map((item) => emptyDraft(item)) }
    case 'record':
      return { is: 'record', entries: [] }
    case 'union': {
      const [first] = field.variants
      return first ? { is: 'union', at: 0, draft: presentDraft(first.field) } : { is: 'json', text: '' }
    }
    case 'json':
      return { is: 'json', text: '' }
  }
}

/** A few where they are simple; lists within lists would multiply. */
function firstItems({ item, minItems }: Extract<Field, { kind: 'list' }>): Draft[] {
  const isSimple = !['group', 'list', 'tuple', 'record', 'union'].includes(item.kind)
  return Array.from({ length: Math.min(minItems, isSimple ? 3 : 1) }, () => emptyDraft(item))
}

/** The draft that reads as `value`. */
export function draftOf(field: Field, value: unknown): Draft {
  if (value === undefined) return ABSENT
  if (value === null && field.isNullable) return NULL
  return fitting(field, value) ?? rawDraft(value)
}

export function rawDraft(value: unknown): Draft {
  return { is: 'json', text: JSON.stringify(value, null, 2) }
}

/** Null where the value is of another kind than the field. */
function fitting(field: Field, value: unknown): Draft | null {
  switch (field.kind) {
    case 'text':
      return typeof value === 'string' ? { is: 'text', text: value } : null
    case 'number':
      return typeof value === 'number' ? { is: 'text', text: String(value) } : null
    case 'flag':
      return typeof value === 'boolean' ? { is: 'flag', value } : null
    case 'choice': {
      const at = field.options.findIndex((option) => isSame(option.value, value))
      return at < 0 ? null : { is: 'choice', at }
    }
    case 'constant':
      return isSame(field.value, value) ? { is: 'constant' } : null
    case 'group':
      return isObject(value) ? groupDraft(field, value) : null
    case 'list':
      return Array.isArray(value)
        ? { is: 'list', items: value.map((item) => draftOf(field.item, item)) }
        : null
    case 'tuple': {
      const fits = Array.isArray(value) && value.length === field.items.length
      return fits ? { is: 'list', items: field.items.map((item, at) => draftOf(item, value[at])) } : null
    }
    case 'record':
      if (!isObject(value)) return null
      return {
        is: 'record',
        entries: Object.entries(value).map(([name, member]) => ({
          name,
          draft: draftOf(field.value, member),
        })),
      }
    case 'union':
      return unionDraft(field.variants, value)
    case 'json':
      return null
  }
}

function groupDraft(field: Extract<Field, { kind: 'group' }>, value: Record<string, unknown>): Draft {
  const known = new Set(field.members.map(({ name }) => name))
  const members = field.members.map(({ name, field: member }) => {
    const own = Object.hasOwn(value, name) ? value[name] : undefined
    return [name, draftOf(member, own)] as const
  })
  const more = Object.entries(value)
    .filter(([name]) => !known.has(name))
    .map(([name, other]) => ({ name, draft: field.more ? draftOf(field.more, other) : rawDraft(other) }))
  return { is: 'group', members: Object.fromEntries(members), more }
}

/** The first variant that the value fits whole, else the first of its kind. */
function unionDraft(variants: readonly { readonly field: Field }[], value: unknown): Draft | null {
  let nearest: Draft | null = null
  for (const [at, { field }] of variants.entries()) {
    const draft = value === null && field.isNullable ? NULL : fitting(field, value)
    if (draft === null) continue
    if (isWhole(field, draft)) return { is: 'union', at, draft }
    nearest ??= { is: 'union', at, draft }
  }
  const anything = variants.findIndex(({ field }) => field.kind === 'json')
  if (nearest === null && anything >= 0) return { is: 'union', at: anything, draft: rawDraft(value) }
  return nearest
}

/** Nothing in it had to be kept as raw JSON, and nothing that must be there is missing. */
function isWhole(field: Field, draft: Draft): boolean {
  switch (draft.is) {
    case 'json':
      return field.kind === 'json'
    case 'union': {
      const variant = field.kind === 'union' ? field.variants[draft.at] : undefined
      return variant !== undefined && isWhole(variant.field, draft.draft)
    }
    case 'list':
      if (field.kind === 'list') return draft.items.every((item) => isWhole(field.item, item))
      return (
        field.kind === 'tuple' && field.items.every((item, at) => isWhole(item, draft.items[at] ?? ABSENT))
      )
    case 'record':
      return field.kind === 'record' && draft.entries.every((entry) => isWhole(field.value, entry.draft))
    case 'group':
      return (
        field.kind === 'group' &&
        (field.more !== null || draft.more.length === 0) &&
        field.members.every(({ name, field: member, isRequired }) => {
          const own = draft.members[name] ?? ABSENT
          return own.is === 'absent' ? !isRequired : isWhole(member, own)
        })
      )
    default:
      return true
  }
}
