/**
 * A single range of bytes (RFC 9110, 14). Pure; used by file-routes.ts.
 * What is no range of bytes, or more than one, is passed over, as the standard wants it: the whole is the answer.
 */
export type ByteRange =
  | { readonly kind: 'whole' }
  /** Both included. */
  | { readonly kind: 'part'; readonly from: number; readonly to: number }
  /** Nothing of it is there: 416. */
  | { readonly kind: 'beyond' }

const WHOLE: ByteRange = { kind: 'whole' }
const BEYOND: ByteRange = { kind: 'beyond' }
const RANGE = /^bytes=\s*(\d{1,15})?\s*-\s*(\d{1,15})?\s*$/i

export function readRange(header: string | undefined, size: number): ByteRange {
  const found = header === undefined ? null : RANGE.exec(header)
  if (!found) return WHOLE
  const [, first, last] = found
  if (first === undefined) return last === undefined ? WHOLE : lastBytes(Number(last), size)
  const from = Number(first)
  const to = last === undefined ? size - 1 : Number(last)
  if (last !== undefined && to < from) return WHOLE
  return from >= size ? BEYOND : { kind: 'part', from, to: Math.min(to, size - 1) }
}

function lastBytes(count: number, size: number): ByteRange {
  if (count === 0 || size === 0) return BEYOND
  return { kind: 'part', from: Math.max(0, size - count), to: size - 1 }
}
