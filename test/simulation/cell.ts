/**
 * One cell of SCHEDULING §2 as a check of the whole: equal workers, Poisson arrivals, and the mean
 * latency beside that of an ideal central queue (M/G/c) with the same arrivals and services, which
 * knows no delay. Reported by main.ts, not asserted.
 */
import { Heap } from '@berth/runtime'
import { drawService, Random, type ServiceLaw } from './random.ts'
import type { Scenario } from './scenario.ts'
import { Times } from './times.ts'
import { World } from './world.ts'

export interface CellOptions {
  readonly load: number
  readonly seed: number
  readonly workers?: number
  readonly slots?: number
  /** Speed of each worker; all alike unless given. */
  readonly speeds?: readonly number[]
  readonly law?: ServiceLaw
  readonly serviceMs?: number
  readonly roundTripMs?: number
  readonly tasks?: number
}

export interface Cell {
  readonly options: Required<CellOptions>
  readonly real: Latency
  /** The same arrivals and services in one queue that knows no delay, the fastest free slot first. */
  readonly ideal: Latency
  /** The same rule when each slot is held a round trip longer: nothing is sent before a slot is known to be free. */
  readonly late: Latency
  readonly tasksPerSecond: number
  readonly eventsPerSecond: number
  readonly seconds: number
  /** Of this process, which a busy machine does not stretch. */
  readonly cpuSeconds: number
}

export interface Latency {
  readonly meanMs: number
  readonly p99Ms: number
}

export function runCell(given: CellOptions): Cell {
  const options = {
    workers: 10,
    slots: 10,
    law: 'exp' as const,
    serviceMs: 34.5,
    roundTripMs: 0.3,
    tasks: 100_000,
    speeds: Array.from({ length: given.workers ?? 10 }, () => 1),
    ...given,
  }
  const times = new Times(options.tasks)
  const world = new World(scenarioOf(options), {}, times)
  const startedAt = performance.now()
  const cpuAtStart = process.cpuUsage()
  world.run()
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpuAtStart)
  const cpuSeconds = (user + system) / 1e6
  const speeds = options.speeds.flatMap((speed) => Array.from({ length: options.slots }, () => speed))
  const eventsPerSecond = world.events.happened / seconds
  const tasksPerSecond = options.tasks / seconds
  const arrivals = times.list()
  const ideal = latencyOf(idealLatencies(arrivals, speeds))
  const late = latencyOf(idealLatencies(arrivals, speeds, options.roundTripMs))
  return {
    options,
    real: latencyOf(times.latencies),
    ideal,
    late,
    eventsPerSecond,
    tasksPerSecond,
    seconds,
    cpuSeconds,
  }
}

interface Arrival {
  readonly at: number
  readonly serviceMs: number
}

function latencyOf(values: Float64Array): Latency {
  const sorted = values.sort()
  const sum = sorted.reduce((total, value) => total + value, 0)
  return { meanMs: sum / sorted.length, p99Ms: sorted[Math.floor(0.99 * sorted.length)] ?? 0 }
}

/** Mean latency of the same tasks in one queue before so many slots, first come first served. */
export function idealMean(arrivals: readonly Arrival[], slots: number): number {
  const speeds = Array.from({ length: slots }, () => 1)
  return latencyOf(idealLatencies(arrivals, speeds)).meanMs
}

/** Each task takes the fastest free slot, or else the first that comes free. */
function idealLatencies(
  arrivals: readonly Arrival[],
  speeds: readonly number[],
  roundTripMs = 0,
): Float64Array {
  const free = new Heap<number>((a, b) => b - a)
  const busy = new Heap<{ at: number; speed: number }>((a, b) => a.at - b.at)
  for (const speed of speeds) free.push(speed)
  return Float64Array.from(arrivals, ({ at, serviceMs }) => {
    while ((busy.peek()?.at ?? Number.POSITIVE_INFINITY) <= at) free.push(busy.pop()?.speed ?? 1)
    const next = busy.peek()
    const startsAt = free.size > 0 ? at : (next?.at ?? at)
    const speed = free.pop() ?? busy.pop()?.speed ?? 1
    const endsAt = startsAt + serviceMs / speed + roundTripMs
    busy.push({ at: endsAt, speed })
    return endsAt - at
  })
}

export function describeCell({
  options,
  real,
  ideal,
  late,
  tasksPerSecond,
  seconds,
  cpuSeconds,
}: Cell): string {
  const { workers, slots, law, load, roundTripMs, tasks, speeds } = options
  const fleet = speeds.some((speed) => speed !== 1)
    ? ` speeds ${Math.min(...speeds)}-${Math.max(...speeds)}`
    : ''
  const mean = `mean ${real.meanMs.toFixed(2)} of ${ideal.meanMs.toFixed(2)} ms, ${(real.meanMs / ideal.meanMs).toFixed(3)}`
  const held = `the same rule with the round trip ${(late.meanMs / ideal.meanMs).toFixed(3)}`
  const p99 = `p99 ${real.p99Ms.toFixed(0)} of ${ideal.p99Ms.toFixed(0)} ms, ${(real.p99Ms / ideal.p99Ms).toFixed(3)}`
  return `${workers}×${slots}${fleet} ${law} load ${load} RTT ${roundTripMs} ms: ${mean} (${held}); ${p99}; ${tasks} tasks, ${Math.round(tasksPerSecond)}/s in ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU; seed ${options.seed}`
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
    workers: options.speeds.map((speed) => ({ slots: options.slots, weight: 1, zone: 'eu', speed })),
    priorities: [100],
    shares: { wide: 0, failing: 0, repeatable: 0, durable: 0, zoned: 0, hurried: 0, cancelled: 0 },
    tasksPerLane: 1_000_000,
    heartbeatMs: 100,
    leaseMs: 2_000,
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
