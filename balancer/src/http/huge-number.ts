/**
 * Finds a number that was read from JSON and cannot be written as JSON again: `1e999` is Infinity here, and would be
 * null on disk. Asked by whoever keeps an input that it has parsed, before anything is accepted.
 */
import { type FieldError, jsonPointer } from '@berth/protocol'

const DETAIL = 'must be a number that JSON can hold, at most 1.8e308 either way'

/** The first of them, as a list of errors. The value nests no deeper than a body may. */
export function findHugeNumber(value: unknown): readonly FieldError[] {
  const path = pathOf(value)
  return path === undefined ? [] : [{ pointer: jsonPointer(path), detail: DETAIL }]
}

function pathOf(value: unknown): string[] | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : []
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, member] of Object.entries(value)) {
    const path = pathOf(member)
    if (path) return [key, ...path]
  }
  return undefined
}
