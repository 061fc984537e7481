/**
 * What happens in runs on disk: taken from their handlers, written in batches, read by whoever follows. Constructed by
 * compose, which gives its `on…` methods to the durable runs as hooks; asked by the routes.
 * Invariants: at most ten writes a second and run, and one more for every 64 KB; a run that tells nothing and that
 * nobody follows costs nothing here; followers have a bound.
 */
import type { RunView } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { RunEventsPort, RunFollowing } from '../../ports/run-events.ts'
import type { RunReads } from '../../ports/run-reads.ts'
import type { RunWrite } from '../../ports/run-writes.ts'
import type { Kept } from '../../ports/store.ts'
import type { LiveRun, RunEnd } from '../../ports/stored-run.ts'
import type { StreamItem, StreamOrigin } from '../../ports/stream.ts'
import type { StoredEvent } from '../../ports/told.ts'
import { endedEvents, type FeedTerms, lastOf, liveEvents } from './event-feed.ts'
import { eventsOf, type MemoryLook, memoryEvents } from './memory-events.ts'
import { Recorder, type RecorderTerms } from './recorder.ts'

export interface RunEventsOptions {
  readonly reads: RunReads
  readonly keep: (writes: readonly RunWrite[]) => Promise<Kept>
  readonly clock: Clock
  readonly log: Log
  readonly terms: RecorderTerms
  /** Of `RunsAtStart`: runs up to it may have told an earlier balancer something. */
  readonly lastSeq: number
  /** Runs that are not on disk. */
  readonly memory: MemoryLook
  /** Default 15,000 ms. */
  readonly quietMs?: number
}

const FLUSH_MS = 100
const FLUSH_BYTES = 64 * 1024
/** The longest that a handler waits for the disk. */
const CREDIT_MS = 1_000
const QUIET_MS = 15_000
/** Of all runs together, what is not on disk. */
const TAILS_BYTES = 64 * 1024 ** 2
const MAX_FOLLOWERS = 1_000
const MAX_LINES = 1_000_000
const LAST_ROUNDS = 20

export class RunEvents implements RunEventsPort {
  readonly name = 'run events'
  readonly #options: RunEventsOptions
  readonly #recorders = new Map<string, Recorder>()
  readonly #dirty = new Set<Recorder>()
  readonly #stopping = new AbortController()
  /** Ends all who follow. */
  readonly #draining = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #lastCreditMs = 0
  #followers = 0
  #isFailing = false

  constructor(options: RunEventsOptions) {
    this.#options = options
  }

  /** Runs that are recorded now. */
  get recorded(): number {
    return this.#recorders.size
  }

  async start(): Promise<void> {}

  /** Ends all who follow: runs go on without this process, and so can those who follow them. */
  beginDrain(): void {
    this.#draining.abort()
  }

  /** Writes what is not written yet. */
  async stop(): Promise<void> {
    this.beginDrain()
    this.#stopping.abort()
    clearTimeout(this.#timer)
    this.#timer = undefined
    // What is under way is waited for, and what came meanwhile is written behind it.
    for (let round = 0; round < LAST_ROUNDS && this.#dirty.size > 0; round++) {
      await this.#flush([...this.#dirty])
      await pause(FLUSH_MS / 4)
    }
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  // --- From the durable runs -------------------------------------------------------------------

  onItem(run: LiveRun, item: StreamItem, origin: StreamOrigin): void {
    const recorder = this.#recorders.get(run.id) ?? this.#open(run)
    recorder.item(item, origin)
    this.#mark(recorder)
  }

  /** Told as an event; `data` is JSON. */
  onFile(run: LiveRun, data: string): void {
    const recorder = this.#recorders.get(run.id) ?? this.#open(run)
    recorder.file(data)
    this.#mark(recorder)
  }

  onMoved(run: LiveRun): void {
    const recorder = this.#recorders.get(run.id)
    if (!recorder) return
    recorder.moved(run)
    this.#mark(recorder)
  }

  /** The events that go into the write of its end. */
  endOf(run: LiveRun, end: RunEnd): readonly StoredEvent[] {
    const recorder = this.#recorders.get(run.id)
    if (!recorder) return []
    const lines = recorder.takeLines()
    if (lines) void this.#options.keep([lines])
    return recorder.end(end)
  }

  /** Its end is on disk. */
  onEnded(run: LiveRun): void {
    const recorder = this.#recorders.get(run.id)
    if (!recorder) return
    recorder.over()
    this.#close(recorder)
  }

  // --- For the routes --------------------------------------------------------------------------

  async follow(id: string, after: number, signal: AbortSignal): Promise<RunFollowing> {
    if (this.#draining.signal.aborted) return { kind: 'refused', error: DRAINING }
    if (this.#followers >= MAX_FOLLOWERS) return { kind: 'refused', error: TOO_MANY }
    // Counted from here: while the disk is read others come.
    this.#followers++
    const leave = () => void this.#followers--
    try {
      const found = await this.#find(id, after, AbortSignal.any([signal, this.#draining.signal]))
      if (found.kind === 'events') return { kind: 'events', batches: withEnd(found.batches, leave) }
      leave()
      return found
    } catch (error) {
      leave()
      throw error
    }
  }

  async lines(
    id: string,
  ): Promise<{ readonly lines: readonly string[]; readonly dropped: number } | undefined> {
    const { reads, memory } = this.#options
    const recorder = this.#recorders.get(id)
    if (recorder) await this.#catchUp(recorder)
    const { lines, dropped } = await reads.lines(id, MAX_LINES)
    const isKnown =
      lines.length > 0 || (await reads.find(id)) !== null || (await memory.find(id)) !== undefined
    return isKnown ? { lines: lines.map(({ data }) => data), dropped } : undefined
  }

  progressOf(id: string): RunView['progress'] {
    return this.#recorders.get(id)?.progress ?? null
  }

  async #find(id: string, after: number, signal: AbortSignal): Promise<RunFollowing> {
    const { reads } = this.#options
    const known = this.#recorders.get(id)
    if (known) return this.#live(known, after, signal)
    const found = await reads.find(id)
    if (found?.kind === 'done') return this.#ended(found.run, after)
    if (found === null) return this.#inMemory(id, after, signal)
    const opened = this.#recorders.get(id) ?? this.#open(found.run)
    this.#mark(opened)
    const following = this.#live(opened, after, signal)
    // It may have ended while the disk was read, before anybody recorded it.
    const again = await reads.find(id)
    if (again?.kind !== 'done') return following
    opened.abandon()
    await following.batches.return()
    return this.#ended(again.run, after)
  }

  async #ended(run: Parameters<typeof endedEvents>[0], after: number): Promise<RunFollowing> {
    if (after > 0 && after >= (await lastOf(run, this.#options.reads))) return { kind: 'over' }
    return { kind: 'events', batches: endedEvents(run, after, this.#feed) }
  }

  async #inMemory(id: string, after: number, signal: AbortSignal): Promise<RunFollowing> {
    const { memory: runs } = this.#options
    const run = await runs.find(id)
    if (!run) return { kind: 'unknown' }
    const isOver = run.finishedAt !== null && after >= (eventsOf(run).at(-1)?.n ?? 0)
    if (isOver) return { kind: 'over' }
    const { quietMs } = this.#feed
    return { kind: 'events', batches: memoryEvents(run, after, signal, { runs, quietMs }) }
  }

  get #feed(): FeedTerms {
    const { reads, quietMs = QUIET_MS } = this.#options
    return { reads, quietMs }
  }

  #live(recorder: Recorder, after: number, signal: AbortSignal): Extract<RunFollowing, { kind: 'events' }> {
    recorder.followers++
    const batches = withEnd(liveEvents(recorder, after, signal, this.#feed), () => {
      recorder.followers--
      this.#close(recorder)
    })
    return { kind: 'events', batches }
  }

  // --- Recording -------------------------------------------------------------------------------

  #open(run: LiveRun): Recorder {
    const { terms, clock, lastSeq, reads, log } = this.#options
    const isEarlier = run.seq <= lastSeq
    const recorder = new Recorder(run, terms, () => Math.round(clock.wallMs()), isEarlier)
    this.#recorders.set(run.id, recorder)
    if (!isEarlier) return recorder
    const load = (): Promise<void> =>
      reads.eventTotals(run.id).then(
        (totals) => {
          recorder.load(totals)
          this.#mark(recorder)
        },
        async (error: unknown) => {
          log.warn('what a run has told before could not be read', { run: run.id, error })
          await pause(CREDIT_MS)
          if (!this.#stopping.signal.aborted) await load()
        },
      )
    void load()
    return recorder
  }

  /** It has something to be written, or will have soon. */
  #mark(recorder: Recorder): void {
    this.#dirty.add(recorder)
    if (recorder.unsentBytes >= FLUSH_BYTES) void this.#flush([recorder])
    this.#timer ??= setTimeout(() => this.#tick(), FLUSH_MS)
  }

  #tick(): void {
    this.#timer = undefined
    const nowMs = this.#options.clock.monoMs()
    const isCreditDue = nowMs - this.#lastCreditMs >= CREDIT_MS
    if (isCreditDue) this.#lastCreditMs = nowMs
    if (isCreditDue) for (const recorder of this.#recorders.values()) recorder.giveCredit()
    this.#boundTails()
    void this.#flush([...this.#dirty])
    if (this.#dirty.size > 0 && !this.#stopping.signal.aborted)
      this.#timer ??= setTimeout(() => this.#tick(), FLUSH_MS)
  }

  /** A disk that refuses for long must not fill the memory. */
  #boundTails(): void {
    let bytes = 0
    for (const recorder of this.#dirty) bytes += recorder.tailBytes
    if (bytes > TAILS_BYTES) for (const recorder of this.#dirty) recorder.trim(FLUSH_BYTES)
  }

  /** What was told before this call is on disk, or cannot be. */
  async #catchUp(recorder: Recorder): Promise<void> {
    while (recorder.isSending) await new Promise<void>((resolve) => recorder.onChange(resolve))
    await this.#flush([recorder])
  }

  /** One batch for all of them. */
  async #flush(recorders: readonly Recorder[]): Promise<void> {
    const taken = recorders.map((recorder) => ({ recorder, writes: recorder.take() }))
    const sent = taken.filter(({ writes }) => writes.length > 0)
    if (sent.length > 0) await this.#write(sent)
    for (const { recorder } of taken) {
      if (recorder.tail.length === 0 && recorder.isReady) this.#dirty.delete(recorder)
      this.#close(recorder)
    }
  }

  async #write(
    sent: readonly { readonly recorder: Recorder; readonly writes: readonly RunWrite[] }[],
  ): Promise<void> {
    const { keep, log } = this.#options
    const kept = await keep(sent.flatMap(({ writes }) => writes))
    if (!kept.ok && !this.#isFailing) log.warn('events of runs could not be written', { reason: kept.detail })
    this.#isFailing = !kept.ok
    for (const { recorder } of sent) {
      if (kept.ok) recorder.kept()
      else recorder.lost()
      if (recorder.unsentBytes >= FLUSH_BYTES && kept.ok) this.#mark(recorder)
    }
  }

  /** Forgets a recorder that nobody needs: what it knows is on disk, or can be made up again. */
  #close(recorder: Recorder): void {
    const isIdle =
      recorder.followers === 0 && !recorder.hasItems && recorder.isReady && recorder.tail.length === 0
    if (!recorder.isDone && !isIdle) return
    if (this.#recorders.get(recorder.id) === recorder) this.#recorders.delete(recorder.id)
    this.#dirty.delete(recorder)
  }
}

const DRAINING = {
  code: 'DRAINING',
  detail: 'The balancer is shutting down; follow the run again in a moment.',
  retryAfterMs: 1_000,
} as const
const TOO_MANY = {
  code: 'RATE_LIMITED',
  detail: `${MAX_FOLLOWERS} requests follow events of runs already, which is the limit. Ask again in a moment.`,
  retryAfterMs: 1_000,
} as const

/** Calls `onEnd` once when there is nothing left to read or nobody reads on, even if nobody ever began. */
function withEnd<T>(inner: AsyncGenerator<T, void, void>, onEnd: () => void): AsyncGenerator<T, void, void> {
  let hasEnded = false
  const end = () => {
    if (!hasEnded) onEnd()
    hasEnded = true
  }
  const outer: AsyncGenerator<T, void, void> = {
    next: () =>
      inner.next().then(
        (step) => {
          if (step.done) end()
          return step
        },
        (error: unknown) => {
          end()
          throw error
        },
      ),
    return: () => {
      end()
      return inner.return()
    },
    throw: (error: unknown) => {
      end()
      return inner.throw(error)
    },
    [Symbol.asyncIterator]: () => outer,
    [Symbol.asyncDispose]: async () => void (await outer.return()),
  }
  return outer
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
