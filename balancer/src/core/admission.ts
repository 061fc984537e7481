/**
 * Accept or shed. Asked once a task, before anything is reserved; every refusal names what is
 * missing and, where waiting helps, how long. Pure: it reads the directory and changes nothing.
 */
import { firstMismatch, type TaskError } from '@berth/protocol'
import type { Wanted } from '../ports/durable-tasks.ts'
import type { Submission } from '../ports/submission.ts'
import { nearestOf } from './explain.ts'
import type { Lane } from './lane.ts'
import type { Placement } from './placement.ts'
import type { Task } from './task.ts'
import type { Worker } from './worker.ts'
import type { WorkerClass } from './worker-class.ts'

export interface QueueLimits {
  /** Waiting tasks a lane. */
  readonly tasksPerLane: number
  /** Bodies of all that waits in memory. */
  readonly bytes: number
}

const NO_CAPACITY_RETRY_MS = 2_000
/** Bodies on their way in may hold this much even where QUEUE_BYTES lets next to nothing wait. */
const DOOR_BYTES = 1024 * 1024
/** Bodies come and go faster than lines. */
const DOOR_RETRY_MS = 1_000
/** Bounds of an advice when to return; it is spread a little, so that not all come back at once. */
const MIN_RETRY_S = 1
const MAX_RETRY_S = 60
const LEAST_SPREAD_S = 2
const SPREAD = 0.25

/** The refusal for a group, function and contract that nobody in the list has ever served. */
export function unknownFunction(submission: Wanted): TaskError {
  const { group, contract } = submission
  const version = contract === undefined ? '' : ` under contract ${contract}`
  return {
    code: 'UNKNOWN_FUNCTION',
    detail: `No worker in the list has ever served the function "${submission.function}" in group "${group}"${version}. GET /functions lists what is served.`,
  }
}

/** The refusal of a stream by a function that makes none. */
export function streamRefusal(lane: Lane, { mode }: Submission): TaskError | undefined {
  if (mode !== 'stream' || lane.facts.supportsStreaming !== false) return undefined
  const detail = `"${lane.needs.function}" does not stream; set config.supportsStreaming, or use mode sync.`
  return { code: 'INVALID_REQUEST', detail, errors: [{ pointer: '/mode', detail }] }
}

/** Why a memory task cannot be taken by this lane's workers, or undefined when one is in service. */
export function capacityRefusal(lane: Lane, placement: Placement, now: number): TaskError | undefined {
  if (isServed(lane)) return tooBig(lane)
  const retryAfterMs = untilSomebodyIsBack(lane, now)
  return { code: 'NO_CAPACITY', detail: nearestMiss(lane, placement), retryAfterMs }
}

export interface QueueState {
  /** Of all lanes. */
  readonly waitingBytes: number
  readonly limits: QueueLimits
  readonly random: () => number
  readonly now: number
}

/** The refusal of a task that would have to wait while its lane's line, or the memory of all, is full. */
export function queueRefusal(task: Task, state: QueueState): TaskError | undefined {
  const { waitingBytes, limits, random, now } = state
  const lane = task.lane as Lane
  // What a running task called is part of what was taken.
  const isLong = !task.caller && lane.waiting >= limits.tasksPerLane
  if (!isLong && waitingBytes + task.bytes <= limits.bytes) return undefined
  const what = isLong
    ? `${lane.waiting} tasks wait for "${lane.needs.function}" already`
    : `${waitingBytes} bytes of tasks wait already`
  return {
    code: 'QUEUE_FULL',
    detail: `${what}, which is the limit (${isLong ? 'QUEUE_LIMIT' : 'QUEUE_BYTES'}). Try again later, or add workers.`,
    retryAfterMs: clearTimeMs(lane, random, now),
  }
}

/** Bytes of bodies that are on their way in, and of tasks that wait. */
export interface HeldBytes {
  readonly ownBytes: number
  readonly othersBytes: number
  readonly waitingBytes: number
}

/**
 * The refusal of a body before it is read: with what waits and what others are sending, it would not fit
 * QUEUE_BYTES. Never stricter than the line itself for small bodies, which may find a free slot and not wait
 * at all; and one that is alone always comes in, however small the bound is.
 */
export function doorRefusal(held: HeldBytes, limits: QueueLimits): TaskError | undefined {
  const { ownBytes, othersBytes, waitingBytes } = held
  const bound = Math.max(limits.bytes, DOOR_BYTES)
  if (othersBytes + waitingBytes === 0 || othersBytes + waitingBytes + ownBytes <= bound) return undefined
  return {
    code: 'QUEUE_FULL',
    detail: `${waitingBytes} bytes of tasks wait and ${othersBytes} more are on their way, so that ${ownBytes} do not fit (QUEUE_BYTES). Try again later, or add workers.`,
    retryAfterMs: DOOR_RETRY_MS,
  }
}

/** How long the lane's line takes at the rate at which its tasks have started lately, in whole seconds. */
function clearTimeMs(lane: Lane, random: () => number, now: number): number {
  const perSecond = lane.starts.perSecond(now)
  const seconds = perSecond === undefined ? MAX_RETRY_S : lane.waiting / perSecond
  const bounded = Math.min(Math.max(MIN_RETRY_S, seconds), MAX_RETRY_S / (1 + SPREAD))
  const spread = Math.max(LEAST_SPREAD_S, bounded * SPREAD)
  return Math.floor(bounded + random() * spread) * 1_000
}

/** When the first of the workers with the function comes back, as far as somebody has said so. */
function untilSomebodyIsBack(lane: Lane, now: number): number {
  let backAt = Number.POSITIVE_INFINITY
  for (const serving of lane.classes)
    for (const { facts } of serving.members) backAt = Math.min(backAt, facts.backAt ?? backAt)
  if (backAt === Number.POSITIVE_INFINITY) return NO_CAPACITY_RETRY_MS
  return Math.min(Math.max(MIN_RETRY_S * 1_000, backAt - now), MAX_RETRY_S * 1_000)
}

/** A worker that is left alone for a moment after BUSY still serves. */
function hasServing(members: Iterable<Worker>): boolean {
  for (const worker of members) if (worker.isServing) return true
  return false
}

/** Why none of the workers in service could ever hold a task of this lane; undefined also while none is. */
export function sizeRefusal(lane: Lane): TaskError | undefined {
  return isServed(lane) ? tooBig(lane) : undefined
}

function isServed({ classes }: Lane): boolean {
  for (const serving of classes) if (serving.best || hasServing(serving.members)) return true
  return false
}

function tooBig(lane: Lane): TaskError | undefined {
  const cost = lane.facts.slots
  if (cost === 1) return undefined
  let largest = 0
  for (const serving of lane.classes)
    for (const worker of serving.members) largest = Math.max(largest, worker.limit)
  if (largest >= cost) return undefined
  const detail = `The function takes ${cost} slots; the largest worker that serves it has ${largest}.`
  return { code: 'SLOT_COST_TOO_BIG', detail }
}

/** Counts the reasons in words: "2 in maintenance, 1 unreachable", or the tag that fits nobody; and who came nearest. */
function nearestMiss(lane: Lane, placement: Placement): string {
  const { group, contract, function: name, selector } = lane.needs
  const reasons = new Map<string, number>()
  for (const candidate of placement.directory.having(group, name, contract))
    for (const reason of reasonsOf(candidate, lane)) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  const counted = [...reasons].sort(([, a], [, b]) => b - a).map(([reason, count]) => `${count} ${reason}`)
  const tags = selector.key === '' ? '' : ' with these tags'
  const nearest = nearestOf(lane.needs, membersHaving(lane, placement))
  return `No worker${tags} can take "${name}" (group "${group}", contract ${contract}) now: ${counted.slice(0, 5).join(', ')}. Nearest miss: ${nearest}.`
}

function* membersHaving({ needs }: Lane, { directory }: Placement): Iterable<Worker> {
  for (const { members } of directory.having(needs.group, needs.function, needs.contract)) yield* members
}

function* reasonsOf(candidate: WorkerClass, lane: Lane): Iterable<string> {
  const mismatch = firstMismatch(lane.needs.selector, candidate.tags)
  for (const worker of candidate.members) {
    if (mismatch !== undefined) yield `with another tag "${mismatch}"`
    else yield worker.facts.outReason === '' ? 'out of service' : worker.facts.outReason
  }
}
