/**
 * Reads the query of an operator's request and cuts lists into pages. Called by routes that filter or list.
 * A page has 50 items unless `limit` says otherwise (CONTRACT §4, Runs), for every list alike.
 * Invariant: an unknown parameter, or one given twice, is an error and never ignored.
 */
import type { TaskError } from '@berth/protocol'
import type { BodyRead } from './body.ts'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 500

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

/** The page of `items` after `cursor`, at most `limit` (default 50) long; `keyOf` tells items apart. */
export function cutPage<Item>(
  items: readonly Item[],
  query: Query<'limit' | 'cursor'>,
  keyOf: (item: Item) => string,
): BodyRead<ListPage<Item>> {
  const limit = query.limit === undefined ? DEFAULT_LIMIT : readLimit(query.limit)
  if (limit === undefined) return refuse(`\`limit\` must be a whole number from 1 to ${MAX_LIMIT}.`)
  const start = query.cursor === undefined ? 0 : findStart(items, query.cursor, keyOf)
  if (start === 0 && query.cursor !== undefined)
    return refuse('`cursor` names nothing that is there; begin again without it.')
  const page = items.slice(start, start + limit)
  const last = page.at(-1)
  const hasMore = last !== undefined && start + page.length < items.length
  return { ok: true, value: { items: page, cursor: hasMore ? encodeCursor(keyOf(last)) : null } }
}

function findStart<Item>(items: readonly Item[], cursor: string, keyOf: (item: Item) => string): number {
  return items.findIndex((item) => encodeCursor(keyOf(item)) === cursor) + 1
}

function encodeCursor(key: string): string {
  return Buffer.from(key).toString('base64url')
}

function readLimit(text: string): number | undefined {
  const limit = Number(text)
  return /^\d{1,3}$/.test(text) && limit >= 1 && limit <= MAX_LIMIT ? limit : undefined
}

function choice(names: readonly string[]): string {
  return names.length === 0 ? '' : `; known are ${names.join(', ')}`
}

function refuse(detail: string): { readonly ok: false; readonly error: TaskError } {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail } }
}
