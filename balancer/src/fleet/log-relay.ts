/**
 * The log lines of one worker on their way to those who follow. The worker sends them only while
 * somebody does, and only what one of them wants; the last ones stay here for that time, so that a second
 * follower sees where it comes in; where they are fewer than it wants, or not of its level, the worker is asked once
 * more for what it keeps. Kept by the fleet under the worker's id, so that it outlives links and
 * changes of the entry.
 * Invariant: fewer than 1,000 lines stay; of many workers that are followed at once and write, fewer than 4,000 of
 * all together, and two of each at least.
 */
import { LIMITS, LOG_LEVELS, type LogEntry, type LogLevel } from '@berth/protocol'
import type { LogFollower, LogWish, OnLogLines } from '../ports/fleet.ts'

interface Follower {
  readonly onLines: OnLogLines
  readonly wish: LogOrder
  /** What it was given since its worker was asked for what it keeps; undefined when it waits for nothing of that. */
  given: LogEntry[] | undefined
}

/** What the worker is told to send; undefined when nobody follows. */
export type LogOrder = Required<LogWish>

const KEPT = 500
/**
 * Each line that stays is moved by the next two collections of young garbage, while every task waits: with ten
 * thousand of them, all new each second or two, that was half of what a collection took.
 */
const KEPT_OF_ALL = 2_000
const LEAST_KEPT = 2
/** So few are moved at every message. */
const FEW = 16
/** Lines that come before the answer of a worker that was asked for what it keeps. */
const MOST_GIVEN = 2_000
const EVERYTHING: LogOrder = {
  level: 'debug',
  backlog: LIMITS.logBacklogLines,
  perSecond: LIMITS.logLinesPerSecond,
}

export class LogRelay {
  /** One a follower, also when two pass the same function. */
  readonly #followers = new Set<Follower>()
  readonly #tell: (order: LogOrder | undefined, tail: LogLevel | undefined) => void
  readonly #countFollowed: () => number
  #order: LogOrder | undefined
  /** By level: how many of the lines from it on were asked for, and are here as far as the worker keeps them. */
  readonly #known = new Map<LogLevel, number>()
  #recent: LogEntry[] = []
  #mayRepeat = false

  /**
   * `tell` is called when the first comes, when what they want together changes, when one of them needs more of what
   * the worker keeps (`tail`, its level), and when the last has gone; `countFollowed` answers how many workers are followed.
   */
  constructor(
    tell: (order: LogOrder | undefined, tail: LogLevel | undefined) => void,
    countFollowed: () => number,
  ) {
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

  follow(onLines: OnLogLines, wish: LogWish = {}): LogFollower {
    this.#cut(this.#mostKept())
    const recent = [...this.#recent]
    const follower: Follower = { onLines, wish: { ...EVERYTHING, ...wish }, given: undefined }
    const needsTail = this.isFollowed && this.#isShort(follower.wish)
    if (needsTail) follower.given = [...recent]
    this.#followers.add(follower)
    this.#settle(needsTail ? follower.wish : undefined)
    return { recent, stop: () => this.#unfollow(follower) }
  }

  /** The worker was told again to send: it begins with lines that may be here already. */
  expectRepeats(): void {
    this.#mayRepeat = true
  }

  deliver(lines: readonly LogEntry[], dropped: number): void {
    if (this.#followers.size === 0) return
    const fresh = this.#mayRepeat ? lines.slice(this.#countRepeated(lines)) : lines
    if (this.#mayRepeat) this.#tellOld(lines.slice(0, lines.length - fresh.length), undefined)
    this.#mayRepeat = false
    if (fresh.length === 0 && dropped === 0) return
    this.#keep(fresh)
    for (const follower of this.#followers) {
      follower.onLines(fresh, dropped)
      if (follower.given !== undefined) follower.given.push(...fresh)
      // A worker of an earlier version answers nothing.
      if ((follower.given?.length ?? 0) > MOST_GIVEN) follower.given = undefined
    }
  }

  /**
   * What the worker keeps of a level, as it was asked for: whoever follows has had all that he wanted of it, but who
   * asked.
   */
  deliverTail(lines: readonly LogEntry[], level: LogLevel): void {
    this.#tellOld(lines, level)
    const missing = withoutGiven(lines, this.#recent)
    if (this.#followers.size === 0 || missing.length === 0) return
    this.#recent = [...missing, ...this.#recent].sort((a, b) => (a.at < b.at ? -1 : Number(a.at > b.at)))
    this.#cut(this.#mostKept())
  }

  /** `level`: of those who wait for it; undefined: all levels. */
  #tellOld(lines: readonly LogEntry[], level: LogLevel | undefined): void {
    for (const follower of this.#followers) {
      const { given, onLines, wish } = follower
      if (given === undefined || (level !== undefined && wish.level !== level)) continue
      follower.given = undefined
      const missing = withoutGiven(lines, given)
      if (missing.length > 0) onLines(missing, 0, true)
    }
  }

  /** Whether the worker may keep lines that this one wants and that are not here. */
  #isShort({ level, backlog }: LogOrder): boolean {
    if ((this.#known.get(level) ?? 0) >= backlog) return false
    const isMissed = this.#order !== undefined && isBelow(level, this.#order.level)
    return isMissed || this.#recent.filter((line) => !isBelow(line.level, level)).length < backlog
  }

  /** Of many, cut once in a while: to move them for every message would cost more than all else that is done with it. */
  #keep(lines: readonly LogEntry[]): void {
    for (const line of lines) this.#recent.push(line)
    const most = this.#mostKept()
    if (most <= FEW || this.#recent.length >= 2 * most) this.#cut(most)
  }

  /** In place: a thousand workers would make ten thousand lists a second, of which each collection moves a thousand. */
  #cut(most: number): void {
    const over = this.#recent.length - most
    if (over <= 0) return
    this.#recent.copyWithin(0, over)
    this.#recent.length = most
    if (this.#known.size > 0) this.#known.clear()
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

  #unfollow(follower: Follower): void {
    if (!this.#followers.delete(follower)) return
    if (this.#followers.size === 0) this.#recent = []
    this.#settle(undefined)
  }

  /** `tail`: what one of them wants of the lines that the worker keeps. */
  #settle(tail: LogOrder | undefined): void {
    const next = joinWishes([...this.#followers].map(({ wish }) => wish))
    const last = this.#order
    this.#order = next
    this.#noteKnown(next, last === undefined ? next : tail)
    const isSame = last?.level === next?.level && last?.perSecond === next?.perSecond
    if (tail !== undefined || !isSame || (last === undefined) !== (next === undefined))
      this.#tell(tail && next ? { ...next, backlog: tail.backlog } : next, tail?.level)
  }

  /** `asked`: what is asked for now. Lines below the order's level are missing from now on. */
  #noteKnown(order: LogOrder | undefined, asked: LogOrder | undefined): void {
    for (const level of this.#known.keys())
      if (order === undefined || isBelow(level, order.level)) this.#known.delete(level)
    if (asked === undefined) return
    this.#known.set(asked.level, Math.max(asked.backlog, this.#known.get(asked.level) ?? 0))
  }
}

function isBelow(level: LogLevel, other: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(other)
}

/** A line that was given twice is left out twice. */
function withoutGiven(lines: readonly LogEntry[], given: readonly LogEntry[]): LogEntry[] {
  const left = new Map<string, number>()
  for (const line of given) left.set(keyOf(line), (left.get(keyOf(line)) ?? 0) + 1)
  return lines.filter((line) => {
    const count = left.get(keyOf(line)) ?? 0
    if (count > 0) left.set(keyOf(line), count - 1)
    return count === 0
  })
}

function keyOf({ at, level, text }: LogEntry): string {
  return `${at} ${level} ${text}`
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
