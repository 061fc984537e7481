/**
 * Whether runs may be accepted, and under which contract. Asked by DurableRuns before anything is written; reads
 * and changes nothing. The sentences name the setting that is in the way.
 */
import type { TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { NewRun } from '../ports/runs.ts'
import type { DurableTasksPort, Wanted } from '../ports/scheduling.ts'
import type { StoreHealth } from '../ports/store.ts'
import type { DiskSpace } from './disk-space.ts'
import type { DurableTerms } from './durable-options.ts'
import { selectorOf } from './held-run.ts'
import type { RunBook } from './run-book.ts'
import type { RunWrites } from './run-writes.ts'

export interface RunAdmissionOptions {
  readonly terms: Pick<DurableTerms, 'runLimit' | 'diskReserveBytes'>
  readonly book: RunBook
  readonly writes: RunWrites
  readonly disk: DiskSpace
  readonly health: () => StoreHealth
  readonly clock: Pick<Clock, 'monoMs'>
  readonly core: () => Pick<DurableTasksPort, 'fixContract'>
}

export type FixedContracts =
  | { readonly ok: true; readonly contracts: readonly number[] }
  | { readonly ok: false; readonly error: TaskError; readonly index: number }

const STORE_RETRY_MS = 5_000
const LIMIT_RETRY_MS = 10_000
const STARTING_RETRY_MS = 2_000
/** How long a run waits for a fleet that has not answered yet, and how often it looks. */
const SETTLE_MS = 10_000
const LOOK_MS = 20

export class RunAdmission {
  readonly #options: RunAdmissionOptions
  isDraining = false

  constructor(options: RunAdmissionOptions) {
    this.#options = options
  }

  /** Why so many more runs are not accepted now. */
  refusal(count: number): TaskError | undefined {
    const { terms, book, writes, disk, health } = this.#options
    if (this.isDraining) return DRAINING
    const state = health()
    if (state.state === 'failed') return storeUnavailable(state.error)
    if (writes.isFailing) return storeUnavailable('its last write failed')
    if (book.live + count > terms.runLimit) return limitReached(book.live, terms.runLimit)
    if (disk.freeBytes < terms.diskReserveBytes) return diskFull(disk.freeBytes, terms.diskReserveBytes)
    return undefined
  }

  /** The contract of each, or which one nobody serves; waits while the fleet has not answered. */
  async fix(runs: readonly NewRun[]): Promise<FixedContracts> {
    const until = performance.now() + SETTLE_MS
    for (;;) {
      const fixed = this.fixNow(runs)
      if (fixed) return fixed
      if (this.isDraining) return { ok: false, error: DRAINING, index: 0 }
      if (performance.now() >= until) return { ok: false, error: STARTING, index: 0 }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }

  /** The same at once; undefined while that cannot be told. */
  fixNow(runs: readonly NewRun[]): FixedContracts | undefined {
    const contracts: number[] = []
    for (const [index, run] of runs.entries()) {
      const { group, function: name, contract, fairnessKey } = run
      const wanted: Wanted = {
        group,
        function: name,
        contract,
        selector: selectorOf(run),
        fairnessKey: fairnessKey ?? undefined,
        isWaitedFor: run.mode === 'sync',
      }
      const fixed = this.#options.core().fixContract(wanted, this.#options.clock.monoMs())
      if (fixed.kind === 'refused') return { ok: false, error: fixed.error, index }
      if (fixed.kind === 'unsettled') return undefined
      contracts.push(fixed.contract)
    }
    return { ok: true, contracts }
  }
}

export function storeUnavailable(detail: string): TaskError {
  return {
    code: 'STORE_UNAVAILABLE',
    detail: `The store cannot be written (${detail}), so nothing is accepted for later. Sync tasks are served. Try again in a moment.`,
    retryAfterMs: STORE_RETRY_MS,
  }
}

const DRAINING: TaskError = {
  code: 'DRAINING',
  detail: 'This balancer is shutting down and takes nothing new. Send the task to another, or again later.',
  retryAfterMs: STORE_RETRY_MS,
}

const STARTING: TaskError = {
  code: 'NO_CAPACITY',
  detail:
    'The balancer has just started and its workers have not all answered yet. Send the task again in a moment.',
  retryAfterMs: STARTING_RETRY_MS,
}

/** For who does not wait for the fleet. */
export const UNSETTLED: FixedContracts = { ok: false, error: STARTING, index: 0 }

function limitReached(live: number, limit: number): TaskError {
  return {
    code: 'QUEUE_FULL',
    detail: `${live} runs wait on disk already, which is the limit (RUN_LIMIT ${limit}). Try again later, or add workers.`,
    retryAfterMs: LIMIT_RETRY_MS,
  }
}

function diskFull(freeBytes: number, reserveBytes: number): TaskError {
  return {
    code: 'STORE_UNAVAILABLE',
    detail: `${freeBytes} bytes are free where the runs are kept, and ${reserveBytes} are to stay free (DISK_RESERVE). Make room, or move DATA_DIR to a larger disk.`,
    retryAfterMs: LIMIT_RETRY_MS,
  }
}
