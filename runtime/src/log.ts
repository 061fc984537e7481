/**
 * Owns a process's log: one line an event, written out at once and kept in a bounded ring for `/logs`.
 * Made once by the entry of a process and passed down; `child` gives a part of the program its own fields.
 * Invariants: one entry is one line, whatever its values hold; a secret given in `redact` leaves in no form;
 * the ring holds at most `capacity` entries, and no entry is longer than its values' bounds allow.
 */
import { escapeControls, sanitizeFields, sanitizeText } from './log-values.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export type LogFormat = 'json' | 'pretty'
export type LogFields = Readonly<Record<string, unknown>>

export type LogEntry = {
  /** ISO 8601 UTC. */
  at: string
  level: LogLevel
  text: string
  source: string
  [field: string]: unknown
}

export type LogOptions = {
  /** Less urgent entries are neither written nor kept; default info. */
  level?: LogLevel
  /** Default json. */
  format?: LogFormat
  /** How many entries the ring keeps; default 1,000. */
  capacity?: number
  /** The process or part that speaks; a `source` among the fields of a child or an entry replaces it. */
  source: string
  /** Texts that are replaced by `***` wherever they appear. */
  redact?: readonly string[]
  /** Takes each line, without its line break; default standard output. */
  write?: (line: string) => void
  /** Milliseconds since 1970; default the machine's clock. */
  now?: () => number
}

export type Log = {
  debug(text: string, fields?: LogFields): void
  info(text: string, fields?: LogFields): void
  warn(text: string, fields?: LogFields): void
  error(text: string, fields?: LogFields): void
  /** Whether entries of this level are kept: for what is not worth gathering when nobody reads it. */
  writes(level: LogLevel): boolean
  /**
   * A log on the same ring that adds these fields to each entry, and tells `onEntry` each of its own. `redact`
   * is asked at each of its entries for further texts to replace.
   */
  child(fields: LogFields, onEntry?: (entry: LogEntry) => void, redact?: () => readonly string[]): Log
  /** The kept entries as written, oldest first. */
  lines(): string[]
  /** The kept entries, oldest first; with `since` (ISO 8601 UTC) only those after that instant. */
  entries(since?: string): LogEntry[]
  /** Calls `listener` with each entry from now on; returns what ends it. One that throws is dropped. */
  follow(listener: (entry: LogEntry) => void): () => void
}

type Kept = { entry: LogEntry; line: string }

/** What a log and its children share. */
type Sink = {
  threshold: number
  format: LogFormat
  redact: readonly string[]
  ring: LogRing
  listeners: Set<(entry: LogEntry) => void>
  write: (line: string) => void
  now: () => number
  isNotifying: boolean
}

export function createLog(options: LogOptions): Log {
  const sink: Sink = {
    threshold: LOG_LEVELS.indexOf(options.level ?? 'info'),
    format: options.format ?? 'json',
    redact: orderSecrets(options.redact ?? []),
    ring: new LogRing(options.capacity ?? 1000),
    listeners: new Set(),
    write: options.write ?? writeToStdout,
    now: options.now ?? Date.now,
    isNotifying: false,
  }
  return bindLog(sink, { source: options.source, fields: {} })
}

/** The longest first, so that a secret which begins another one does not leave the rest of it standing. */
function orderSecrets(secrets: readonly string[]): readonly string[] {
  return secrets.filter((secret) => secret !== '').sort((a, b) => b.length - a.length)
}

/** What a log adds of its own to what it shares. */
type Bound = {
  source: string
  fields: LogFields
  onEntry?: ((entry: LogEntry) => void) | undefined
  redact?: (() => readonly string[]) | undefined
}

function bindLog(sink: Sink, bound: Bound): Log {
  const { source, onEntry } = bound
  const at = (level: LogLevel) => (text: string, fields?: LogFields) => {
    if (LOG_LEVELS.indexOf(level) < sink.threshold) return
    const redact = bound.redact ? orderSecrets([...bound.redact(), ...sink.redact]) : sink.redact
    const entry = makeEntry({ at: sink.now(), level, text, source, redact }, { ...bound.fields, ...fields })
    record(sink, entry)
    onEntry?.(entry)
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    writes: (level) => LOG_LEVELS.indexOf(level) >= sink.threshold,
    child: (fields, onChildEntry = onEntry, redact = bound.redact) =>
      bindLog(sink, { source, fields: { ...bound.fields, ...fields }, onEntry: onChildEntry, redact }),
    lines: () => sink.ring.list().map(({ line }) => line),
    entries: (since) => {
      const entries = sink.ring.list().map(({ entry }) => entry)
      return since === undefined ? entries : entries.filter((entry) => entry.at > since)
    },
    follow(listener) {
      // Wrapped, so that one function may follow twice and end each by itself.
      const follower = (entry: LogEntry) => listener(entry)
      sink.listeners.add(follower)
      return () => {
        sink.listeners.delete(follower)
      }
    },
  }
}

type EntryFacts = {
  at: number
  level: LogLevel
  text: string
  source: string
  redact: readonly string[]
}

function makeEntry({ at, level, text, source, redact }: EntryFacts, fields: LogFields): LogEntry {
  const { source: ownSource, ...rest } = fields
  return Object.freeze({
    at: new Date(at).toISOString(),
    level,
    text: sanitizeText(text, redact),
    source: sanitizeText(typeof ownSource === 'string' ? ownSource : source, redact),
    ...sanitizeFields(rest, redact),
  })
}

function record(sink: Sink, entry: LogEntry): void {
  const line = sink.format === 'json' ? formatJson(entry) : formatPretty(entry)
  sink.ring.push({ entry, line })
  sink.write(line)
  // What a listener logs is written and kept, but not announced: it would call itself without end.
  if (sink.isNotifying) return
  sink.isNotifying = true
  for (const listener of sink.listeners) {
    try {
      listener(entry)
    } catch {
      sink.listeners.delete(listener)
    }
  }
  sink.isNotifying = false
}

function formatJson(entry: LogEntry): string {
  return escapeControls(JSON.stringify(entry))
}

function formatPretty({ at, level, text, source, ...fields }: LogEntry): string {
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${formatPrettyValue(value)}`)
  return escapeControls(`${at.slice(11, 23)} ${level.padEnd(5)} ${source}: ${text}${pairs.join('')}`)
}

function formatPrettyValue(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return /[\s="\\]/.test(value) || value === '' ? JSON.stringify(value) : value
}

let isStdoutGuarded = false

/** A reader of our output that goes away must not end the process by an unhandled EPIPE. */
function writeToStdout(line: string): void {
  if (!isStdoutGuarded) {
    isStdoutGuarded = true
    process.stdout.on('error', () => {})
  }
  process.stdout.write(`${line}\n`)
}

class LogRing {
  readonly #capacity: number
  #items: Kept[] = []
  #next = 0

  constructor(capacity: number) {
    this.#capacity = Math.max(0, Math.floor(capacity))
  }

  push(item: Kept): void {
    if (this.#capacity === 0) return
    this.#items[this.#next] = item
    this.#next = (this.#next + 1) % this.#capacity
  }

  list(): Kept[] {
    if (this.#items.length < this.#capacity) return [...this.#items]
    return [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)]
  }
}
