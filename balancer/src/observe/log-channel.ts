/**
 * The lines that one word of the feed means, followed once for however many pages watch the same word: it follows
 * its sources while somebody watches, matches each line once, lets at most 2,000 a second through, and makes each
 * of these into JSON once. Owned by `log-channels.ts`; pages read it by cursors (`log-watch.ts`).
 * Invariants: what is left out is counted; nothing is followed that nobody watches; at most 4,000 lines wait beside
 * those that are being written, and at most 2,000 are kept; a tick writes at most half a megabyte of lines, or one
 * that is longer, in steps between which lines may come and pages come and go; pages see all of a tick or nothing.
 */
import { LIMITS, type LogEntry, type LogQuery, type WorkerView } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import type { FleetPort, LogFollower, LogWish, OnLogLines } from '../ports/fleet.ts'
import { ownLine } from './balancer-log.ts'
import { type IsWanted, wantsAnyWorker, wantsBalancer, wantsWorker } from './log-filter.ts'

/** How much of what sources have kept a page gets when it begins to watch. */
const RECENT_LINES = 1000
/** More of it is sorted out before all of it is there. */
const MOST_HISTORY = 4 * RECENT_LINES
/** What many workers that are followed together may send us in a second. */
const INFLOW_PER_SECOND = 20_000
const LEAST_PER_SECOND = 20
const TICKS_PER_SECOND = 4
const PER_SECOND = LIMITS.logLinesPerSecond
/** Each is told by a message; a thousand at once would take as long as a hundred tasks. */
const FOLLOWED_AT_ONCE = 25
/** Of one tick: lines may be 16 KB long. */
const CHARACTERS_A_TICK = 512 * 1024
/** A step writes so much, a tenth of a millisecond or so: while lines are written no task is answered. */
const LINES_A_STEP = 32
const CHARACTERS_A_STEP = 32 * 1024

export interface LogSources {
  readonly fleet: Pick<FleetPort, 'followLogs' | 'workers' | 'worker'>
  readonly log: Pick<Log, 'entries' | 'follow'>
}

/** How far a page has read. */
export interface LogCursor {
  readonly line: number
  readonly left: number
}

/**
 * A class: for each literal with a getter V8 makes a shape in its old space, which keeps the getter, and with it all
 * lines and their text, until the next full collection.
 */
export class LogNews {
  /** Lines of JSON, the oldest first. */
  readonly lines: readonly string[]
  readonly dropped: number
  readonly cursor: LogCursor
  #text: string | undefined

  constructor(lines: readonly string[], dropped: number, cursor: LogCursor) {
    this.lines = lines
    this.dropped = dropped
    this.cursor = cursor
  }

  /** All of them, with commas between; put together once for all pages. */
  get text(): string {
    this.#text ??= this.lines.join()
    return this.#text
  }
}

/**
 * A class: when many literals of one place outlive a collection, V8 makes those that follow in its old space, where
 * each keeps its line until the next full collection.
 */
class Waiting {
  readonly entry: LogEntry
  readonly worker: string | undefined

  constructor(entry: LogEntry, worker: string | undefined) {
    this.entry = entry
    this.worker = worker
  }
}

export class LogChannel {
  readonly #sources: LogSources
  readonly #query: LogQuery
  readonly #isWanted: IsWanted
  readonly #followed = new Map<string, LogFollower>()
  #toFollow: string[] = []
  #wish: LogWish = {}
  #isStopped = false
  #stopOwn = () => {}
  #waiting: Waiting[] = []
  /** What was there before its source was followed. */
  #history: Waiting[] = []
  #kept: string[] = []
  /** Lines let through, and lines left out, since it began. */
  #lines = 0
  #left = 0
  /** As pages hear of it: what is left out while they are told one after the other is told at the next tick. */
  #toldLeft = 0
  /** Of the last ticks, how many were let through. */
  #recentCounts: number[] = []
  #isCrowded = false
  #shared: { readonly from: LogCursor; readonly news: LogNews } | undefined

  /**
   * With `isFree` some are followed at once; else those of a filter before have to be let go first: a worker that is
   * still followed for that one would be asked for more, and once more for what it keeps.
   */
  constructor(sources: LogSources, query: LogQuery, isWanted: IsWanted, isFree: boolean) {
    this.#sources = sources
    this.#query = query
    this.#isWanted = isWanted
    this.#followOwn()
    this.renew()
    if (isFree) this.#followSome()
  }

  /** Where a page begins that has read nothing: before what is kept. */
  get start(): LogCursor {
    return { line: this.#lines - Math.min(this.#kept.length, RECENT_LINES), left: this.#toldLeft }
  }

  /** Four times a second: follows whom it does not follow yet, and lets lines through. Yields where it may be cut. */
  *gather(): Generator<void, void> {
    while (this.#toFollow.length > 0) {
      this.#followSome()
      yield
      if (this.#isStopped) return
    }
    const lastTicks = this.#recentCounts.slice(1 - TICKS_PER_SECOND)
    const free = PER_SECOND - lastTicks.reduce((sum, count) => sum + count, 0)
    // A source that shouts is heard evenly, not for the first moment of each second.
    const room = Math.min(free, this.#isCrowded ? PER_SECOND / TICKS_PER_SECOND : PER_SECOND)
    // Of many sources the newest lines are known when all of them are followed.
    const old = yield* this.#admitHistory()
    const fresh = yield* this.#admit(Math.max(0, room - old))
    this.#recentCounts = [...lastTicks, old + fresh]
    this.#toldLeft = this.#left
  }

  /** Once a second: workers come, go, and change their tags. `workers` are all that there are. */
  renew(workers?: readonly WorkerView[]): void {
    const wanted = this.#wantedWorkers(workers)
    for (const [id, follower] of this.#followed) {
      if (wanted.has(id)) continue
      follower.stop()
      this.#followed.delete(id)
    }
    this.#wish = wishOf(this.#query, wanted.size)
    this.#toFollow = [...wanted].filter((id) => !this.#followed.has(id))
  }

  /** Undefined when nothing has come since. The same for all that have read as far. */
  newsFor(from: LogCursor): LogNews | undefined {
    const now = { line: this.#lines, left: this.#toldLeft }
    if (isSame(from, now)) return undefined
    const shared = this.#shared
    if (shared !== undefined && isSame(shared.from, from) && isSame(shared.news.cursor, now))
      return shared.news
    const first = this.#lines - this.#kept.length
    const lines = this.#kept.slice(Math.max(0, from.line - first))
    const dropped = this.#toldLeft - from.left + Math.max(0, first - from.line)
    const news = new LogNews(lines, dropped, now)
    this.#shared = { from, news }
    return news
  }

  /** Answers whom it followed, to be stopped by whoever calls. */
  stop(): readonly LogFollower[] {
    this.#isStopped = true
    this.#stopOwn()
    this.#waiting = []
    this.#history = []
    this.#toFollow = []
    return [...this.#followed.values()]
  }

  #followSome(): void {
    for (const id of this.#toFollow.splice(0, FOLLOWED_AT_ONCE)) this.#follow(id)
  }

  /** A worker that is named is followed as soon as it is known, also one that is leaving. */
  #wantedWorkers(workers?: readonly WorkerView[]): ReadonlySet<string> {
    const { fleet } = this.#sources
    const named = this.#query.workers.flatMap((id) => fleet.worker(id) ?? [])
    const all: readonly WorkerView[] = wantsAnyWorker(this.#query) ? (workers ?? fleet.workers()) : named
    return new Set(all.filter((worker) => wantsWorker(this.#query, worker)).map(({ id }) => id))
  }

  #followOwn(): void {
    if (!wantsBalancer(this.#query)) return
    const { log } = this.#sources
    this.#takeHistory(log.entries().slice(-RECENT_LINES).map(ownLine), undefined)
    this.#stopOwn = log.follow((entry) => this.#take([ownLine(entry)], undefined))
  }

  #follow(id: string): void {
    const onLines: OnLogLines = (entries, dropped, isOld = false) => {
      this.#left += dropped
      if (isOld) this.#takeHistory(entries, id)
      else this.#take(entries, id)
    }
    const follower = this.#sources.fleet.followLogs(id, onLines, this.#wish)
    if (follower === undefined) return
    this.#followed.set(id, follower)
    this.#takeHistory(follower.recent.slice(-RECENT_LINES), id)
  }

  #take(entries: readonly LogEntry[], worker: string | undefined): void {
    if (this.#isStopped) return
    for (const entry of entries)
      if (this.#isWanted(entry, worker)) this.#waiting.push(new Waiting(entry, worker))
    // The newest are kept: they are what a tail is watched for. Twice what a turn lets through, since a few of them
    // are older than what came before.
    const most = this.#isCrowded ? (2 * PER_SECOND) / TICKS_PER_SECOND : PER_SECOND
    if (this.#waiting.length > 2 * most) this.#leaveOut(this.#waiting.length - most)
  }

  #takeHistory(entries: readonly LogEntry[], worker: string | undefined): void {
    if (this.#isStopped) return
    for (const entry of entries)
      if (this.#isWanted(entry, worker)) this.#history.push(new Waiting(entry, worker))
    if (this.#history.length > MOST_HISTORY) this.#history = newestOf(this.#history)
  }

  /** The newest of it; what stays behind was withheld from nobody, so it is not counted. */
  *#admitHistory(): Generator<void, number> {
    if (this.#history.length === 0) return 0
    const newest = newestOf(this.#history)
    this.#history = []
    yield
    return this.#keep(yield* writeNewest(newest))
  }

  #leaveOut(count: number): void {
    this.#waiting.splice(0, count)
    this.#left += count
  }

  /** What comes while it is written waits for the next tick. */
  *#admit(room: number): Generator<void, number> {
    const lines = this.#waiting
    this.#waiting = []
    // Workers send what they gather in a moment, so that of several the older lines may come later.
    if (this.#followed.size + Number(wantsBalancer(this.#query)) > 1) lines.sort(byInstant)
    const newest = lines.slice(Math.max(0, lines.length - room))
    const fresh = yield* writeNewest(newest)
    this.#isCrowded = fresh.length < lines.length
    // With what it says of them, so that no page is told of lines that are neither there nor left out.
    this.#left += lines.length - fresh.length
    return this.#keep(fresh)
  }

  #keep(fresh: readonly string[]): number {
    if (fresh.length === 0) return 0
    this.#lines += fresh.length
    this.#kept = [...this.#kept, ...fresh].slice(-PER_SECOND)
    return fresh.length
  }
}

function newestOf(lines: readonly Waiting[]): Waiting[] {
  return lines.toSorted(byInstant).slice(-RECENT_LINES)
}

/** JSON of all lines, or of the newest, as far as a tick has time for. Yields where it may be cut. */
function* writeNewest(lines: readonly Waiting[]): Generator<void, readonly string[]> {
  const fresh: string[] = []
  let characters = 0
  let step = { lines: LINES_A_STEP, characters: CHARACTERS_A_STEP }
  for (let at = lines.length - 1; at >= 0 && characters < CHARACTERS_A_TICK; at--) {
    const text = toJson(lines[at] as Waiting)
    characters += text.length
    fresh.push(text)
    if (fresh.length < step.lines && characters < step.characters) continue
    step = { lines: fresh.length + LINES_A_STEP, characters: characters + CHARACTERS_A_STEP }
    yield
  }
  return fresh.reverse()
}

/** Who follows many asks each for less, so that a whole fleet cannot shout the balancer down. */
function wishOf({ level }: LogQuery, count: number): LogWish {
  const share = Math.max(LEAST_PER_SECOND, Math.ceil(INFLOW_PER_SECOND / Math.max(1, count)))
  return {
    level,
    backlog: Math.min(LIMITS.logBacklogLines, Math.ceil(RECENT_LINES / Math.max(1, count))),
    perSecond: Math.min(PER_SECOND, share),
  }
}

function isSame(a: LogCursor, b: LogCursor): boolean {
  return a.line === b.line && a.left === b.left
}

function byInstant(a: Waiting, b: Waiting): number {
  return a.entry.at < b.entry.at ? -1 : Number(a.entry.at > b.entry.at)
}

/** An entry is of one worker, whoever follows it. */
const json = new WeakMap<LogEntry, string>()

function toJson({ entry, worker }: Waiting): string {
  const known = json.get(entry)
  if (known !== undefined) return known
  const text = JSON.stringify(worker === undefined ? entry : { ...entry, worker })
  json.set(entry, text)
  return text
}
