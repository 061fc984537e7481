/**
 * Runs files of Node's test runner, each in a process of its own, and counts what they report.
 * Called by the parts `unit`, `e2e` and `browser`. The invariant: a file that crashes, hangs, leaves a
 * handle open, leaves a process running or holds no test is a failure that names the file. One that Node itself
 * does not get to its end after all that is none, and is told.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from './command.ts'
import type { CountLine } from './count-reporter.ts'
import { LEFT_OPEN_CODE, STATE_VARIABLE, TELL_SIGNAL } from './end-watch.ts'
import { type ShutdownLimits, watchShutdown } from './shutdown.ts'
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
  /** How long Node may take for its own shutdown, when not the usual time. */
  shutdownLimits?: ShutdownLimits
}

export async function runNodeTests(tests: NodeTests): Promise<Totals> {
  const scratch = await mkdtemp(join(tmpdir(), 'berth-counts-'))
  const waiting = tests.files.entries()
  let totals = emptyTotals()
  const lane = async (): Promise<void> => {
    for (const [index, file] of waiting) {
      const counted = await runFile(tests, file, join(scratch, String(index)))
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

async function runFile(tests: NodeTests, file: string, scratch: string): Promise<Totals> {
  const [countsFile, stateFile] = [`${scratch}.ndjson`, `${scratch}.state`]
  const shutdown = watchShutdown(stateFile, tests.shutdownLimits)
  const startedAt = performance.now()
  if (tests.isSerial) tests.say(`\n${file}`)
  const [program = process.execPath, ...before] = [...(tests.within ?? []), process.execPath]
  const ending = await runCommand({
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
    env: { ...tests.env, [STATE_VARIABLE]: stateFile },
    giveUp: shutdown.ask,
    tellSignal: TELL_SIGNAL,
  })
  const { output } = ending
  const counted = countLines(await readFile(countsFile, 'utf8').catch(() => ''))
  const code = shutdown.hang?.code ?? 0
  const { totals, complaint } = judgeFile(counted, code > 0 ? `ended with exit code ${code}` : ending.fault)
  if (totals.failed > 0 && output !== '') tests.say(`\n${file}\n${output.trimEnd()}`)
  const ms = Math.round(performance.now() - startedAt)
  tests.say(`${totals.failed > 0 ? '✖' : '✔'} ${file} (${totals.passed} passed, ${ms} ms)`)
  if (complaint) tests.say(`  ${file} ${complaint}`)
  if (ending.gaveUp) tests.say(`  ${file} ${ending.gaveUp}; its process was ended`)
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
    return { totals: { ...counted, failed: failed + 1 }, complaint: `${fault}${hintOf(counted, fault)}` }
  }
  if (passed + failed + skipped === 0) {
    return { totals: { ...counted, failed: 1 }, complaint: 'holds no test' }
  }
  return { totals: counted, complaint: undefined }
}

function hintOf({ passed, failed, skipped }: Totals, fault: string): string {
  const finished = `${passed + failed + skipped} tests had finished`
  if (fault === `ended with exit code ${LEFT_OPEN_CODE}`)
    return ` (${finished}; what kept its process alive is named in its output)`
  if (fault.startsWith('did not end'))
    return ` (${finished}: one hangs, or a timer, socket or process is still open)`
  return ''
}
