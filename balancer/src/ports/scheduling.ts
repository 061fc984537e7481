/**
 * The core as its neighbours see it: callers submit and cancel, the fleet reports workers, attempts
 * and links. `core/scheduler.ts` implements all of it; calls are synchronous, `now` is the monotonic
 * clock in milliseconds, and whatever happens in turn comes out through the ports `dispatch` and
 * `ledger` and through `onSettled`.
 */
import type {
  BackoffTerms,
  BudgetLevel,
  CancelReason,
  CompiledSelector,
  Mode,
  OutcomeError,
  OutcomeFacts,
  OutcomeKind,
  Tags,
  TaskError,
  TaskExtras,
} from '@berth/protocol'
import type { Payload, Pieces } from './dispatch.ts'
import type { FileOrigin, FilePiece } from './files.ts'
import type { ClaimNeeds } from './ledger.ts'
import type { LimitFacts, LimitTerms } from './limits.ts'
import type { RunMeter } from './metering.ts'
import type { AttemptRecord, ChoiceRecord } from './record.ts'
import type { StreamItem, StreamOrigin } from './stream.ts'
import type { AttemptTally } from './tallies.ts'
import type { Traffic } from './traffic.ts'

export type { LimitFacts, LimitsPort, LimitTerms, Pause } from './limits.ts'

/** The attempt whose handler called a task. */
export interface CallOrigin {
  readonly worker: string
  readonly attemptId: number
  /** Its run. */
  readonly parent: string
  /** The functions above the task, the first one first; the last one called it. */
  readonly callers: readonly string[]
  readonly tree?: CallTree | undefined
}

/** What all tasks share that come of the calls of one; one object a tree. */
export interface CallTree {
  /** The run that nobody called. */
  readonly run: string
  /** Its runs are kept on disk. */
  readonly isDurable: boolean
  /** So many of them, so far. */
  kept: number
}

/** What `submit` takes. Instants are the core's monotonic milliseconds, Infinity for none. */
export interface Submission {
  readonly run: string
  readonly group: string
  readonly function: string
  /** Undefined: the group's default contract, fixed at acceptance. */
  readonly contract: number | undefined
  readonly selector: CompiledSelector
  readonly priority: number
  /** Fair share within the group; tasks without one share one. */
  readonly fairnessKey?: string | undefined
  readonly mode: Mode
  readonly isDurable: boolean
  /** As the body names it; undefined leaves it to the function and `maxAttempts`. */
  readonly attempts: number | undefined
  readonly idempotent: boolean | undefined
  /** Limit of one attempt as the body names it. */
  readonly timeoutMs: number | undefined
  /** End of the whole task. */
  readonly deadlineAt: number
  /** A task that still waits then is given up. */
  readonly queueUntilAt: number
  readonly payload: Payload
  /** See `Assignment`. */
  readonly workerKey?: string | undefined
  readonly trace: string
  /** The caller's own words; the core only carries them. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Whence it came, where not from a program; the core only carries it. */
  readonly trigger?: 'ui' | 'email' | undefined
  /** Order of acceptance, over restarts; the core draws one unless given. */
  readonly seq?: number | undefined
  /** May lie before this process; the instant of `submit` unless given. */
  readonly acceptedAt?: number | undefined
  /** What became of it before it came from the disk. */
  readonly past?: PastAttempts | undefined
  /** Present when a handler called it: it ends with that attempt at the latest. */
  readonly call?: CallOrigin | undefined
  /** A worker that is taken, when it has a free slot and may have it, before any other. */
  readonly prefer?: string | undefined
  /** Its row is to say where it is before it is sent, however quick it is (`LedgerPort.writeFirst`). */
  readonly isWrittenFirst?: boolean | undefined
  /** What else its worker is told (`session`, `budget` …); the core only carries them. */
  readonly extras?: TaskExtras | undefined
  /** As the body names it. */
  readonly budget?: BudgetLevel | undefined
  /** Of a run whose budget has limits, or of one that such a run called. */
  readonly meter?: RunMeter | undefined
  /** What the handler makes on the way, before the end; without it that is dropped. */
  readonly onItem?: ((item: StreamItem, origin: StreamOrigin) => void) | undefined
  /** A piece of a file that its handler writes; without it files are refused. */
  readonly onFile?: ((this: Submission, piece: FilePiece, origin: FileOrigin) => void) | undefined
  /** Called once, with the end of the task; for a durable one when that end is on disk. */
  onSettled(settlement: Settlement): void
}

/** Attempts of a run that are over, and the fence of the newest one that was ever sent. */
export interface PastAttempts {
  readonly attempts: number
  readonly failures: number
  readonly losses: number
  readonly fence: number
  readonly history: readonly AttemptRecord[]
}

/** Where a run was when an earlier balancer ended. */
export interface AttemptInDoubt {
  readonly worker: string
  /** Of the process that had it; undefined when nobody knows. */
  readonly boot: string | undefined
  readonly fence: number
  /** Undefined when nobody knows whether it had begun; then it is not among the past attempts either. */
  readonly startedAt: number | undefined
}

/** What is known of the attempts when a task ends. Durations in milliseconds. */
export interface Provenance {
  readonly worker: string | undefined
  /** Attempts that have begun. */
  readonly attempt: number
  readonly queueMs: number
  readonly runMs: number
  /** What its attempts waited for setups, 0 for none; undefined when nobody knows. */
  readonly coldStartMs?: number | undefined
}

export type Settlement =
  | (Provenance & { readonly kind: 'completed'; readonly result: Pieces; readonly mediaType: string })
  | (Provenance & {
      readonly kind: 'failed'
      readonly error: TaskError
      /** What there was when its budget was used up. */
      readonly soFar?: SoFar | undefined
    })

export interface SoFar {
  readonly mediaType: string
  readonly bytes: Pieces
}

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

export type Admission = { readonly ok: true } | { readonly ok: false; readonly error: TaskError }

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

/** What an operator may limit: a group, a function of it, or a fairness key within either. */
export interface LimitTarget {
  readonly group: string
  readonly function?: string | undefined
  readonly fairnessKey?: string | undefined
}

/** All that holds for a target from now on; what is left out is no limit. */
export interface Limits extends LimitTerms {
  /** Of a fairness key: twice the weight is twice the share; 1 unless given. A function's goes before its group's. */
  readonly weight?: number | undefined
  /** The contract of tasks that name none; a function's goes before its group's. */
  readonly defaultContract?: number | undefined
}

/** For an operator's routes. */
export interface OperatorPort {
  /** Replaces every limit of a target. While paused, tasks in memory are refused and others wait. */
  setLimits(target: LimitTarget, limits: Limits, now: number): void
  limits(target: LimitTarget, now: number): LimitFacts
}

/** For whoever has to know a contract before acceptance fixes it. */
export interface ContractsPort {
  /** What a task that names none gets now; undefined while nobody serves the function. */
  defaultContract(group: string, name: string): number | undefined
}

/** A task that waits or runs; instants are the core's own. */
export interface TaskPicture {
  readonly run: string
  readonly status: 'queued' | 'running'
  readonly group: string
  readonly function: string
  /** Undefined while the task waits for a fleet that has not answered yet. */
  readonly contract: number | undefined
  readonly priority: number
  readonly fairnessKey: string | undefined
  readonly mode: Mode
  readonly isDurable: boolean
  readonly worker: string | undefined
  readonly attempt: number
  readonly acceptedAt: number
  readonly startedAt: number | undefined
  readonly metadata: Readonly<Record<string, string>> | undefined
  readonly trigger?: 'ui' | 'email' | undefined
  /** The run whose handler called it. */
  readonly parent: string | undefined
  /** Its present attempt waited for a setup; undefined when nobody knows. */
  readonly isCold?: boolean | undefined
  /** As in `Provenance`, of attempts that are over. */
  readonly coldStartMs?: number | undefined
  readonly budget?: BudgetLevel | undefined
  /** Attempts that are over. */
  readonly history: readonly AttemptRecord[]
  /** Why this worker, when that was noted. */
  readonly choice?: ChoiceRecord | undefined
}

/** An attempt that a worker has; `remainingMs` as measured before, undefined where nothing was. */
export interface AttemptPicture {
  readonly run: string
  readonly remainingMs: number | undefined
  /** Another attempt follows if this one is ended now; else its task is lost. */
  readonly isRepeated: boolean
}

/** Why a worker does not take a task, in one word; `could_take` when it could. */
export type ReasonCode =
  | 'wrong_group'
  | 'function_missing'
  | 'contract_mismatch'
  | 'tag_mismatch'
  | 'maintenance'
  | 'draining'
  | 'unready'
  | 'mismatch'
  | 'disconnected'
  | 'stalled'
  | 'slot_cost_too_big'
  | 'breaker_open'
  | 'excluded_after_failure'
  | 'backing_off'
  | 'no_free_slot'
  | 'could_take'
  | 'out_of_service'
  | 'unknown'

export interface CountedReason {
  readonly code: ReasonCode
  readonly reason: string
  readonly count: number
}

/** What holds a task back that somebody could take: an instant of the core when it is known to end by itself. */
export interface Hold {
  readonly kind: 'paused' | 'concurrency' | 'rate'
  readonly untilAt: number | undefined
}

/** What a choice looks at; milliseconds, slots, and (used + 1) ÷ limit ÷ weight. */
export interface Score {
  readonly worker: string
  readonly expectedMs: number | undefined
  readonly used: number
  readonly limit: number
  readonly occupancyAfter: number
}

export interface Explanation {
  /** Every worker under one reason: the counts add up to the fleet. */
  readonly reasons: readonly CountedReason[]
  /** The worker that came nearest and what it lacks; undefined when one could take the task. */
  readonly nearestMiss: string | undefined
  readonly nearest:
    | { readonly worker: string; readonly code: ReasonCode; readonly reason: string }
    | undefined
  /** Who could take it now, the best first, at most five. */
  readonly candidates: readonly Score[]
  /** Tasks of its lane that go first; undefined when it does not wait. */
  readonly position: number | undefined
  /** The pause or the limit that holds it back. */
  readonly heldBy: string | undefined
  readonly hold: Hold | undefined
  /** The worker that has it, or would get it now. */
  readonly worker: string | undefined
}

/** What would become of a task that is submitted now; nothing is reserved. */
export interface DryRun extends Explanation {
  /** Why it would not be taken at all. */
  readonly refusal: TaskError | undefined
}

/** For `/runs` of tasks in memory and for explanations. */
export interface TaskLookPort {
  /** What waits and runs and is meant, the newest run first, at most `count`, of those older than `before`. */
  newest(count: number, before: string | undefined, isMeant: (task: TaskPicture) => boolean): TaskPicture[]
  find(run: string): TaskPicture | undefined
  /** Changes the priority of a task that waits; false when it does not. */
  reprioritise(run: string, priority: number, now: number): boolean
  explain(run: string, now: number): Explanation | undefined
  /** Where a task would go now. */
  explainDry(submission: Submission, now: number): DryRun
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

/** For `http/`. */
export interface SubmitPort {
  /** Takes a task or says why not. The end comes by `submission.onSettled`, never before this returns. */
  submit(submission: Submission, now: number): Admission
  /** Ends a task that nobody wants any more. False when it is unknown or has ended. */
  cancel(run: string, reason: CancelReason, now: number): boolean
}

/** A running task whose handler calls another function: what is handed down. */
export interface Caller {
  readonly run: string
  readonly group: string
  readonly function: string
  readonly priority: number
  readonly fairnessKey: string | undefined
  readonly deadlineAt: number
  readonly trace: string
  /** The functions above it, the first one first. */
  readonly callers: readonly string[]
  /** What it has called and waits for. */
  readonly calls: number
  readonly tree: CallTree
  readonly budget?: BudgetLevel | undefined
  readonly meter?: RunMeter | undefined
}

/** What is called, as it would be taken now. */
export interface CallTarget {
  /** Undefined: the group's default. */
  readonly contract: number | undefined
  readonly idempotent: boolean | null
}

/** For calls of handlers, which `fleet/` hears of. */
export interface CallPort extends Pick<SubmitPort, 'submit'> {
  /** Undefined when this attempt does not run, or nobody wants its result any more. */
  caller(worker: string, attemptId: number): Caller | undefined
  /** Under its caller's contract where somebody takes it under that, else under the default. */
  callTarget(worker: string, attemptId: number, name: string): CallTarget
}

/** For `http/`, before a body is read. */
export interface DoorPort {
  /**
   * Why a body of `ownBytes` should not be taken in now, while others that are on their way hold `othersBytes`;
   * undefined lets it come, which promises nothing of what `submit` will say.
   */
  refuseAtDoor(ownBytes: number, othersBytes: number): TaskError | undefined
}

/** A function of a group; an undefined contract is the group's default. */
export interface Wanted {
  readonly fairnessKey?: string | undefined
  /** Its caller waits: it is refused where a task in memory would be, instead of waiting for better times. */
  readonly isWaitedFor?: boolean | undefined
  readonly group: string
  readonly function: string
  readonly contract: number | undefined
  readonly selector: CompiledSelector
}

export type FixedContract =
  | { readonly kind: 'fixed'; readonly contract: number }
  | { readonly kind: 'refused'; readonly error: TaskError }
  /** Nobody serves it, and not every worker has answered yet. */
  | { readonly kind: 'unsettled' }

/** For `runs/`. */
export interface DurableTasksPort {
  /** The next number of the one order of acceptance. */
  nextSeq(): number
  /** The contract that is fixed now, or why such a run is not accepted. */
  fixContract(wanted: Wanted, now: number): FixedContract
  /** How many lanes there are: tasks that wait with different needs. */
  readonly lanes: number
  /**
   * A run that is on disk waits from now on; what has no room here is pushed back there. `isNew`: nobody has heard
   * of it before.
   */
  queued(submission: Submission, isNew: boolean, now: number): void
  /** A run that was at a worker when an earlier balancer ended. */
  restore(submission: Submission, attempt: AttemptInDoubt, now: number): void
  /** A lane has waiting runs on disk; its name. */
  laneOnDisk(needs: ClaimNeeds): string
  claimed(lane: string, submissions: readonly Submission[], hasMore: boolean, now: number): void
  persisted(runs: readonly string[]): void
  /** What `writeFirst` told is on disk: the attempt is sent. */
  written(worker: string, attemptId: number, now: number): void
  /** It cannot be brought there now: the slot is free for others, and a moment later it is tried again. */
  unwritten(worker: string, attemptId: number, now: number): void
  /** What `attemptOver` told is on disk. */
  noted(worker: string, attemptId: number, fence: number): void
  cancel(run: string, reason: CancelReason, now: number): boolean
  reprioritise(run: string, priority: number, now: number): boolean
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
