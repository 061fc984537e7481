/**
 * What one seed is about: the fleet, the load and the faults of a run, drawn from the seed alone.
 * About a quarter of the seeds have no faults at all; those are judged more strictly.
 */
import { Random, type ServiceLaw } from './random.ts'

export interface Scenario {
  readonly seed: number
  readonly tasks: number
  readonly workers: readonly WorkerPlan[]
  readonly law: ServiceLaw
  readonly serviceMs: number
  readonly roundTripMs: number
  readonly load: number
  readonly priorities: readonly number[]
  readonly shares: Shares
  readonly tasksPerLane: number
  readonly heartbeatMs: number
  readonly leaseMs: number
  readonly faults: Faults
  readonly isThroughCodec: boolean
  readonly starvationAfterMs: number
  /** Fairness keys that callers use; 0 for none. */
  readonly keys: number
  /** Another load for a while. */
  readonly surge?: { readonly fromMs: number; readonly untilMs: number; readonly load: number }
  /** Every handler throws until then. */
  readonly failsUntilMs?: number
}

export interface WorkerPlan {
  readonly slots: number
  readonly weight: number
  readonly zone: string
  /** A handler takes its service time divided by this; 1 unless given. */
  readonly speed?: number
  /** Of its link; that of all unless given. */
  readonly roundTripMs?: number
}

/** Probabilities that a task has this. */
export interface Shares {
  readonly wide: number
  readonly failing: number
  readonly repeatable: number
  readonly durable: number
  readonly zoned: number
  readonly hurried: number
  readonly cancelled: number
}

export interface Faults {
  /** Mean time between two faults of one worker; Infinity for none. */
  readonly everyMs: number
  readonly kinds: readonly FaultKind[]
  readonly busyChance: number
  /** Direct callers' share of the slots. */
  readonly foreignLoad: number
}

export const FAULT_KINDS = ['crash', 'freeze', 'cut', 'maintenance', 'leave', 'join'] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

export const NO_FAULTS: Faults = {
  everyMs: Number.POSITIVE_INFINITY,
  kinds: [],
  busyChance: 0,
  foreignLoad: 0,
}

export function drawScenario(seed: number, tasks: number): Scenario {
  const random = new Random(seed)
  const workers = Array.from({ length: random.integer(1, 8) }, () => ({
    slots: random.integer(1, 12),
    weight: random.chance(0.1) ? 0 : random.chance(0.1) ? 2 : 1,
    zone: random.pick(['eu', 'us']),
  }))
  const isMixed = random.chance(0.6)
  return {
    seed,
    tasks,
    workers,
    law: random.pick(['exp', 'bimodal', 'fixed']),
    serviceMs: random.logarithmic(2, 60),
    roundTripMs: random.logarithmic(0.1, 20),
    load: random.between(0.4, 1.2),
    priorities: random.pick([[100], [100], [1, 100], [1, 50, 100, 200]]),
    shares: {
      wide: isMixed ? random.pick([0, 0.1]) : 0,
      failing: random.pick([0, 0.05]),
      repeatable: random.pick([0, 0.3]),
      durable: random.pick([0, 0.1]),
      zoned: isMixed ? random.pick([0, 0.2]) : 0,
      hurried: isMixed ? random.pick([0, 0.1]) : 0,
      cancelled: isMixed ? random.pick([0, 0.05]) : 0,
    },
    tasksPerLane: random.pick([20, 10_000, 10_000]),
    heartbeatMs: 100,
    leaseMs: 2_000,
    faults: random.chance(0.25) ? NO_FAULTS : drawFaults(random),
    isThroughCodec: seed % 100 === 0,
    starvationAfterMs: random.pick([150, 30_000]),
    keys: random.pick([0, 0, 3]),
  }
}

function drawFaults(random: Random): Faults {
  return {
    everyMs: random.logarithmic(200, 5_000),
    kinds: FAULT_KINDS.filter(() => random.chance(0.6)),
    busyChance: random.pick([0, 0, 0.02]),
    foreignLoad: random.pick([0, 0, 0.2]),
  }
}
