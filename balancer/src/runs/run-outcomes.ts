/**
 * The end of a run for whoever waits for it, be the run in memory, on disk or long over. Called by `durable-runs.ts`.
 * Invariant: nobody waits for what has ended: who waits is noted before the disk is read.
 */
import type { TaskError } from '@berth/protocol'
import type { RunReads } from '../ports/run-reads.ts'
import type { Settlement } from '../ports/submission.ts'
import type { RunBook } from './run-book.ts'
import { settlementOf } from './run-end.ts'
import type { RunWaits } from './run-waits.ts'

export interface RunOutcomesOptions {
  readonly reads: Pick<RunReads, 'find' | 'result'>
  readonly book: RunBook
  readonly waits: RunWaits
}

export class RunOutcomes {
  readonly #options: RunOutcomesOptions

  constructor(options: RunOutcomesOptions) {
    this.#options = options
  }

  /** Undefined when it does not come in time, or there is no such run; an onlooker is let go as the balancer drains. */
  async outcome(
    id: string,
    ms: number,
    signal: AbortSignal,
    isOnlooker: boolean,
  ): Promise<Settlement | undefined> {
    const { book, waits } = this.#options
    if (book.has(id)) return waits.wait(id, ms, signal, isOnlooker)
    const leaving = new AbortController()
    // Registered first: the end may come while the disk is read.
    const waiting = waits.wait(id, ms, AbortSignal.any([signal, leaving.signal]), isOnlooker)
    const found = await this.#read(id)
    if (found === 'live') return waiting
    leaving.abort()
    return found
  }

  async #read(id: string): Promise<Settlement | 'live' | undefined> {
    const { reads } = this.#options
    try {
      const found = await reads.find(id)
      if (found?.kind !== 'done') return found ? 'live' : undefined
      const { run } = found
      return settlementOf(run, run.resultBytes === null ? null : await reads.result(id))
    } catch (error) {
      // Its end may have been told already: nobody waits for what may never come.
      return { kind: 'failed', error: unread(id, error), attempt: 0, worker: undefined, queueMs: 0, runMs: 0 }
    }
  }
}

function unread(id: string, error: unknown): TaskError {
  const reason = error instanceof Error ? error.message : String(error)
  const detail = `The store cannot be read (${reason}). The run ${id} was accepted; GET /runs/${id} tells how it stands.`
  return { code: 'STORE_UNAVAILABLE', detail, retryAfterMs: 1_000 }
}
