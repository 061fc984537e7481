/**
 * workers.json (CONTRACT §5): the fleet as an operator writes it. `parseWorkersFile` turns the
 * file's text into entries with identity, or into one error with line and column; a file with a
 * single bad entry changes nothing. `findWorkersFileFaults` names all that is wrong, for editors. Read by the
 * balancer's roster, by `pnpm start` and, as one types, by the dashboard.
 * Invariant: no message repeats a value of the file, since it may be a key.
 */
import { z } from 'zod'
import { findJsonEnd, findJsonFault, findJsonOffset, listJsonElements, placeOf } from './json-place.ts'
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
  /** Line, from 1, of the value that says so; only when `maintenance` is true. */
  readonly maintenanceLine?: number
  readonly group?: string
  readonly tags: z.infer<typeof tagsSchema>
  readonly start?: z.infer<typeof startSchema>
  /** On a loopback host and either with `start` or a bare URL: `pnpm start` gives it a process. */
  readonly isLocal: boolean
}

export interface WorkersFileError {
  readonly message: string
  /** Both from 1; missing when the fault is the file's as a whole. */
  readonly line?: number
  readonly column?: number
}

/** One thing that is wrong, for an editor. */
export interface WorkersFileFault extends WorkersFileError {
  /** JSON pointer into the file; empty for the file as a whole. */
  readonly pointer: string
  /** UTF-16 units from the beginning of the text as it was given; missing where line and column are. */
  readonly offset?: number
  readonly length?: number
}

export type WorkersFile =
  | { readonly ok: true; readonly entries: readonly WorkerEntry[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly error: WorkersFileError }

type Found = { readonly message: string; readonly path: readonly PropertyKey[] }
type EntryResult =
  | { readonly ok: true; readonly entry: WorkerEntry }
  | { readonly ok: false; readonly found: readonly Found[] }
type Examined =
  | Extract<WorkersFile, { ok: true }>
  | { readonly ok: false; readonly faults: readonly WorkersFileFault[] }

/** More warnings than this are counted instead. */
const MAX_WARNINGS = 20
/** More faults than this are not looked for: an editor shows a few, and a wrong tool makes thousands. */
const MAX_FAULTS = 100

/** Reads the text of workers.json; a byte order mark before it is left out. Never throws. */
export function parseWorkersFile(file: string): WorkersFile {
  const examined = examine(file, 1)
  if (examined.ok) return examined
  const [{ message, line, column } = { message: 'it cannot be read' }] = examined.faults
  const isPlaced = line !== undefined && column !== undefined
  return { ok: false, error: isPlaced ? { message, line, column } : { message } }
}

/** What is wrong with the text, in its order, at most 100; none when `parseWorkersFile` takes it. Never throws. */
export function findWorkersFileFaults(file: string): readonly WorkersFileFault[] {
  const examined = examine(file, MAX_FAULTS)
  return examined.ok ? [] : examined.faults
}

function examine(file: string, atMost: number): Examined {
  const hasMark = file.startsWith('\uFEFF')
  const text = hasMark ? file.slice(1) : file
  const examined = examineText(text, atMost)
  if (examined.ok || !hasMark) return examined
  const shift = (fault: WorkersFileFault) =>
    fault.offset === undefined ? fault : { ...fault, offset: fault.offset + 1 }
  return { ok: false, faults: examined.faults.map(shift) }
}

function examineText(text: string, atMost: number): Examined {
  if (isOver(text, LIMITS.workersFileBytes))
    return failed(`the file is over ${LIMITS.workersFileBytes / 1024 / 1024} MiB`)
  if (text.trim() === '') return failed('the file is empty; write [] to remove all workers')
  const parsed = parseJson(text)
  if (!parsed.ok) return failed(`not JSON: ${parsed.message}`, text, parsed.offset)
  if (!Array.isArray(parsed.value))
    return failed('the file must hold an array of workers', text, findJsonOffset(text, []))
  if (parsed.value.length > LIMITS.workersFileEntries)
    return failed(`${parsed.value.length} entries are over ${LIMITS.workersFileEntries}`)
  return collect(parsed.value, text, atMost)
}

/** UTF-8 has one to three bytes a UTF-16 unit, so most texts need no counting. */
function isOver(text: string, limitBytes: number): boolean {
  if (text.length > limitBytes) return true
  return text.length * 3 > limitBytes && new TextEncoder().encode(text).length > limitBytes
}

type Parsed = { ok: true; value: unknown } | { ok: false; message: string; offset: number }

function parseJson(text: string): Parsed {
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch {
    const fault = findJsonFault(text)
    return { ok: false, message: fault?.message ?? 'it cannot be read', offset: fault?.offset ?? 0 }
  }
}

function failed(message: string, text?: string, offset = 0): Examined {
  if (text === undefined) return { ok: false, faults: [{ message, pointer: '' }] }
  const length = Math.min(1, text.length - offset)
  return { ok: false, faults: [{ message, pointer: '', ...placeOf(text, offset), offset, length }] }
}

interface Earlier {
  readonly index: number
  readonly entry: WorkerEntry
}

/** What is wrong with one entry of the array. */
interface Misfit extends Found {
  readonly index: number
}

function collect(values: readonly unknown[], text: string, atMost: number): Examined {
  const byId = new Map<string, Earlier>()
  const byUrl = new Map<string, Earlier>()
  const doubles: string[] = []
  const misfits: Misfit[] = []
  for (const [index, value] of values.entries()) {
    if (misfits.length >= atMost) break
    const result = readEntry(value)
    if (!result.ok) {
      misfits.push(...result.found.map((found) => ({ index, ...found })))
      continue
    }
    const { entry } = result
    const sameUrl = byUrl.get(entry.url)
    const sameId = byId.get(entry.id)
    if (sameId !== undefined && sameId.entry.url !== entry.url) {
      const message = `entry ${sameId.index + 1} is named "${entry.id}" already`
      misfits.push({ index, message, path: [] })
    } else if (sameUrl !== undefined) {
      doubles.push(
        `entries ${sameUrl.index + 1} and ${index + 1} have one URL: one worker, as the first says`,
      )
    } else {
      byUrl.set(entry.url, { index, entry })
    }
    if (sameId === undefined) byId.set(entry.id, { index, entry })
  }
  if (misfits.length > 0) return { ok: false, faults: place(misfits.slice(0, atMost), text) }
  return { ok: true, entries: nameLines([...byUrl.values()], text), warnings: shorten(doubles) }
}

/** Elements are looked up in one pass, however many misfits there are. */
function place(misfits: readonly Misfit[], text: string): readonly WorkersFileFault[] {
  const last = misfits.at(-1)?.index ?? 0
  const offsets: number[] = []
  for (const offset of listJsonElements(text)) if (offsets.push(offset) > last) break
  return misfits.map(({ index, message, path }) => {
    const offset = findJsonOffset(text, path, offsets[index])
    const length = Math.max(1, findJsonEnd(text, offset) - offset)
    const pointer = `/${[index, ...path].map(escapePointer).join('/')}`
    return { message: `entry ${index + 1}: ${message}`, pointer, ...placeOf(text, offset), offset, length }
  })
}

function escapePointer(step: PropertyKey): string {
  return String(step).replaceAll('~', '~0').replaceAll('/', '~1')
}

/** One pass over the text, and none when nobody is in maintenance. */
function nameLines(found: readonly Earlier[], text: string): readonly WorkerEntry[] {
  if (!found.some(({ entry }) => entry.maintenance)) return found.map(({ entry }) => entry)
  const offsets = [...listJsonElements(text)]
  let line = 1
  let lineFeed = text.indexOf('\n')
  return found.map(({ entry, index }) => {
    if (!entry.maintenance) return entry
    const offset = findJsonOffset(text, ['maintenance'], offsets[index])
    for (; lineFeed >= 0 && lineFeed < offset; lineFeed = text.indexOf('\n', lineFeed + 1)) line++
    return { ...entry, maintenanceLine: line }
  })
}

function shorten(warnings: readonly string[]): readonly string[] {
  if (warnings.length <= MAX_WARNINGS) return warnings
  return [...warnings.slice(0, MAX_WARNINGS), `and ${warnings.length - MAX_WARNINGS} more like these`]
}

function readEntry(value: unknown): EntryResult {
  const isBare = typeof value === 'string'
  if (!isBare && (typeof value !== 'object' || value === null || Array.isArray(value)))
    return misfit('it must be a URL or an object with a `url`')
  const parsed = entrySchema.safeParse(isBare ? { url: value } : value)
  if (!parsed.success) return { ok: false, found: describe(parsed.error, isBare) }
  const url = readUrl(parsed.data.url)
  if (typeof url === 'string') return misfit(url, isBare ? [] : ['url'])
  return { ok: true, entry: makeEntry(parsed.data, url, isBare) }
}

function misfit(message: string, path: readonly PropertyKey[] = []): EntryResult {
  return { ok: false, found: [{ message, path }] }
}

function makeEntry(data: z.infer<typeof entrySchema>, url: URL, isBare: boolean): WorkerEntry {
  const { start, name, key, group } = data
  return {
    id: name ?? idOf(url),
    url: textOf(url),
    ...(name === undefined ? {} : { name }),
    ...(key === undefined ? {} : { key }),
    ...(group === undefined ? {} : { group }),
    ...(start === undefined ? {} : { start }),
    weight: data.weight ?? 1,
    maintenance: data.maintenance ?? false,
    tags: data.tags ?? {},
    isLocal: isLoopback(url.hostname) && (start !== undefined || isBare),
  }
}

/** All issues, each with the path to the value that it is about. */
function describe(error: z.ZodError, isBare: boolean): readonly Found[] {
  const found = error.issues.flatMap((issue) => describeIssue(issue, isBare))
  return found.length > 0 ? found : [{ message: 'wrong shape', path: [] }]
}

function describeIssue(issue: z.core.$ZodIssue, isBare: boolean): readonly Found[] {
  if (isBare) return [{ message: `the URL: ${issue.message}`, path: [] }]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key]
      return { message: `\`${fieldOf(path)}\` is no field of an entry`, path }
    })
  }
  const field = fieldOf(issue.path)
  return [{ message: field === '' ? issue.message : `\`${field}\`: ${issue.message}`, path: issue.path }]
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.').slice(0, 200)
}

/** A usable URL, or why it is none. The text is not repeated: it may hold credentials. */
function readUrl(text: string): URL | string {
  const url = URL.parse(text)
  if (url === null) return 'the URL cannot be read; write http://host:port'
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return 'the URL has another scheme than http: or https:'
  if (url.username !== '' || url.password !== '') return 'the URL must not hold credentials; use `key`'
  if (url.search !== '' || url.hash !== '') return 'the URL must not have a query or a fragment'
  return url
}

/** The URL as `WorkerEntry` has it, for whoever compares entries; undefined for one that no entry may have. */
export function normaliseWorkerUrl(text: string): string | undefined {
  const url = readUrl(text)
  return typeof url === 'string' ? undefined : textOf(url)
}

function textOf(url: URL): string {
  return `${url.protocol}//${url.host}${pathOf(url)}`
}

function idOf(url: URL): string {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  return `${url.hostname}:${port}${pathOf(url)}`
}

function pathOf(url: URL): string {
  let end = url.pathname.length
  while (url.pathname[end - 1] === '/') end--
  return url.pathname.slice(0, end)
}

/** True for hosts that only this machine reaches. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}
