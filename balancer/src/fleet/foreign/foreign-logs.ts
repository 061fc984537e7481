/**
 * The lines of a worker of another make, which tells none by itself: while somebody follows, its `GET /logs` is asked
 * again and again, and what has come since the last answer is told as a link of our own tells it. Owned by
 * foreign-link.ts.
 * Invariants: nothing is asked while nobody follows; one question at a time, two seconds apart or more where many are
 * followed; an answer has at most 4 MiB, of which the newest 2,000 lines of 256 Ki characters together are looked at and
 * kept until the next; a line without an instant has that of its first reading, however often it is told.
 */
import { type FromBalancer, LIMITS, LOG_LEVELS, type LogEntry, type LogLevel } from '@berth/protocol'
import { askLogs, type LogAnswer, type LogQuestion } from '../worker-logs.ts'
import type { ForeignAccess } from './foreign-health.ts'
import { toEntry } from './foreign-line.ts'

export type LogOrderMessage = Pick<
  Extract<FromBalancer, { type: 'logs' }>,
  'follow' | 'level' | 'backlog' | 'perSecond' | 'tail'
>

export interface ForeignLogsOptions {
  readonly access: ForeignAccess
  /** Unix milliseconds. */
  readonly wallMs: () => number
  /** `tail`: what it keeps of this level, as it was asked for. */
  onLines(lines: LogEntry[], dropped: number, tail?: LogLevel): void
  /** Told once until it can be read again. */
  readonly onFault: (reason: string) => void
  readonly ask?: (question: LogQuestion) => Promise<LogAnswer>
}

const EVERY_MS = 2_000
const LONGEST_MS = 30_000
const MAX_BYTES = 4 * 1024 * 1024
const MAX_LINES = 2_000
/** Kept for each of a thousand that may be followed. */
const MAX_CHARS = 256 * 1024
/** More of a line is not looked at (foreign-line.ts). */
const MAX_LINE_CHARS = 2 * LIMITS.logLineText
/** Whoever follows many wants fewer of each (log-channel.ts): below so many a second each is asked less often. */
const UNHURRIED_PER_SECOND = 400

/** Lines and, for each, when it was first read (ISO 8601). */
interface Known {
  readonly lines: readonly string[]
  readonly readAt: readonly string[]
}

export class ForeignLogs {
  readonly #options: ForeignLogsOptions
  #order: LogOrderMessage | undefined
  /** As the last answer had them; undefined before the first. */
  #known: Known | undefined
  #timer: NodeJS.Timeout | undefined
  #asking: AbortController | undefined
  #hasFault = false

  constructor(options: ForeignLogsOptions) {
    this.#options = options
  }

  obey(order: LogOrderMessage): void {
    if (!order.follow) return this.stop()
    const isOn = this.#order !== undefined
    this.#order = order
    if (!isOn) void this.#ask()
    else if (order.tail && this.#known) this.#tell(this.#known, order.tail)
  }

  stop(): void {
    this.#order = undefined
    this.#known = undefined
    this.#hasFault = false
    clearTimeout(this.#timer)
    this.#asking?.abort()
    this.#asking = undefined
  }

  async #ask(): Promise<void> {
    const { access, ask = askLogs } = this.#options
    const asking = new AbortController()
    this.#asking = asking
    const answer = await ask({ ...access, maxBytes: MAX_BYTES, signal: asking.signal })
    // Nobody follows any more, or again, which has a question of its own.
    if (this.#asking !== asking || this.#order === undefined) return
    if (answer.ok) this.#hear(newestWithin(answer.logs), this.#order)
    else this.#fail(answer.why)
    this.#timer = setTimeout(() => void this.#ask(), pauseOf(this.#order)).unref()
  }

  #hear(lines: readonly string[], order: LogOrderMessage): void {
    const before = this.#known
    const same = before === undefined ? 0 : countKnown(before.lines, lines)
    const now = new Date(this.#options.wallMs()).toISOString()
    const old = same === 0 ? [] : (before?.readAt.slice(-same) ?? [])
    const known: Known = { lines, readAt: lines.map((_, at) => old[at] ?? now) }
    this.#known = known
    this.#hasFault = false
    const fresh = before === undefined ? newestOf(known, order.backlog) : newestOf(known, lines.length - same)
    if (fresh.lines.length > 0) this.#tell(fresh)
  }

  #tell({ lines, readAt }: Known, tail?: LogLevel): void {
    const order = this.#order
    if (order === undefined) return
    const { level, backlog = LIMITS.logBacklogLines, perSecond = LIMITS.logLinesPerSecond } = order
    const least = LOG_LEVELS.indexOf(tail ?? level)
    const wanted = lines
      .map((line, at) => toEntry(line, readAt[at] ?? ''))
      .filter((entry) => LOG_LEVELS.indexOf(entry.level) >= least)
    const due = Math.min(LIMITS.logLinesPerSecond, Math.ceil((perSecond * pauseOf(order)) / 1_000))
    const most = tail ? backlog : due
    const told = wanted.slice(Math.max(0, wanted.length - most))
    this.#options.onLines(told, tail ? 0 : wanted.length - told.length, tail)
  }

  #fail(why: string): void {
    if (this.#hasFault) return
    this.#hasFault = true
    this.#options.onFault(`its lines cannot be followed: ${why}`)
  }
}

function newestOf({ lines, readAt }: Known, count: number = LIMITS.logBacklogLines): Known {
  const from = Math.max(0, lines.length - count)
  return { lines: lines.slice(from), readAt: readAt.slice(from) }
}

/** As a worker writes on, its beginning moves on only, so that what was kept is found at the beginning of the next. */
function newestWithin(all: readonly string[]): readonly string[] {
  const lines = all.slice(-MAX_LINES).map(shorten)
  let from = lines.length
  for (let left = MAX_CHARS; from > 0; from--) {
    left -= lines[from - 1]?.length ?? 0
    if (left < 0) break
  }
  return lines.slice(from)
}

/** A part of a text keeps all of it in memory: this is a text of its own. */
function shorten(line: string): string {
  return line.length <= MAX_LINE_CHARS ? line : Buffer.from(line.slice(0, MAX_LINE_CHARS)).toString()
}

function pauseOf({ perSecond = LIMITS.logLinesPerSecond }: LogOrderMessage): number {
  return Math.min(LONGEST_MS, EVERY_MS * Math.max(1, UNHURRIED_PER_SECOND / perSecond))
}

/**
 * How many lines at the beginning of an answer were the end of the one before: as many as can be, since what is kept
 * moves on by what is new. None when the worker has begun anew, or has written more than it keeps.
 */
export function countKnown(before: readonly string[], now: readonly string[]): number {
  const borders = bordersOf(now)
  let matched = 0
  for (const line of before) {
    while (matched > 0 && (matched === now.length || line !== now[matched]))
      matched = borders[matched - 1] ?? 0
    if (line === now[matched]) matched++
  }
  return matched
}

/** For each beginning of the list, how long the longest shorter beginning is that it ends with (Knuth, Morris, Pratt). */
function bordersOf(lines: readonly string[]): readonly number[] {
  const borders: number[] = [0]
  let length = 0
  for (let at = 1; at < lines.length; at++) {
    while (length > 0 && lines[at] !== lines[length]) length = borders[length - 1] ?? 0
    if (lines[at] === lines[length]) length++
    borders.push(length)
  }
  return borders
}
