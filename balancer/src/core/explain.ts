/**
 * Why a task is where it is, computed when somebody asks: every worker of the fleet is counted under
 * the one reason that keeps it from the task, or as one that could take it. Pure; plain data out.
 */
import { firstMismatch } from '@berth/protocol'
import type { CountedReason, Explanation, Score } from '../ports/scheduling.ts'
import { isBarred } from './health.ts'
import type { LaneNeeds } from './lane.ts'
import { goesBefore, type Task } from './task.ts'
import type { Worker } from './worker.ts'

interface Reason {
  /** How far the worker came; the furthest is the nearest miss. */
  readonly stage: number
  readonly text: string
}

/** The part of an explanation that is about the fleet. */
export function explainFleet(
  needs: LaneNeeds,
  workers: Iterable<Worker>,
): Pick<Explanation, 'reasons' | 'nearestMiss' | 'candidates'> {
  const counts = new Map<string, CountedReason & { stage: number }>()
  const candidates: Score[] = []
  let nearest: { worker: Worker; reason: Reason } | undefined
  for (const worker of workers) {
    const reason = reasonOf(worker, needs)
    const known = counts.get(reason.text)
    counts.set(reason.text, { reason: reason.text, count: (known?.count ?? 0) + 1, stage: reason.stage })
    if (reason.stage === CAN) candidates.push(scoreOf(worker, needs.function))
    if (!nearest || reason.stage > nearest.reason.stage) nearest = { worker, reason }
  }
  const reasons = [...counts.values()].sort((a, b) => b.count - a.count)
  return {
    reasons: reasons.map(({ reason, count }) => ({ reason, count })),
    nearestMiss:
      nearest && nearest.reason.stage < CAN ? `${nearest.worker.id}: ${nearest.reason.text}` : undefined,
    candidates: candidates.sort(isBetter).slice(0, MAX_CANDIDATES),
  }
}

/** How many of its lane are served before a waiting task; 0 is the head. */
export function positionOf(task: Task): number {
  let before = 0
  for (const other of task.lane?.tasks ?? []) if (other !== task && goesBefore(other, task)) before++
  return before
}

const CAN = 9
const MAX_CANDIDATES = 5

function reasonOf(worker: Worker, needs: LaneNeeds): Reason {
  const { facts } = worker
  if (facts.group !== needs.group) return { stage: 0, text: 'in another group' }
  const own = facts.functions.get(needs.function)
  if (!own) return { stage: 1, text: 'does not serve the function' }
  if (facts.contract !== needs.contract) return { stage: 2, text: 'under another contract' }
  const tag = firstMismatch(needs.selector, facts.tags)
  if (tag !== undefined) return { stage: 3, text: `the tag "${tag}" does not match` }
  if (!facts.isInService) return { stage: 4, text: facts.outReason || 'out of service' }
  if (worker.trouble) return { stage: 5, text: worker.trouble.kind === 'silent' ? 'stalled' : 'unreachable' }
  if (worker.limit > 0 && own.slots > worker.limit) return { stage: 5, text: 'has too few slots for it' }
  if (worker.breaker?.state === 'open') return { stage: 6, text: 'ejected after failures' }
  if (isBarred(worker, needs.function)) return { stage: 6, text: 'fails with this function' }
  if (worker.heapIndex < 0) return { stage: 7, text: 'left alone for a moment' }
  if (worker.free < own.slots) return { stage: 8, text: 'full' }
  return { stage: CAN, text: 'could take it' }
}

function scoreOf(worker: Worker, name: string): Score {
  return {
    worker: worker.id,
    expectedMs: worker.expectedMs(name),
    used: worker.used,
    limit: worker.limit,
    occupancyAfter: worker.ratio,
  }
}

function isBetter(a: Score, b: Score): number {
  const cost = (a.expectedMs ?? 0) - (b.expectedMs ?? 0)
  return cost !== 0 && a.expectedMs !== undefined && b.expectedMs !== undefined
    ? cost
    : a.occupancyAfter - b.occupancyAfter
}
