/**
 * Keys in the text of workers.json: taken out before a text leaves the process or is kept ("***" instead), put back
 * when it returns. Everything else of the text stays as it is, to the last blank.
 * A byte order mark is left out by whoever reads a text.
 * Invariant: a masked text holds no key. Of a good file that is known from its structure; of any other text whatever
 * could be one is masked, rather too much than too little.
 */
import {
  findJsonEnd,
  listJsonElements,
  listJsonMembers,
  normaliseWorkerUrl,
  parseWorkersFile,
  placeOf,
  type WorkersFileFault,
} from '@berth/protocol'

export const MASK = '***'
const MASK_TEXT = JSON.stringify(MASK)
/** Shorter ones would be found in half of all words. */
const MIN_SECRET = 6

/** A name `key` in whatever quotes, what stands between it and its value, in a text that is no good file. */
const LOOSE_KEY = /(?<![\w-])(["']?)key\1(?![\w-])\s*[:=]?\s*/gi
const CREDENTIALS = /:\/\/[^\s"'/@]*@/g

/** `secrets` are keys that are known from elsewhere, for texts that are no good file. */
export function maskKeys(text: string, secrets: Iterable<string> = []): string {
  if (parseWorkersFile(text).ok) return maskGood(text)
  return maskBad(isJsonList(text) ? maskGood(text) : text, secrets)
}

function isJsonList(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text))
  } catch {
    return false
  }
}

function maskGood(text: string): string {
  const places = [...listKeys(text)].map(({ at, end }) => ({ at, end, text: MASK_TEXT }))
  return replaceAll(text, places)
}

function maskBad(text: string, secrets: Iterable<string>): string {
  let masked = text
  for (const secret of secrets)
    if (secret.length >= MIN_SECRET) masked = masked.replaceAll(JSON.stringify(secret).slice(1, -1), MASK)
  masked = masked.replaceAll(CREDENTIALS, `://${MASK}@`)
  const places = [...masked.matchAll(LOOSE_KEY)].flatMap((match) => {
    const at = match.index + match[0].length
    const end = looseEnd(masked, at)
    return end > at ? [{ at, end, text: MASK_TEXT }] : []
  })
  return replaceAll(masked, places)
}

/** A text in quotes ends with them, anything else with its line; neither goes beyond it. */
function looseEnd(text: string, at: number): number {
  const sign = text.charAt(at)
  if (sign === '' || ',}]'.includes(sign)) return at
  const lineEnd = text.indexOf('\n', at)
  const last = lineEnd < 0 ? text.length : lineEnd
  if (sign !== '"' && sign !== "'") return last
  for (let end = at + 1; end < last; end++) {
    if (text.charAt(end) === '\\') end++
    else if (text.charAt(end) === sign) return end + 1
  }
  return last
}

interface KeyPlace {
  readonly index: number
  readonly at: number
  readonly end: number
}

/** Each value of a member `key` of an entry, those that a later one of the same name overrules included. */
function* listKeys(text: string): Generator<KeyPlace> {
  let index = 0
  for (const element of listJsonElements(text)) {
    for (const { name, at, end } of listJsonMembers(text, element))
      if (name === 'key') yield { index, at, end }
    index++
  }
}

function replaceAll(
  text: string,
  places: readonly { readonly at: number; readonly end: number; readonly text: string }[],
): string {
  const parts: string[] = []
  let from = 0
  for (const { at, end, text: instead } of places) {
    if (at < from) continue
    parts.push(text.slice(from, at), instead)
    from = end
  }
  parts.push(text.slice(from))
  return parts.join('')
}

/** Which keys entries have. A name is found before a URL. */
export class KeyBook {
  readonly #byName = new Map<string, string>()
  readonly #byUrl = new Map<string, string>()
  readonly #limit: number

  /** Beyond `limit` names nothing more is taken in. */
  constructor(limit = Number.POSITIVE_INFINITY) {
    this.#limit = limit
  }

  /** What comes again is as it is there, and what does not come stays. */
  add(entries: Iterable<{ readonly name?: string; readonly url: string; readonly key?: string }>): this {
    for (const { name, url, key } of entries) {
      if (key === undefined) continue
      if (name !== undefined && (this.#byName.has(name) || this.#byName.size < this.#limit))
        this.#byName.set(name, key)
      if (this.#byUrl.has(url) || this.#byUrl.size < this.#limit) this.#byUrl.set(url, key)
    }
    return this
  }

  find(name: string | undefined, url: string): string | undefined {
    return (name === undefined ? undefined : this.#byName.get(name)) ?? this.#byUrl.get(url)
  }

  *secrets(): Iterable<string> {
    yield* this.#byName.values()
    yield* this.#byUrl.values()
  }
}

export type Restored =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly faults: readonly WorkersFileFault[] }

/** Puts keys in where a good file says "***". An entry that has none in any of the books is a fault. */
export function restoreKeys(text: string, books: readonly KeyBook[]): Restored {
  const values: readonly unknown[] = JSON.parse(text)
  const faults: WorkersFileFault[] = []
  const places: { at: number; end: number; text: string }[] = []
  for (const { index, at, end } of listKeys(text)) {
    if (JSON.parse(text.slice(at, end)) !== MASK) continue
    const key = findKey(values[index], books)
    if (key !== undefined) places.push({ at, end, text: JSON.stringify(key) })
    else faults.push(noKey(text, index, at))
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, text: replaceAll(text, places) }
}

/** The ids of the entries of a good file whose key is written out, not kept by "***". */
export function findWrittenKeys(text: string): ReadonlySet<string> {
  const parsed = parseWorkersFile(text)
  if (!parsed.ok) return new Set()
  return new Set(parsed.entries.flatMap(({ id, key }) => (key === undefined || key === MASK ? [] : [id])))
}

function findKey(value: unknown, books: readonly KeyBook[]): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const name: unknown = Reflect.get(value, 'name')
  const url = normaliseWorkerUrl(String(Reflect.get(value, 'url'))) ?? ''
  for (const book of books) {
    const key = book.find(typeof name === 'string' ? name : undefined, url)
    if (key !== undefined) return key
  }
  return undefined
}

function noKey(text: string, index: number, offset: number): WorkersFileFault {
  const message = `entry ${index + 1}: \`key\` is "${MASK}", which keeps the key that it had, and it had none; write the key`
  const length = findJsonEnd(text, offset) - offset
  return { message, pointer: `/${index}/key`, ...placeOf(text, offset), offset, length }
}
