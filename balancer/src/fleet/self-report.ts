/**
 * What a worker last said of itself: begun by its hello, kept up by every state and by the occupancy
 * that rides on its frames. Changed only here; what is older than the last word is passed over.
 */
import {
  type Hello,
  LIMITS,
  type Occupancy,
  type ServiceState,
  type Slots,
  type State,
  type System,
  type Tags,
  type WorkerStatus,
} from '@berth/protocol'

export interface SelfReport {
  readonly bootId: string
  readonly version: string
  readonly group: string
  readonly contract: number
  readonly interfaceHash: string
  tags: Tags
  services: readonly ServiceState[]
  /** Null while it has said nothing of it, as a worker of another make may, or leave out some of it. */
  system: SystemReport | null
  status: WorkerStatus
  reason: string | undefined
  slots: Slots
  seq: number
}

/** Null is what it does not say. */
export type SystemReport = { readonly [Figure in keyof System]: number | null }

/** In the system of whoever does not say a figure: no message from outside can hold it. */
export const UNKNOWN_FIGURE = Number.NaN

/** In the hello of whoever does not say it: this very object, which no message from outside can be. */
export const UNKNOWN_SYSTEM: System = Object.freeze({
  cpuLoad: 0,
  memoryUsed: 0,
  eventLoopDelayMs: 0,
  uptimeS: 0,
})

export function reportFrom(hello: Hello): SelfReport {
  return {
    bootId: hello.bootId,
    version: hello.version,
    group: hello.group,
    contract: hello.contract,
    interfaceHash: hello.interface,
    tags: hello.tags,
    services: hello.services,
    system: hello.system === UNKNOWN_SYSTEM ? null : systemFrom(hello.system),
    status: hello.status,
    reason: hello.reason,
    slots: hello.slots,
    seq: hello.seq,
  }
}

/** `older` than what is known; `same` when it brings nothing but the system's figures, as most do. */
export function applyState(report: SelfReport, state: State): 'older' | 'same' | 'changed' {
  if (state.seq < report.seq) return 'older'
  report.seq = state.seq
  if (state.system) report.system = systemFrom(state.system)
  if (saysTheSame(report, state)) return 'same'
  report.status = state.status
  report.reason = state.reason
  report.slots = state.slots
  if (state.tags) report.tags = state.tags
  if (state.services) report.services = state.services
  return 'changed'
}

function systemFrom(system: System): SystemReport {
  const { cpuLoad, memoryUsed, eventLoopDelayMs, uptimeS } = system
  if (!Number.isNaN(cpuLoad + memoryUsed + eventLoopDelayMs + uptimeS)) return system
  const known = (figure: number) => (Number.isNaN(figure) ? null : figure)
  return {
    cpuLoad: known(cpuLoad),
    memoryUsed: known(memoryUsed),
    eventLoopDelayMs: known(eventLoopDelayMs),
    uptimeS: known(uptimeS),
  }
}

function saysTheSame(report: SelfReport, { status, reason, slots, tags, services }: State): boolean {
  if (tags !== undefined || services !== undefined) return false
  const { limit, used, linked, stuck, queued, queueLimit } = report.slots
  return (
    status === report.status &&
    reason === report.reason &&
    slots.used === used &&
    slots.linked === linked &&
    slots.queued === queued &&
    slots.stuck === stuck &&
    slots.limit === limit &&
    slots.queueLimit === queueLimit
  )
}

/** Only what is `taken` counts: it is not older than what is known, and can be. */
export function applyOccupancy(
  report: SelfReport,
  { seq, used, linked, queued }: Occupancy,
): 'taken' | 'older' | 'impossible' {
  if (linked > used || used > LIMITS.slots) return 'impossible'
  if (seq < report.seq) return 'older'
  report.seq = seq
  report.slots = { ...report.slots, used, linked, queued, stuck: Math.min(report.slots.stuck, used) }
  return 'taken'
}
