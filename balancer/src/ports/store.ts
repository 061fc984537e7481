/**
 * What outlives the process. Implemented by `store/` on a thread of its own; called by compose and
 * the fleet. Writes are batches that return nothing: `onPersisted` tells, by the number of the batch,
 * that everything up to it is on disk. Whatever crosses is plain data.
 */
import type { FunctionInterface, Role } from '@berth/protocol'
import type { ActivityWrite } from './activity.ts'
import type { FileWrite } from './files.ts'
import type { RunStoreEvents, RunStorePort, RunsAtStart } from './run-store.ts'
import type { RunWrite } from './run-writes.ts'
import type { SchedulesAtStart, ScheduleWrite } from './schedule-store.ts'
import type { StatsWrite } from './stats.ts'
import type { ConfigVersion } from './workers-config.ts'

/** An operator's decision about one worker, kept over restarts. */
export interface MaintenanceIntent {
  readonly worker: string
  readonly reason: string | null
  readonly since: string
  readonly until: string | null
  /** When what still runs there is ended, or null for never. */
  readonly deadline: string | null
  /** Who decided, as the log names them. */
  readonly by: string | null
}

/** What a listed worker last said it serves: tells "unknown function" from "nobody there". */
export interface KnownWorker {
  readonly worker: string
  readonly group: string
  readonly contract: number
  readonly interfaceHash: string
  /** When it was first seen with this interface. */
  readonly seenAt: string
}

/** A browser's session; only the SHA-256 of its cookie is kept. */
export interface StoredSession {
  readonly hash: string
  readonly createdAt: string
  readonly expiresAt: string
  readonly role: Role
}

/** Since when, until when and why an operator lets nothing start; instants. */
export interface StoredPause {
  readonly since: string
  readonly until: string | null
  readonly reason: string | null
}

/** What an operator set for one fairness key. */
export interface StoredShare {
  readonly key: string
  readonly weight: number | null
  readonly concurrency: number | null
  readonly paused: StoredPause | null
}

/** What an operator set for a group, or for one function of it; null is "not set". */
export interface StoredSettings {
  readonly group: string
  /** Null for the group itself. */
  readonly function: string | null
  readonly concurrency: number | null
  readonly rate: { readonly limit: number; readonly perMs: number } | null
  readonly paused: StoredPause | null
  readonly defaultContract: number | null
  /** Calls that name no mode are async. */
  readonly background: boolean | null
  /** Its workers have it ready before anybody asks; absent in what an earlier version has written. */
  readonly keepWarm: boolean | null
  /** One a key; a list, because any text may be a key. */
  readonly fairness: readonly StoredShare[]
}

/** A saved page of functions; `body` is JSON (invokeFormSchema of the protocol). */
export interface StoredForm {
  readonly name: string
  readonly revision: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly updatedBy: string
  readonly body: string
}

export type StoreWrite = FleetWrite | RunWrite | FileWrite | ScheduleWrite | ActivityWrite | StatsWrite

export type FleetWrite =
  | { readonly kind: 'intent-set'; readonly intent: MaintenanceIntent }
  | { readonly kind: 'intent-cleared'; readonly worker: string }
  | { readonly kind: 'worker-known'; readonly known: KnownWorker }
  | { readonly kind: 'worker-forgotten'; readonly worker: string }
  | {
      readonly kind: 'interface-seen'
      readonly hash: string
      readonly functions: readonly FunctionInterface[]
    }
  | { readonly kind: 'session-opened'; readonly session: StoredSession }
  | { readonly kind: 'session-closed'; readonly hash: string }
  | { readonly kind: 'settings-set'; readonly settings: StoredSettings }
  | { readonly kind: 'settings-cleared'; readonly group: string; readonly function: string | null }
  | { readonly kind: 'form-set'; readonly form: StoredForm }
  | { readonly kind: 'form-removed'; readonly name: string }
  /** Removes what `CONFIG_HISTORY` leaves no room for. */
  | { readonly kind: 'config-version'; readonly version: ConfigVersion; readonly text: string }
  /** Changes nothing; that it is on disk shows that the store can be written. */
  | { readonly kind: 'touch' }

/** Everything of the fleet's memory and what there is of runs, read once at start. */
export interface StoreContents extends FleetContents {
  readonly runs: RunsAtStart
  readonly schedules: SchedulesAtStart
}

export interface FleetContents {
  /** Rises by one at every start of a balancer on this store: the first half of every fence. */
  readonly epoch: number
  readonly intents: readonly MaintenanceIntent[]
  readonly workers: readonly KnownWorker[]
  readonly interfaces: readonly { readonly hash: string; readonly functions: readonly FunctionInterface[] }[]
  readonly sessions: readonly StoredSession[]
  readonly settings: readonly StoredSettings[]
  readonly forms: readonly StoredForm[]
  /** The newest first. */
  readonly configVersions: readonly ConfigVersion[]
}

export interface StoreEvents extends RunStoreEvents {
  /** All batches up to `batch` are on disk. */
  onPersisted(batch: number): void
  /** A batch was given up; `detail` says why. The store tries later batches all the same. */
  onFailed(batch: number, detail: string): void
  /** What is not in the database file yet is so long that somebody must look; null once it is short again. */
  onLogSize?(bytes: number | null): void
}

export interface StorePort extends RunStorePort {
  /** Opens and migrates; refuses with a readable error when the database is locked or damaged. */
  open(events: StoreEvents): Promise<StoreContents>
  /** Queues writes for the current tick's batch; returns the batch's number. */
  apply(writes: readonly StoreWrite[]): number
  /** Resolves when everything applied so far is on disk or given up. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** For whoever writes batches and waits for them, beside the keeper. */
export interface StoreListenPort {
  /** Tells from now on everything that the store tells, until the way out that is returned is taken. */
  listen(events: StoreEvents): () => void
}

export type Kept = { readonly ok: true } | { readonly ok: false; readonly detail: string }

/** What was heard last of the store. `since` is an instant. */
export type StoreHealth =
  /** `warning`: what somebody must look at before it fails. */
  | { readonly state: 'ok'; readonly warning?: string | undefined }
  | { readonly state: 'failed'; readonly error: string; readonly since: string }

/** Promises that somebody waits for, for `http/`. */
export interface KeepPort {
  /**
   * Resolves when the writes are on disk, or with why nobody may rely on them: they failed, or took longer
   * than 10 s. `undo` is written behind those that may still arrive later.
   */
  keep(writes: readonly StoreWrite[], undo?: readonly StoreWrite[]): Promise<Kept>
  health(): StoreHealth
}
