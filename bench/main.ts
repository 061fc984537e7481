/**
 * `pnpm bench`: runs the named scenarios (all unless named), prints ratios and keeps them in `results/`.
 * `--quick` runs short rounds of the scenarios made for it and prints the kept ratios beside them; it keeps nothing.
 * `--rounds N` changes how often every contestant has its turn; `--list` names the scenarios.
 * `node --cpu-prof --cpu-prof-dir=<folder> bench/main.ts trivial` profiles balancer and workers.
 */
import { parseArgs } from 'node:util'
import { describe, keep, readKept } from './results.ts'
import type { Scenario, Settings } from './scenario.ts'
import { batch } from './scenarios/batch.ts'
import { cost } from './scenarios/cost.ts'
import { fleet } from './scenarios/fleet.ts'
import { large } from './scenarios/large.ts'
import { queue } from './scenarios/queue.ts'
import { trivial } from './scenarios/trivial.ts'
import { waiting } from './scenarios/waiting.ts'
import { isInstalled, Stage } from './stage.ts'

const SCENARIOS: readonly Scenario[] = [trivial, cost, large, batch, queue, waiting, fleet]
const FULL: Settings = { rounds: 5, warmUpS: 3, runS: 10 }
const QUICK: Settings = { rounds: 1, warmUpS: 1, runS: 2 }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, rounds: { type: 'string' }, list: { type: 'boolean' } },
})
process.exitCode = await main()

async function main(): Promise<number> {
  if (values.list) return say(SCENARIOS.map(({ name, about }) => `${name}: ${about}`).join('\n'), 0)
  const unknown = positionals.filter((wanted) => !SCENARIOS.some(({ name }) => name === wanted))
  if (unknown.length > 0) return say(`no scenario is called ${unknown.join(', ')}; --list names them`, 2)
  if (!isInstalled('wrk')) return say('wrk is not installed, so nothing can be measured; install it', 0)
  const base = values.quick ? QUICK : FULL
  const settings = { ...base, rounds: Number(values.rounds ?? base.rounds) }
  for (const scenario of chosen()) await runOne(scenario, settings)
  return 0
}

function chosen(): readonly Scenario[] {
  if (positionals.length > 0) return SCENARIOS.filter(({ name }) => positionals.includes(name))
  return SCENARIOS.filter(({ isQuick }) => isQuick || !values.quick)
}

async function runOne(scenario: Scenario, settings: Settings): Promise<void> {
  const stage = await Stage.open()
  try {
    say(`${scenario.name}: ${scenario.about}`)
    const kept = readKept(scenario.name)
    const report = await scenario.run(stage, settings)
    say(describe(report, kept))
    if (!values.quick) keep(scenario.name, report, settings)
  } finally {
    await stage.end()
  }
}

function say(text: string, code = 0): number {
  process.stdout.write(`${text}\n`)
  return code
}
