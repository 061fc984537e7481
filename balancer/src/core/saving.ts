/**
 * Tasks of several slots that find no worker with all of them free: who stands at the head of such a
 * lane for a second (less when it was called) gets one worker that saves up freed slots for it. Kept by placement.ts. The
 * invariant: at most one worker saves for a lane; all others work on.
 */
import type { Lane } from './lane.ts'
import type { Task } from './task.ts'
import type { Worker } from './worker.ts'

/** So long a task of several slots hopes for a worker with enough free ones. */
const PATIENCE_MS = 1_000
/** Of one that was called: somebody who runs waits for it. */
const CALLED_PATIENCE_MS = 50

interface Watch {
  readonly head: Task
  readonly sinceAt: number
}

export class Saving {
  readonly #watches = new Map<Lane, Watch>()
  #nextAt = Number.POSITIVE_INFINITY

  get nextAt(): number {
    return this.#nextAt
  }

  /** The head of a lane may be another one now. */
  look(lane: Lane, now: number): void {
    if (lane.facts.slots === 1) return
    const { head } = lane
    if (!head) this.#watches.delete(lane)
    else if (this.#watches.get(lane)?.head !== head) {
      this.#watches.set(lane, { head, sinceAt: now })
      this.#nextAt = Math.min(this.#nextAt, now + patienceOf(head))
    }
  }

  /** The heads whose patience is over, each once a second. */
  due(now: number): Task[] {
    if (now < this.#nextAt) return []
    const due: Task[] = []
    this.#nextAt = Number.POSITIVE_INFINITY
    for (const [lane, { head, sinceAt }] of this.#watches) {
      const patienceMs = patienceOf(head)
      const isDue = now >= sinceAt + patienceMs
      if (lane.head !== head) this.#watches.delete(lane)
      else if (isDue) {
        due.push(head)
        this.#watches.set(lane, { head, sinceAt: now })
      }
      if (this.#watches.has(lane)) this.#nextAt = Math.min(this.#nextAt, (isDue ? now : sinceAt) + patienceMs)
    }
    return due
  }
}

function patienceOf({ caller }: Task): number {
  return caller ? CALLED_PATIENCE_MS : PATIENCE_MS
}

/** The one with the most free slots of those that can ever hold a task of the lane. */
export function findSaver({ classes, facts }: Lane, isFit: (worker: Worker) => boolean): Worker | undefined {
  let found: Worker | undefined
  for (const serving of classes)
    for (const worker of serving.inService)
      if (worker.limit >= facts.slots && isFit(worker) && (!found || worker.free > found.free)) found = worker
  return found
}
