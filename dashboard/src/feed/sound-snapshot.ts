/**
 * Judges by hand what a snapshot has by the hundred: workers and points of the chart. The schema takes some 40 ms of
 * the first second for a thousand workers, this 2. Called by `read-message.ts`.
 * Invariant: what is sound here is what the schema would have let through, and as it stands: an unknown member, which
 * the schema leaves out, and whatever is rare are left to the schema.
 */
import { type FleetPoint, isName, LIMITS, type WorkerView, workerStateSchema } from '@berth/protocol'

type Members = Readonly<Record<string, unknown>>

const STATES: ReadonlySet<unknown> = new Set(workerStateSchema.options)
const BREAKERS: ReadonlySet<unknown> = new Set(['closed', 'open', 'half-open'])

export function isSoundWorker(value: unknown): value is WorkerView {
  if (!hasMembers(value, 17)) return false
  return (
    isText(value.id) &&
    isText(value.url) &&
    (value.source === 'file' || value.source === 'joined') &&
    isTextOrNull(value.group) &&
    isFigureOrNull(value.contract) &&
    STATES.has(value.status) &&
    isTextOrNull(value.reason) &&
    (value.slots === null || areSlots(value.slots)) &&
    areTags(value.tags) &&
    Array.isArray(value.services) &&
    value.services.length === 0 &&
    Array.isArray(value.functions) &&
    value.functions.every(isText) &&
    (value.system === null || isSystem(value.system)) &&
    isTextOrNull(value.version) &&
    isTextOrNull(value.lastSeenAt) &&
    isFigureOrNull(value.latencyMs) &&
    isBreaker(value.breaker) &&
    value.maintenance === null
  )
}

export function isSoundPoint(value: unknown): value is FleetPoint {
  return (
    hasMembers(value, 6) &&
    isFigure(value.t) &&
    (value.slots === null || arePointSlots(value.slots)) &&
    isFigure(value.waiting) &&
    isFigure(value.submitted) &&
    isFigure(value.completed) &&
    isFigure(value.failed)
  )
}

function areSlots(value: unknown): boolean {
  return (
    hasMembers(value, 5) &&
    isFigure(value.limit) &&
    isFigure(value.used) &&
    isFigure(value.stuck) &&
    isFigure(value.available) &&
    isFigure(value.queue)
  )
}

function arePointSlots(value: unknown): boolean {
  return (
    hasMembers(value, 4) &&
    isFigure(value.used) &&
    isFigure(value.free) &&
    isFigure(value.maintenance) &&
    isFigure(value.stalled)
  )
}

function isSystem(value: unknown): boolean {
  return (
    hasMembers(value, 4) &&
    isFigureOrNull(value.cpuLoad, 1) &&
    isFigureOrNull(value.memoryUsed, 1) &&
    isFigureOrNull(value.eventLoopDelayMs, Number.MAX_VALUE) &&
    isFigureOrNull(value.uptime)
  )
}

function isBreaker(value: unknown): boolean {
  return (
    hasMembers(value, 5) &&
    BREAKERS.has(value.state) &&
    isTextOrNull(value.since) &&
    isTextOrNull(value.until) &&
    isTextOrNull(value.reason) &&
    isFigure(value.failures)
  )
}

function areTags(value: unknown): boolean {
  if (!isObject(value)) return false
  const names = Object.keys(value)
  return names.length <= LIMITS.tags && names.every((name) => isName(name) && isTag(value[name]))
}

function isTag(value: unknown): boolean {
  if (Array.isArray(value)) return value.length <= LIMITS.tagList && value.every(isTagText)
  return isTagText(value) || isFigure(value) || typeof value === 'boolean'
}

function isTagText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LIMITS.tagText
}

function hasMembers(value: unknown, count: number): value is Members {
  return isObject(value) && Object.keys(value).length === count
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string'
}

function isFigure(value: unknown): boolean {
  return Number.isFinite(value)
}

/** With `most`, of 0 and more. */
function isFigureOrNull(value: unknown, most?: number): boolean {
  if (value === null) return true
  if (!Number.isFinite(value)) return false
  return most === undefined || ((value as number) >= 0 && (value as number) <= most)
}
