/**
 * `pnpm bench`: runs the named scenarios (all unless named), prints ratios and keeps them in `results/`.
 * `--quick` runs short rounds of the scenarios made for it and prints the kept ratios beside them; it keeps nothing,
 * ends within two minutes, and judges nothing: it ends well whatever it finds, also where a peer is missing.
 * What was measured while others used the machine is not kept, unless `--keep` says so.
 * `--rounds N` and `--seconds N` change how often every contestant has its turn and how long; `--part NAME` (as often
 * as wished) runs only that of a scenario and keeps it beside the whole; `--list` names scenarios and their parts.
 * `node --cpu-prof --cpu-prof-dir=<folder> bench/main.ts trivial` profiles balancer and workers.
 */
import { parseArgs } from 'node:util'
import { isQuiet, readBusyShare } from './quiet.ts'
import { describe, keep, readKept } from './results.ts'
import type { Scenario, Settings } from './scenario.ts'
import { batch } from './scenarios/batch.ts'
import { cost } from './scenarios/cost.ts'
import { dashboard } from './scenarios/dashboard.ts'
import { durable } from './scenarios/durable.ts'
import { fleet } from './scenarios/fleet.ts'
import { lane } from './scenarios/lane.ts'
import { large } from './scenarios/large.ts'
import { memory } from './scenarios/memory.ts'
import { queue } from './scenarios/queue.ts'
import { streams } from './scenarios/streams.ts'
import { trivial } from './scenarios/trivial.ts'
import { waiting } from './scenarios/waiting.ts'
import { isInstalled, Stage } from './stage.ts'

const SCENARIOS: readonly Scenario[] = [
  trivial,
  cost,
  large,
  batch,
  queue,
  durable,
  streams,
  lane,
  memory,
  waiting,
  fleet,
  dashboard,
]
const FULL: Settings = { rounds: 5, warmUpS: 3, runS: 10, isQuick: false, parts: [] }
const QUICK: Settings = { rounds: 1, warmUpS: 1, runS: 1, isQuick: true, parts: [] }

const QUICK_LIMIT_MS = 115_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    part: { type: 'string', multiple: true },
    keep: { type: 'boolean' },
    list: { type: 'boolean' },
  },
})
/** The scenario that runs. */
let under = ''
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
process.exitCode = await main()

async function main(): Promise<number> {
  if (values.list) return say(SCENARIOS.map(describeScenario).join('\n'), 0)
  const unknown = positionals.filter((wanted) => !SCENARIOS.some(({ name }) => name === wanted))
  if (unknown.length > 0) return say(`no scenario is called ${unknown.join(', ')}; --list names them`, 2)
  const parts = values.part ?? []
  const isKnown = (part: string) => chosen().some((scenario) => scenario.parts?.includes(part))
  const wrong = parts.filter((part) => !isKnown(part))
  if (wrong.length > 0) return say(`no part is called ${wrong.join(', ')}; --list names them`, 2)
  if (!isInstalled('wrk')) return say('wrk is not installed, so nothing can be measured; install it', 0)
  const base = values.quick ? QUICK : FULL
  if (values.quick) endInTime()
  for (const scenario of chosen()) {
    if (parts.length > 0 && scenario.parts === undefined) continue
    const usual = values.quick ? base : { ...base, ...scenario.defaults }
    const { rounds = usual.rounds, seconds = usual.runS } = values
    await runOne(scenario, { ...usual, rounds: Number(rounds), runS: Number(seconds), parts })
  }
  return 0
}

function describeScenario({ name, about, parts }: Scenario): string {
  return `${name}: ${about}${parts === undefined ? '' : `\n  parts: ${parts.join(' ')}`}`
}

function chosen(): readonly Scenario[] {
  if (positionals.length > 0) return SCENARIOS.filter(({ name }) => positionals.includes(name))
  return SCENARIOS.filter(({ isQuick }) => isQuick || !values.quick)
}

async function runOne(scenario: Scenario, settings: Settings): Promise<void> {
  const stage = await Stage.open()
  under = scenario.name
  const busyShare = values.quick ? 0 : await readBusyShare()
  try {
    say(`${scenario.name}: ${scenario.about}`)
    // What some parts say does not take the place of what all of them said.
    const name = [scenario.name, ...settings.parts].join('.')
    const kept = readKept(name)
    const report = await scenario.run(stage, settings)
    say(describe(report, kept))
    if (values.quick) return
    if (isQuiet(busyShare) || values.keep) keep(name, report, { ...settings, busyShare })
    else
      say(`  note: not kept, since others used ${Math.round(100 * busyShare)} % of the machine; see --keep`)
  } catch (error) {
    // A look for information goes on with the next one.
    if (!values.quick) throw error
    say(`  note: ${scenario.name} failed: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    await stage.end()
  }
}

/** What was started ends with this process. */
function endInTime(): void {
  setTimeout(() => {
    say(`  note: the time for a quick look ended during ${under}; what follows was left out`)
    process.exit(0)
  }, QUICK_LIMIT_MS).unref()
}

function say(text: string, code = 0): number {
  process.stdout.write(`${text}\n`)
  return code
}
