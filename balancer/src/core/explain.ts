/**
 * Why a task is where it is, computed when somebody asks: every worker of the fleet is counted under
 * the one reason that keeps it from the task, or as one that could take it. Pure; plain data out.
 * `noteChoice` does the same at the moment of a choice, for the few that are kept; it looks at a
 * bounded number of workers, whatever the fleet.
 */
import { firstMismatch } from '@berth/protocol'
import type { ChoiceRecord } from '../ports/record.ts'
import type { CountedReason, Explanation, ReasonCode, Score } from '../ports/task-look.ts'
import { hasRoom } from './choice.ts'
import { isBarred } from './health.ts'
import type { Lane, LaneNeeds } from './lane.ts'
import { goesBefore, type Task } from './task.ts'
import type { Worker } from './worker.ts'
import { ranksBefore } from './worker-class.ts'

interface Reason {
  /** How far the worker came; the furthest is the nearest miss. */
  readonly stage: number
  readonly code: ReasonCode
  readonly text: string
}

/** The part of an explanation that is about the fleet; who was chosen comes first of the candidates. */
export function explainFleet(
  needs: LaneNeeds,
  workers: Iterable<Worker>,
  chosen?: Worker,
): Pick<Explanation, 'reasons' | 'nearestMiss' | 'nearest' | 'candidates'> {
  const counts = new Map<string, CountedReason>()
  const candidates: Worker[] = []
  let nearest: { worker: Worker; reason: Reason } | undefined
  for (const worker of workers) {
    const reason = reasonOf(worker, needs)
    const count = 1 + (counts.get(reason.text)?.count ?? 0)
    counts.set(reason.text, { code: reason.code, reason: reason.text, count })
    if (reason.stage === CAN) candidates.push(worker)
    if (!nearest || isNearer(worker, reason, nearest)) nearest = { worker, reason }
  }
  const missed = nearest && nearest.reason.stage < CAN && !chosen ? nearest : undefined
  return {
    reasons: [...counts.values()].sort((a, b) => b.count - a.count),
    nearestMiss: missed && `${missed.worker.id}: ${missed.reason.text}`,
    nearest: missed && { worker: missed.worker.id, code: missed.reason.code, reason: missed.reason.text },
    candidates: inOrder(candidates, needs.function, chosen)
      .slice(0, MAX_CANDIDATES)
      .map((worker) => scoreOf(worker, needs.function)),
  }
}

/** The worker that came nearest and what it lacks. */
export function nearestOf(needs: LaneNeeds, workers: Iterable<Worker>): string {
  let nearest: { worker: Worker; reason: Reason } | undefined
  for (const worker of workers) {
    const reason = reasonOf(worker, needs)
    if (!nearest || isNearer(worker, reason, nearest)) nearest = { worker, reason }
  }
  return nearest ? `${nearest.worker.id}: ${nearest.reason.text}` : 'none'
}

/** Of those who fail alike, one that is in service is nearer. */
function isNearer(worker: Worker, { stage }: Reason, than: { worker: Worker; reason: Reason }): boolean {
  if (stage !== than.reason.stage) return stage > than.reason.stage
  return worker.isServing && !than.worker.isServing
}

/** How many of its lane are served before a waiting task; 0 is the head. */
export function positionOf(task: Task): number {
  let before = 0
  for (const other of task.lane?.tasks() ?? []) if (other !== task && goesBefore(other, task)) before++
  return before
}

/** What a choice saw, before it reserves anything: the winner and the next best. */
export function noteChoice(task: Task, winner: Worker, now: number): ChoiceRecord {
  const name = task.submission.function
  const others: Worker[] = []
  let looked = 0
  for (const worker of membersOf(task.lane)) {
    if (++looked > MAX_LOOKED) break
    if (worker !== winner && hasRoom(worker, task) && !isBarred(worker, name)) others.push(worker)
  }
  const runnersUp = inOrder(others, name).slice(0, MAX_CANDIDATES - 1)
  return {
    at: now,
    winner: scoreOf(winner, name),
    runnersUp: runnersUp.map((worker) => scoreOf(worker, name)),
  }
}

const CAN = 9
const MAX_CANDIDATES = 5
/** The best stand near the top of their heap, so these are enough for a picture. */
const MAX_LOOKED = 32

function* membersOf(lane: Lane | undefined): Iterable<Worker> {
  for (const serving of lane?.classes ?? []) yield* serving.inService
}

function reasonOf(worker: Worker, needs: LaneNeeds): Reason {
  const { facts } = worker
  if (facts.group !== needs.group) return { stage: 0, code: 'wrong_group', text: 'in another group' }
  const own = facts.functions.get(needs.function)
  if (!own) return { stage: 1, code: 'function_missing', text: 'does not serve the function' }
  if (facts.contract !== needs.contract)
    return { stage: 2, code: 'contract_mismatch', text: 'under another contract' }
  const tag = firstMismatch(needs.selector, facts.tags)
  if (tag !== undefined) return { stage: 3, code: 'tag_mismatch', text: `the tag "${tag}" does not match` }
  if (!facts.isInService) return { stage: 4, ...whyOut(facts.outReason) }
  if (worker.trouble?.kind === 'silent') return { stage: 5, code: 'stalled', text: 'stalled' }
  if (worker.trouble) return { stage: 5, code: 'disconnected', text: 'unreachable' }
  if (worker.limit > 0 && own.slots > worker.limit)
    return { stage: 5, code: 'slot_cost_too_big', text: 'has too few slots for it' }
  // In a panic of its group an ejected worker is used all the same.
  if (worker.breaker?.state === 'open' && worker.heapIndex < 0)
    return { stage: 6, code: 'breaker_open', text: 'ejected after failures' }
  if (isBarred(worker, needs.function))
    return { stage: 6, code: 'excluded_after_failure', text: 'fails with this function' }
  if (worker.heapIndex < 0) return { stage: 7, code: 'backing_off', text: 'left alone for a moment' }
  if (worker.free < own.slots) return { stage: 8, code: 'no_free_slot', text: 'full' }
  return { stage: CAN, code: 'could_take', text: 'could take it' }
}

/** The fleet's one word for a worker out of service. */
function whyOut(word: string): Pick<Reason, 'code' | 'text'> {
  return { code: OUT_CODES.get(word) ?? 'out_of_service', text: word || 'out of service' }
}

const OUT_CODES: ReadonlyMap<string, ReasonCode> = new Map([
  ['in maintenance', 'maintenance'],
  ['in mismatch', 'mismatch'],
  ['draining', 'draining'],
  ['leaving', 'draining'],
  ['unready', 'unready'],
  ['stalled', 'stalled'],
  ['connecting', 'disconnected'],
  ['unreachable', 'disconnected'],
])

function scoreOf(worker: Worker, name: string): Score {
  return {
    worker: worker.id,
    expectedMs: worker.expectedMs(name),
    used: worker.used,
    limit: worker.limit,
    occupancyAfter: worker.ratio,
  }
}

/** As the choice has them: who was chosen, then by occupancy those within 10 % of the least cost, then by cost. */
function inOrder(workers: readonly Worker[], name: string, chosen?: Worker): Worker[] {
  const costs = new Map(workers.map((worker) => [worker, worker.expectedMs(name)]))
  const isComparable = [...costs.values()].every((cost) => cost !== undefined)
  const costOf = (worker: Worker) => (isComparable ? (costs.get(worker) ?? 0) : 0)
  let least = Number.POSITIVE_INFINITY
  for (const worker of workers) least = Math.min(least, costOf(worker))
  const tierOf = (worker: Worker) => (worker === chosen ? -1 : Math.max(least * 1.1, costOf(worker)))
  return [...workers].sort((a, b) => tierOf(a) - tierOf(b) || (ranksBefore(a, b) ? -1 : 1))
}
