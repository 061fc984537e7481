/**
 * What a run puts out beside its result, messages and sources of its newest attempt, on its way to the disk: numbers
 * it, keeps what is not written, knows which of the older ones go. Kept by `meter.ts`.
 * Invariants: numbers rise, over attempts and balancers too; of messages the newest are kept, 1,000 or 1 MiB of them,
 * and the first 1,000 sources, each URL once.
 */
import type { Told, ToldItem } from '../../ports/told.ts'

const MOST_MESSAGES = 1_000
const MESSAGE_CHARACTERS = 1024 * 1024
const MOST_SOURCES = 1_000
/** Numbers of one balancer lie behind those of the one before. */
const PER_MS = 1_000

interface Kept {
  readonly n: number
  readonly length: number
}

export class Output {
  /** Of this attempt, those that are not kept included. */
  messages: number
  /** Not known to be on disk. */
  #unwritten: ToldItem[] = []
  #kept: Kept[] = []
  #keptCharacters = 0
  readonly #urls = new Set<string>()
  #lastN = 0
  readonly #dropBefore = { message: 0, source: 0 }
  /** Something of what is on disk goes with the next write. */
  #drops = false

  constructor(messages: number) {
    this.messages = messages
  }

  /** Another attempt says all of it anew. */
  beginAgain(nowMs: number): void {
    const n = this.#next(nowMs)
    this.#lastN = n - 1
    this.messages = 0
    this.#kept = []
    this.#keptCharacters = 0
    this.#urls.clear()
    this.#unwritten = []
    this.#dropBefore.message = n
    this.#dropBefore.source = n
    this.#drops = true
  }

  addMessage(data: string, nowMs: number): void {
    this.messages++
    const n = this.#add('message', data, nowMs)
    this.#kept.push({ n, length: data.length })
    this.#keptCharacters += data.length
    while (this.#kept.length > MOST_MESSAGES || this.#keptCharacters > MESSAGE_CHARACTERS) this.#dropFirst()
  }

  /** False for a URL that is known, or for one too many. */
  addSource(url: string, data: string, nowMs: number): boolean {
    if (this.#urls.has(url) || this.#urls.size >= MOST_SOURCES) return false
    this.#urls.add(url)
    this.#add('source', data, nowMs)
    return true
  }

  get unwritten(): readonly ToldItem[] {
    return this.#unwritten
  }

  /** What is to be written now; undefined when it is all there. */
  get told(): Told | undefined {
    if (this.#unwritten.length === 0 && !this.#drops) return undefined
    return { items: [...this.#unwritten], dropBefore: { ...this.#dropBefore } }
  }

  /** This is on disk. */
  written({ items, dropBefore }: Told): void {
    const last = items.at(-1)?.n ?? 0
    this.#unwritten = this.#unwritten.filter(({ n }) => n > last)
    const { message, source } = this.#dropBefore
    // Another attempt may have begun since it was sent.
    if (dropBefore.message === message && dropBefore.source === source) this.#drops = false
  }

  #add(kind: ToldItem['kind'], data: string, nowMs: number): number {
    const n = this.#next(nowMs)
    this.#lastN = n
    this.#unwritten.push({ n, kind, data })
    return n
  }

  #next(nowMs: number): number {
    return Math.max(this.#lastN + 1, Math.floor(nowMs) * PER_MS)
  }

  #dropFirst(): void {
    const first = this.#kept.shift()
    if (!first) return
    this.#keptCharacters -= first.length
    this.#dropBefore.message = first.n + 1
    this.#drops = true
    this.#unwritten = this.#unwritten.filter(({ n }) => n !== first.n)
  }
}
