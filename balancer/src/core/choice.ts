/**
 * The choice of a worker for a task: pure questions to the classes that serve its lane, asked by
 * placement.ts. None of them looks at all workers; what a task costs the choice is log n at most.
 */
import { isBarred } from './health.ts'
import type { Lane } from './lane.ts'
import type { Ranking } from './ranking.ts'
import type { Task } from './task.ts'
import type { Worker } from './worker.ts'
import { ranksBefore } from './worker-class.ts'

/** The best worker over all classes that serve a lane, by occupancy alone. */
function leastOccupied(lane: Lane): Worker | undefined {
  let best: Worker | undefined
  for (const serving of lane.classes) {
    const candidate = serving.best
    if (candidate && (!best || ranksBefore(candidate, best))) best = candidate
  }
  return best
}

/** The least expected service time; within 10 %, or what chance explains, the least occupied. */
function cheapest(lane: Lane): Worker | undefined {
  const { times } = lane
  if (!times.isComparable && !hasBars(lane)) return undefined
  const rankings: Ranking[] = []
  let least: Ranking | undefined
  for (const serving of lane.classes) {
    const ranking = serving.ranking(lane.needs.function, times)
    rankings.push(ranking)
    if (!least || ranking.leastStep < least.leastStep) least = ranking
  }
  if (!least || least.leastStep === Number.POSITIVE_INFINITY) return withSlot(lane) ?? soonest(rankings)
  const { leastStep, reach } = least
  let best: Worker | undefined
  for (const ranking of rankings) {
    const candidate = ranking.bestFrom(leastStep, reach)
    if (candidate && (!best || ranksBefore(candidate, best))) best = candidate
  }
  return best
}

/** Who has weight 0, or its share of a slow start, goes before those without a free slot. */
function withSlot(lane: Lane): Worker | undefined {
  const best = leastOccupied(lane)
  return best && best.free > 0 ? best : undefined
}

/** Nobody has a free slot: where one is to be expected first. */
function soonest(rankings: readonly Ranking[]): Worker | undefined {
  let best: Ranking['soonest']
  for (const { soonest } of rankings) if (soonest && (!best || soonest.waitMs < best.waitMs)) best = soonest
  return best?.worker
}

function hasBars(lane: Lane): boolean {
  for (const { barred } of lane.classes) if (barred.has(lane.needs.function)) return true
  return false
}

/** The worker to send a task to now, if any has room for it; the preferred one before all others. */
export function choose(lane: Lane, task: Task, now: number, preferred?: Worker): Worker | undefined {
  const chosen = pick(lane, task, preferred)
  // Afterwards, so that the next choice is what a look at it says.
  for (const serving of lane.classes) serving.roll(now)
  return chosen
}

/** The same without any effect. */
export function pick(lane: Lane, task: Task, preferred?: Worker): Worker | undefined {
  if (preferred && isFreeFor(preferred, lane)) return preferred
  const best = cheapest(lane) ?? leastOccupied(lane)
  const cost = costOf(task)
  if (!best || isBarred(best, lane.needs.function)) return undefined
  if (best.free >= cost) return best
  if (cost > 1) return freest(lane)
  return hasRoom(best, task) ? best : undefined
}

/** In service for the lane, with a free slot; whether another would be better is not asked. */
function isFreeFor(worker: Worker, { classes, facts, needs }: Lane): boolean {
  if (worker.heapIndex < 0 || worker.free < facts.slots || isBarred(worker, needs.function)) return false
  return worker.class !== undefined && classes.has(worker.class)
}

/** A free slot, or room ahead of one; a task of several slots goes ahead only to whoever saves up for it. */
export function hasRoom(worker: Worker, task: Task): boolean {
  const cost = costOf(task)
  if (worker.free >= cost) return true
  return cost === 1 && worker.limit > 0 && worker.hasAheadRoom(task.submission.function, cost, task.bytes)
}

/** Slots that an attempt would take now; `task.cost` is what the present one holds. */
export function costOf(task: Task): number {
  return task.lane?.facts.slots ?? 1
}

/** For tasks of several slots: the worker with the most free ones, if they are enough. */
function freest(lane: Lane): Worker | undefined {
  for (const { freest } of lane.classes)
    if (freest && freest.free >= lane.facts.slots && !isBarred(freest, lane.needs.function)) return freest
  return undefined
}

/** The worker does not fail with the lane's function and has the slots, if they are several. */
export function mayServe(worker: Worker, { facts, needs }: Lane): boolean {
  return (facts.slots === 1 || facts.slots <= worker.free) && !isBarred(worker, needs.function)
}
