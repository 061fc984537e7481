/**
 * Series over time: what `observe/stats` reads of the fleet, keeps in the store and answers to `http/`.
 * All is plain data.
 */
import type { StatsAnswer, StatsBy, StatsMarker, StatsMetric, TaskError } from '@berth/protocol'
import type { WorkerGauge } from './fleet.ts'
import type { AttemptTally } from './tallies.ts'

/** One worker at one moment. */
export interface WorkerSample extends WorkerGauge {
  readonly id: string
  /** Null while nobody knows. */
  readonly group: string | null
  readonly contract: number | null
  /** It has said what it is, and can be heard. */
  readonly isLinked: boolean
  /** Null while it is not linked, or where it does not say how it is, as one of another make may not. */
  readonly system: {
    /** Null is what it does not say. */
    readonly cpuLoad: number | null
    readonly memoryUsed: number | null
    readonly eventLoopDelayMs: number | null
  } | null
  readonly ended: AttemptTally | undefined
  /** The longest time without a sign of life since this was asked last; null when there never was one. */
  takeGapMs(): number | null
}

/** Log lines by level, since the process began. */
export interface LogTally {
  readonly debug: number
  readonly info: number
  readonly warn: number
  readonly error: number
  readonly dropped: number
}

/** For whoever makes series; implemented by `fleet/`. */
export interface WorkerSamplesPort {
  samples(): Iterable<WorkerSample>
  /** Lines that workers have sent, which they do while somebody follows them. */
  readonly workerLines: LogTally
}

// --- The store ---------------------------------------------------------------------------------------

/** A page of a series: `stepS` is its resolution, `startS` its begin in Unix seconds. */
export interface StoredBlock {
  readonly series: string
  readonly stepS: number
  readonly startS: number
  readonly bytes: Uint8Array
}

/** Part of `StoreWrite`. */
export type StatsWrite =
  /** In the place of one of the same series, resolution and begin. `bytes` in base64. */
  | ({ readonly kind: 'stats-block' } & Omit<StoredBlock, 'bytes'> & { readonly base64: string })
  /** Pages of a resolution that begin before (or, with `after`, at or behind) an instant, of all series of one prefix. */
  | {
      readonly kind: 'stats-removed'
      readonly prefix: string
      readonly stepS: number
      readonly beforeS: number | null
      readonly fromS: number | null
    }

/** Part of `RunReads`. */
export interface StatsReads {
  /** In the order of series, resolution and begin, behind the one that is named. */
  statsBlocks(
    after: Pick<StoredBlock, 'series' | 'stepS' | 'startS'> | null,
    limit: number,
  ): Promise<readonly StoredBlock[]>
}

// --- For the routes ----------------------------------------------------------------------------------

export interface StatsQuery {
  readonly metrics: readonly StatsMetric[]
  readonly by: StatsBy
  /** Undefined: all keys, the first ones one by one. */
  readonly of: string | undefined
  readonly fromMs: number
  readonly toMs: number
  /** Undefined: as the range suggests. */
  readonly stepMs: number | undefined
}

export interface StatsPort {
  /** An error when too many ask. */
  query(query: StatsQuery): Promise<StatsAnswer | TaskError>
}

/** What happened that explains a change in a chart. */
export interface MarkersPort {
  markers(fromMs: number, toMs: number): Promise<readonly StatsMarker[]>
}
