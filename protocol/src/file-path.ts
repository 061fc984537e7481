/**
 * What the path of a run's file may be: relative, nested, the same on every system. Asked by the worker where a
 * handler writes one, by the balancer of what workers and callers send, so that neither believes the other.
 * Invariant: a path that gets through here can stand in a JSON text, a header and, escaped, in an address; it is a
 * name to look up and never a place on a disk.
 */

/** In UTF-8. */
export const FILE_PATH_BYTES = 512

export type ReadFilePath =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly detail: string }

const encoder = new TextEncoder()
/** Control characters, what breaks a line, and what turns the direction of a text. */
const UNSEEN = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u

/** The path in its composed form (NFC), or the end of the sentence "the path …". */
export function readFilePath(path: unknown): ReadFilePath {
  if (typeof path !== 'string' || !path.isWellFormed()) return refused('must be a text')
  const composed = path.normalize('NFC')
  const detail = findFault(composed)
  return detail === undefined ? { ok: true, path: composed } : refused(detail)
}

function findFault(path: string): string | undefined {
  if (path === '') return 'must not be empty'
  if (encoder.encode(path).length > FILE_PATH_BYTES) return `must not be longer than ${FILE_PATH_BYTES} bytes`
  if (UNSEEN.test(path)) return 'must hold no control characters'
  if (path.includes('\\')) return 'must be written with "/", not with "\\"'
  if (path.startsWith('/')) return 'must be relative: leave the "/" at its beginning out'
  const segments = path.split('/')
  if (segments.includes('')) return 'must not have an empty part'
  if (segments.includes('.') || segments.includes('..')) return 'must not have a part "." or ".."'
  return undefined
}

function refused(detail: string): ReadFilePath {
  return { ok: false, detail }
}

/** As it stands in an address. */
export function encodeFilePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
