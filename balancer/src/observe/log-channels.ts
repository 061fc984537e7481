/**
 * All channels of log lines that pages watch, by their words: pages that watch the same share one. Owned by the
 * feed. Invariant: a channel lives as long as somebody watches it, and there are at most 64 with a filter,
 * since each line is held against each of them.
 */
import { readLogWord, type WorkerView } from '@berth/protocol'
import type { LogFollower } from '../ports/fleet.ts'
import { LogChannel, type LogSources } from './log-channel.ts'
import { makeFilter } from './log-filter.ts'

const MOST_FILTERS = 64
const PARTED_AT_ONCE = 25

export type OpenedChannel =
  | { readonly ok: true; readonly channel: LogChannel }
  | { readonly ok: false; readonly why: string }

interface Held {
  readonly channel: LogChannel
  watchers: number
}

export class LogChannels {
  readonly #sources: LogSources
  readonly #held = new Map<string, Held>()
  /** Those that nobody needs any more, and who have not been told yet. */
  readonly #parting: LogFollower[] = []

  constructor(sources: LogSources) {
    this.#sources = sources
  }

  /** Every opening needs a `close`. */
  open(word: string): OpenedChannel {
    const held = this.#held.get(word)
    if (held !== undefined) {
      held.watchers += 1
      return { ok: true, channel: held.channel }
    }
    const read = readLogWord(word)
    if (!read.ok) return read
    const isFilter = word.startsWith('logs?')
    if (isFilter && [...this.#held.keys()].filter((one) => one.startsWith('logs?')).length >= MOST_FILTERS)
      return { ok: false, why: `${MOST_FILTERS} other filters of log lines are in use; try again later` }
    const filter = makeFilter(read.query)
    if (!filter.ok) return filter
    const channel = new LogChannel(this.#sources, read.query, filter.isWanted, this.#parting.length === 0)
    this.#held.set(word, { channel, watchers: 1 })
    return { ok: true, channel }
  }

  close(word: string): void {
    const held = this.#held.get(word)
    if (held === undefined) return
    held.watchers -= 1
    if (held.watchers > 0) return
    this.#parting.push(...held.channel.stop())
    this.#held.delete(word)
    this.#part()
  }

  /** Yields where it may be cut. */
  *gather(): Generator<void, void> {
    while (this.#parting.length > 0) {
      this.#part()
      yield
    }
    for (const { channel } of [...this.#held.values()]) {
      yield* channel.gather()
      yield
    }
  }

  #part(): void {
    for (const follower of this.#parting.splice(0, PARTED_AT_ONCE)) follower.stop()
  }

  /** `workers` are all that there are. */
  renew(workers: readonly WorkerView[]): void {
    for (const { channel } of this.#held.values()) channel.renew(workers)
  }

  stop(): void {
    for (const { channel } of this.#held.values()) this.#parting.push(...channel.stop())
    this.#held.clear()
    for (const follower of this.#parting.splice(0)) follower.stop()
  }
}
