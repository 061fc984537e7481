/**
 * Delivers webhooks: takes pending ones from the store as they fall due, sends each when it is its receiver's turn, and
 * writes down what became of it. A run that has just ended is handed in with its result, which saves the reads.
 *
 *   store ──look──▶ waiting ──its receiver's turn──▶ trying ──▶ saving ──▶ forgotten here
 *                      ▲ stored()                                  └─ the next look finds it when it is due again
 *
 * Invariants: the store has every pending delivery, so that what is lost here is found again; no delivery is tried
 * twice at once; at most `loaded` wait here, of one receiver at most its window.
 */
import type { Clock, Log, Outbound, OutboundResult } from '@berth/runtime'
import type { RunReads } from '../../ports/run-reads.ts'
import type { RunWrite } from '../../ports/run-writes.ts'
import type { StoredDelivery, StoredTry } from '../../ports/stored-delivery.ts'
import type { RunEnd } from '../../ports/stored-run.ts'
import { ByteRoom } from './byte-room.ts'
import type { DisabledUrls } from './disabled-urls.ts'
import { afterTry, describe, type LadderTerms } from './ladder.ts'
import { bodyOf, type HeaderTerms, headersOf, type MessageRun, type MessageTerms } from './message.ts'
import { type ReceiverBounds, Receivers } from './receivers.ts'
import { type Keep, Saving } from './saving.ts'

export interface QueueTerms extends MessageTerms, HeaderTerms, Omit<LadderTerms, 'random'> {
  /** `WEBHOOK_TIMEOUT`: a whole try. */
  readonly timeoutMs: number
}

export interface QueueBounds extends ReceiverBounds {
  /** Deliveries in memory. */
  readonly loaded: number
  /** Results held for those that wait, and bodies of those that are sent. */
  readonly bytes: number
  /** After a read or a write that failed. */
  readonly againAfterMs: number
}

export const QUEUE_BOUNDS: QueueBounds = {
  loaded: 2_000,
  atOnce: 256,
  atOnceEach: 16,
  window: 32,
  bytes: 64 * 1024 ** 2,
  againAfterMs: 2_000,
}

export interface QueueOptions {
  readonly reads: Pick<RunReads, 'dueDeliveries' | 'nextDeliveryMs' | 'find' | 'result'>
  readonly keep: Keep
  readonly outbound: Outbound
  readonly disabled: DisabledUrls
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  readonly terms: QueueTerms
  readonly bounds?: QueueBounds
}

/** What a message is made of. */
export interface Content {
  readonly run: MessageRun
  readonly result: RunEnd['result']
}

/** Content that counts against `bytes`. */
interface Held extends Content {
  readonly heldBytes: number
}

interface Job {
  delivery: StoredDelivery
  content: Held | undefined
  /** How many want it sent again, whatever becomes of this try. */
  asked: number
  isTrying: boolean
}

/** Beyond what is loaded already, a look brings so many. */
const LOOK_COUNT = 200
/** The clock is looked at so often at least: it may be set forward. */
const LONGEST_SLEEP_MS = 60_000

export class WebhookQueue {
  readonly #options: QueueOptions
  readonly #bounds: QueueBounds
  readonly #receivers: Receivers<Job>
  readonly #saving: Saving
  readonly #stopping = new AbortController()
  readonly #jobs = new Map<string, Job>()
  readonly #idle: (() => void)[] = []
  readonly #room: ByteRoom
  /** Receivers of which something that is due was left in the store. */
  readonly #leftBehind = new Set<string>()
  #underWay = 0
  #hasStarted = false
  #isLooking = false
  /** Something fell due during a look. */
  #isLookDue = false
  /** Something that is due was left in the store, for want of room here. */
  #hasMore = false
  #wakeAtMs = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  constructor(options: QueueOptions) {
    this.#options = options
    this.#bounds = options.bounds ?? QUEUE_BOUNDS
    this.#receivers = new Receivers(this.#bounds)
    this.#room = new ByteRoom(this.#bounds.bytes)
    const { keep, log } = options
    const { againAfterMs } = this.#bounds
    this.#saving = new Saving({ keep, log, signal: this.#stopping.signal, againAfterMs })
  }

  /** Tries that are under way. */
  get active(): number {
    return this.#receivers.active
  }

  start(): void {
    if (this.#stopping.signal.aborted) return
    this.#hasStarted = true
    void this.#look()
  }

  /** Lets tries that are under way end, for so long; what is left is found by the next start. */
  async stop(withinMs: number): Promise<void> {
    this.#hasStarted = false
    clearTimeout(this.#timer)
    if (this.#underWay > 0) {
      const timer = setTimeout(() => this.#stopping.abort(), withinMs)
      await new Promise<void>((resolve) => this.#idle.push(resolve))
      clearTimeout(timer)
    }
    this.#stopping.abort()
  }

  /** A delivery that is on disk as pending and due now. Without its content that is read when it is its turn. */
  add(delivery: StoredDelivery, content?: Content): void {
    const { id, receiver } = delivery
    if (this.#jobs.has(id)) return
    const isFull = this.#jobs.size >= this.#bounds.loaded
    if (isFull) this.#hasMore = true
    else if (!this.#receivers.hasRoom(receiver)) this.#leftBehind.add(receiver)
    else {
      const job: Job = {
        delivery,
        content: content && this.#hold(content),
        asked: 0,
        isTrying: false,
      }
      this.#jobs.set(id, job)
      this.#receivers.add(receiver, job)
      this.#begin()
    }
  }

  /**
   * Sends it once more if it is here; what comes back takes that back, if it cannot be promised. Undefined when it
   * is not here. The store is to be told in any case.
   */
  askAgain(id: string): (() => void) | undefined {
    const job = this.#jobs.get(id)
    if (!job) return undefined
    if (!job.isTrying) {
      job.delivery = { ...job.delivery, failures: 0 }
      return () => {}
    }
    job.asked++
    return () => {
      job.asked = Math.max(0, job.asked - 1)
    }
  }

  /** As it was saved last, which a read may not have seen. */
  latest(delivery: StoredDelivery): StoredDelivery {
    return this.#saving.latest(delivery)
  }

  /** Others than a try have written it down so. */
  note(delivery: StoredDelivery): void {
    this.#saving.note(delivery)
  }

  /** There may be something due in the store. */
  wake(atMs: number): void {
    if (!this.#hasStarted || atMs >= this.#wakeAtMs) return
    this.#wakeAtMs = atMs
    clearTimeout(this.#timer)
    const waitMs = Math.min(Math.max(atMs - this.#options.clock.wallMs(), 0), LONGEST_SLEEP_MS)
    this.#timer = setTimeout(() => {
      this.#wakeAtMs = Number.POSITIVE_INFINITY
      void this.#look()
    }, waitMs)
  }

  /** Loads what is due, as much as there is room for. */
  async #look(): Promise<void> {
    this.#isLookDue = this.#isLooking
    if (this.#isLooking || !this.#hasStarted) return
    this.#isLooking = true
    const { reads, clock, log } = this.#options
    try {
      const untilMs = clock.wallMs()
      const limit = this.#jobs.size + LOOK_COUNT
      this.#hasMore = false
      const full = this.#receivers.full()
      for (const receiver of full) this.#leftBehind.add(receiver)
      const due = await reads.dueDeliveries(untilMs, limit, full)
      for (const found of due) this.#addIfDue(found, untilMs)
      this.#hasMore ||= due.length === limit
      const nextMs = await reads.nextDeliveryMs(untilMs)
      if (nextMs !== null) this.wake(nextMs)
    } catch (error) {
      log.warn('the deliveries that are due could not be read', { error })
      this.wake(clock.wallMs() + this.#bounds.againAfterMs)
    } finally {
      this.#isLooking = false
    }
    // As long as there is room, the next look goes on behind this one.
    if (this.#isLookDue || (this.#hasMore && this.#hasRoom())) this.wake(clock.wallMs())
    this.wake(clock.wallMs() + LONGEST_SLEEP_MS)
  }

  #addIfDue(found: StoredDelivery, untilMs: number): void {
    const delivery = this.#saving.latest(found)
    if (delivery.state === 'pending' && (delivery.nextMs ?? 0) <= untilMs) this.add(delivery)
  }

  #hasRoom(): boolean {
    return this.#jobs.size <= this.#bounds.loaded / 2
  }

  /** Begins every try whose turn it is. */
  #begin(): void {
    while (this.#hasStarted && !this.#saving.isFailing) {
      const job = this.#receivers.take()
      if (!job) return
      void this.#deliver(job)
    }
  }

  async #deliver(job: Job): Promise<void> {
    job.isTrying = true
    this.#underWay++
    const { receiver } = job.delivery
    const beganMs = this.#options.clock.wallMs()
    const result = await this.#try(job)
    this.#receivers.release(receiver, didAnswer(result))
    const isKept = result && (result.kind === 'answered' || !this.#stopping.signal.aborted)
    // Before the next one begins: this receiver may have said that nobody is there.
    const concluded = isKept ? this.#conclude(job, result, beganMs) : undefined
    this.#begin()
    await concluded
    this.#forget(job)
    this.#underWay--
    this.#goOn(receiver)
    if (this.#underWay === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** There is room for one more: here, or of this receiver. */
  #goOn(receiver: string): void {
    const isLow = this.#receivers.isLow(receiver) && this.#leftBehind.delete(receiver)
    if (isLow || (this.#hasMore && this.#hasRoom())) this.wake(this.#options.clock.wallMs())
    this.#begin()
  }

  /** Undefined when nothing could be tried: the run is gone, or the store cannot be read. */
  async #try(job: Job): Promise<OutboundResult | undefined> {
    const { outbound, clock, terms, log } = this.#options
    const { id, url, run } = job.delivery
    try {
      job.content ??= await this.#read(run)
      const { content } = job
      if (!content) return undefined
      const body = bodyOf(content.run, content.result, terms)
      const headers = headersOf(id, content.run, body, clock.wallMs(), terms)
      const { timeoutMs } = terms
      return await outbound.post({ url, headers, body, timeoutMs, signal: this.#stopping.signal })
    } catch (error) {
      log.warn('a delivery could not be made', { run, error })
      this.wake(clock.wallMs() + this.#bounds.againAfterMs)
      return undefined
    } finally {
      this.#release(job)
    }
  }

  async #read(id: string): Promise<Held | undefined> {
    const { reads } = this.#options
    const found = await reads.find(id)
    if (found?.kind !== 'done') return undefined
    const { run } = found
    if (run.resultBytes === null) return { run, result: null, heldBytes: 0 }
    await this.#room.take(run.resultBytes)
    try {
      return { run, result: await reads.result(id), heldBytes: run.resultBytes }
    } catch (error) {
      this.#room.give(run.resultBytes)
      throw error
    }
  }

  async #conclude(job: Job, result: OutboundResult, beganMs: number): Promise<void> {
    const { clock, terms, random, disabled } = this.#options
    const { url } = job.delivery
    const endedMs = clock.wallMs()
    let tried = afterTry(job.delivery, result, endedMs, { ...terms, random })
    // Another try was told meanwhile that nobody is there any more.
    if (tried.state === 'pending' && disabled.isClosedSince(url, beganMs))
      tried = { ...tried, state: 'disabled', nextMs: null }
    this.#tell(tried, result)
    const attempt: StoredTry = {
      n: tried.tries,
      atMs: beganMs,
      durationMs: Math.max(0, endedMs - beganMs),
      status: tried.lastStatus,
      error: tried.lastError,
    }
    const writes: RunWrite[] = [{ kind: 'delivery-set', delivery: tried, attempt }]
    if (tried.state === 'delivered') writes.push(...disabled.enable(url, beganMs))
    if (isGone(result)) writes.push(...this.#disable(tried, endedMs))
    await this.#save(job, tried, writes)
  }

  async #save(job: Job, tried: StoredDelivery, writes: RunWrite[]): Promise<void> {
    let last = this.#takeAsked(job, tried, writes)
    let isSaved = await this.#saving.save(last, writes)
    while (isSaved && job.asked > 0) {
      const more: RunWrite[] = []
      last = this.#takeAsked(job, last, more)
      isSaved = await this.#saving.save(last, more)
    }
    // Whoever asks from now on does not find it here.
    this.#forget(job)
    if (isSaved && last.nextMs !== null) this.wake(last.nextMs)
  }

  /** Asked for meanwhile: in one write with how the try has ended, so that no crash comes between the two. */
  #takeAsked(job: Job, delivery: StoredDelivery, writes: RunWrite[]): StoredDelivery {
    if (job.asked === 0) return delivery
    job.asked = 0
    const asked = askedAgain(delivery, this.#options.clock.wallMs())
    writes.push({ kind: 'delivery-set', delivery: asked, attempt: null })
    return asked
  }

  #forget(job: Job): void {
    const { id } = job.delivery
    if (this.#jobs.get(id) === job) this.#jobs.delete(id)
  }

  /** What waits here for that URL is not sent either. */
  #disable({ url, receiver }: StoredDelivery, nowMs: number): RunWrite[] {
    for (const job of this.#receivers.remove(receiver, ({ delivery }) => delivery.url === url)) {
      this.#jobs.delete(job.delivery.id)
      this.#release(job)
    }
    return this.#options.disabled.disable(url, nowMs)
  }

  /** The path may hold a secret of the receiver's; the host says enough. */
  #tell({ run, url, state, tries }: StoredDelivery, result: OutboundResult): void {
    const { log } = this.#options
    const receiver = new URL(url).host
    if (state === 'delivered') log.debug('webhook delivered', { run, receiver, tries })
    else if (state === 'pending') log.debug('webhook not delivered yet', { run, receiver, tries })
    else log.warn('webhook given up', { run, receiver, state, reason: describe(result), tries })
  }

  /** A result is kept for a delivery that waits as long as there is room; otherwise it is read again. */
  #hold(content: Content): Held | undefined {
    const heldBytes = content.result?.bytes.length ?? 0
    return this.#room.tryTake(heldBytes) ? { ...content, heldBytes } : undefined
  }

  #release(job: Job): void {
    if (job.content) this.#room.give(job.content.heldBytes)
    job.content = undefined
  }
}

/** As it stands when somebody wants it sent, now and by a ladder of its own. */
export function askedAgain(delivery: StoredDelivery, nowMs: number): StoredDelivery {
  return { ...delivery, state: 'pending', nextMs: nowMs, failures: 0 }
}

function didAnswer(result: OutboundResult | undefined): boolean | undefined {
  if (result === undefined || result.kind === 'refused') return undefined
  return result.kind === 'answered' && result.status < 500 && result.status !== 429
}

function isGone(result: OutboundResult): boolean {
  return result.kind === 'answered' && result.status === 410
}
