/**
 * In which ways an output can be shown: as JSON always, as a table, a picture, text or a file where it is one. Pure.
 * Invariant: bounded, whatever the output; what is shown of a longer one says so.
 */
import { isObject } from '../form/field.ts'

export const VIEWS = ['json', 'table', 'picture', 'text', 'file'] as const
export type OutputView = (typeof VIEWS)[number]

export const TABLE_ROWS = 1_000
export const TABLE_COLUMNS = 30

export interface OutputTable {
  /** Where its rows stand in the output; '' is the whole. */
  readonly pointer: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
  /** Of the output, more than are shown when it has too many. */
  readonly rowCount: number
  readonly columnCount: number
  /** Simple members that stand beside the list. */
  readonly beside: readonly (readonly [name: string, value: unknown])[]
}

export interface OutputBytes {
  readonly mediaType: string
  readonly base64: string
}

/** The ways that fit, the best first. */
export function viewsOf(output: unknown): OutputView[] {
  const bytes = bytesOf(output)
  const isPicture = bytes?.mediaType.startsWith('image/') ?? false
  const views: OutputView[] = []
  if (isPicture) views.push('picture')
  if (bytes) views.push('file')
  if (typeof output === 'string' && !bytes) views.push('text')
  if (tableOf(output)) views.push('table')
  // A flat object reads as well as JSON; a list of objects does not.
  const isList = views.includes('table') && (Array.isArray(output) || tableOf(output)?.pointer !== '')
  if (views.length === 0 || (views[0] === 'table' && !isList)) views.unshift('json')
  else views.push('json')
  return views
}

/** Bytes as JSON carries them: `{mediaType, base64}`, itself or in one of its members, or a `data:` text. */
export function bytesOf(output: unknown): OutputBytes | null {
  const own = ownBytes(output)
  if (own || !isObject(output)) return own
  for (const member of Object.values(output).slice(0, 50)) {
    const found = ownBytes(member)
    if (found) return found
  }
  return null
}

function ownBytes(value: unknown): OutputBytes | null {
  if (typeof value === 'string') {
    const [, mediaType, base64] = /^data:([\w.+-]+\/[\w.+-]+);base64,([\w+/=\s]*)$/.exec(value) ?? []
    return mediaType !== undefined && base64 !== undefined ? { mediaType, base64 } : null
  }
  if (!isObject(value)) return null
  const { mediaType, base64 } = value
  if (typeof mediaType !== 'string' || typeof base64 !== 'string') return null
  return /^[\w.+-]+\/[\w.+-]+/.test(mediaType) ? { mediaType, base64 } : null
}

/** A list as rows, the only list of objects in an object, or the members of a flat object. */
export function tableOf(output: unknown): OutputTable | null {
  if (Array.isArray(output)) return listTable(output, '')
  if (!isObject(output) || ownBytes(output)) return null
  const lists = Object.entries(output).flatMap(([name, member]) => {
    const table = Array.isArray(member) && member.some(isObject) ? listTable(member, `/${name}`) : null
    return table ? [table] : []
  })
  const entries = Object.entries(output)
  const [only] = lists
  if (only && lists.length === 1) {
    const beside = entries.filter(([, member]) => !isObject(member) && !Array.isArray(member))
    return { ...only, beside: beside.slice(0, TABLE_COLUMNS) }
  }
  const isFlat =
    entries.length > 0 && entries.every(([, member]) => !isObject(member) && !Array.isArray(member))
  return isFlat && lists.length === 0 ? membersTable(entries) : null
}

function listTable(list: readonly unknown[], pointer: string): OutputTable | null {
  if (list.length === 0) return null
  const shown = list.slice(0, TABLE_ROWS)
  if (shown.every(isObject)) {
    const names = [...new Set(shown.flatMap((row) => Object.keys(row)))]
    if (names.length === 0) return null
    const columns = names.slice(0, TABLE_COLUMNS)
    const rows = shown.map((row) => columns.map((name) => (Object.hasOwn(row, name) ? row[name] : undefined)))
    return { pointer, columns, rows, rowCount: list.length, columnCount: names.length, beside: [] }
  }
  if (shown.every(Array.isArray)) {
    const width = Math.max(...shown.map((row) => row.length))
    const columns = Array.from({ length: Math.min(width, TABLE_COLUMNS) }, (_, at) => String(at))
    const rows = shown.map((row) => columns.map((_, at) => row[at]))
    return width === 0
      ? null
      : { pointer, columns, rows, rowCount: list.length, columnCount: width, beside: [] }
  }
  const rows = shown.map((item, at) => [at, item])
  return { pointer, columns: ['#', ''], rows, rowCount: list.length, columnCount: 2, beside: [] }
}

function membersTable(entries: readonly (readonly [string, unknown])[]): OutputTable {
  const rows = entries.slice(0, TABLE_ROWS)
  return { pointer: '', columns: ['#', ''], rows, rowCount: entries.length, columnCount: 2, beside: [] }
}

/** The bytes of base64, whitespace aside; null when it is none. */
export function decodeBase64(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    const text = atob(base64.replaceAll(/\s/g, ''))
    const bytes = new Uint8Array(text.length)
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
    return bytes
  } catch {
    return null
  }
}
