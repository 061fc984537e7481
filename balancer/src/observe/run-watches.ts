/**
 * What the pages watch of runs: `runs?<query of GET /runs>` and `run:<id>`. Each question is read again at most once a
 * second, and so seldom that reading takes no more than a tenth of the time; once, for however many pages. The feed
 * asks for each page's share with every frame.
 * Invariants: at most 16 different questions are watched, further ones are refused and told so; a page that does not
 * read gathers what is newest of each run and no history; a page gets the whole of what it begins to watch first.
 */
import type { FeedChanges, RunItem } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import { isSame } from './changes.ts'

export type RunQuestion =
  | { readonly ok: true; read(): Promise<readonly Partial<RunItem>[]> }
  | { readonly ok: false; readonly detail: string }

export interface RunWatchDeps {
  readonly clock: Pick<Clock, 'monoMs'>
  /** What a word asks for; every item has its id. */
  readonly open: (word: string) => RunQuestion
}

const MAX_QUESTIONS = 16
const LEAST_MS = 1_000
/** How long is waited after a read, by how long it took. */
const REST = 9

export const RUNS_PREFIX = 'runs?'
export const RUN_PREFIX = 'run:'

type Item = Readonly<Record<string, unknown>> & { readonly id: string }

/** What a page has not been sent yet of one question. */
interface Pending {
  isWhole: boolean
  items: Map<string, Item>
  gone: Set<string>
}

interface Watched {
  /** One run, of which only the members that differ go out. */
  readonly isOne: boolean
  readonly read: () => Promise<readonly Partial<RunItem>[]>
  readonly readers: Set<Pending>
  /** As it was read last, by id; undefined before. */
  items: Map<string, Item> | undefined
  isReading: boolean
  nextAtMs: number
}

export class RunWatches {
  readonly #deps: RunWatchDeps
  readonly #watched = new Map<string, Watched>()

  constructor(deps: RunWatchDeps) {
    this.#deps = deps
  }

  attach(): RunWatch {
    return new RunWatch(this)
  }

  /** Begins the reads that are due; what they bring is there at a later frame. */
  tick(): void {
    const nowMs = this.#deps.clock.monoMs()
    for (const watched of this.#watched.values())
      if (!watched.isReading && watched.nextAtMs <= nowMs) void this.#read(watched, nowMs)
  }

  /** What the page has yet to get of the word, or why it gets nothing. */
  join(word: string): Pending | { readonly refused: string } {
    const known = this.#watched.get(word)
    const watched = known ?? this.#open(word)
    if ('refused' in watched) return watched
    const items = new Map(watched.items)
    const pending: Pending = { isWhole: watched.items !== undefined, items, gone: new Set() }
    watched.readers.add(pending)
    return pending
  }

  leave(word: string, pending: Pending): void {
    const watched = this.#watched.get(word)
    watched?.readers.delete(pending)
    if (watched?.readers.size === 0) this.#watched.delete(word)
  }

  #open(word: string): Watched | { readonly refused: string } {
    const question = this.#deps.open(word)
    if (!question.ok) return { refused: question.detail }
    if (this.#watched.size >= MAX_QUESTIONS) return { refused: TOO_MANY }
    const read = () => question.read()
    const isOne = word.startsWith(RUN_PREFIX)
    const watched: Watched = {
      isOne,
      read,
      readers: new Set(),
      items: undefined,
      isReading: false,
      nextAtMs: 0,
    }
    this.#watched.set(word, watched)
    return watched
  }

  async #read(watched: Watched, startedAtMs: number): Promise<void> {
    watched.isReading = true
    try {
      apply(watched, await watched.read())
    } catch {
      // A store that cannot be read now is asked again; the page shows the age of what it has.
    }
    watched.isReading = false
    const doneAtMs = this.#deps.clock.monoMs()
    watched.nextAtMs = Math.max(startedAtMs + LEAST_MS, doneAtMs + REST * (doneAtMs - startedAtMs))
  }
}

/** One page's. */
export class RunWatch {
  readonly #watches: RunWatches
  readonly #pending = new Map<string, Pending>()
  #refused: Record<string, string> = {}

  constructor(watches: RunWatches) {
    this.#watches = watches
  }

  /** Replaces what is watched; what is no word about runs is passed over. */
  watch(sources: readonly string[]): void {
    const wanted = new Set(
      sources.filter((word) => word.startsWith(RUNS_PREFIX) || word.startsWith(RUN_PREFIX)),
    )
    for (const [word, pending] of this.#pending) {
      if (wanted.has(word)) continue
      this.#watches.leave(word, pending)
      this.#pending.delete(word)
    }
    this.#refused = {}
    for (const word of wanted) if (!this.#pending.has(word)) this.#join(word)
  }

  stop(): void {
    this.watch([])
  }

  get hasNews(): boolean {
    return Object.keys(this.#refused).length > 0 || [...this.#pending.values()].some(isNews)
  }

  /** What has changed since the last call; undefined when nothing has. */
  take(): Pick<FeedChanges, 'runs' | 'run' | 'refused'> | undefined {
    if (!this.hasNews) return undefined
    const changes: Pick<FeedChanges, 'runs' | 'run' | 'refused'> = {}
    if (Object.keys(this.#refused).length > 0) changes.refused = this.#refused
    this.#refused = {}
    for (const [word, pending] of this.#pending) {
      if (!isNews(pending)) continue
      if (word.startsWith(RUN_PREFIX)) changes.run = { ...changes.run, ...takeOne(word, pending) }
      else changes.runs = { ...changes.runs, [word]: takeAll(pending) }
    }
    return changes
  }

  #join(word: string): void {
    const joined = this.#watches.join(word)
    if ('refused' in joined) this.#refused[word] = joined.refused
    else this.#pending.set(word, joined)
  }
}

const TOO_MANY = `${MAX_QUESTIONS} questions about runs are watched already, which is the limit; GET /runs answers all the same.`

function isNews({ isWhole, items, gone }: Pending): boolean {
  return isWhole || items.size > 0 || gone.size > 0
}

function takeAll(pending: Pending): NonNullable<FeedChanges['runs']>[string] {
  const { isWhole, items, gone } = pending
  const taken = { items: [...items.values()] as unknown as RunItem[], gone: [...gone] }
  empty(pending)
  return isWhole ? { ...taken, isWhole } : taken
}

/** The members that changed; null when the run is gone. */
function takeOne(word: string, pending: Pending): NonNullable<FeedChanges['run']> {
  const id = word.slice(RUN_PREFIX.length)
  const item = pending.items.get(id)
  empty(pending)
  return { [id]: (item as Partial<RunItem> | undefined) ?? null }
}

function empty(pending: Pending): void {
  pending.isWhole = false
  pending.items = new Map()
  pending.gone = new Set()
}

/** Tells every page of the question what differs from the last read. */
function apply(watched: Watched, read: readonly Partial<RunItem>[]): void {
  const last = watched.items
  const next = new Map(read.map((item) => [item.id ?? '', item as Item]))
  watched.items = next
  const changed = [...next.values()].flatMap((item) => {
    const known = last?.get(item.id)
    if (known && isSame(known, item)) return []
    return [known && watched.isOne ? differing(known, item) : item]
  })
  const gone = last ? [...last.keys()].filter((id) => !next.has(id)) : []
  for (const pending of watched.readers) {
    if (last === undefined) pending.isWhole = true
    for (const item of changed) {
      const earlier = watched.isOne ? pending.items.get(item.id) : undefined
      pending.items.set(item.id, { ...earlier, ...item })
      pending.gone.delete(item.id)
    }
    for (const id of gone) {
      pending.items.delete(id)
      pending.gone.add(id)
    }
  }
}

function differing(known: Item, item: Item): Item {
  const changed = Object.entries(item).filter(([name, value]) => !isSame(known[name], value))
  return { ...Object.fromEntries(changed), id: item.id }
}
