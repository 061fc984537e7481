/**
 * The simulation by hand:
 *
 *   node test/simulation/main.ts --seed 7 --tasks 2000      one seed, with its scenario
 *   node test/simulation/main.ts --from 1 --seeds 200       many seeds, one line each failure
 *   node test/simulation/main.ts --cell --tasks 1000000     latency against the ideal, see cell.ts
 *        one of them: --law exp|bimodal|pareto --load 0.95 --fleet equal|unequal --seed 1
 *   node test/simulation/main.ts --case B5 --seeds 1000     one case of the catalogue of faults, see cases.ts
 */
import { parseArgs } from 'node:util'
import { CASES } from './cases.ts'
import { describeCell, runCell } from './cell.ts'
import { SERVICE_LAWS } from './random.ts'
import { describe, simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '200' },
    tasks: { type: 'string', default: '2000' },
    cell: { type: 'boolean', default: false },
    case: { type: 'string' },
    law: { type: 'string' },
    load: { type: 'string' },
    fleet: { type: 'string' },
  },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const tasks = Number(values.tasks)

if (values.cell) runCells()
else if (values.case !== undefined) runCase(values.case, Number(values.from), Number(values.seeds))
else if (values.seed !== undefined) {
  const verdict = simulate(Number(values.seed), tasks)
  say(JSON.stringify(verdict.scenario, null, 1))
  say(`${verdict.events} events, ${verdict.executions} executions, ${verdict.completed} completed`)
  say(verdict.violations.length === 0 ? 'nothing is wrong' : describe(verdict))
  process.exitCode = verdict.violations.length === 0 ? 0 : 1
} else runMany(Number(values.from), Number(values.seeds))

/** Equal workers at high load under each law, then speeds of 1 to 4 where there is slack and where not. */
function runCells(): void {
  const seed = Number(values.seed ?? 1)
  const speeds = Array.from({ length: 10 }, (_, index) => 1 + index / 3)
  const loads = values.load === undefined ? undefined : [Number(values.load)]
  const laws = SERVICE_LAWS.filter((law) => law === (values.law ?? law) && law !== 'fixed')
  if (values.fleet !== 'unequal')
    for (const law of laws)
      for (const load of loads ?? [0.9, 0.95]) say(describeCell(runCell({ load, law, seed, tasks })))
  if (values.fleet !== 'equal')
    for (const load of loads ?? [0.5, 0.9])
      say(describeCell(runCell({ load, law: laws[0] ?? 'exp', speeds, seed, tasks })))
}

function runCase(id: string, from: number, count: number): void {
  const found = CASES.find((known) => known.id === id)
  if (!found) throw new Error(`there is no case ${id}: ${CASES.map((known) => known.id).join('; ')}`)
  let failed = 0
  for (let seed = from; seed < from + count; seed++) {
    const wrong = found.run(seed)
    if (wrong.length === 0) continue
    failed++
    say(`seed ${seed} (${wrong.length}): ${wrong.slice(0, 3).join('; ')}`)
  }
  say(`${id}: ${count} seeds from ${from}, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}

function runMany(from: number, count: number): void {
  const startedAt = performance.now()
  let events = 0
  let failed = 0
  for (let seed = from; seed < from + count; seed++) {
    const verdict = simulate(seed, tasks)
    events += verdict.events
    if (verdict.violations.length === 0) continue
    failed++
    say(describe(verdict))
  }
  const seconds = (performance.now() - startedAt) / 1000
  say(`${count} seeds, ${failed} failed, ${Math.round(events / seconds)} events/s in ${seconds.toFixed(1)} s`)
  process.exitCode = failed === 0 ? 0 : 1
}
