/**
 * A line of the log of a worker of another make, as far as it tells what it is: JSON with the usual names, or a text
 * that begins with an instant and a level. Pure; used by foreign-logs.ts.
 * Invariant: whatever a line holds, what leaves here has the types and bounds of our own protocol.
 */
import { LIMITS, type LogEntry, type LogLevel } from '@berth/protocol'

type Members = Readonly<Record<string, unknown>>

/** A map: of an object "constructor" would be found too. */
const LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ['trace', 'debug'],
  ['debug', 'debug'],
  ['verbose', 'debug'],
  ['info', 'info'],
  ['log', 'info'],
  ['notice', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['fatal', 'error'],
  ['critical', 'error'],
])
/** A smaller number counts seconds: as milliseconds it would be one before March 1973. */
const LEAST_MS = 1e11
/** The end of the year 9999; a later year is written in another way. */
const MOST_MS = 253_402_300_799_999
const INSTANT = /^\W{0,2}(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d))/
const WORD = /^.{0,80}?\b(trace|debug|verbose|info|notice|warn|warning|error|fatal|critical)\b/i
/** Colours, and what else would move a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const CONTROLS = /\u001b\[[0-9;]{0,16}[A-Za-z]|[\u0000-\u0008\u000b-\u001f\u007f]/g
const FIELDS_TEXT = 8 * 1024
/** In ours a run has a name of its own, by which lines are found. */
const MAX_RUN = 64

/** `readAt`: ISO 8601, for lines that say no instant. */
export function toEntry(line: string, readAt: string): LogEntry {
  const members = readMembers(line)
  const text = textOf(members)
  if (members === undefined || text === undefined) return fromText(line, readAt)
  const { level, run, source, ...rest } = withoutSaid(members)
  const entry: LogEntry = {
    at: instantOf(members) ?? readAt,
    level: levelOf(level),
    text: clean(text),
    source: typeof source === 'string' ? clean(source).slice(0, 128) : 'worker',
  }
  if (typeof run === 'string' && run.length <= MAX_RUN) entry.run = run
  if (isSmall(rest)) entry.fields = rest
  return entry
}

function fromText(line: string, readAt: string): LogEntry {
  const text = clean(line)
  const said = INSTANT.exec(text)?.[1]
  const word = WORD.exec(text)?.[1]
  return {
    at: (said === undefined ? undefined : toIso(said.replace(' ', 'T').replace(',', '.'))) ?? readAt,
    level: levelOf(word),
    text,
    source: 'worker',
  }
}

function readMembers(line: string): Members | undefined {
  if (!line.startsWith('{') || line.length > LIMITS.logLineText) return undefined
  try {
    return JSON.parse(line) as Members
  } catch {
    return undefined
  }
}

function textOf(members: Members | undefined): string | undefined {
  const said = members?.text ?? members?.msg ?? members?.message
  return typeof said === 'string' ? said : undefined
}

function instantOf({ at, time, timestamp, ts }: Members): string | undefined {
  const said = at ?? time ?? timestamp ?? ts
  return typeof said === 'string' || typeof said === 'number' ? toIso(said) : undefined
}

function withoutSaid(members: Members): Members {
  const { at: _, time: _t, timestamp: _s, ts: _m, text: _x, msg: _g, message: _e, ...rest } = members
  return rest
}

/** As text, or as the numbers that many loggers write: ten a step, 30 is info. */
function levelOf(said: unknown): LogLevel {
  if (typeof said === 'string') return LEVELS.get(said.toLowerCase()) ?? 'info'
  if (typeof said !== 'number') return 'info'
  if (said >= 50) return 'error'
  if (said >= 40) return 'warn'
  return said >= 30 ? 'info' : 'debug'
}

function toIso(said: string | number): string | undefined {
  const ms = typeof said === 'number' ? msOf(said) : Date.parse(said)
  return ms > 0 && ms <= MOST_MS ? new Date(ms).toISOString() : undefined
}

/** Loggers write milliseconds or, with a fraction, seconds. */
function msOf(said: number): number {
  return said < LEAST_MS ? Math.round(said * 1_000) : said
}

function clean(text: string): string {
  return text
    .slice(0, 2 * LIMITS.logLineText)
    .replace(CONTROLS, '')
    .slice(0, LIMITS.logLineText)
}

function isSmall(fields: Members): boolean {
  const names = Object.keys(fields)
  if (names.length === 0 || names.some((name) => name.length > 128)) return false
  return JSON.stringify(fields).length <= FIELDS_TEXT
}
