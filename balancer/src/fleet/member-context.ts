/**
 * What every member gets from its fleet: the terms of the links, the core, and whom to tell. Made
 * once by the fleet; types only.
 */
import type { LogEntry, LogLevel } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { FileStoragePort } from '../ports/files.ts'
import type { WarmthOrder } from '../ports/fleet.ts'
import type { KnownWorker, StoreWrite } from '../ports/store.ts'
import type { HealthPort, StartedThere, WorkforcePort } from '../ports/workforce.ts'
import type { CallInputs } from './call-inputs.ts'
import type { Calls } from './calls.ts'
import type { Contracts } from './contracts.ts'
import type { DialTurns } from './dial-turns.ts'
import type { Interfaces } from './interfaces.ts'
import type { LogOrder } from './log-relay.ts'
import type { Member } from './member.ts'

/** Terms that all members share. Durations in milliseconds. */
export interface MemberTerms {
  readonly name: string
  readonly bootId: string
  readonly fleetKey: string
  readonly workerKey: string
  readonly discoveryIntervalMs: number
  readonly discoveryTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly heartbeatTimeoutMs: number
  readonly leaseMs: number
  /** How long what was told to end may still run. */
  readonly shutdownTimeoutMs: number
  readonly resultLimitBytes: number
  /** `FILE_LIMIT`, told to workers. */
  readonly fileLimitBytes?: number | undefined
}

/** What a member needs of its fleet. */
export interface MemberContext {
  readonly terms: MemberTerms
  readonly clock: Clock
  readonly log: Log
  readonly workforce: WorkforcePort
  /** Why the core leaves a worker out. */
  readonly health: HealthPort
  readonly calls: Calls
  readonly callInputs: CallInputs
  /** What operators want kept ready of a group; undefined where nothing is set. */
  readonly warmthOf: (group: string) => WarmthOrder | undefined
  readonly interfaces: Interfaces
  readonly contracts: Contracts
  readonly dialTurns: DialTurns
  /** The bytes of what was sent along with tasks. */
  readonly openFile?: FileStoragePort['open'] | undefined
  /** Takes this process for the member; the id of the one that has it already, if any. */
  readonly claimBoot: (bootId: string, member: Member) => string | undefined
  /**
   * Looks up durable runs that a hello lists and the core does not have, and gives those that still count to the
   * core. Undefined when there is nothing to look up, else what of the list is clear.
   */
  readonly recover: (
    worker: string,
    bootId: string,
    started: readonly StartedThere[],
  ) => Promise<readonly StartedThere[]> | undefined
  /** What of its log is followed, if any; it will be told to send that, beginning with what it keeps. */
  readonly resumeLogs: (member: Member) => LogOrder | undefined
  /** How many members have never been linked. */
  readonly strangers: () => number
  readonly remember: (write: StoreWrite) => void
  /** It is in service under this identity. */
  readonly onKnown: (member: Member, known: KnownWorker) => void
  readonly onLogs: (member: Member, lines: readonly LogEntry[], dropped: number, tail?: LogLevel) => void
  /** An operator's `off` has reached its `until`. */
  readonly onIntentOver: (member: Member) => void
  /** It has answered or failed for the first time. */
  readonly onAnswered: (member: Member) => void
  /** It leaves and runs nothing any more. */
  readonly onGone: (member: Member) => void
}
