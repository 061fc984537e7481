/**
 * What one live run has to tell, between its handler and the disk: numbers events, keeps those that are not on disk
 * yet, and knows which of the older ones go. Made by `run-events.ts` for runs that tell something or that somebody
 * follows.
 *
 *   loading --totals of an earlier balancer--> ready --end--> over
 *
 * Invariants: numbers rise, over balancers too; `tail` has every event that may not be on disk, at most `TAIL_BYTES`;
 * a handler waits for the disk a second at the most.
 */
import { LIMITS, type RunView } from '@berth/protocol'
import { jsonOfChunk, PieceJoiner } from '@berth/runtime'
import type { RunWrite } from '../../ports/run-writes.ts'
import type { RunEnd } from '../../ports/stored-run.ts'
import type { StreamItem, StreamOrigin, StreamSource } from '../../ports/stream.ts'
import type { StoredEvent } from '../../ports/told.ts'
import { Segments } from './segments.ts'
import {
  type AttemptFacts,
  attemptsOf,
  endEvents,
  NUMBER_GAP,
  runningEvent,
  type StatusFacts,
  statusEvent,
  statusEvents,
} from './status-events.ts'

export interface RecorderTerms {
  /** `RUN_EVENTS_LIMIT`. */
  readonly eventsBytes: number
  /** `RUN_LOG_LINES`. */
  readonly lines: number
  /**
   * Hears what a run uses and puts out: the data of its event, or undefined when it is none. Told at once, whatever
   * the disk has to say.
   */
  readonly told?: (run: string, kind: ToldKind, text: string, attempt: number) => string | undefined
}

export type ToldKind = 'usage' | 'message' | 'source'

export interface Totals {
  readonly lastEvent: number
  readonly events: number
  readonly bytes: number
  readonly dropped: number
  readonly lastLine: number
}

/** A live run as its row is. */
export interface RecordedRun extends Omit<StatusFacts, 'attempts' | 'finishedMs' | 'error'> {
  readonly id: string
  readonly seq: number
  readonly attempt: number
  readonly worker: string | null
  readonly startedMs: number | null
  readonly history: Parameters<typeof attemptsOf>[0]['history']
}

const LONGEST_ITEM_BYTES = LIMITS.windowBytes / 2
/** Below it the disk is not waited for. */
const FREE_BYTES = 256 * 1024
const TAIL_BYTES = 4 * 1024 ** 2
/** What an event costs beside its data. */
const EVENT_BYTES = 32

export class Recorder {
  readonly id: string
  readonly seq: number
  progress: RunView['progress'] = null
  /** Not known to be on disk, in order. */
  tail: StoredEvent[] = []
  /** The run's end is on disk; what is in `tail` all the same is on its way. */
  isOver = false
  /** It made something itself: it cannot be made up again. */
  hasItems = false
  followers = 0
  /** Of a run that an earlier balancer accepted: what it had come to, which may not have been written. */
  readonly statuses: readonly StoredEvent[]
  readonly #terms: RecorderTerms
  readonly #now: () => number
  /** Since when it waits: what an attempt's `queueMs` counts from. */
  readonly #beginMs: number
  readonly #joiner = new PieceJoiner(LONGEST_ITEM_BYTES)
  readonly #toldJoiner = new PieceJoiner(LIMITS.windowBytes)
  readonly #segments: Segments
  readonly #changed = new Set<() => void>()
  #isReady = true
  #isSending = false
  /** The last event that the write under way has. */
  #underWayN = 0
  #isEnding = false
  #early: ((this: void) => void)[] = []
  #lastN = 0
  #sentN = 0
  #tailBytes = 0
  #shownStatus: string
  #shownAttempt: number
  #lines: StoredEvent[] = []
  #lastLine = 0
  #owed: { source: StreamSource; bytes: number } | undefined

  constructor(run: RecordedRun, terms: RecorderTerms, now: () => number, isEarlier: boolean) {
    this.id = run.id
    this.seq = run.seq
    this.#terms = terms
    this.#beginMs = Math.max(run.acceptedMs, run.dueMs ?? 0)
    this.#now = now
    this.#segments = new Segments(terms.eventsBytes)
    this.#shownStatus = run.status === 'running' && run.startedMs === null ? 'queued' : run.status
    this.#shownAttempt = attemptsOf(run).at(-1)?.n ?? 0
    const statuses = statusEvents(toFacts(run))
    this.statuses = isEarlier ? statuses : []
    if (isEarlier) this.#isReady = false
    else for (const { n: _n, ...event } of statuses) this.#append(event)
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get lastN(): number {
    return this.#lastN
  }

  /** Whatever is kept up to here is on disk. */
  get savedN(): number {
    return (this.tail[0]?.n ?? this.#lastN + 1) - 1
  }

  /** A write is under way. */
  get isSending(): boolean {
    return this.#isSending
  }

  get tailBytes(): number {
    return this.#tailBytes
  }

  /** Bytes that wait to be sent to the disk; what is under way is waited for first. */
  get unsentBytes(): number {
    return this.#isSending ? 0 : this.#tailBytes
  }

  /** Nothing more will come of it. */
  get isDone(): boolean {
    return this.isOver && this.#isReady && this.tail.length === 0
  }

  /** What an earlier balancer has written. */
  load({ lastEvent, events, bytes, dropped, lastLine }: Totals): void {
    this.#lastN = Math.max(lastEvent, this.statuses.length) + NUMBER_GAP
    this.#sentN = this.#lastN
    this.#lastLine = lastLine
    this.#segments.dropped = dropped
    if (events > 0) this.#segments.add(lastEvent, events, bytes)
    this.#isReady = true
    for (const act of this.#early.splice(0)) act()
    this.giveCredit()
    this.#tell()
  }

  item(item: StreamItem, origin: StreamOrigin): void {
    const { kind, source } = item
    this.hasItems = true
    const whole = (isTold(kind) ? this.#toldJoiner : this.#joiner).add(item, kind === 'chunk')
    this.#takeCredit(source, item.bytes.length)
    const data = whole && this.#dataOf(kind, whole, origin)
    if (data === undefined) return
    this.#whenReady(() => {
      const { attempt: n, worker, queueMs } = origin
      const startedMs = Math.min(Math.round(this.#beginMs + queueMs), this.#now())
      this.#showAttempt({ n, worker, startedMs, finishedMs: null })
      this.#append({ type: kind, atMs: this.#now(), data })
      if (kind === 'log') this.#lines.push({ n: ++this.#lastLine, type: 'log', atMs: this.#now(), data })
      if (kind === 'progress') this.progress = progressOf(data)
    })
  }

  /** A file of it is kept. */
  file(data: string): void {
    this.hasItems = true
    this.#whenReady(() => this.#append({ type: 'file', atMs: this.#now(), data }))
  }

  #dataOf(kind: StreamItem['kind'], whole: Uint8Array, { attempt }: StreamOrigin): string | undefined {
    if (kind === 'chunk') return jsonOfChunk(whole)
    const { told } = this.#terms
    return isTold(kind) && told ? told(this.id, kind, textOf(whole), attempt) : textOf(whole)
  }

  /** The row is another. */
  moved(run: RecordedRun): void {
    this.#whenReady(() => {
      const attempt = attemptsOf(run).at(-1)
      if (run.status === 'running') {
        if (attempt && run.startedMs !== null) this.#showAttempt(attempt)
      } else if (run.status !== this.#shownStatus) {
        this.#shownStatus = run.status
        this.#append(statusEvent(run.status, attempt?.finishedMs ?? run.dueMs ?? this.#now()))
      }
    })
  }

  /** The last events; all that is not on disk goes with them into the write of the end. */
  end(end: Pick<RunEnd, 'status' | 'finishedMs' | 'error' | 'history'>): readonly StoredEvent[] {
    const add = () => {
      const last = end.history.at(-1)
      if (last && last.startedMs !== null) this.#showAttempt(last)
      for (const event of endEvents(end)) this.#append(event)
    }
    // Of an earlier balancer, whose numbers are not known yet: they follow by themselves.
    if (!this.#isReady) {
      this.#early.push(add)
      return []
    }
    add()
    this.#sent()
    this.#isEnding = true
    return [...this.tail]
  }

  /** What is to be written now, one write at a time; `kept` or `lost` follows. The last events go with the end. */
  take(): RunWrite[] {
    if (this.#isSending || this.#isEnding || !this.#isReady) return []
    const writes: RunWrite[] = []
    if (this.tail.length > 0) {
      this.#sent()
      const { dropBefore, dropped } = this.#segments
      writes.push({ kind: 'run-events', seq: this.seq, events: [...this.tail], dropBefore, dropped })
    }
    const lines = this.takeLines()
    if (lines) writes.push(lines)
    this.#isSending = writes.length > 0
    this.#underWayN = this.#lastN
    return writes
  }

  takeLines(): RunWrite | undefined {
    if (this.#lines.length === 0) return undefined
    const dropBefore = this.#lastLine - this.#terms.lines + 1
    const lines = this.#lines.filter(({ n }) => n >= dropBefore)
    this.#lines = []
    return { kind: 'run-lines', seq: this.seq, lines, dropBefore }
  }

  /** What was taken is on disk. */
  kept(): void {
    this.#isSending = false
    this.#forget(this.#underWayN)
  }

  /** What was taken is not on disk; the next write has it again. */
  lost(): void {
    this.#isSending = false
    this.#tell()
  }

  /** The run's end is on disk, and its last events with it, if they went into its write. */
  over(): void {
    this.isOver = true
    if (this.#isEnding) this.#forget(this.#lastN)
    else this.#tell()
  }

  /** It has ended before it was recorded; whoever follows asks again. */
  abandon(): void {
    if (this.#isEnding) return
    this.trim(0)
    this.#early = []
    this.over()
    this.#isReady = true
  }

  /** Keeps so many bytes that are not on disk yet, the newest. */
  trim(bytes: number): void {
    while (this.#tailBytes > bytes && this.tail.length > 0) this.#dropFirst()
  }

  /** What the handler has been waiting for. */
  giveCredit(): void {
    const owed = this.#owed
    this.#owed = undefined
    owed?.source.taken(owed.bytes)
  }

  /** Calls once, when anything is another. */
  onChange(listener: () => void): () => void {
    this.#changed.add(listener)
    return () => this.#changed.delete(listener)
  }

  /** Everything up to that number is on disk. */
  #forget(upTo: number): void {
    const at = this.tail.findIndex(({ n }) => n > upTo)
    const gone = at < 0 ? this.tail.splice(0) : this.tail.splice(0, at)
    for (const event of gone) this.#tailBytes -= costOf(event)
    this.giveCredit()
    this.#tell()
  }

  #whenReady(act: () => void): void {
    if (this.#isReady) act()
    else this.#early.push(act)
  }

  #showAttempt({ n, worker, startedMs }: AttemptFacts): void {
    if (n < this.#shownAttempt || (n === this.#shownAttempt && this.#shownStatus === 'running')) return
    this.#shownAttempt = n
    this.#shownStatus = 'running'
    this.#append(runningEvent({ n, worker }, startedMs ?? this.#now()))
  }

  #append(event: Omit<StoredEvent, 'n'>): void {
    const numbered = { n: ++this.#lastN, ...event }
    this.tail.push(numbered)
    this.#tailBytes += costOf(numbered)
    this.trim(TAIL_BYTES)
    this.#tell()
  }

  /** The disk has not kept up for long, or refuses. */
  #dropFirst(): void {
    const first = this.tail.shift()
    if (!first) return
    this.#tailBytes -= costOf(first)
    if (first.n > this.#sentN) this.#segments.dropped++
  }

  /** Everything of the tail is on its way to the disk. */
  #sent(): void {
    const events = this.tail.filter(({ n }) => n > this.#sentN)
    this.#sentN = this.#lastN
    const bytes = events.reduce((sum, event) => sum + costOf(event), 0)
    if (events.length > 0) this.#segments.add(this.#lastN, events.length, bytes)
  }

  #takeCredit(source: StreamSource, bytes: number): void {
    // Another attempt: the one before has ended, and needs no credit.
    if (this.#owed && this.#owed.source !== source) this.#owed = undefined
    if (this.#isReady && this.#tailBytes < FREE_BYTES) return source.taken(bytes)
    this.#owed = { source, bytes: (this.#owed?.bytes ?? 0) + bytes }
  }

  #tell(): void {
    const listeners = [...this.#changed]
    this.#changed.clear()
    for (const listener of listeners) listener()
  }
}

function isTold(kind: StreamItem['kind']): kind is ToldKind {
  return kind === 'usage' || kind === 'message' || kind === 'source'
}

/** What a live run's statuses follow from. */
function toFacts(run: RecordedRun): StatusFacts {
  const { status, acceptedMs, dueMs } = run
  return { status, acceptedMs, dueMs, attempts: attemptsOf(run), finishedMs: null, error: null }
}

function costOf({ data }: StoredEvent): number {
  return data.length + EVENT_BYTES
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** Null for what is none: it came from a worker. */
function progressOf(data: string): RunView['progress'] {
  try {
    const { fraction, text } = JSON.parse(data) as { fraction?: unknown; text?: unknown }
    if (typeof fraction !== 'number') return null
    return { fraction, text: typeof text === 'string' ? text : null }
  } catch {
    return null
  }
}
