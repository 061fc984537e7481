/**
 * Workers as the core knows them: what the fleet tells of each worker, its attempts and its links, and why one is
 * left out. `core/scheduler.ts` implements the ports, `fleet/` calls them; calls are synchronous, `now` is the
 * monotonic clock in milliseconds, and whatever happens in turn comes out through `dispatch` and `ledger`.
 */
import type { BackoffTerms, OutcomeError, OutcomeFacts, OutcomeKind, Tags } from '@berth/protocol'
import type { Pieces } from './dispatch.ts'
import type { FilePiece } from './files.ts'
import type { StreamItem } from './stream.ts'
import type { AttemptTally } from './tallies.ts'
import type { Traffic } from './traffic.ts'

/** What the core needs to know of a function. Durations in milliseconds. */
export interface FunctionFacts {
  readonly slots: number
  readonly idempotent: boolean | null
  readonly maxRetries: number
  /** Waits between attempts after failures; what is left out has its default. */
  readonly backoff?: BackoffTerms | undefined
  /** False refuses mode stream at once; unknown leaves that to the worker. */
  readonly supportsStreaming?: boolean | undefined
}

export interface WorkerFacts {
  readonly id: string
  readonly group: string
  readonly contract: number
  readonly interfaceHash: string
  readonly functions: ReadonlyMap<string, FunctionFacts>
  /** The worker's own tags with the operator's laid over them. */
  readonly tags: Tags
  /** 0 … 100; 0 takes work only when nothing else is free. */
  readonly weight: number
  /** Takes new work. False in maintenance, unready, silent, unlinked, leaving. */
  readonly isInService: boolean
  /** Why not, in one word, for the caller's error; empty in service. */
  readonly outReason: string
  /** When it is to come back by itself, if somebody knows. */
  readonly backAt?: number | undefined
  /** Out of service it takes what its own tasks call all the same: it finishes what it runs. */
  readonly takesCalls?: boolean | undefined
  /** False: what it is sent beyond its free slots could not be had back. Default true. */
  readonly takesAhead?: boolean | undefined
}

/** What a worker says at the end of an attempt. */
export interface Outcome {
  readonly outcome: OutcomeKind
  readonly runMs: number
  readonly mediaType: string
  readonly error?: OutcomeError
  readonly facts?: OutcomeFacts
  readonly result: Pieces
}

/** What a worker says in its hello that it has started and not been released from. */
export interface StartedThere {
  readonly run: string
  readonly fence: number
  readonly durable?: boolean | undefined
  readonly finished?: boolean | undefined
}

/** A started task that goes on after a reconnect. */
export interface Adopted {
  readonly run: string
  readonly fence: number
  readonly task: number
  /** A durable one that counts no more: it is taken over to be ended and forgotten. */
  readonly isLate?: boolean | undefined
}

/** An attempt that a worker has; `remainingMs` as measured before, undefined where nothing was. */
export interface AttemptPicture {
  readonly run: string
  readonly remainingMs: number | undefined
  /** Another attempt follows if this one is ended now; else its task is lost. */
  readonly isRepeated: boolean
}

/** Why a worker is left out, or on trial (`breaker` of a worker's view); instants are the core's own. */
export interface BreakerFacts {
  readonly state: 'closed' | 'open' | 'half-open'
  readonly sinceAt: number | undefined
  /** When it is tried again. */
  readonly untilAt: number | undefined
  readonly reason: string | undefined
  /** Failures in a row. */
  readonly failures: number
}

/** For whoever shows workers. */
export interface HealthPort {
  /** Undefined for an unknown worker. */
  breaker(id: string): BreakerFacts | undefined
}

/** For `fleet/`; scheduler.ts says what each event does. */
export interface WorkforcePort {
  setWorker(facts: WorkerFacts, now: number): void
  removeWorker(id: string, now: number): void
  pushed(id: string, limit: number, foreign: number, now: number): void
  attemptsAt(id: string): number
  underWay(id: string, now: number): AttemptPicture[]
  emptyWorker(id: string, graceMs: number, now: number): void
  settleFleet(now: number): void
  /** `isCold`: behind a setup. */
  started(id: string, attemptId: number, now: number, isCold?: boolean): void
  streamed(id: string, attemptId: number, item: StreamItem, now: number): void
  filed(id: string, attemptId: number, piece: FilePiece, now: number): void
  finished(id: string, attemptId: number, outcome: Outcome, now: number): void
  returned(id: string, attemptId: number, why: 'busy' | 'recalled', now: number): void
  troubled(id: string, kind: 'silent' | 'unlinked', lastSeenAt: number, now: number): void
  recovered(id: string, now: number): void
  relinked(id: string, started: readonly StartedThere[], now: number, boot?: string): Adopted[]
  workerGone(id: string, now: number): void
  traffic(): Traffic
  /** What came of the attempts at a worker; whoever keeps no count has none. */
  attemptTally?(id: string): AttemptTally | undefined
}
