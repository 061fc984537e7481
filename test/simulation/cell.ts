/**
 * One cell of SCHEDULING §2 as a check of the whole: equal workers, Poisson arrivals, and the mean
 * latency beside that of an ideal central queue (M/G/c) with the same arrivals and services, which
 * knows no delay. Reported by main.ts, not asserted.
 */
import { Heap } from '@berth/runtime'
import { drawService, Random, type ServiceLaw } from './random.ts'
import type { Scenario } from './scenario.ts'
import { World } from './world.ts'

export interface CellOptions {
  readonly load: number
  readonly seed: number
  readonly workers?: number
  readonly slots?: number
  readonly law?: ServiceLaw
  readonly serviceMs?: number
  readonly roundTripMs?: number
  readonly tasks?: number
}

export interface Cell {
  readonly options: Required<CellOptions>
  readonly meanMs: number
  readonly idealMs: number
  readonly eventsPerSecond: number
  readonly seconds: number
}

export function runCell(given: CellOptions): Cell {
  const options = {
    workers: 10,
    slots: 10,
    law: 'exp' as const,
    serviceMs: 34.5,
    roundTripMs: 0.3,
    tasks: 100_000,
    ...given,
  }
  const world = new World(scenarioOf(options))
  const startedAt = performance.now()
  world.run()
  const seconds = (performance.now() - startedAt) / 1000
  let sum = 0
  const arrivals: { at: number; serviceMs: number }[] = []
  for (const { submittedAt, settlements, executions } of world.recorder.tasks.values()) {
    const [execution] = executions
    // The very first may come before any worker has linked, and are refused.
    if (!settlements[0] || !execution) continue
    sum += settlements[0].at - submittedAt
    arrivals.push({ at: submittedAt, serviceMs: execution.endedAt - execution.startedAt })
  }
  const idealMs = idealMean(arrivals, options.workers * options.slots)
  const eventsPerSecond = world.events.happened / seconds
  return { options, meanMs: sum / arrivals.length, idealMs, eventsPerSecond, seconds }
}

/** Mean latency of the same tasks in one queue before so many slots, first come first served. */
export function idealMean(arrivals: readonly { at: number; serviceMs: number }[], slots: number): number {
  const freeAt = new Heap<number>((a, b) => a - b)
  for (let slot = 0; slot < slots; slot++) freeAt.push(0)
  let sum = 0
  for (const { at, serviceMs } of arrivals) {
    const endsAt = Math.max(at, freeAt.pop() ?? 0) + serviceMs
    freeAt.push(endsAt)
    sum += endsAt - at
  }
  return sum / arrivals.length
}

export function describeCell({ options, meanMs, idealMs, eventsPerSecond, seconds }: Cell): string {
  const { workers, slots, law, load, roundTripMs } = options
  const ratio = (meanMs / idealMs).toFixed(3)
  const rate = Math.round(eventsPerSecond)
  return `${workers}×${slots} ${law} load ${load} RTT ${roundTripMs} ms: mean ${meanMs.toFixed(2)} ms, ideal ${idealMs.toFixed(2)} ms, ratio ${ratio}; ${rate} events/s in ${seconds.toFixed(1)} s`
}

function scenarioOf(options: Required<CellOptions>): Scenario {
  const { seed, tasks, law, serviceMs, roundTripMs, load } = options
  return {
    seed,
    tasks,
    law,
    serviceMs,
    roundTripMs,
    load,
    workers: Array.from({ length: options.workers }, () => ({ slots: options.slots, weight: 1, zone: 'eu' })),
    priorities: [100],
    shares: { wide: 0, failing: 0, repeatable: 0, durable: 0, zoned: 0, hurried: 0, cancelled: 0 },
    tasksPerLane: 1_000_000,
    heartbeatMs: 6_000,
    leaseMs: 30_000,
    faults: { everyMs: Number.POSITIVE_INFINITY, kinds: [], busyChance: 0, foreignLoad: 0 },
    isThroughCodec: false,
    starvationAfterMs: 30_000,
    keys: 0,
  }
}

/** For a check of the ideal itself: services drawn without any simulation. */
export function drawArrivals(seed: number, count: number, gapMs: number, law: ServiceLaw, serviceMs: number) {
  const random = new Random(seed)
  let at = 0
  return Array.from({ length: count }, () => {
    at += random.exponential(gapMs)
    return { at, serviceMs: drawService(random, law, serviceMs) }
  })
}
