/**
 * Tells the messages that nearly all of a link's are, a push that says where its slots stand, a pong, and log lines,
 * without the schema: thousands of workers push once a second, ten times as many lines come from them while
 * somebody follows, and the schema's answer to each costs more than all that is done with it. Called by parse.ts
 * before the schema is.
 * Invariant: what is plain here is what the schema would make of it, member for member; all else is the schema's.
 */

import type { z } from 'zod'
import { LIMITS } from '../limits.ts'
import type { LogLevel, logLinesSchema, pongSchema, Slots, State, System, WorkerStatus } from './worker.ts'

type Members = Readonly<Record<string, unknown>>

const QUEUED_MOST = 10_000_000
const STATUSES: ReadonlySet<unknown> = new Set<WorkerStatus>([
  'starting',
  'ready',
  'unready',
  'maintenance',
  'draining',
])

const LEVELS: ReadonlySet<unknown> = new Set<LogLevel>(['debug', 'info', 'warn', 'error'])

export type PlainMessage = State | z.infer<typeof pongSchema> | z.infer<typeof logLinesSchema>

/** The value as a message; undefined when only the schema can tell. */
export function readPlainMessage(value: object): PlainMessage | undefined {
  const { type } = value as Members
  if (type === 'state') return isPlainState(value as Members) ? (value as State) : undefined
  if (type === 'pong')
    return isPlainPong(value as Members) ? (value as z.infer<typeof pongSchema>) : undefined
  if (type === 'logs')
    return isPlainLogs(value as Members) ? (value as z.infer<typeof logLinesSchema>) : undefined
  return undefined
}

function isPlainState(value: Members): boolean {
  let known = 5
  if (value.system !== undefined) {
    if (!isSystem(value.system)) return false
    known++
  }
  const { at, seq, status, slots } = value
  return (
    hasJust(value, known) &&
    isAmount(at) &&
    isCount(seq, Number.MAX_SAFE_INTEGER) &&
    STATUSES.has(status) &&
    isSlots(slots)
  )
}

function isPlainPong(value: Members): boolean {
  return hasJust(value, 3) && isAmount(value.at) && isCount(value.id, Number.MAX_SAFE_INTEGER)
}

function isPlainLogs(value: Members): boolean {
  const { at, lines, dropped } = value
  if (!hasJust(value, 4) || !isAmount(at) || !isCount(dropped, Number.MAX_SAFE_INTEGER)) return false
  return Array.isArray(lines) && lines.length <= LIMITS.logLinesPerSecond && lines.every(isPlainLine)
}

function isPlainLine(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { at, level, text, source, run, fields } = value as Members
  let known = 4
  if (run !== undefined) {
    if (!isText(run, 64)) return false
    known++
  }
  if (fields !== undefined) {
    if (!isFields(fields)) return false
    known++
  }
  return (
    hasJust(value, known) &&
    isText(at, 40) &&
    LEVELS.has(level) &&
    isText(text, LIMITS.logLineText) &&
    isText(source, 128)
  )
}

/** A member `__proto__`, which the schema leaves out, is left to it. */
function isFields(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  for (const name in value) if (name.length > 128 || name === '__proto__') return false
  return true
}

function isText(value: unknown, most: number): boolean {
  return typeof value === 'string' && value.length <= most
}

function isSlots(value: unknown): value is Slots {
  if (typeof value !== 'object' || value === null || !hasJust(value, 6)) return false
  const { limit, used, linked, stuck, queued, queueLimit } = value as Members
  return (
    isCount(limit, LIMITS.slots) &&
    limit > 0 &&
    isCount(used, LIMITS.slots) &&
    isCount(linked, used) &&
    isCount(stuck, used) &&
    isCount(queued, QUEUED_MOST) &&
    isCount(queueLimit, QUEUED_MOST)
  )
}

function isSystem(value: unknown): value is System {
  if (typeof value !== 'object' || value === null || !hasJust(value, 4)) return false
  const { cpuLoad, memoryUsed, eventLoopDelayMs, uptimeS } = value as Members
  return isAmount(cpuLoad, 1) && isAmount(memoryUsed, 1) && isAmount(eventLoopDelayMs) && isAmount(uptimeS)
}

/** As many members as were looked at, so none beside them. */
function hasJust(value: object, count: number): boolean {
  let left = count
  for (const _ in value) left--
  return left === 0
}

function isCount(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most
}

function isAmount(value: unknown, most = Number.MAX_VALUE): boolean {
  return typeof value === 'number' && value >= 0 && value <= most
}
