/**
 * The fleet as the rest of the balancer sees it: pictures to show and an operator's wishes to carry
 * out. Implemented by `fleet/`, used by `http/` and `observe/`.
 */
import type {
  ConfigState,
  FunctionInterface,
  LogEntry,
  LogLevel,
  TaskError,
  WorkerDetail,
  WorkerView,
} from '@berth/protocol'
import type { MaintenanceIntent, StoreWrite } from './store.ts'

/** One function under one contract, over all workers that serve it (CONTRACT §4, Operating). */
export interface FunctionView {
  readonly name: string
  readonly group: string
  readonly contract: number
  readonly description: string | null
  /** Inputs to begin with. */
  readonly examples: readonly unknown[]
  readonly maxRetries: number
  readonly input: FunctionInterface['input']
  readonly output: FunctionInterface['output'] | null
  readonly supportsStreaming: boolean
  readonly idempotent: boolean | null
  readonly slots: number
  /** Milliseconds, or null for the worker's default. */
  readonly timeout: number | null
  readonly background: boolean
  readonly keepWarm: boolean
  /** Ids of the workers that serve it, in service or not. */
  readonly workers: readonly string[]
}

/** Which functions of a group an operator wants kept ready, or not, whatever they declare. */
export interface WarmthOrder {
  /** Those that are not named. */
  readonly all?: boolean | undefined
  readonly on: readonly string[]
  readonly off: readonly string[]
}

export type WorkerGauge = Pick<WorkerView, 'status' | 'slots' | 'maintenance'>

/** `on` puts a worker in maintenance; false ends it, whatever else it says. */
export interface MaintenanceWish {
  readonly on: boolean
  readonly reason: string | null
  /** ISO instant at which it ends by itself. */
  readonly until: string | null
  /** ISO instant at which what still runs there is ended; null or absent for never. */
  readonly deadline?: string | null
  /** Who wishes it. */
  readonly by?: string | null
}

/** What a wish is going to write down, and what brings back what is in force now. */
export type Planned =
  | { readonly ok: true; readonly writes: readonly StoreWrite[]; readonly undo: readonly StoreWrite[] }
  | { readonly ok: false; readonly error: TaskError }

/** What a worker still runs, in maintenance or not (CONTRACT §4, Fleet). */
export interface DrainView {
  /** Our attempts under way, and the slots that others use there. */
  readonly running: number
  /** Milliseconds until the last is expected to end; null where that is not known. */
  readonly remaining: number | null
  readonly deadline: string | null
  /** Runs of ours that are expected to need longer than the deadline, or do already. */
  readonly exceeding: readonly string[]
  /** Runs of ours that would be run again elsewhere if they were ended now; the others would be lost. */
  readonly repeated: number
}

export type Wished =
  | { readonly ok: true; readonly worker: WorkerView }
  | { readonly ok: false; readonly error: TaskError }

/** Which of a worker's lines somebody wants; the worker sends what all who follow it want together. */
export interface LogWish {
  /** Default `debug`. */
  readonly level?: LogLevel
  /** Lines that it keeps, to begin with; default and at most 200. */
  readonly backlog?: number
  /** Default and at most 2,000. */
  readonly perSecond?: number
}

/** `isOld`: written before; they are told late because somebody else had not wanted them. */
export type OnLogLines = (lines: readonly LogEntry[], dropped: number, isOld?: boolean) => void

export interface LogFollower {
  /** What is here of the worker's lines, oldest first; what it still has beside them follows as old lines. */
  readonly recent: readonly LogEntry[]
  stop(): void
}

/** What workers of one kind say that they serve. */
export interface ServedInterface {
  /** Equal ones have equal hashes. */
  readonly hash: string
  readonly declared: ReadonlyMap<string, FunctionInterface>
}

export interface InterfacesPort {
  /** Of the workers of a group and contract, as far as they are known; the one that is held right comes first. */
  interfacesOf(group: string, contract: number): readonly ServedInterface[]
  /** False while no function that is known runs in the background by itself. */
  readonly hasBackground: boolean
}

export interface FleetPort extends InterfacesPort {
  /** In the order of the file, joined and leaving ones behind. */
  workers(): readonly WorkerView[]
  /** The same, each made when it is asked for, so that who reads thousands may do other things between them. */
  views(): Iterable<WorkerView>
  /** The same as far as the chart needs it, made for less. */
  gauges(): Iterable<WorkerGauge>
  worker(id: string): WorkerView | undefined
  /** The same with its line and its interface, made for one who looks. */
  detail(id: string): WorkerDetail | undefined
  functions(): readonly FunctionView[]
  config(): ConfigState
  /** True once every listed worker has answered or failed. */
  isSettled(): boolean
  /** Changes nothing: says what `setMaintenance` would. */
  planMaintenance(id: string, wish: MaintenanceWish): Planned
  setMaintenance(id: string, wish: MaintenanceWish): Wished
  /** An operator's maintenance that is in force, though the file's may hide it. */
  intent(id: string): MaintenanceIntent | undefined
  /** `deadline`: as if that one were set; the one that holds unless given. */
  drain(id: string, deadline?: string | null): DrainView | undefined
  /** Ends what the worker runs of ours: signal now, lost after SHUTDOWN_TIMEOUT. */
  empty(id: string): void
  /** Calls back with new lines of a worker until stopped; undefined for an unknown worker. */
  followLogs(id: string, onLines: OnLogLines, wish?: LogWish): LogFollower | undefined
  /** The last lines the worker keeps (its own `GET /logs`). */
  readLogs(id: string): Promise<{ ok: true; logs: readonly string[] } | { ok: false; error: TaskError }>
}
