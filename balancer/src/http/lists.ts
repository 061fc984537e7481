/**
 * Reads the query of an operator's request and cuts lists into pages. Called by routes that filter or list.
 * A page has 50 items unless `limit` says otherwise (CONTRACT §4, Runs), for every list alike.
 * Invariant: an unknown parameter, or one given twice, is an error and never ignored.
 */
import type { TaskError } from '@berth/protocol'
import type { BodyRead } from './body.ts'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 500
/** Longer than that of the longest worker's id. */
const MAX_CURSOR_LENGTH = 8192

export type Query<Name extends string> = Readonly<Partial<Record<Name, string>>>

/** The parameters of an address, all of them among `names`. */
export function readQuery<Name extends string>(url: string, names: readonly Name[]): BodyRead<Query<Name>> {
  const query: Partial<Record<Name, string>> = {}
  for (const [name, value] of new URL(url).searchParams) {
    const known = names.find((candidate) => candidate === name)
    if (known === undefined)
      return refuse(`There is no parameter "${name.slice(0, 64)}" here${choice(names)}.`)
    if (known in query) return refuse(`The parameter "${known}" is given twice.`)
    query[known] = value
  }
  return { ok: true, value: query }
}

export interface ListPage<Item> {
  readonly items: readonly Item[]
  /** Goes into the next request; null on the last page. */
  readonly cursor: string | null
}

/**
 * The page of those `items` that are meant, after `cursor`, at most `limit` (default 50) long; `keyOf` tells
 * items apart. A cursor bears the place and the key of the last item in the whole list: it goes on behind that
 * item, or at its place when the item is gone, so that a list that changes between two pages breaks nothing.
 */
export function cutPage<Item>(
  items: readonly Item[],
  query: Query<'limit' | 'cursor'>,
  keyOf: (item: Item) => string,
  isMeant: (item: Item) => boolean = () => true,
): BodyRead<ListPage<Item>> {
  const read = readLimit(query)
  if (!read.ok) return read
  const limit = read.value
  const cursor = query.cursor === undefined ? undefined : readCursor(query.cursor)
  if (cursor === null) return refuse('`cursor` is none that this list has given; begin again without it.')
  const page: Item[] = []
  let lastAt = -1
  for (let at = cursor === undefined ? 0 : findStart(items, cursor, keyOf); at < items.length; at++) {
    const item = items[at] as Item
    if (!isMeant(item)) continue
    if (page.length === limit) {
      const last = items[lastAt] as Item
      return { ok: true, value: { items: page, cursor: encodeCursor({ at: lastAt, key: keyOf(last) }) } }
    }
    page.push(item)
    lastAt = at
  }
  return { ok: true, value: { items: page, cursor: null } }
}

interface Cursor {
  readonly at: number
  readonly key: string
}

function findStart<Item>(items: readonly Item[], { at, key }: Cursor, keyOf: (item: Item) => string): number {
  const there = items[at]
  if (there !== undefined && keyOf(there) === key) return at + 1
  const moved = items.findIndex((item) => keyOf(item) === key)
  return moved < 0 ? at : moved + 1
}

function encodeCursor({ at, key }: Cursor): string {
  return Buffer.from(JSON.stringify([at, key])).toString('base64url')
}

/** Null for a text that `encodeCursor` does not make. */
function readCursor(text: string): Cursor | null {
  if (text.length > MAX_CURSOR_LENGTH) return null
  try {
    const [at, key]: unknown[] = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0 || typeof key !== 'string') return null
    return encodeCursor({ at, key }) === text ? { at, key } : null
  } catch {
    return null
  }
}

/** How many items a page has. */
export function readLimit({ limit: text }: Query<'limit'>): BodyRead<number> {
  if (text === undefined) return { ok: true, value: DEFAULT_LIMIT }
  const limit = Number(text)
  if (/^\d{1,3}$/.test(text) && limit >= 1 && limit <= MAX_LIMIT) return { ok: true, value: limit }
  return refuse(`\`limit\` must be a whole number from 1 to ${MAX_LIMIT}.`)
}

function choice(names: readonly string[]): string {
  return names.length === 0 ? '' : `; known are ${names.join(', ')}`
}

function refuse(detail: string): { readonly ok: false; readonly error: TaskError } {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail } }
}
