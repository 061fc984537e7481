/**
 * Runs files of Node's test runner, each in a process of its own, and counts what they report.
 * Called by the parts `unit`, `e2e` and `browser`. The invariant: a file that crashes, hangs, leaves a
 * handle open, leaves a process running or holds no test is a failure that names the file.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from './command.ts'
import type { CountLine } from './count-reporter.ts'
import { addTotals, emptyTotals, type Totals } from './totals.ts'

const REPORTER = join(import.meta.dirname, 'count-reporter.ts')

export type NodeTests = {
  root: string
  files: readonly string[]
  /** Bound of one file. */
  fileLimitMs: number
  /** One file after the other with its output as it comes; otherwise several at once, output on failure. */
  isSerial: boolean
  say: (line: string) => void
  /** A command that becomes the file's process, such as `unshare -mn --`. */
  within?: readonly string[]
  /** Added to the environment of each file. */
  env?: Readonly<Record<string, string>>
}

export async function runNodeTests(tests: NodeTests): Promise<Totals> {
  const scratch = await mkdtemp(join(tmpdir(), 'berth-counts-'))
  const waiting = tests.files.entries()
  let totals = emptyTotals()
  const lane = async (): Promise<void> => {
    for (const [index, file] of waiting) {
      const counted = await runFile(tests, file, join(scratch, `${index}.ndjson`))
      totals = addTotals(totals, counted)
    }
  }
  try {
    const lanes = tests.isSerial ? 1 : Math.min(4, availableParallelism())
    await Promise.all(Array.from({ length: lanes }, lane))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return totals
}

async function runFile(tests: NodeTests, file: string, countsFile: string): Promise<Totals> {
  const startedAt = performance.now()
  if (tests.isSerial) tests.say(`\n${file}`)
  const [program = process.execPath, ...before] = [...(tests.within ?? []), process.execPath]
  const { fault, output } = await runCommand({
    file: program,
    args: [
      ...before,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${REPORTER}`,
      `--test-reporter-destination=${countsFile}`,
      join(tests.root, file),
    ],
    cwd: tests.root,
    limitMs: tests.fileLimitMs,
    live: tests.isSerial,
    env: tests.env,
  })
  const counted = countLines(await readFile(countsFile, 'utf8').catch(() => ''))
  const { totals, complaint } = judgeFile(counted, fault)
  if (totals.failed > 0 && output !== '') tests.say(`\n${file}\n${output.trimEnd()}`)
  const ms = Math.round(performance.now() - startedAt)
  tests.say(`${totals.failed > 0 ? '✖' : '✔'} ${file} (${totals.passed} passed, ${ms} ms)`)
  if (complaint) tests.say(`  ${file} ${complaint}`)
  return totals
}

/** What the reporter wrote; a line cut off by a kill is left out. */
export function countLines(text: string): Totals {
  const totals = emptyTotals()
  for (const line of text.split('\n').slice(0, -1)) totals[(JSON.parse(line) as CountLine).outcome] += 1
  return totals
}

/** Adds the failure that the tests themselves could not report: a crash, a hang, no test at all. */
export function judgeFile(
  counted: Totals,
  fault: string | undefined,
): { totals: Totals; complaint: string | undefined } {
  const { passed, failed, skipped } = counted
  // A failing test makes the exit code 1; that is no second failure.
  if (fault && !(failed > 0 && fault === 'ended with exit code 1')) {
    const hint = fault.startsWith('did not end')
      ? ` (${passed + failed + skipped} tests had finished: one hangs, or a timer, socket or process is still open)`
      : ''
    return { totals: { ...counted, failed: failed + 1 }, complaint: `${fault}${hint}` }
  }
  if (passed + failed + skipped === 0) {
    return { totals: { ...counted, failed: 1 }, complaint: 'holds no test' }
  }
  return { totals: counted, complaint: undefined }
}
