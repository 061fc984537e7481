/**
 * One link between the balancer and a worker: both directions in order, with delay, what is said in
 * one instant travelling together. A cut loses what is under way. Used by member.ts and
 * model-worker.ts; with a codec every batch passes through the real frames.
 */
import type { CancelReason } from '@berth/protocol'
import type { Assignment } from '../../balancer/src/ports/dispatch.ts'
import type { Adopted, Outcome } from '../../balancer/src/ports/workforce.ts'
import type { EventQueue } from './event-queue.ts'
import type { Random } from './random.ts'

export interface SlotFigures {
  readonly limit: number
  readonly used: number
  readonly linked: number
}

export interface StartedRun {
  readonly run: string
  readonly fence: number
}

export type ToWorker =
  | { readonly kind: 'task'; readonly assignment: Assignment }
  | { readonly kind: 'recall'; readonly attempt: number }
  | { readonly kind: 'cancel'; readonly attempt: number; readonly reason: CancelReason }
  | { readonly kind: 'acknowledge'; readonly attempt: number; readonly fence: number }
  | { readonly kind: 'welcome'; readonly adopt: readonly Adopted[] }
  | { readonly kind: 'maintenance'; readonly isOn: boolean }

export type FromWorker =
  | { readonly kind: 'started' | 'busy' | 'recalled'; readonly attempt: number }
  | { readonly kind: 'ended'; readonly attempt: number; readonly outcome: Outcome }
  | { readonly kind: 'state'; readonly slots: SlotFigures; readonly isReady: boolean }
  | {
      readonly kind: 'hello'
      readonly bootId: number
      readonly slots: SlotFigures
      readonly isReady: boolean
      readonly started: readonly StartedRun[]
    }

/** Turns a batch into what the other end reads of its frames. */
export interface Codec {
  toWorker(batch: readonly ToWorker[]): ToWorker[]
  fromWorker(batch: readonly FromWorker[]): FromWorker[]
}

interface Ends {
  onToWorker(message: ToWorker): void
  onFromWorker(message: FromWorker): void
}

export interface WireOptions {
  readonly events: EventQueue
  readonly random: Random
  readonly roundTripMs: number
  readonly codec: Codec | undefined
}

export class Wire {
  isUp = true
  readonly #toWorker: Direction<ToWorker>
  readonly #fromWorker: Direction<FromWorker>

  constructor(options: WireOptions, ends: Ends) {
    const isUp = () => this.isUp
    const { codec } = options
    this.#toWorker = new Direction(options, isUp, codec?.toWorker, (message) => ends.onToWorker(message))
    this.#fromWorker = new Direction(options, isUp, codec?.fromWorker, (message) =>
      ends.onFromWorker(message),
    )
  }

  toWorker(message: ToWorker): void {
    if (this.isUp) this.#toWorker.send(message)
  }

  fromWorker(message: FromWorker): void {
    if (this.isUp) this.#fromWorker.send(message)
  }

  /** The worker's process has ended: what it has written still arrives, then the link is closed. */
  afterLastWord(act: () => void): void {
    this.#fromWorker.afterAll(act)
  }

  /** Nothing arrives until then, in both directions or from the worker only; what is held comes late, in order. */
  stall(until: number, isOneWay: boolean): void {
    this.#fromWorker.stalledUntil = until
    if (!isOneWay) this.#toWorker.stalledUntil = until
  }

  /** Everything under way is lost. */
  cut(): void {
    this.isUp = false
  }
}

class Direction<M> {
  readonly #options: WireOptions
  readonly #isUp: () => boolean
  readonly #translate: ((batch: readonly M[]) => M[]) | undefined
  readonly #deliver: (message: M) => void
  #batch: M[] = []
  #batchAt = -1
  #lastArrivalAt = 0
  stalledUntil = 0

  constructor(
    options: WireOptions,
    isUp: () => boolean,
    translate: ((batch: readonly M[]) => M[]) | undefined,
    deliver: (message: M) => void,
  ) {
    this.#options = options
    this.#isUp = isUp
    this.#translate = translate
    this.#deliver = deliver
  }

  send(message: M): void {
    const { events } = this.#options
    if (this.#batchAt === events.now && this.#batch.length > 0) {
      this.#batch.push(message)
      return
    }
    const batch = [message]
    this.#batch = batch
    this.#batchAt = events.now
    events.afterWith(this.#delay(), this.#arrive, batch)
  }

  afterAll(act: () => void): void {
    const { events } = this.#options
    events.after(Math.max(0, this.#lastArrivalAt - events.now), act)
  }

  /** Half a round trip on average, a sixth more or less, and never overtaking. */
  #delay(): number {
    const { events, random, roundTripMs } = this.#options
    const at = events.now + (roundTripMs / 2) * random.between(0.84, 1.16)
    this.#lastArrivalAt = Math.max(this.#lastArrivalAt, at)
    return this.#lastArrivalAt - events.now
  }

  readonly #arrive = (batch: M[]): void => {
    if (this.#batch === batch) this.#batch = []
    const { events } = this.#options
    const heldMs = this.stalledUntil - events.now
    if (heldMs > 0 && this.#isUp()) return events.afterWith(heldMs, this.#arrive, batch)
    if (!this.#isUp()) return
    for (const message of this.#translate ? this.#translate(batch) : batch) {
      if (this.#isUp()) this.#deliver(message)
    }
  }
}
