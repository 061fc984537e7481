/**
 * Owns what may go into a log entry: bounded, plain, without secrets, and unable to forge a line.
 * Called by `log.ts` for every text and field. Secrets go before anything is cut, so no half of one remains.
 * Invariant: what comes out survives `JSON.stringify` and holds no reference to the caller's objects.
 */

const TEXT_LIMIT = 8192
const DEPTH_LIMIT = 4
const ITEMS_LIMIT = 100
/** Names that the entry itself uses; a field of the same name gets an underscore. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(['at', 'level', 'text', '__proto__'])

/**
 * Control characters, line separators of Unicode, and marks that turn the direction of writing: a terminal
 * would obey them. Escaped as JSON does it, so that a JSON line stays one.
 */
const CONTROLS = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

export function escapeControls(line: string): string {
  return line.replace(
    CONTROLS,
    (character) => SHORT_ESCAPES[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

export function sanitizeText(text: string, redact: readonly string[]): string {
  let shown = String(text)
  for (const secret of redact) shown = shown.replaceAll(secret, '***')
  return shown.length > TEXT_LIMIT ? `${shown.slice(0, TEXT_LIMIT)}… (${shown.length} characters)` : shown
}

export function sanitizeFields(fields: Readonly<Record<string, unknown>>, redact: readonly string[]) {
  const clean: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields).slice(0, ITEMS_LIMIT)) {
    if (value === undefined) continue
    const shownName = sanitizeText(name, redact)
    clean[RESERVED_NAMES.has(shownName) ? `${shownName}_` : shownName] = sanitizeValue(value, redact, 0)
  }
  return clean
}

function sanitizeValue(value: unknown, redact: readonly string[], depth: number): unknown {
  if (typeof value === 'string') return sanitizeText(value, redact)
  if (typeof value === 'boolean' || value === null || value === undefined) return value
  if (typeof value === 'number') return sanitizeNumber(value, redact)
  if (typeof value !== 'object') return sanitizeText(String(value), redact)
  if (value instanceof Error) return sanitizeError(value, redact, depth)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (depth >= DEPTH_LIMIT) return '[deeper]'
  try {
    return sanitizeContainer(value, redact, depth)
  } catch {
    // A getter or a proxy of the caller's threw; a log line is no place to pass that on.
    return '[unreadable]'
  }
}

function sanitizeContainer(value: object, redact: readonly string[], depth: number): unknown {
  if (Array.isArray(value)) {
    return value.slice(0, ITEMS_LIMIT).map((item) => sanitizeValue(item, redact, depth + 1))
  }
  const clean: [string, unknown][] = []
  for (const name of Object.keys(value).slice(0, ITEMS_LIMIT)) {
    const inner = (value as Record<string, unknown>)[name]
    clean.push([sanitizeText(name, redact), sanitizeValue(inner, redact, depth + 1)])
  }
  return Object.fromEntries(clean)
}

/** JSON has no NaN; and a secret of digits may come as a number. */
function sanitizeNumber(value: number, redact: readonly string[]): number | string {
  const shown = sanitizeText(String(value), redact)
  return Number.isFinite(value) && shown === String(value) ? value : shown
}

function sanitizeError(error: Error, redact: readonly string[], depth: number): unknown {
  const { name, message, stack, cause } = error
  const code = (error as NodeJS.ErrnoException).code
  const shown: Record<string, unknown> = { name, message, code, stack }
  if (cause !== undefined) shown.cause = cause
  return depth >= DEPTH_LIMIT ? sanitizeText(message, redact) : sanitizeContainer(shown, redact, depth)
}
