/**
 * Whose turn it is among receivers: so many tries at once in all, and of one receiver as many as it has shown that it
 * takes. One that answers is given more, step by step; one that does not is left with a single try at a time, so that
 * it holds up nobody else. Used by `webhook-queue.ts` alone.
 * Invariants: never more than `atOnce` turns are out, nor more than `atOnceEach` of one receiver; receivers with
 * something to send take turns.
 */
export interface ReceiverBounds {
  /** Tries at once, in all and of one receiver. */
  readonly atOnce: number
  readonly atOnceEach: number
  /** Jobs of one receiver that wait here; the rest waits in the store. */
  readonly window: number
}

interface Receiver<Job> {
  readonly waiting: Job[]
  active: number
  /** Tries at once that it is trusted with now. */
  limit: number
}

const FIRST_LIMIT = 4
/** Receivers without a job whose limit is remembered. */
const IDLE_KEPT = 1_000

export class Receivers<Job> {
  readonly #bounds: ReceiverBounds
  /** In the order of their turns. */
  readonly #receivers = new Map<string, Receiver<Job>>()
  readonly #idle = new Map<string, number>()
  #active = 0

  constructor(bounds: ReceiverBounds) {
    this.#bounds = bounds
  }

  get active(): number {
    return this.#active
  }

  hasRoom(name: string): boolean {
    return (this.#receivers.get(name)?.waiting.length ?? 0) < this.#bounds.window
  }

  /** Whether less than half of its window waits. */
  isLow(name: string): boolean {
    return (this.#receivers.get(name)?.waiting.length ?? 0) < this.#bounds.window / 2
  }

  /** Those that should not be given more now. */
  full(): string[] {
    return [...this.#receivers.keys()].filter((name) => !this.hasRoom(name))
  }

  add(name: string, job: Job): void {
    this.#receiver(name).waiting.push(job)
  }

  /** The next job that may begin; `release` follows when its try is over. */
  take(): Job | undefined {
    if (this.#active >= this.#bounds.atOnce) return undefined
    for (const [name, receiver] of this.#receivers) {
      if (receiver.active >= receiver.limit) continue
      const job = receiver.waiting.shift()
      if (job === undefined) continue
      receiver.active++
      this.#active++
      // Behind all others.
      this.#receivers.delete(name)
      this.#receivers.set(name, receiver)
      return job
    }
    return undefined
  }

  /** `didAnswer`: undefined when nothing was learned of the receiver. */
  release(name: string, didAnswer: boolean | undefined): void {
    const receiver = this.#receivers.get(name)
    if (!receiver) return
    receiver.active--
    this.#active--
    if (didAnswer === true) receiver.limit = Math.min(receiver.limit + 1, this.#bounds.atOnceEach)
    if (didAnswer === false) receiver.limit = Math.max(1, Math.floor(receiver.limit / 2))
    if (receiver.active > 0 || receiver.waiting.length > 0) return
    this.#receivers.delete(name)
    this.#remember(name, receiver.limit)
  }

  /** Takes waiting jobs out. */
  remove(name: string, isMeant: (job: Job) => boolean): Job[] {
    const receiver = this.#receivers.get(name)
    if (!receiver) return []
    const { meant = [], others = [] } = Object.groupBy(receiver.waiting, (job) =>
      isMeant(job) ? 'meant' : 'others',
    )
    receiver.waiting.splice(0, receiver.waiting.length, ...others)
    if (receiver.active === 0 && others.length === 0) this.#receivers.delete(name)
    return meant
  }

  #receiver(name: string): Receiver<Job> {
    const known = this.#receivers.get(name)
    if (known) return known
    const limit = Math.min(this.#idle.get(name) ?? FIRST_LIMIT, this.#bounds.atOnceEach)
    this.#idle.delete(name)
    const receiver = { waiting: [], active: 0, limit }
    this.#receivers.set(name, receiver)
    return receiver
  }

  #remember(name: string, limit: number): void {
    this.#idle.set(name, limit)
    for (const oldest of this.#idle.keys()) {
      if (this.#idle.size <= IDLE_KEPT) break
      this.#idle.delete(oldest)
    }
  }
}
