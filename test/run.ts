/**
 * `npx -y pnpm@12 test`: every check and test of the repository, one part after the other.
 *
 *   pnpm test                           everything
 *   pnpm test unit e2e                  these parts: lint types boundaries unit dashboard e2e fault browser
 *   pnpm test balancer/src/core         only test files below a path
 *
 * A failing part does not stop the next one. The invariant: the last line written is
 * `N passed, N failed, N skipped` over all runners, and the exit code is 1 when anything failed.
 */
import { join } from 'node:path'
import { isWithin, readArguments } from './runner/arguments.ts'
import { endAllGroups } from './runner/command.ts'
import { findFiles, PARTS, type Part } from './runner/parts.ts'
import { addTotals, emptyTotals, formatTotals, type Totals } from './runner/totals.ts'

const root = join(import.meta.dirname, '..')
const say = (line: string): void => void process.stdout.write(`${line}\n`)

type Planned = { part: Part; files: string[] }

const choice = readArguments(
  process.argv.slice(2),
  PARTS.map((part) => part.name),
)
const isNarrowed = choice.paths.length > 0

/** With paths, only parts that own a file below one of them; a check has no files and is then left out. */
async function planParts(): Promise<Planned[]> {
  const planned: Planned[] = []
  for (const part of PARTS) {
    if (choice.parts.length > 0 && !choice.parts.includes(part.name)) continue
    const all = await findFiles(root, part)
    const files = all.filter((file) => isWithin(file, choice.paths))
    const isCheck = part.patterns.length === 0
    if (isCheck ? !isNarrowed || choice.parts.includes(part.name) : !isNarrowed || files.length > 0) {
      planned.push({ part, files })
    }
  }
  return planned
}

async function runPart({ part, files }: Planned): Promise<Totals> {
  say(`\n━━ ${part.title} (${part.name})`)
  if (part.patterns.length > 0 && files.length === 0) {
    say('no test files yet')
    return emptyTotals()
  }
  const startedAt = performance.now()
  let totals = await part.run({ root, files, isNarrowed, say })
  if (totals.passed + totals.failed + totals.skipped === 0) {
    say(`${part.name} ran no test although it has ${files.length} files`)
    totals = { ...totals, failed: 1 }
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  say(`━━ ${part.title}: ${formatTotals(totals)} in ${seconds} s`)
  return totals
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, async () => {
    say(`\nstopped by ${signal}`)
    await endAllGroups()
    process.exit(130)
  })
}

const planned = await planParts()
let totals = emptyTotals()
if (planned.length === 0) {
  say(`no test file below ${choice.paths.join(', ')}: give a path from the root, such as balancer/src/core`)
  totals = { ...totals, failed: 1 }
}
const summary: string[] = []
for (const entry of planned) {
  const result = await runPart(entry)
  summary.push(`${result.failed > 0 ? '✖' : '✔'} ${entry.part.title}: ${formatTotals(result)}`)
  totals = addTotals(totals, result)
}
say(`\n${summary.join('\n')}`)
say(formatTotals(totals))
process.exitCode = totals.failed > 0 ? 1 : 0
