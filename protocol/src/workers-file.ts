/**
 * workers.json (CONTRACT §5): the fleet as an operator writes it. `parseWorkersFile` turns the
 * file's text into entries with identity, or into one error with line and column; a file with a
 * single bad entry changes nothing. Read by the balancer's roster and by `pnpm start`.
 */
import { z } from 'zod'
import { LIMITS } from './limits.ts'
import { nameSchema } from './names.ts'
import { tagsSchema } from './tags.ts'

const startSchema = z.strictObject({
  folder: z.string().min(1).max(4096).optional(),
  slots: z.int().min(1).max(LIMITS.slots).optional(),
  tags: tagsSchema.optional(),
})

const entrySchema = z.strictObject({
  url: z.string().max(2048),
  name: nameSchema.optional(),
  key: z.string().min(1).max(1024).optional(),
  weight: z.number().min(0).max(100).optional(),
  maintenance: z.boolean().optional(),
  group: nameSchema.optional(),
  tags: tagsSchema.optional(),
  start: startSchema.optional(),
})

/** One worker of the file, with every default filled in. */
export interface WorkerEntry {
  /** `name`, else `host:port` with the path when the URL has one. */
  readonly id: string
  /** Normalised: lower-case host, no default port, no trailing slash. */
  readonly url: string
  readonly name?: string
  readonly key?: string
  readonly weight: number
  readonly maintenance: boolean
  readonly group?: string
  readonly tags: z.infer<typeof tagsSchema>
  readonly start?: z.infer<typeof startSchema>
  /** On a loopback host and either with `start` or a bare URL: `pnpm start` gives it a process. */
  readonly isLocal: boolean
}

export interface WorkersFileError {
  readonly message: string
  readonly line?: number
  readonly column?: number
}

export type WorkersFile =
  | { readonly ok: true; readonly entries: readonly WorkerEntry[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly error: WorkersFileError }

type EntryResult = { ok: true; entry: WorkerEntry } | { ok: false; message: string }

/** Reads the text of workers.json. Never throws. */
export function parseWorkersFile(text: string): WorkersFile {
  if (text.length > LIMITS.workersFileBytes)
    return failed(`the file is over ${LIMITS.workersFileBytes / 1024 / 1024} MiB`)
  if (text.trim() === '') return failed('the file is empty; write [] to remove all workers')
  const parsed = parseJson(text)
  if (!parsed.ok) return { ok: false, error: parsed.error }
  if (!Array.isArray(parsed.value)) return failed('the file must hold an array', text, 0)
  if (parsed.value.length > LIMITS.workersFileEntries)
    return failed(`${parsed.value.length} entries are over ${LIMITS.workersFileEntries}`)
  return collect(parsed.value, text)
}

function collect(values: readonly unknown[], text: string): WorkersFile {
  const byId = new Map<string, number>()
  const byUrl = new Map<string, WorkerEntry>()
  const entries: WorkerEntry[] = []
  const warnings: string[] = []
  for (const [index, value] of values.entries()) {
    const result = readEntry(value)
    if (!result.ok) return failed(`entry ${index + 1}: ${result.message}`, text, entryOffset(text, index))
    const { entry } = result
    const same = byUrl.get(entry.url)
    if (same) {
      warnings.push(
        `entry ${index + 1} has the URL of "${same.id}": both are one worker, the first entry counts`,
      )
      continue
    }
    const earlier = byId.get(entry.id)
    if (earlier !== undefined) {
      const message = `entries ${earlier + 1} and ${index + 1} are both named "${entry.id}"`
      return failed(message, text, entryOffset(text, index))
    }
    byId.set(entry.id, index)
    byUrl.set(entry.url, entry)
    entries.push(entry)
  }
  return { ok: true, entries, warnings }
}

function readEntry(value: unknown): EntryResult {
  const isBare = typeof value === 'string'
  const parsed = entrySchema.safeParse(isBare ? { url: value } : value)
  if (!parsed.success) return { ok: false, message: describe(value, parsed.error.issues) }
  const url = readUrl(parsed.data.url)
  if (typeof url === 'string') return { ok: false, message: url }
  const { start, name, key, group } = parsed.data
  const isLocal = isLoopback(url.hostname) && (start !== undefined || isBare)
  const entry: WorkerEntry = {
    id: name ?? idOf(url),
    url: textOf(url),
    ...(name === undefined ? {} : { name }),
    ...(key === undefined ? {} : { key }),
    ...(group === undefined ? {} : { group }),
    ...(start === undefined ? {} : { start }),
    weight: parsed.data.weight ?? 1,
    maintenance: parsed.data.maintenance ?? false,
    tags: parsed.data.tags ?? {},
    isLocal,
  }
  return { ok: true, entry }
}

function describe(
  value: unknown,
  issues: readonly { path: readonly PropertyKey[]; message: string }[],
): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'an entry is a URL or an object with a `url`'
  const issue = issues[0]
  return `${issue?.path.length ? `\`${issue.path.join('.')}\`: ` : ''}${issue?.message ?? 'wrong shape'}`
}

/** A usable URL, or why it is none. The text is not repeated: it may hold credentials. */
function readUrl(text: string): URL | string {
  if (!URL.canParse(text)) return 'the URL cannot be read; write http://host:port'
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `the scheme ${url.protocol} is not http: or https:`
  if (url.username !== '' || url.password !== '') return 'a URL must not hold credentials; use `key`'
  if (url.search !== '' || url.hash !== '') return 'a URL must not have a query or a fragment'
  return url
}

function textOf(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`
}

function idOf(url: URL): string {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  const path = url.pathname.replace(/\/+$/, '')
  return `${url.hostname}:${port}${path}`
}

/** True for hosts that only this machine reaches. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

type JsonResult = { ok: true; value: unknown } | { ok: false; error: WorkersFileError }

function parseJson(text: string): JsonResult {
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch (error) {
    const message = error instanceof Error ? error.message : 'not JSON'
    const offset = offsetFrom(message, text)
    return {
      ok: false,
      error: { message: `not JSON: ${message.split(' in JSON')[0]}`, ...placeOf(text, offset) },
    }
  }
}

/** V8 names the position, or says that the text ended; anything else points at the beginning. */
function offsetFrom(message: string, text: string): number {
  const position = /position (\d+)/.exec(message)?.[1]
  if (position !== undefined) return Number(position)
  return /end of JSON/i.test(message) ? text.length : 0
}

function failed(message: string, text?: string, offset = 0): WorkersFile {
  return { ok: false, error: text === undefined ? { message } : { message, ...placeOf(text, offset) } }
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

/** Where the entry of this index begins in a text that is known to be a JSON array. */
function entryOffset(text: string, index: number): number {
  let at = text.indexOf('[') + 1
  for (let entry = 0; entry < index; entry++) at = nextComma(text, at) + 1
  return at + (/^\s*/.exec(text.slice(at, at + 10_000))?.[0].length ?? 0)
}

function nextComma(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const sign = text[at]
    if (sign === '"') at = endOfString(text, at)
    else if (sign === '{' || sign === '[') depth++
    else if (sign === '}' || sign === ']') depth--
    else if (sign === ',' && depth === 0) return at
  }
  return text.length
}

function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return text.length
}
