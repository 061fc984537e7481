/**
 * What a model worker has of its balancer's: tasks that wait or run, those that have ended and whose END may
 * not have been heard, and the highest fence of each run. Used by model-worker.ts, which counts the slots.
 * Invariant: a run's fence is kept as long as anything older of it may still arrive.
 */
import type { Assignment } from '../../balancer/src/ports/dispatch.ts'
import type { Outcome } from '../../balancer/src/ports/workforce.ts'
import type { Execution } from './recorder.ts'
import type { StartedRun } from './wire.ts'

export interface Held {
  readonly assignment: Assignment
  readonly cost: number
  readonly receivedAt: number
  execution: Execution | undefined
  /** Adopted by the present link; its END may be sent there. */
  isLinked: boolean
  isAborted: boolean
  outcome: Outcome | undefined
  endedAt: number
  /** Of the process that runs it, and how its handler ends when nobody stops it. */
  readonly boot: number
  end: 'completed' | 'failed'
}

export class HeldTasks {
  /** What waits or runs here, by attempt. */
  readonly under = new Map<number, Held>()
  /** What has ended and whose END may not have been heard, oldest first. */
  readonly ended = new Map<number, Held>()
  readonly #fences = new Map<string, number>()

  /** False for an attempt that is older than one that came before. */
  admits({ run, fence }: Assignment): boolean {
    return fence >= (this.#fences.get(run) ?? 0)
  }

  noteFence({ run, fence }: Assignment): void {
    this.#fences.set(run, fence)
  }

  /** A new link: what was started and may not have been heard of, the first to end first. */
  relink(): StartedRun[] {
    const started: StartedRun[] = []
    for (const held of [...this.ended.values(), ...this.under.values()]) {
      held.isLinked = false
      if (held.execution) started.push({ run: held.assignment.run, fence: held.assignment.fence })
    }
    return started
  }

  /** What ended before then was heard of, unless it is durable. */
  forgetDelivered(before: number): void {
    for (const [attempt, held] of this.ended) {
      if (held.endedAt >= before) return
      if (held.assignment.isDurable) continue
      this.ended.delete(attempt)
      // Links keep their order, so nothing of an older attempt can come any more.
      this.#fences.delete(held.assignment.run)
    }
  }

  clear(): void {
    this.under.clear()
    this.ended.clear()
    this.#fences.clear()
  }
}
