/**
 * The log lines of one worker on their way to those who follow. The worker sends them only while
 * somebody does, and only what one of them wants; the last ones stay here for that time, so that a second
 * follower sees where it comes in. Kept by the fleet under the worker's id, so that it outlives links and
 * changes of the entry.
 * Invariant: fewer than 1,000 lines stay; of many workers that are followed at once and write 10,000 to 20,000 of all
 * together, and five of each at least.
 */
import { LIMITS, LOG_LEVELS, type LogEntry } from '@berth/protocol'
import type { LogFollower, LogWish } from '../ports/fleet.ts'

type OnLines = (lines: readonly LogEntry[], dropped: number) => void

/** What the worker is told to send; undefined when nobody follows. */
export type LogOrder = Required<LogWish>

const KEPT = 500
const KEPT_OF_ALL = 10_000
const LEAST_KEPT = 5
const EVERYTHING: LogOrder = {
  level: 'debug',
  backlog: LIMITS.logBacklogLines,
  perSecond: LIMITS.logLinesPerSecond,
}

export class LogRelay {
  /** One a follower, also when two pass the same function. */
  readonly #followers = new Set<{ readonly onLines: OnLines; readonly wish: LogOrder }>()
  readonly #tell: (order: LogOrder | undefined) => void
  readonly #countFollowed: () => number
  #order: LogOrder | undefined
  #recent: LogEntry[] = []
  #mayRepeat = false

  /**
   * `tell` is called when the first comes, when what they want together changes, and when the last has gone;
   * `countFollowed` answers how many workers are followed.
   */
  constructor(tell: (order: LogOrder | undefined) => void, countFollowed: () => number) {
    this.#tell = tell
    this.#countFollowed = countFollowed
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0
  }

  /** What all of them want together. */
  get order(): LogOrder | undefined {
    return this.#order
  }

  follow(onLines: OnLines, wish: LogWish = {}): LogFollower {
    const follower = { onLines, wish: { ...EVERYTHING, ...wish } }
    const recent = this.#recent.slice(-this.#mostKept())
    this.#followers.add(follower)
    this.#settle()
    return { recent, stop: () => this.#unfollow(follower) }
  }

  /** The worker was told again to send: it begins with lines that may be here already. */
  expectRepeats(): void {
    this.#mayRepeat = true
  }

  deliver(lines: readonly LogEntry[], dropped: number): void {
    if (this.#followers.size === 0) return
    const fresh = this.#mayRepeat ? lines.slice(this.#countRepeated(lines)) : lines
    this.#mayRepeat = false
    if (fresh.length === 0 && dropped === 0) return
    this.#keep(fresh)
    for (const { onLines } of this.#followers) onLines(fresh, dropped)
  }

  /** Cut once in a while: a copy for every message would cost more than all else that is done with it. */
  #keep(lines: readonly LogEntry[]): void {
    for (const line of lines) this.#recent.push(line)
    const most = this.#mostKept()
    if (this.#recent.length >= 2 * most) this.#recent = this.#recent.slice(-most)
  }

  #mostKept(): number {
    const share = Math.floor(KEPT_OF_ALL / Math.max(1, this.#countFollowed()))
    return Math.max(LEAST_KEPT, Math.min(KEPT, share))
  }

  /** Lines up to the last one that is here; 0 when it is not among them (the worker has restarted). */
  #countRepeated(lines: readonly LogEntry[]): number {
    const last = this.#recent.at(-1)
    return lines.findLastIndex(({ at, text }) => at === last?.at && text === last.text) + 1
  }

  #unfollow(follower: { readonly onLines: OnLines; readonly wish: LogOrder }): void {
    if (!this.#followers.delete(follower)) return
    if (this.#followers.size === 0) this.#recent = []
    this.#settle()
  }

  #settle(): void {
    const next = joinWishes([...this.#followers].map(({ wish }) => wish))
    const last = this.#order
    this.#order = next
    const isSame = last?.level === next?.level && last?.perSecond === next?.perSecond
    if (!isSame || (last === undefined) !== (next === undefined)) this.#tell(next)
  }
}

/** The least level, and the most of everything else. */
function joinWishes(wishes: readonly LogOrder[]): LogOrder | undefined {
  if (wishes.length === 0) return undefined
  const levels = wishes.map(({ level }) => LOG_LEVELS.indexOf(level))
  return {
    level: LOG_LEVELS[Math.min(...levels)] ?? 'debug',
    backlog: Math.max(...wishes.map(({ backlog }) => backlog)),
    perSecond: Math.max(...wishes.map(({ perSecond }) => perSecond)),
  }
}
