/**
 * Reads a form as JSON: the value, and what is wrong with it at which place. Pure; called on every change.
 * It judges what a form can know (missing, no number, out of bounds, too long) and leaves patterns, formats and
 * lenient places to the worker.
 * Invariant: a value is given even when something is wrong, as near to what was typed as JSON allows, so that
 * the raw view never loses anything.
 */
import { jsonPointer } from '@berth/protocol'
import { ABSENT, type Draft, type Entry } from './draft.ts'
import { type Field, type NumberField, RAW_FIELD, type TextField } from './field.ts'

export type Fault =
  | { readonly code: 'required' | 'number' | 'integer' | 'json' | 'name' | 'twice' | 'choice' }
  | {
      readonly code: 'min' | 'max' | 'above' | 'below' | 'step' | 'shorter' | 'longer' | 'fewer' | 'more'
      readonly bound: number
    }

export interface PlacedFault {
  /** Into the input. */
  readonly pointer: string
  readonly fault: Fault
}

export interface ReadForm {
  /** Undefined: left out. */
  readonly value: unknown
  readonly faults: readonly PlacedFault[]
}

export function readDraft(field: Field, draft: Draft): ReadForm {
  const faults: PlacedFault[] = []
  const value = read(field, draft, [], true, faults)
  return { value, faults }
}

type Path = readonly (string | number)[]

function read(field: Field, draft: Draft, path: Path, isRequired: boolean, faults: PlacedFault[]): unknown {
  const tell = (fault: Fault) => faults.push({ pointer: jsonPointer(path), fault })
  switch (draft.is) {
    case 'absent':
      if (isRequired) tell({ code: 'required' })
      return undefined
    case 'null':
      return null
    case 'json':
      return readJson(draft.text, isRequired, tell)
    case 'text':
      return field.kind === 'number'
        ? readNumber(field, draft.text, isRequired, tell)
        : readText(field, draft.text, tell)
    case 'flag':
      return draft.value
    case 'choice': {
      const option = field.kind === 'choice' ? field.options[draft.at] : undefined
      if (option === undefined && isRequired) tell({ code: 'choice' })
      return option?.value
    }
    case 'constant':
      return field.kind === 'constant' ? field.value : undefined
    case 'group':
      return readGroup(field, draft, path, faults)
    case 'list':
      return readList(field, draft.items, path, faults, tell)
    case 'record':
      return field.kind === 'record' ? readEntries(field.value, draft.entries, path, faults) : undefined
    case 'union': {
      const variant = field.kind === 'union' ? field.variants[draft.at] : undefined
      return variant && read(variant.field, draft.draft, path, isRequired, faults)
    }
  }
}

type Tell = (fault: Fault) => void

function readJson(text: string, isRequired: boolean, tell: Tell): unknown {
  if (text.trim() === '') {
    if (isRequired) tell({ code: 'required' })
    return undefined
  }
  try {
    return JSON.parse(text)
  } catch {
    tell({ code: 'json' })
    return text
  }
}

function readText(field: Field, text: string, tell: Tell): unknown {
  if (field.kind === 'text' && !field.isLenient) checkLength(field, text, tell)
  return text
}

function checkLength({ minLength, maxLength }: TextField, text: string, tell: Tell): void {
  // Berth counts as zod does: UTF-16 units.
  if (minLength !== null && text.length < minLength)
    tell(text === '' ? { code: 'required' } : { code: 'longer', bound: minLength })
  if (maxLength !== null && text.length > maxLength) tell({ code: 'shorter', bound: maxLength })
}

function readNumber(field: NumberField, text: string, isRequired: boolean, tell: Tell): unknown {
  const typed = text.trim()
  if (typed === '') {
    if (isRequired) tell({ code: 'required' })
    return undefined
  }
  // A comma for the point is what many keyboards give.
  const value = Number(/^[+-]?\d+,\d+$/.test(typed) ? typed.replace(',', '.') : typed)
  if (!Number.isFinite(value) || !/\d/.test(typed)) {
    tell({ code: 'number' })
    return text
  }
  if (!field.isLenient) checkBounds(field, value, tell)
  return value
}

function checkBounds(field: NumberField, value: number, tell: Tell): void {
  const { isInteger, min, max, isMinExclusive, isMaxExclusive, multipleOf } = field
  if (isInteger && !Number.isInteger(value)) return tell({ code: 'integer' })
  if (min !== null && (isMinExclusive ? value <= min : value < min))
    return tell({ code: isMinExclusive ? 'above' : 'min', bound: min })
  if (max !== null && (isMaxExclusive ? value >= max : value > max))
    return tell({ code: isMaxExclusive ? 'below' : 'max', bound: max })
  if (multipleOf !== null && !isMultiple(value, multipleOf)) tell({ code: 'step', bound: multipleOf })
}

function isMultiple(value: number, step: number): boolean {
  const times = value / step
  return Math.abs(times - Math.round(times)) < 1e-9 * Math.max(1, Math.abs(times))
}

function readGroup(
  field: Field,
  draft: Extract<Draft, { is: 'group' }>,
  path: Path,
  faults: PlacedFault[],
): unknown {
  if (field.kind !== 'group') return undefined
  const entries = field.members.flatMap(({ name, field: member, isRequired }): [string, unknown][] => {
    const own = draft.members[name] ?? ABSENT
    const value = read(member, own, [...path, name], isRequired, faults)
    return value === undefined ? [] : [[name, value]]
  })
  const taken = new Set(field.members.map(({ name }) => name))
  const more = readEntries(field.more, draft.more, path, faults, taken)
  return { ...Object.fromEntries(entries), ...more }
}

/** `field` null: what stands there is raw. */
function readEntries(
  field: Field | null,
  entries: readonly Entry[],
  path: Path,
  faults: PlacedFault[],
  taken: Set<string> = new Set(),
): Record<string, unknown> {
  const values = entries.flatMap(({ name, draft }): [string, unknown][] => {
    const at = [...path, name]
    if (name === '' || taken.has(name))
      faults.push({ pointer: jsonPointer(at), fault: { code: name === '' ? 'name' : 'twice' } })
    taken.add(name)
    const value = read(field ?? RAW_FIELD, draft, at, true, faults)
    return value === undefined ? [] : [[name, value]]
  })
  // Own members whatever their name: `__proto__` is told by the worker, not lost here.
  return Object.fromEntries(values)
}

function readList(
  field: Field,
  items: readonly Draft[],
  path: Path,
  faults: PlacedFault[],
  tell: Tell,
): unknown {
  if (field.kind === 'list' && !field.isLenient) {
    if (items.length < field.minItems) tell({ code: 'more', bound: field.minItems })
    if (field.maxItems !== null && items.length > field.maxItems)
      tell({ code: 'fewer', bound: field.maxItems })
  }
  const fieldAt = (at: number) =>
    field.kind === 'list' ? field.item : field.kind === 'tuple' ? field.items[at] : undefined
  return items.map((item, at) => read(fieldAt(at) ?? RAW_FIELD, item, [...path, at], true, faults) ?? null)
}
