/**
 * What durable runs need of the rest of the balancer, and whom they tell. Given by compose to
 * `DurableRuns` (durable-runs.ts); types only.
 */
import type { Clock, Log } from '@berth/runtime'
import type { FileOrigin, FilePiece } from '../ports/files.ts'
import type { RunMeter } from '../ports/metering.ts'
import type { RunStorePort, RunsAtStart } from '../ports/run-store.ts'
import type { StoreHealth, StorePort } from '../ports/store.ts'
import type { StoredDelivery } from '../ports/stored-delivery.ts'
import type { LiveRun, RunEnd } from '../ports/stored-run.ts'
import type { StreamItem, StreamOrigin } from '../ports/stream.ts'
import type { StoredEvent, Told } from '../ports/told.ts'

export interface DurableRunsOptions {
  readonly store: Pick<StorePort, 'apply'> & RunStorePort
  readonly atStart: RunsAtStart
  readonly clock: Clock
  readonly log: Log
  /** Behind `atStart.lastId`. */
  readonly createRunId: () => string
  /** The boot id of the process that is linked as this worker (the core's name for it). */
  readonly bootOf: (worker: string) => string | undefined
  readonly health: () => StoreHealth
  /** Free bytes where the store lies. */
  readonly freeBytes: () => Promise<number>
  readonly terms: DurableTerms
  /** Timers of the system unless given. */
  readonly after?: After | undefined
}

/** Calls once, so many milliseconds later, unless what it returns is called before. */
export type After = (ms: number, act: () => void) => () => void

/** CONTRACT §2; durations in milliseconds. */
export interface DurableTerms {
  readonly runLimit: number
  readonly diskReserveBytes: number
  readonly runRetentionMs: number
  readonly idempotencyLimit: number
  /** Lanes from which on no run with `tags` is accepted; default 20,000. */
  readonly laneLimit?: number | undefined
}

/** What the end of a run brings beside itself, in the same write. */
export interface EndExtras {
  /** The first message of its webhook. */
  readonly delivery: StoredDelivery | null
  /** Its last events. */
  readonly events: readonly StoredEvent[]
  /** Attempts of it may have written files. */
  readonly mayHaveFiles?: boolean | undefined
}

/** What a run has used and put out, as it ends. */
export interface UsedAtEnd extends Pick<RunEnd, 'usage' | 'messages'> {
  /** What of it is not on disk. */
  readonly told: Told | undefined
}

/** Others who follow durable runs. None of them may call back into the core or these runs before it returns. */
export interface RunHooks {
  /** Asked as the run ends, before it is written; may be asked again when that write has failed. */
  readonly extrasOf?: (run: LiveRun, end: RunEnd) => EndExtras
  /** The budget of a run, when that has limits. */
  readonly meterOf?: (run: LiveRun) => RunMeter | undefined
  /** Asked once, as the run ends. */
  readonly usedAtEnd?: (run: LiveRun, end: RunEnd) => UsedAtEnd
  /** From now on it is on disk only. */
  readonly onAway?: (run: LiveRun) => void
  /** The run's status or attempt is another. */
  readonly onMoved?: (run: LiveRun) => void
  /** Something that its handler made on the way; `source.taken` is to be called for its bytes. */
  readonly onItem?: (run: LiveRun, item: StreamItem, origin: StreamOrigin) => void
  /** A piece of a file that its handler writes. */
  readonly onFile?: (run: LiveRun, piece: FilePiece, origin: FileOrigin) => void
  /** Its end is on disk. */
  readonly onEnded?: (run: LiveRun, end: RunEnd, extras: EndExtras) => void
}
