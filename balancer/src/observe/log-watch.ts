/**
 * The log lines that one page watches: follows its sources, collects what comes between two frames, and lets
 * through at most 2,000 lines a second. Made by the feed for each page.
 * Invariants: what is left out is counted, by source; nothing is followed that is not watched; a line is
 * made into JSON once, for however many pages.
 */
import { LIMITS, type LogEntry } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import type { FleetPort } from '../ports/fleet.ts'
import { toFeedEntry } from './balancer-log.ts'

/** How much of what a source has kept a page gets when it begins to watch. */
const RECENT_LINES = 1000
const WORKER_PREFIX = 'logs:'

export interface LogWatchDeps {
  readonly fleet: Pick<FleetPort, 'followLogs'>
  readonly log: Pick<Log, 'entries' | 'follow'>
}

interface Watched {
  lines: string[]
  dropped: number
  /** Undefined while the worker is not known. */
  stop: (() => void) | undefined
}

export class LogWatch {
  readonly #deps: LogWatchDeps
  readonly #sources = new Map<string, Watched>()
  #taken = 0
  #waiting = 0

  constructor(deps: LogWatchDeps) {
    this.#deps = deps
  }

  /** Replaces the list; what is no log source is passed over. */
  watch(sources: readonly string[]): void {
    const wanted = new Set(sources.filter((source) => source === 'logs' || source.startsWith(WORKER_PREFIX)))
    for (const [source, watched] of this.#sources) if (!wanted.has(source)) this.#close(source, watched)
    for (const source of wanted) if (!this.#sources.has(source)) this.#open(source)
  }

  stop(): void {
    this.watch([])
  }

  get hasNews(): boolean {
    return [...this.#sources.values()].some(({ lines, dropped }) => lines.length > 0 || dropped > 0)
  }

  /** A new second: room for lines again, and another try for workers that were not known. */
  renew(): void {
    this.#taken = 0
    for (const [source, watched] of this.#sources)
      if (watched.stop === undefined) this.#follow(source, watched)
  }

  /** What has come, as the JSON of a change's `logs`; undefined when nothing has. */
  takeChanges(): string | undefined {
    const parts: string[] = []
    for (const [source, watched] of this.#sources) {
      const { lines, dropped } = watched
      if (lines.length === 0 && dropped === 0) continue
      parts.push(`${JSON.stringify(source)}:{"lines":[${this.#empty(watched).join()}],"dropped":${dropped}}`)
      watched.dropped = 0
    }
    return parts.length === 0 ? undefined : `{${parts.join()}}`
  }

  /** The same for a snapshot, which has no place for counts; they stay for the next change. */
  takeSnapshot(): string {
    const parts = [...this.#sources].map(
      ([source, watched]) => `${JSON.stringify(source)}:[${this.#empty(watched).join()}]`,
    )
    return `{${parts.join()}}`
  }

  #empty(watched: Watched): string[] {
    const { lines } = watched
    watched.lines = []
    this.#waiting -= lines.length
    return lines
  }

  #open(source: string): void {
    const watched: Watched = { lines: [], dropped: 0, stop: undefined }
    this.#sources.set(source, watched)
    this.#follow(source, watched)
  }

  #close(source: string, watched: Watched): void {
    this.#sources.delete(source)
    this.#empty(watched)
    watched.stop?.()
  }

  #follow(source: string, watched: Watched): void {
    const { fleet, log } = this.#deps
    const add = (entries: readonly LogEntry[], dropped: number) => this.#add(watched, entries, dropped)
    if (source === 'logs') {
      watched.stop = log.follow((entry) => add([ownEntry(entry)], 0))
      add(log.entries().slice(-RECENT_LINES).map(ownEntry), 0)
      return
    }
    const follower = fleet.followLogs(source.slice(WORKER_PREFIX.length), add)
    if (follower === undefined) return
    watched.stop = () => follower.stop()
    add(follower.recent.slice(-RECENT_LINES), 0)
  }

  #add(watched: Watched, entries: readonly LogEntry[], dropped: number): void {
    const limit = LIMITS.logLinesPerSecond
    const room = Math.max(0, limit - Math.max(this.#taken, this.#waiting))
    const left = Math.max(0, entries.length - room)
    watched.dropped += dropped + left
    // The newest are kept: they are what a tail is watched for.
    for (const entry of entries.slice(left)) watched.lines.push(toJson(entry))
    this.#taken += entries.length - left
    this.#waiting += entries.length - left
  }
}

const json = new WeakMap<LogEntry, string>()

function toJson(entry: LogEntry): string {
  const known = json.get(entry)
  if (known !== undefined) return known
  const text = JSON.stringify(entry)
  json.set(entry, text)
  return text
}

const feedEntries = new WeakMap<object, LogEntry>()

function ownEntry(entry: Parameters<typeof toFeedEntry>[0]): LogEntry {
  const known = feedEntries.get(entry)
  if (known !== undefined) return known
  const made = toFeedEntry(entry)
  feedEntries.set(entry, made)
  return made
}
