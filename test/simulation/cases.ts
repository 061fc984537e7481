/**
 * Single cases of the catalogue of faults, each a scenario that is nothing but the case, with the
 * checkers of every run and what the case asks beyond them. Run by cases.test.ts with few seeds and by
 * main.ts with as many as are wanted; each answers sentences about what is wrong.
 */
import { judge, watch } from './checkers.ts'
import type { TaskRecord } from './recorder.ts'
import { NO_FAULTS, type Scenario } from './scenario.ts'
import { type Flaws, World } from './world.ts'

export interface Case {
  readonly id: string
  readonly what: string
  /** Seeds of a run within `pnpm test`. */
  readonly seeds: number
  readonly run: (seed: number, flaws?: Flaws) => string[]
}

const NO_SHARES = { wide: 0, failing: 0, repeatable: 0, durable: 0, zoned: 0, hurried: 0, cancelled: 0 }
/** Faults that a case plans itself; no checker takes the run for a quiet one. */
const PLANNED = { ...NO_FAULTS, kinds: ['cut'] as const }
const WORKER = { slots: 4, weight: 1, zone: 'eu' }

function scenarioOf(seed: number, given: Partial<Scenario>): Scenario {
  return {
    seed,
    tasks: 400,
    workers: [WORKER, WORKER, WORKER],
    law: 'exp',
    serviceMs: 20,
    roundTripMs: 0.5,
    load: 0.8,
    priorities: [100],
    shares: NO_SHARES,
    tasksPerLane: 100_000,
    heartbeatMs: 100,
    leaseMs: 2_000,
    faults: NO_FAULTS,
    isThroughCodec: false,
    starvationAfterMs: 30_000,
    keys: 0,
    ...given,
  }
}

/** Plays a scenario with what the case plans; the checkers' sentences, and the world for more. */
function play(scenario: Scenario, flaws: Flaws | undefined, plan: (world: World) => void = () => {}) {
  const world = new World(scenario, flaws)
  const atStarts = watch(world)
  plan(world)
  world.run()
  const wrong = [...atStarts, ...judge(world)].map(({ checker, detail }) => `${checker}: ${detail}`)
  return { world, wrong, records: [...world.recorder.tasks.values()] }
}

const repeatable = { ...NO_SHARES, repeatable: 0.5, durable: 0.3 }

/** B5: the network swallows all of one worker and lets it through again just as its lease ends. */
function healAtLease(seed: number, flaws?: Flaws): string[] {
  const isAhead = seed % 3 !== 0
  const scenario = scenarioOf(seed, {
    tasks: isAhead ? 1_500 : 150,
    serviceMs: isAhead ? 40 : 400,
    // So short that nothing is sent ahead, or so long that much is.
    roundTripMs: isAhead ? 10 : 0.1,
    load: 0.9,
    shares: repeatable,
    faults: PLANNED,
  })
  const delta = (seed % 101) - 50
  const { wrong } = play(scenario, flaws, (world) => {
    const isOneWay = seed % 2 === 0
    world.events.after(300, () => world.members.get('w0')?.stall(scenario.leaseMs + delta, isOneWay))
  })
  return wrong
}

/** B6: random links stop one after another over two seconds, and come back in another order. */
function swizzle(seed: number, flaws?: Flaws): string[] {
  const workers = Array.from({ length: 6 }, () => WORKER)
  const scenario = scenarioOf(seed, {
    tasks: 800,
    workers,
    serviceMs: 60,
    roundTripMs: seed % 2 === 0 ? 0.5 : 10,
    shares: repeatable,
    faults: PLANNED,
  })
  const { wrong } = play(scenario, flaws, ({ events, members, random }) => {
    for (let index = 0; index < workers.length; index++) {
      if (random.chance(0.4)) continue
      // Some longer than a lease, some for so short that nobody notices.
      events.after(random.between(100, 2_100), () =>
        members.get(`w${index}`)?.stall(random.logarithmic(50, 2 * scenario.leaseMs), random.chance(0.3)),
      )
    }
  })
  return wrong
}

/** A12: a process stands still for longer than its lease, then goes on as if nothing had been. */
function pausePastLease(seed: number, flaws?: Flaws): string[] {
  const scenario = scenarioOf(seed, {
    tasks: 200,
    serviceMs: 300,
    load: 1,
    shares: repeatable,
    faults: PLANNED,
  })
  const { wrong } = play(scenario, flaws, (world) =>
    world.events.after(200, () =>
      world.workers.get('w0')?.freeze(scenario.leaseMs + 100 + 10 * (seed % 200)),
    ),
  )
  return wrong
}

/** G2: the more urgent alone are more than the fleet can do; C9 has the bound of the others. */
function starve(seed: number, flaws?: Flaws): string[] {
  const scenario = scenarioOf(seed, {
    tasks: 3_000,
    priorities: [1, 1, 1, 1, 1, 1, 1, 100],
    load: 1.3,
    starvationAfterMs: 150,
  })
  const { wrong, records } = play(scenario, flaws)
  const low = records.filter(({ submission }) => submission.priority === 100)
  if (low.some(({ executions }) => executions.length === 0))
    wrong.push('G2: one of the least urgent never ran')
  return wrong
}

/** G3: nothing is interrupted; the next slot that comes free is the urgent task's. */
function invert(seed: number, flaws?: Flaws): string[] {
  const scenario = scenarioOf(seed, {
    workers: [WORKER],
    tasks: 300,
    load: 1.5,
    priorities: [1, ...Array.from({ length: 49 }, () => 100)],
  })
  const { wrong, records } = play(scenario, flaws)
  const ends = records
    .flatMap(({ executions }) => executions.map(({ endedAt }) => endedAt))
    .sort((a, b) => a - b)
  for (const { submission, submittedAt, executions } of records) {
    const [first] = executions
    if (submission.priority > 1 || !first) continue
    const between = ends.filter((at) => at > submittedAt + 5 * scenario.roundTripMs && at < first.startedAt)
    // Others as urgent, and what was sent before it came, may go first.
    if (between.length > 8) wrong.push(`G3: ${submission.run} waited for ${between.length} ends`)
  }
  return wrong
}

/** G4: one worker, one slot, one priority: the order of acceptance, exactly. */
function keepOrder(seed: number, flaws?: Flaws): string[] {
  const tasks = 10_000
  const one = { ...WORKER, slots: 1 }
  const { wrong, records } = play(
    scenarioOf(seed, { tasks, workers: [one], serviceMs: 2, load: 1.02 }),
    flaws,
  )
  let before = 0
  for (const { submission, executions } of records) {
    const startedAt = executions[0]?.startedAt ?? before
    if (startedAt < before) wrong.push(`G4: ${submission.run} started before an earlier one`)
    before = startedAt
  }
  return wrong
}

/** G7, G8: limits that end while tasks wait and while they run. */
function expire(seed: number, flaws?: Flaws): string[] {
  const shares = { ...NO_SHARES, hurried: 0.7 }
  return play(scenarioOf(seed, { tasks: 2_000, load: 1.2, shares }), flaws).wrong
}

/** G9: cancelled at any time, some twice, and runs that nobody knows. */
function cancelAll(seed: number, flaws?: Flaws): string[] {
  const shares = { ...NO_SHARES, cancelled: 0.6, durable: 0.1 }
  const scenario = scenarioOf(seed, { tasks: 10_000, serviceMs: 5, roundTripMs: 2, load: 0.95, shares })
  const { wrong } = play(scenario, flaws, ({ events, core, random }) => {
    for (let count = 0; count < 1_000; count++) {
      const run = `r${random.integer(0, scenario.tasks)}`
      events.after(random.between(0, 4_000), () => core.cancel(run, 'operator', events.now))
    }
  })
  return wrong
}

/** G10: what all need is down: repeats are at most a fifth of the sends. */
function stormOfRetries(seed: number, flaws?: Flaws): string[] {
  const shares = { ...NO_SHARES, failing: 1, repeatable: 1 }
  const { wrong, records } = play(scenarioOf(seed, { tasks: 3_000, load: 0.7, shares }), flaws)
  const sends = records.reduce((sum, record) => sum + record.sends.length, 0)
  if (sends > 1.2 * records.length + 10) wrong.push(`G10: ${sends} sends of ${records.length} tasks`)
  return wrong
}

/** G11: all that failed for a second comes back; what is fresh hardly notices. */
function herd(seed: number, flaws?: Flaws): string[] {
  const given = { tasks: 8_000, load: 0.6, shares: { ...NO_SHARES, durable: 0.5, repeatable: 1 } }
  const calm = play(scenarioOf(seed, given), flaws)
  const { wrong, records } = play(scenarioOf(seed, { ...given, failsUntilMs: 1_000 }), flaws)
  const [normal, after] = [latencies(calm.records, 1_200), latencies(records, 1_200)].map(p99)
  if ((after as number) > 2 * (normal as number))
    wrong.push(`G11: p99 ${after} ms, ${normal} without the herd`)
  return wrong
}

/** G14: BUSY for no reason, late pushes, direct callers: in flight on one worker at most. */
function interleave(seed: number, flaws?: Flaws): string[] {
  const faults = { ...NO_FAULTS, busyChance: 0.2, foreignLoad: 0.2 }
  const given = { tasks: 20_000, serviceMs: 3, roundTripMs: 3, load: 0.9, faults, priorities: [1, 100] }
  return play(scenarioOf(seed, given), flaws).wrong
}

/** G15: two seconds at three times what the fleet can do; then it is as before without help. */
function surge(seed: number, flaws?: Flaws): string[] {
  const surge = { fromMs: 5_000, untilMs: 7_000, load: 3 }
  const { wrong, records } = play(scenarioOf(seed, { tasks: 24_000, surge }), flaws)
  const [before, after] = [latencies(records, 1_000, 5_000), latencies(records, 37_000)].map(p99)
  if (!((after as number) <= 2 * (before as number)))
    wrong.push(`G15: p99 ${after} ms, ${before} before the surge`)
  return wrong
}

/** B17: a tenth of the fleet is 100 ms or 1 s away: it comes last, and the others are as without it. */
function farAway(seed: number, flaws?: Flaws): string[] {
  const near = Array.from({ length: 9 }, () => ({ ...WORKER, slots: 10 }))
  const roundTripMs = seed % 2 === 0 ? 100 : 1_000
  const given = { tasks: 20_000, serviceMs: 34.5, load: 0.5 }
  const without = play(scenarioOf(seed, { ...given, load: (given.load * 10) / 9, workers: near }), flaws)
  const workers = [...near, { ...WORKER, slots: 10, roundTripMs }]
  const { wrong, records } = play(scenarioOf(seed, { ...given, workers }), flaws)
  const [alone, together] = [latencies(without.records, 2_000), latencies(records, 2_000)].map(p99)
  if ((together as number) > 1.1 * (alone as number))
    wrong.push(`B17: p99 ${together} ms, ${alone} without it`)
  return wrong
}

/** Of the completed tasks that were submitted in an interval. */
function latencies(
  records: readonly TaskRecord[],
  fromMs: number,
  untilMs = Number.POSITIVE_INFINITY,
): number[] {
  return records.flatMap(({ submittedAt, settlements }) => {
    const [end] = settlements
    if (submittedAt < fromMs || submittedAt >= untilMs || end?.settlement.kind !== 'completed') return []
    return [end.at - submittedAt]
  })
}

function p99(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(0.99 * values.length)] ?? Number.NaN
}

export const CASES: readonly Case[] = [
  { id: 'A12', what: 'a worker is paused for longer than its lease', seeds: 30, run: pausePastLease },
  { id: 'B5', what: 'the network heals as the lease ends', seeds: 101, run: healAtLease },
  { id: 'B6', what: 'links stop one by one and come back in another order', seeds: 20, run: swizzle },
  { id: 'B17', what: 'one worker is far away', seeds: 2, run: farAway },
  { id: 'G2', what: 'the urgent alone are too many', seeds: 3, run: starve },
  { id: 'G3', what: 'the less urgent hold every slot', seeds: 5, run: invert },
  { id: 'G4', what: 'equal priority keeps its order', seeds: 1, run: keepOrder },
  { id: 'G7, G8', what: 'limits end while tasks wait and run', seeds: 3, run: expire },
  { id: 'G9', what: 'cancelled at any time', seeds: 1, run: cancelAll },
  { id: 'G10', what: 'what all need is down', seeds: 2, run: stormOfRetries },
  { id: 'G11', what: 'all that failed comes back', seeds: 1, run: herd },
  { id: 'G14', what: 'in flight on one worker at most', seeds: 2, run: interleave },
  { id: 'G15', what: 'a surge leaves nothing behind', seeds: 1, run: surge },
]
