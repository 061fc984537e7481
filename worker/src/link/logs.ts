/**
 * Sends log lines over a link while its balancer follows them. One per link, made by `link-session.ts`.
 * Lines are gathered for a moment and sent together, at most 2,000 a second, or fewer where the balancer says
 * so, and at most a megabyte at once; what is over is counted. A fresh follow begins with the newest lines that
 * are kept, so that whoever opens a log sees something.
 */
import { type FollowLogs, LIMITS, type LogEntry } from '@berth/protocol'
import type { LogEntry as Kept, Log } from '@berth/runtime'

const GATHER_MS = 100
/** Of one message, in characters of text; fields are bounded beside it. */
const GATHERED_TEXT = 1024 * 1024
const FIELDS_TEXT = 8 * 1024
const LEVELS = ['debug', 'info', 'warn', 'error']

export interface LogSender {
  /** False: the link has no room now; the lines are given up and counted. */
  send(lines: LogEntry[], dropped: number, tail?: LogEntry['level']): boolean
}

export type LogOrder = Omit<FollowLogs, 'type' | 'at'>

export class LogFollower {
  readonly #log: Log
  readonly #sender: LogSender
  #stop: (() => void) | undefined
  #threshold = 0
  #perSecond: number = LIMITS.logLinesPerSecond
  #hasFields = false
  #lines: LogEntry[] = []
  #text = 0
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  /** Asked for and not sent: how many lines, by level. */
  readonly #tails = new Map<LogEntry['level'], number>()
  #secondStartedAt = 0
  #inSecond = 0

  constructor(log: Log, sender: LogSender) {
    this.#log = log
    this.#sender = sender
  }

  /** Begins, goes on under another order, or ends. */
  follow({
    follow,
    level,
    backlog = LIMITS.logBacklogLines,
    perSecond,
    fields = false,
    tail,
  }: LogOrder): void {
    this.#threshold = LEVELS.indexOf(level)
    this.#perSecond = perSecond ?? LIMITS.logLinesPerSecond
    this.#hasFields = fields
    if (!follow) return this.stop()
    if (this.#stop) return tail ? this.#repeat(tail, backlog) : undefined
    this.#begin(backlog)
    this.#stop = this.#log.follow((entry) => this.#take(entry))
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#lines = []
    this.#text = 0
    this.#dropped = 0
    this.#tails.clear()
  }

  #begin(backlog: number): void {
    for (const entry of this.#kept(this.#threshold, backlog)) this.#take(entry)
  }

  /** What is kept, in a message of its own, behind all that was to be sent before. */
  #repeat(level: LogEntry['level'], backlog: number): void {
    this.#tails.set(level, Math.max(backlog, this.#tails.get(level) ?? 0))
    clearTimeout(this.#timer)
    this.#flush()
  }

  /** As much of it as one message may carry. */
  #tailOf(level: LogEntry['level'], backlog: number): LogEntry[] {
    const lines: LogEntry[] = []
    let text = 0
    for (const entry of this.#kept(LEVELS.indexOf(level), backlog).toReversed()) {
      const line = toLine(entry, this.#hasFields)
      text += sizeOf(line)
      if (text > GATHERED_TEXT) break
      lines.push(line)
    }
    return lines.reverse()
  }

  #kept(threshold: number, backlog: number): readonly Kept[] {
    if (backlog === 0) return []
    const wanted = this.#log.entries().filter(({ level }) => LEVELS.indexOf(level) >= threshold)
    return wanted.slice(-backlog)
  }

  #take(entry: Kept): void {
    if (LEVELS.indexOf(entry.level) < this.#threshold) return
    const now = performance.now()
    if (now - this.#secondStartedAt >= 1000) {
      this.#secondStartedAt = now
      this.#inSecond = 0
    }
    if (this.#inSecond >= this.#perSecond || this.#text >= GATHERED_TEXT) this.#dropped++
    else this.#keep(toLine(entry, this.#hasFields))
    this.#inSecond++
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS).unref()
  }

  #keep(line: LogEntry): void {
    this.#lines.push(line)
    this.#text += sizeOf(line)
  }

  #flush(): void {
    this.#timer = undefined
    const lines = this.#lines
    this.#lines = []
    this.#text = 0
    if (lines.length > 0 || this.#dropped > 0) {
      if (this.#sender.send(lines, this.#dropped)) this.#dropped = 0
      else this.#dropped += lines.length
    }
    this.#sendTails()
  }

  /** Nobody asks again for what finds no room on the link: it is tried until there is some. */
  #sendTails(): void {
    for (const [level, backlog] of this.#tails)
      if (this.#sender.send(this.#tailOf(level, backlog), 0, level)) this.#tails.delete(level)
    if (this.#tails.size > 0) this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS).unref()
  }
}

function sizeOf({ text, fields }: LogEntry): number {
  return text.length + (fields === undefined ? 0 : FIELDS_TEXT / 8)
}

/** Fields beyond the run go behind the text, as in the pretty format, unless they may stand for themselves. */
function toLine({ at, level, text, source, run, ...fields }: Kept, hasFields: boolean): LogEntry {
  const isApart = hasFields && isSmall(fields)
  const pairs = isApart
    ? []
    : Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value) ?? ''}`)
  const line: LogEntry = {
    at,
    level,
    text: `${text}${pairs.join('')}`.slice(0, LIMITS.logLineText),
    source: source.slice(0, 128),
  }
  if (typeof run === 'string') line.run = run.slice(0, 64)
  if (isApart && Object.keys(fields).length > 0) line.fields = fields
  return line
}

function isSmall(fields: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(fields)
  if (names.length === 0) return true
  return names.every((name) => name.length <= 128) && JSON.stringify(fields).length <= FIELDS_TEXT
}
