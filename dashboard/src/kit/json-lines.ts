/**
 * A JSON value as the lines of a tree: which nodes show, how deep, with what words. Pure; drawn by json-view.tsx.
 * Invariant: however large the value is, no more than `limit` nodes are looked at.
 */

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null' | 'hidden' | 'more'

export interface JsonLine {
  /** Where it stands: a JSON pointer, which is also what it is opened by. */
  readonly path: string
  readonly depth: number
  /** The member's name or the place in the list; null at the root. */
  readonly name: string | null
  readonly kind: JsonKind
  /** What is drawn of the value: the whole of a plain one, empty for an object that is open. */
  readonly text: string
  /** Of an object, a list or a text that is cut; null for what cannot be opened. */
  readonly isOpen: boolean | null
  /** Members, elements or characters. */
  readonly size: number
}

export interface JsonLines {
  readonly lines: readonly JsonLine[]
  /** There are more than `limit`. */
  readonly isCut: boolean
}

/** What the balancer says in place of a secret. */
export const REDACTED = '***'
/** Longer texts are cut until they are opened. */
export const LONG_TEXT = 300
/** A text that is open shows so much. */
const LONGEST_TEXT = 20_000

/** Whether a node is open: as somebody said, else by its depth. */
export type IsOpen = (path: string, depth: number) => boolean

export function linesOf(value: unknown, isOpen: IsOpen, limit: number): JsonLines {
  const lines: JsonLine[] = []
  let isCut = false
  const add = (node: unknown, path: string, depth: number, name: string | null): void => {
    if (lines.length >= limit) {
      isCut = true
      return
    }
    const line = lineOf(node, path, depth, name, isOpen)
    lines.push(line)
    if (!line.isOpen || typeof node !== 'object' || node === null) return
    for (const [key, child] of childrenOf(node)) {
      if (isCut) return
      add(child, `${path}/${escapeKey(key)}`, depth + 1, key)
    }
  }
  add(value, '', 0, null)
  return { lines, isCut }
}

/** Entries one by one: a list of a million is not copied for a thousand lines. */
function* childrenOf(node: object): Iterable<[string, unknown]> {
  if (Array.isArray(node)) for (let at = 0; at < node.length; at++) yield [String(at), node[at]]
  else
    for (const key in node) if (Object.hasOwn(node, key)) yield [key, (node as Record<string, unknown>)[key]]
}

function lineOf(node: unknown, path: string, depth: number, name: string | null, isOpen: IsOpen): JsonLine {
  const base = { path, depth, name }
  if (node === REDACTED) return { ...base, kind: 'hidden', text: REDACTED, isOpen: null, size: 0 }
  if (typeof node === 'string') return { ...base, ...textOf(node, isOpen, path) }
  if (typeof node === 'object' && node !== null) {
    const isArray = Array.isArray(node)
    const size = isArray ? node.length : Object.keys(node).length
    const kind = isArray ? 'array' : 'object'
    return { ...base, kind, text: '', isOpen: size === 0 ? null : isOpen(path, depth), size }
  }
  const kind = typeof node === 'number' ? 'number' : typeof node === 'boolean' ? 'boolean' : 'null'
  return { ...base, kind, text: String(node ?? null), isOpen: null, size: 0 }
}

function textOf(node: string, isOpen: IsOpen, path: string) {
  const size = node.length
  if (size <= LONG_TEXT) return { kind: 'string' as const, text: node, isOpen: null, size }
  // A long text is closed until somebody opens it, wherever it stands.
  const shows = isOpen(path, Number.POSITIVE_INFINITY)
  return {
    kind: 'string' as const,
    text: node.slice(0, shows ? LONGEST_TEXT : LONG_TEXT),
    isOpen: shows,
    size,
  }
}

function escapeKey(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** The line that holds this one; null at the root. */
export function parentOf(path: string): string | null {
  return path === '' ? null : path.slice(0, path.lastIndexOf('/'))
}
