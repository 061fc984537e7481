/**
 * Whose turn it is: the first of all heads that a worker can serve, by priority, share and acceptance, and
 * every so many-th time whoever has waited too long, past all whom a limit holds back. Kept by
 * placement.ts, which sends; the limits themselves are in gates.ts.
 * Invariant: nobody is named whom a limit holds back, and `gateAt` is not later than the first such end.
 */
import { mayServe } from './choice.ts'
import type { Gates } from './gates.ts'
import type { Lane } from './lane.ts'
import type { SentAhead } from './sent-ahead.ts'
import { goesBefore, type Task } from './task.ts'
import type { Worker } from './worker.ts'

/** Every so many-th start goes to those who have waited too long. */
const AGED_TURN = 8
/** Tasks of one lane that wait for what they called: beyond that only what is called itself starts there. */
export const MOST_LENT = 1_000

export class Turns {
  readonly #gates: Gates
  readonly #ahead: SentAhead
  /** When a limit that holds somebody back may open. */
  #gateAt = Number.POSITIVE_INFINITY
  /** Whose turn by age it is. */
  #granted: Task | undefined
  /** Permits came back: somebody of any lane may go now. */
  #isReopened = false

  constructor(gates: Gates, ahead: SentAhead) {
    this.#gates = gates
    this.#ahead = ahead
  }

  /** When to look at all lanes again, Infinity for not because of a limit. */
  get gateAt(): number {
    return this.#gateAt
  }

  get isReopened(): boolean {
    return this.#isReopened
  }

  /** Permits came back. Where no worker is served after this, as when its own is lost, the next tick looks. */
  reopen(now: number): void {
    this.#isReopened = true
    this.#gateAt = now
  }

  /** All lanes are looked at now; whoever is still held back says until when. */
  close(): void {
    this.#isReopened = false
    this.#gateAt = Number.POSITIVE_INFINITY
  }

  /** The first of a lane that no limit holds back. */
  headOf(lane: Lane, now: number): Task | undefined {
    const { head } = lane
    if (!head || this.isOpen(head, now)) return head
    const called = lane.called.size > 0 ? this.#calledOf(lane, head, now) : undefined
    if (called) return called
    if (this.#gates.sharedOpenAt(head, now) > now) return undefined
    return lane.findHead((other) => this.isOpen(other, now))
  }

  /** What was called may go where others may not: somebody who runs waits for it. The one that has waited longest. */
  #calledOf({ called }: Lane, head: Task, now: number): Task | undefined {
    if (this.#gates.areAnySet && this.#gates.sharedOpenAt(head, now, true) > now) return undefined
    for (const task of called) if (this.isOpen(task, now)) return task
    return undefined
  }

  /** No limit holds it back now. */
  isOpen(task: Task, now: number): boolean {
    if (!task.caller && (task.lane?.lent ?? 0) >= MOST_LENT) return false
    if (!this.#gates.areAnySet) return true
    const at = this.#gates.openAt(task, now)
    if (at > now) this.#gateAt = Math.min(this.#gateAt, at)
    return at <= now
  }

  /** The most urgent of those who wait for a slot of this worker and can have it. */
  mostUrgentHead(worker: Worker, now: number): Task | undefined {
    let found: Task | undefined
    for (const lane of worker.class?.waitingLanes ?? []) {
      if (!mayServe(worker, lane)) continue
      const head = this.headOf(lane, now)
      if (head && (!found || goesBefore(head, found))) found = head
    }
    return found
  }

  /** Who has waited too long, if the next start of this worker's class is theirs. */
  agedTurn(worker: Worker, now: number): Task | undefined {
    const { passedOver = 0, waitingLanes = [] } = worker.class ?? {}
    if (passedOver < AGED_TURN - 1) return undefined
    let found: Task | undefined
    for (const lane of waitingLanes) {
      const oldest = mayServe(worker, lane) ? this.#oldestOf(lane, now) : undefined
      if (oldest && (!found || oldest.waitsSinceAt < found.waitsSinceAt)) found = oldest
    }
    // At the worker, too, nobody may overtake it any more.
    if (found) this.#grantTurn(found)
    this.#granted = found
    return found
  }

  /** The one of a lane that has waited longest, and too long, of those that no limit holds back. */
  #oldestOf(lane: Lane, now: number): Task | undefined {
    const { oldest } = lane
    if (!oldest || !this.#ahead.isOld(oldest, now)) return undefined
    if (this.isOpen(oldest, now)) return oldest
    if (this.#gates.sharedOpenAt(oldest, now) > now) return undefined
    // Nobody needs to look further than to the first who is not old.
    const found = lane.findOldest((other) => !this.#ahead.isOld(other, now) || this.isOpen(other, now))
    return found && this.#ahead.isOld(found, now) ? found : undefined
  }

  /** Its place in every order is that of the most urgent from now on. */
  #grantTurn(task: Task): void {
    if (task.urgency === 1) return
    task.lane?.remove(task)
    task.urgency = 1
    task.lane?.push(task)
  }

  /** The class of this worker has sent somebody. */
  noteTurn(task: Task, worker: Worker): void {
    if (!worker.class) return
    // One that is old but goes by its own urgency leaves the turn to the oldest.
    const isTurn = task === this.#granted
    worker.class.passedOver = isTurn ? 0 : Math.min(worker.class.passedOver + 1, AGED_TURN)
  }
}
