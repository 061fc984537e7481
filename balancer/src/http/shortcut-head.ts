/**
 * Reads the head of a plain `POST /task` or `POST /task/{group}/{function}` without Node's parser: what the shortcut
 * (shortcut.ts) takes itself.
 * Pure. Invariant: it accepts only heads that every reader of HTTP/1.1 understands in the same way, so nothing
 * can be smuggled past it: names that are listed here, each once, printable ASCII, a body of one announced
 * length. Everything else, wrong or just unusual, is undefined: that is Node's to read and to judge.
 */
import type { RoutedTarget, TaskHead } from './task-call.ts'

export interface ShortcutHead {
  /** Of the head itself, its empty line included. */
  readonly headBytes: number
  readonly bodyBytes: number
  readonly authorization: string
  readonly task: TaskHead
  /** What the address says, if it says anything. */
  readonly target: RoutedTarget | undefined
}

/** The task keeps the piece that it came in, head included: this much more than its body, at most. */
export const SHORTCUT_HEAD_BYTES = 2048

/** A name that needs no escapes in an address. */
const REQUEST_LINE =
  /^POST \/task(?:\/([A-Za-z0-9][A-Za-z0-9._-]{0,63})\/([A-Za-z0-9][A-Za-z0-9._-]{0,63}))? HTTP\/1\.1$/
/** A name, and a value of printable ASCII without spaces around it but the usual one. */
const FIELD = /^([A-Za-z][A-Za-z0-9-]*): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/
const LENGTH = /^[1-9]\d{0,8}$/
/** What is passed over is listed as well: a header that is not here may come to mean something. */
const KNOWN: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'authorization',
  'accept',
  'traceparent',
  'connection',
  'accept-encoding',
  'accept-language',
  'forwarded',
  'priority',
  'sec-fetch-mode',
  'tracestate',
  'user-agent',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
])

/** `text`: from the first byte to the empty line, which it includes, a character a byte. */
export function readShortcutHead(text: string): ShortcutHead | undefined {
  const lines = text.split('\r\n')
  const line = REQUEST_LINE.exec(lines.shift() ?? '')
  if (line === null) return undefined
  // The last line and what would be behind it.
  if (lines.pop() !== '' || lines.pop() !== '') return undefined
  const fields = readFields(lines)
  const [, group, name] = line
  const isRouted = group !== undefined && name !== undefined
  const target = isRouted ? { group, function: name, query: '' } : undefined
  return fields && understand(fields, text.length, target)
}

function readFields(lines: readonly string[]): ReadonlyMap<string, string> | undefined {
  const fields = new Map<string, string>()
  for (const line of lines) {
    const [, written = '', value = ''] = FIELD.exec(line) ?? []
    const name = written.toLowerCase()
    if (!KNOWN.has(name) || fields.has(name)) return undefined
    fields.set(name, value)
  }
  return fields
}

function understand(
  fields: ReadonlyMap<string, string>,
  headBytes: number,
  target: RoutedTarget | undefined,
): ShortcutHead | undefined {
  const length = fields.get('content-length') ?? ''
  const authorization = fields.get('authorization')
  if (!fields.has('host') || authorization === undefined || !LENGTH.test(length)) return undefined
  if ((fields.get('connection') ?? 'keep-alive').toLowerCase() !== 'keep-alive') return undefined
  if (fields.get('accept')?.toLowerCase().includes('event-stream')) return undefined
  // Files come along: they are not gathered in memory.
  if (target === undefined && fields.get('content-type')?.toLowerCase().startsWith('multipart/'))
    return undefined
  return { headBytes, bodyBytes: Number(length), authorization, task: taskHeadOf(fields), target }
}

function taskHeadOf(fields: ReadonlyMap<string, string>): TaskHead {
  return {
    contentType: fields.get('content-type') ?? '',
    contentEncoding: undefined,
    prefer: undefined,
    idempotencyKey: undefined,
    traceparent: fields.get('traceparent'),
    host: fields.get('host'),
    forwardedProto: fields.get('x-forwarded-proto'),
    wantsEvents: false,
  }
}
