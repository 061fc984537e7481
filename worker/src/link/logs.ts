/**
 * Sends log lines over a link while its balancer follows them. One per link, made by `link-session.ts`.
 * Lines are gathered for a moment and sent together, at most 2,000 a second; what is over is counted.
 * A fresh follow begins with the newest lines that are kept, so that whoever opens a log sees something.
 */
import { LIMITS, type LogEntry, type LogLevel } from '@berth/protocol'
import type { LogEntry as Kept, Log } from '@berth/runtime'

const GATHER_MS = 100
const BACKLOG_LINES = 200
const LEVELS = ['debug', 'info', 'warn', 'error']

export interface LogSender {
  /** False: the link has no room now; the lines are given up and counted. */
  send(lines: LogEntry[], dropped: number): boolean
}

export class LogFollower {
  readonly #log: Log
  readonly #sender: LogSender
  #stop: (() => void) | undefined
  #threshold = 0
  #lines: LogEntry[] = []
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  #secondStartedAt = 0
  #inSecond = 0

  constructor(log: Log, sender: LogSender) {
    this.#log = log
    this.#sender = sender
  }

  /** Begins, goes on with another level, or ends. */
  follow(isOn: boolean, level: LogLevel): void {
    this.#threshold = LEVELS.indexOf(level)
    if (!isOn) return this.stop()
    if (this.#stop) return
    const kept = this.#log.entries().filter((entry) => this.#isWanted(entry))
    for (const entry of kept.slice(-BACKLOG_LINES)) this.#take(entry)
    this.#stop = this.#log.follow((entry) => this.#take(entry))
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#lines = []
    this.#dropped = 0
  }

  #isWanted(entry: Kept): boolean {
    return LEVELS.indexOf(entry.level) >= this.#threshold
  }

  #take(entry: Kept): void {
    if (!this.#isWanted(entry)) return
    const now = performance.now()
    if (now - this.#secondStartedAt >= 1000) {
      this.#secondStartedAt = now
      this.#inSecond = 0
    }
    if (this.#inSecond >= LIMITS.logLinesPerSecond) this.#dropped++
    else this.#lines.push(toLine(entry))
    this.#inSecond++
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS).unref()
  }

  #flush(): void {
    this.#timer = undefined
    const lines = this.#lines
    this.#lines = []
    if (this.#sender.send(lines, this.#dropped)) this.#dropped = 0
    else this.#dropped += lines.length
  }
}

/** Fields beyond the run go behind the text, as in the pretty format. */
function toLine({ at, level, text, source, run, ...fields }: Kept): LogEntry {
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value) ?? ''}`)
  const line = {
    at,
    level,
    text: `${text}${pairs.join('')}`.slice(0, LIMITS.logLineText),
    source: source.slice(0, 128),
  }
  return typeof run === 'string' ? { ...line, run: run.slice(0, 64) } : line
}
