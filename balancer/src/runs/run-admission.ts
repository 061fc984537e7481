/**
 * Whether runs may be accepted, and under which contract. Asked by DurableRuns before anything is written; reads
 * and changes nothing. The sentences name the setting that is in the way.
 */
import type { TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { DurableTasksPort, Wanted } from '../ports/durable-tasks.ts'
import type { NewRun } from '../ports/runs.ts'
import type { StoreHealth } from '../ports/store.ts'
import type { DiskSpace } from './disk-space.ts'
import type { DurableTerms } from './durable-options.ts'
import { selectorOf } from './held-run.ts'
import type { RunBook } from './run-book.ts'
import type { RunWrites } from './run-writes.ts'

export interface RunAdmissionOptions {
  readonly terms: Pick<DurableTerms, 'runLimit' | 'diskReserveBytes' | 'laneLimit'>
  readonly book: RunBook
  readonly writes: RunWrites
  readonly disk: DiskSpace
  readonly health: () => StoreHealth
  readonly clock: Pick<Clock, 'monoMs'>
  readonly core: () => Pick<DurableTasksPort, 'fixContract' | 'lanes'>
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
/** A lane takes some 10 KB of memory, and callers may make one by every value of a tag. */
const LANE_LIMIT = 20_000

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
    const { core, clock, terms } = this.#options
    const { laneLimit = LANE_LIMIT } = terms
    const isCrowded = core().lanes >= laneLimit
    const contracts: number[] = []
    for (const [index, run] of runs.entries()) {
      const { group, function: name, contract, fairnessKey } = run
      const selector = selectorOf(run)
      if (isCrowded && selector.key !== '') return { ok: false, error: tooManyLanes(laneLimit), index }
      const wanted: Wanted = {
        group,
        function: name,
        contract,
        selector,
        fairnessKey: fairnessKey ?? undefined,
        isWaitedFor: run.mode === 'sync',
      }
      const fixed = core().fixContract(wanted, clock.monoMs())
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

function tooManyLanes(limit: number): TaskError {
  return {
    code: 'QUEUE_FULL',
    detail: `Tasks wait with ${limit} different needs already (group, function, contract and \`tags\`), which is the limit. Send the task without \`tags\`, or later.`,
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
