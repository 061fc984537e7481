/**
 * An operator's limits in the simulated world, with links of every length and tasks sent ahead: never more at
 * once, never more starts in a stretch, none in a pause, and everything that was taken ends. Three schedulers
 * that do not keep them show that the checks see it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Scheduler } from '../../balancer/src/core/scheduler.ts'
import type { Limits, LimitTarget } from '../../balancer/src/ports/operator.ts'
import { Random } from './random.ts'
import type { Execution, TaskRecord } from './recorder.ts'
import { drawScenario, NO_FAULTS } from './scenario.ts'
import { type Flaws, World } from './world.ts'

const SEEDS = 30
const TASKS = 400
const group = 'default'
const PER_MS = 100

type Check = 'concurrency' | 'rate' | 'pause' | 'end'

/** What is wrong of a world in which a group, a function and a fairness key are limited. */
function play(seed: number, flaws?: Flaws): Check[] {
  const random = new Random(seed)
  const drawn = drawScenario(seed, TASKS)
  const shares = { ...drawn.shares, wide: 0, zoned: 0, durable: 0.3, repeatable: 0.5 }
  const scenario = { ...drawn, shares, faults: NO_FAULTS, keys: 3, tasksPerLane: 10_000, load: 1.2 }
  const world = new World(scenario, flaws)
  const slots = scenario.workers.reduce((sum, worker) => sum + worker.slots, 0)
  const atOnce = Math.max(1, Math.floor(slots * random.between(0.5, 0.9)))
  const starts = Math.max(1, Math.ceil(((slots * PER_MS) / scenario.serviceMs) * random.between(0.2, 0.5)))
  const { core, events } = world
  const set = (target: LimitTarget, limits: Limits) => core.setLimits(target, limits, events.now)
  // Only where all slots may be taken is anything sent ahead.
  const isFull = seed % 2 === 0
  if (!isFull) set({ group }, { concurrency: atOnce })
  set({ group, fairnessKey: 'k1' }, { concurrency: 1 })
  set({ group, function: 'work' }, { rate: { limit: starts, perMs: PER_MS } })
  const pausedAt = 100
  const untilAt = 300
  events.after(pausedAt, () => set({ group, function: 'safe' }, { paused: { untilAt } }))
  world.run()

  const records = [...world.recorder.tasks.values()]
  const of = (isMeant: (record: TaskRecord) => boolean) =>
    records.filter(isMeant).flatMap(({ executions }) => executions)
  const wayMs = scenario.roundTripMs * 2 + 1
  const wrong = new Set<Check>()
  if (!isFull && mostAtOnce(of(() => true)) > atOnce) wrong.add('concurrency')
  if (mostAtOnce(of(({ submission }) => submission.fairnessKey === 'k1')) > 1) wrong.add('concurrency')
  // A start is counted when it is sent; the ways to the workers differ by a little.
  if (mostInStretch(of(isOf('work')), PER_MS - wayMs) > starts) wrong.add('rate')
  if (of(isOf('safe')).some(({ startedAt }) => startedAt > pausedAt + wayMs && startedAt < untilAt))
    wrong.add('pause')
  if (records.some(({ refusal, settlements }) => !refusal && settlements.length !== 1)) wrong.add('end')
  return [...wrong]
}

const isOf = (name: string) => (record: TaskRecord) => record.submission.function === name

function mostAtOnce(executions: readonly Execution[]): number {
  const steps = executions.flatMap(({ startedAt, endedAt }) => [
    { at: startedAt, by: 1 },
    { at: endedAt, by: -1 },
  ])
  let [now, most] = [0, 0]
  for (const { by } of steps.sort((a, b) => a.at - b.at || a.by - b.by)) {
    now += by
    most = Math.max(most, now)
  }
  return most
}

function mostInStretch(executions: readonly Execution[], ms: number): number {
  const at = executions.map(({ startedAt }) => startedAt).sort((a, b) => a - b)
  let [first, most] = [0, 0]
  for (const [i, last] of at.entries()) {
    while (last - (at[first] as number) >= ms) first++
    most = Math.max(most, i - first + 1)
  }
  return most
}

test('an operator’s limits hold in every world', () => {
  for (let seed = 1; seed <= SEEDS; seed++) assert.deepEqual(play(seed), [], `seed ${seed}`)
})

const without = (name: 'concurrency' | 'rate' | 'paused') =>
  class extends Scheduler {
    override setLimits(target: LimitTarget, limits: Limits, now: number): void {
      super.setLimits(target, { ...limits, [name]: undefined }, now)
    }
  }

for (const [name, check] of [
  ['concurrency', 'concurrency'],
  ['rate', 'rate'],
  ['paused', 'pause'],
] as const)
  test(`a scheduler that does not keep ${name} is found`, () => {
    const found = Array.from({ length: SEEDS }, (_, i) => play(i + 1, { Core: without(name) }))
    assert.ok(found.some((wrong) => wrong.includes(check)))
  })
