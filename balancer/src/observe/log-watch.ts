/**
 * The log lines that one page watches: how far it has read in each channel, and at most 2,000 lines a second over
 * all of them. Made by the feed for each page.
 * Invariants: what a page does not get is counted for it, by word; a page that does not read holds nothing.
 */
import { isLogWord, LIMITS } from '@berth/protocol'
import type { LogChannel, LogCursor, LogNews } from './log-channel.ts'
import type { LogChannels } from './log-channels.ts'

interface Watched {
  readonly channel: LogChannel
  cursor: LogCursor
  dropped: number
  /** Its page has not been told yet that it is followed, be there lines or not. */
  isNew: boolean
}

interface Taken extends Pick<LogNews, 'text' | 'dropped'> {
  readonly isShared: boolean
  /** The same for pages that get the same. */
  readonly span: string
}

export interface LogPart {
  /** JSON of a change's `logs`. */
  readonly text: string
  /** Equal for pages that get the same text; undefined when it is this page's own. */
  readonly key: string | undefined
}

export class LogWatch {
  readonly #channels: LogChannels
  readonly #watched = new Map<string, Watched>()
  readonly #refused = new Map<string, string>()
  #isRefusalNews = false
  #taken = 0

  constructor(channels: LogChannels) {
    this.#channels = channels
  }

  /** Replaces the list; what is no word for log lines is passed over. */
  watch(words: readonly string[]): void {
    const wanted = new Set(words.filter(isLogWord))
    for (const word of [...this.#watched.keys()]) if (!wanted.has(word)) this.#close(word)
    for (const word of this.#refused.keys()) if (!wanted.has(word)) this.#refused.delete(word)
    for (const word of wanted) if (!this.#watched.has(word)) this.#open(word)
  }

  stop(): void {
    this.watch([])
  }

  get hasNews(): boolean {
    if (this.#isRefusalNews) return true
    return [...this.#watched.values()].some(
      ({ channel, cursor, dropped, isNew }) => isNew || dropped > 0 || channel.newsFor(cursor) !== undefined,
    )
  }

  /** A new second: room for lines again. */
  renew(): void {
    this.#taken = 0
  }

  /** Words that are not followed and why, as JSON, once after each time it was found. */
  takeRefused(): string | undefined {
    if (!this.#isRefusalNews) return undefined
    this.#isRefusalNews = false
    return JSON.stringify(Object.fromEntries(this.#refused))
  }

  /** What has come, for a frame of changes; undefined when nothing has. */
  takeChanges(): LogPart | undefined {
    const parts: string[] = []
    let key: string | undefined = ''
    for (const [word, watched] of this.#watched) {
      const news = this.#take(watched)
      if (news === undefined) continue
      const name = JSON.stringify(word)
      parts.push(`${name}:{"lines":[${news.text}],"dropped":${news.dropped}}`)
      if (!news.isShared) key = undefined
      if (key !== undefined) key += `${name}${news.span}`
    }
    return parts.length === 0 ? undefined : { text: `{${parts.join()}}`, key }
  }

  /** The same for a snapshot, which has no place for counts; they stay for the next change. */
  takeSnapshot(): string {
    const parts: string[] = []
    for (const [word, watched] of this.#watched) {
      const news = this.#take(watched)
      if (news !== undefined) watched.dropped += news.dropped
      parts.push(`${JSON.stringify(word)}:[${news?.text ?? ''}]`)
    }
    return `{${parts.join()}}`
  }

  #take(watched: Watched): Taken | undefined {
    const { channel, cursor } = watched
    const owed = watched.dropped
    const news = channel.newsFor(cursor)
    if (news === undefined && owed === 0 && !watched.isNew) return undefined
    watched.isNew = false
    const { lines = [], text = '', dropped = 0 } = news ?? {}
    watched.cursor = news?.cursor ?? cursor
    watched.dropped = 0
    const over = Math.max(0, lines.length - (LIMITS.logLinesPerSecond - this.#taken))
    this.#taken += lines.length - over
    return {
      text: over > 0 ? lines.slice(over).join() : text,
      dropped: dropped + owed + over,
      isShared: over === 0 && owed === 0,
      // Lines may be left out while pages are told one after the other.
      span: `${cursor.line}-${cursor.left}-${watched.cursor.line}-${watched.cursor.left}`,
    }
  }

  #open(word: string): void {
    const opened = this.#channels.open(word)
    if (opened.ok) {
      this.#watched.set(word, {
        channel: opened.channel,
        cursor: opened.channel.start,
        dropped: 0,
        isNew: true,
      })
      this.#refused.delete(word)
      return
    }
    this.#refused.set(word, opened.why)
    this.#isRefusalNews = true
  }

  #close(word: string): void {
    this.#watched.delete(word)
    this.#channels.close(word)
  }
}
