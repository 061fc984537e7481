/**
 * Tasks as callers hand them to the core: what a submission says, whether it is taken, how it ends.
 * `core/scheduler.ts` implements the ports, `http/` and `runs/` call them; calls are synchronous, `now` is the
 * monotonic clock in milliseconds.
 * Invariant: what was taken is settled once, by `onSettled`, never before `submit` returns.
 */
import type {
  BudgetLevel,
  CancelReason,
  CompiledSelector,
  Mode,
  TaskError,
  TaskExtras,
} from '@berth/protocol'
import type { CallOrigin } from './calls.ts'
import type { Payload, Pieces } from './dispatch.ts'
import type { FileOrigin, FilePiece } from './files.ts'
import type { RunMeter } from './metering.ts'
import type { AttemptRecord } from './record.ts'
import type { StreamItem, StreamOrigin } from './stream.ts'

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

export type Admission = { readonly ok: true } | { readonly ok: false; readonly error: TaskError }

/** For whoever has to know a contract before acceptance fixes it. */
export interface ContractsPort {
  /** What a task that names none gets now; undefined while nobody serves the function. */
  defaultContract(group: string, name: string): number | undefined
}

/** For `http/`. */
export interface SubmitPort {
  /** Takes a task or says why not. The end comes by `submission.onSettled`, never before this returns. */
  submit(submission: Submission, now: number): Admission
  /** Ends a task that nobody wants any more. False when it is unknown or has ended. */
  cancel(run: string, reason: CancelReason, now: number): boolean
}

/** For `http/`, before a body is read. */
export interface DoorPort {
  /**
   * Why a body of `ownBytes` should not be taken in now, while others that are on their way hold `othersBytes`;
   * undefined lets it come, which promises nothing of what `submit` will say.
   */
  refuseAtDoor(ownBytes: number, othersBytes: number): TaskError | undefined
}
