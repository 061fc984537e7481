/**
 * Runs the dashboard's component tests with Vitest and counts them from its JSON report.
 * Called by the part `dashboard`. A file that cannot be loaded has no test to fail; it counts as one.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from './command.ts'
import type { Totals } from './totals.ts'

/** The fields of Vitest's report (the form that Jest set) that are read here. */
type Report = {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: { name: string; status: string; assertionResults: unknown[] }[]
}

/** `filters` are paths below `dashboard/`; none means all. */
export async function runVitest(root: string, filters: readonly string[], limitMs: number): Promise<Totals> {
  const scratch = await mkdtemp(join(tmpdir(), 'berth-vitest-'))
  const reportFile = join(scratch, 'report.json')
  try {
    const { fault } = await runCommand({
      file: join(root, 'dashboard/node_modules/.bin/vitest'),
      args: ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`, ...filters],
      cwd: join(root, 'dashboard'),
      limitMs,
      live: true,
    })
    if (fault) process.stdout.write(`vitest ${fault}\n`)
    return countReport(await readFile(reportFile, 'utf8').catch(() => undefined), fault)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** A run that failed without a failing test (no report, an unhandled error) counts one failure. */
export function countReport(text: string | undefined, fault: string | undefined): Totals {
  if (text === undefined) return { passed: 0, failed: 1, skipped: 0 }
  const report = JSON.parse(text) as Report
  const unloaded = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length
  const failed = report.numFailedTests + unloaded
  return {
    passed: report.numPassedTests,
    failed: fault && failed === 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}
