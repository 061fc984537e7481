/**
 * The fleet as the rest of the balancer sees it: pictures to show and an operator's wishes to carry
 * out. Implemented by `fleet/`, used by `http/` and `observe/`.
 */
import type { ConfigState, FunctionInterface, LogEntry, TaskError, WorkerView } from '@berth/protocol'

/** One function under one contract, over all workers that serve it (CONTRACT §4, Operating). */
export interface FunctionView {
  readonly name: string
  readonly group: string
  readonly contract: number
  readonly input: FunctionInterface['input']
  readonly output: FunctionInterface['output'] | null
  readonly supportsStreaming: boolean
  readonly idempotent: boolean | null
  readonly slots: number
  /** Milliseconds, or null for the worker's default. */
  readonly timeout: number | null
  readonly background: boolean
  /** Ids of the workers that serve it, in service or not. */
  readonly workers: readonly string[]
  readonly paused: null
}

export interface MaintenanceWish {
  readonly on: boolean
  readonly reason: string | null
  /** ISO instant at which it ends by itself. */
  readonly until: string | null
}

export type Wished =
  | { readonly ok: true; readonly worker: WorkerView }
  | { readonly ok: false; readonly error: TaskError }

export interface LogFollower {
  /** What the worker still has, oldest first; empty until it has answered. */
  readonly recent: readonly LogEntry[]
  stop(): void
}

export interface FleetPort {
  /** In the order of the file, joined and leaving ones behind. */
  workers(): readonly WorkerView[]
  worker(id: string): WorkerView | undefined
  functions(): readonly FunctionView[]
  config(): ConfigState
  /** True once every listed worker has answered or failed. */
  isSettled(): boolean
  setMaintenance(id: string, wish: MaintenanceWish): Wished
  /** Calls back with new lines of a worker until stopped; undefined for an unknown worker. */
  followLogs(
    id: string,
    onLines: (lines: readonly LogEntry[], dropped: number) => void,
  ): LogFollower | undefined
  /** The last lines the worker keeps (its own `GET /logs`). */
  readLogs(id: string): Promise<{ ok: true; logs: readonly string[] } | { ok: false; error: TaskError }>
}
