/** One seed from its scenario to its verdict; what main.ts and the tests call. */
import type { EndedTask } from '../../balancer/src/ports/record.ts'
import type { RunStatus } from '../../protocol/src/index.ts'
import { type CheckerId, judge, type Violation, watch } from './checkers.ts'
import { drawScenario, type Scenario } from './scenario.ts'
import { judgeSteps, type Steps, StepWatch } from './step-watch.ts'
import { type Flaws, World } from './world.ts'

export interface Verdict {
  readonly scenario: Scenario
  readonly violations: readonly Violation[]
  readonly events: number
  readonly executions: number
  readonly completed: number
  /** Every step that a task, an attempt and a run took. */
  readonly steps: Steps
}

export function simulate(seed: number, tasks: number, flaws: Flaws = {}): Verdict {
  const scenario = drawScenario(seed, tasks)
  const steps = new StepWatch()
  const record = {
    wantsChoice: () => false,
    ended: ({ submission }: EndedTask, _: unknown, status: RunStatus) => steps.ended(submission, status),
  }
  const world = new World(scenario, flaws, undefined, record)
  const atStarts = watch(world)
  steps.start()
  try {
    world.run()
  } finally {
    steps.stop()
  }
  let executions = 0
  for (const record of world.recorder.tasks.values()) executions += record.executions.length
  const { completed } = world.core.traffic()
  const events = world.events.happened
  const illegal = judgeSteps(steps).map((detail) => ({ checker: 'C13', detail }) as const)
  const violations = [...atStarts, ...judge(world), ...illegal]
  return { scenario, violations, events, executions, completed, steps }
}

/** A failing seed in words: how to repeat it, and the first of each kind. */
export function describe({ scenario, violations }: Verdict): string {
  const firsts = new Map<CheckerId, string[]>()
  for (const { checker, detail } of violations) firsts.set(checker, [...(firsts.get(checker) ?? []), detail])
  const lines = [...firsts].map(
    ([id, details]) => `  ${id} (${details.length}): ${details.slice(0, 3).join('; ')}`,
  )
  const { seed, tasks } = scenario
  return [`seed ${seed}: node test/simulation/main.ts --seed ${seed} --tasks ${tasks}`, ...lines].join('\n')
}
