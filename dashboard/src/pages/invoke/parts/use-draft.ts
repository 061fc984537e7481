/**
 * What stands in the form of one cell. The draft lives here, since it holds what is no JSON (yet); what it reads as
 * goes to the workspace at every change, and an input that comes from elsewhere (an example, raw JSON, a saved form)
 * begins the draft anew. Used by input-pane.tsx.
 */
import { useMemo, useRef, useState } from 'react'
import { type Draft, draftOf, emptyDraft } from '../form/draft.ts'
import { type Field, isObject, isSame } from '../form/field.ts'
import { type PlacedFault, readDraft } from '../form/read-draft.ts'

export interface DraftState {
  readonly draft: Draft
  /** Of places that are typed here, not linked. */
  readonly faults: readonly PlacedFault[]
  change(draft: Draft): void
}

interface Options {
  readonly field: Field
  readonly input: Record<string, unknown>
  /** Places whose value comes from elsewhere. */
  readonly linked: readonly string[]
  onInput(input: Record<string, unknown>, isUsable: boolean): void
}

export function useDraft({ field, input, linked, onInput }: Options): DraftState {
  const told = useRef<{ field: Field; input: unknown } | null>(null)
  const [draft, setDraft] = useState<Draft>(() => beginDraft(field, input))
  const isForeign =
    told.current === null || told.current.field !== field || !isSame(told.current.input, input)
  // Drawn with the new input at once, not one frame later.
  const current = useMemo(
    () => (isForeign ? beginDraft(field, input) : draft),
    [isForeign, field, input, draft],
  )
  if (isForeign) {
    told.current = { field, input }
    setDraft(current)
  }
  const faults = useMemo(() => faultsOf(field, current, linked), [field, current, linked])
  const change = (next: Draft) => {
    setDraft(next)
    const read = readDraft(field, next)
    const value = isObject(read.value) ? read.value : {}
    told.current = { field, input: value }
    onInput(value, isObject(read.value) && faultsOf(field, next, linked).length === 0)
  }
  return { draft: current, faults, change }
}

/** An empty input is a form that nobody has filled in yet. */
export function beginDraft(field: Field, input: Record<string, unknown>): Draft {
  return Object.keys(input).length === 0 ? emptyDraft(field) : draftOf(field, input)
}

export function faultsOf(field: Field, draft: Draft, linked: readonly string[]): readonly PlacedFault[] {
  return readDraft(field, draft).faults.filter(({ pointer }) => !isCovered(pointer, linked))
}

/** A link gives the whole of a place, or something within it that may have been all that was missing. */
function isCovered(pointer: string, linked: readonly string[]): boolean {
  return linked.some((to) => pointer === to || pointer.startsWith(`${to}/`) || to.startsWith(`${pointer}/`))
}
