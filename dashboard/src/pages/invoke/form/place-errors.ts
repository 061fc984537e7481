/**
 * Brings the errors of a 422 to their fields: a pointer that leads into something that is no field of its own
 * (raw JSON, a member that is not drawn) is told at the nearest field above it.
 * Invariant: no error is lost; what has no place at all is told at the whole form (pointer '').
 */
import type { Draft } from './draft.ts'
import { type Field, RAW_FIELD } from './field.ts'

export interface ServerError {
  readonly pointer: string
  readonly detail: string
}

/** Sentences by the pointer of a field that is drawn. `prefix` is where the input stands in what was sent. */
export function placeErrors(
  field: Field,
  draft: Draft,
  errors: readonly ServerError[],
  prefix: string,
): ReadonlyMap<string, readonly string[]> {
  const placed = new Map<string, string[]>()
  for (const { pointer, detail } of errors) {
    const isInside = pointer === prefix || pointer.startsWith(`${prefix}/`)
    const inner = isInside ? pointer.slice(prefix.length) : ''
    const place = isInside ? nearest(field, draft, inner.split('/').slice(1)) : ''
    const sentence = place === inner && isInside ? detail : `${pointer}: ${detail}`
    placed.set(place, [...(placed.get(place) ?? []), sentence])
  }
  return placed
}

/** The pointer of the deepest field on the way. */
function nearest(field: Field, draft: Draft, parts: readonly string[]): string {
  let at: { field: Field; draft: Draft } = { field, draft }
  let pointer = ''
  for (const part of parts) {
    const next = step(throughUnions(at), part.replaceAll('~1', '/').replaceAll('~0', '~'))
    if (next === null) return pointer
    at = next
    pointer += `/${part}`
  }
  return pointer
}

interface Place {
  readonly field: Field
  readonly draft: Draft
}

function throughUnions({ field, draft }: Place): Place {
  const variant = field.kind === 'union' && draft.is === 'union' ? field.variants[draft.at] : undefined
  return variant && draft.is === 'union'
    ? throughUnions({ field: variant.field, draft: draft.draft })
    : { field, draft }
}

function step({ field, draft }: Place, name: string): Place | null {
  if (draft.is === 'group' && field.kind === 'group') {
    const member = field.members.find((one) => one.name === name)
    const own = draft.members[name]
    if (member) return { field: member.field, draft: own ?? { is: 'absent' } }
    return entry(draft.more, name, field.more)
  }
  if (draft.is === 'record' && field.kind === 'record') return entry(draft.entries, name, field.value)
  if (draft.is !== 'list') return null
  const item = draft.items[Number(name)]
  const itemField =
    field.kind === 'list' ? field.item : field.kind === 'tuple' ? field.items[Number(name)] : undefined
  return item && itemField ? { field: itemField, draft: item } : null
}

function entry(
  entries: readonly { readonly name: string; readonly draft: Draft }[],
  name: string,
  field: Field | null,
): Place | null {
  const found = entries.find((one) => one.name === name)
  return found ? { field: field ?? RAW_FIELD, draft: found.draft } : null
}
