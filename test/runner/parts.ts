/**
 * The parts of a test run, in their order: what each is called, which files it owns, how long it may take.
 * Read by test/run.ts. The invariant: every test file of the repository belongs to exactly one part.
 */
import { existsSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { runBrowser } from './browser-part.ts'
import { runCommand } from './command.ts'
import { runNodeTests } from './node-tests.ts'
import { emptyTotals, type Totals } from './totals.ts'
import { runVitest } from './vitest.ts'

const SECOND_MS = 1_000

export type Context = {
  root: string
  files: readonly string[]
  /** Whether the caller named files: then only they run. */
  isNarrowed: boolean
  say: (line: string) => void
}

export type Part = {
  name: string
  title: string
  /** Globs of the test files it owns; none for a check that is one test in itself. */
  patterns: readonly string[]
  run: (context: Context) => Promise<Totals>
}

/** One command that counts as one test. */
async function runCheck(
  root: string,
  file: string,
  args: readonly string[],
  limitMs: number,
): Promise<Totals> {
  const { fault } = await runCommand({ file: join(root, file), args, cwd: root, limitMs, live: true })
  if (fault) process.stdout.write(`${file} ${args.join(' ')} ${fault}\n`)
  return { ...emptyTotals(), [fault ? 'failed' : 'passed']: 1 }
}

async function checkTypes({ root }: Context): Promise<Totals> {
  const tsc = 'node_modules/.bin/tsc'
  const projects = ['tsconfig.json', 'dashboard/tsconfig.json'].filter((path) => existsSync(join(root, path)))
  let isGood = true
  for (const project of projects) {
    const { failed } = await runCheck(root, tsc, ['--noEmit', '-p', project], 180 * SECOND_MS)
    isGood &&= failed === 0
  }
  return { ...emptyTotals(), [isGood ? 'passed' : 'failed']: 1 }
}

async function checkBoundaries({ root }: Context): Promise<Totals> {
  const { fault } = await runCommand({
    file: process.execPath,
    args: ['test/boundaries.ts'],
    cwd: root,
    limitMs: 60 * SECOND_MS,
    live: true,
  })
  return { ...emptyTotals(), [fault ? 'failed' : 'passed']: 1 }
}

export const PARTS: readonly Part[] = [
  {
    name: 'lint',
    title: 'Lint',
    patterns: [],
    run: ({ root }) => runCheck(root, 'node_modules/.bin/biome', ['check', '.'], 120 * SECOND_MS),
  },
  { name: 'types', title: 'Types', patterns: [], run: checkTypes },
  { name: 'boundaries', title: 'Package boundaries', patterns: [], run: checkBoundaries },
  {
    name: 'unit',
    title: 'Unit tests',
    patterns: [
      '{protocol,runtime,balancer,worker,client,cli,bench}/src/**/*.test.ts',
      'examples/*/test/**/*.test.ts',
      'test/*.test.ts',
      'test/{boundaries,runner,harness,regress,conformance,simulation}/**/*.test.ts',
    ],
    run: ({ root, files, say }) =>
      runNodeTests({ root, files, say, isSerial: false, fileLimitMs: 240 * SECOND_MS }),
  },
  {
    name: 'dashboard',
    title: 'Dashboard components',
    patterns: ['dashboard/{src,test}/**/*.test.{ts,tsx}'],
    run: ({ root, files, isNarrowed }) => {
      const filters = isNarrowed ? files.map((file) => file.slice('dashboard/'.length)) : []
      return runVitest(root, filters, 240 * SECOND_MS)
    },
  },
  {
    name: 'e2e',
    title: 'End to end',
    patterns: ['test/end-to-end/**/*.test.ts'],
    run: ({ root, files, say }) =>
      runNodeTests({ root, files, say, isSerial: true, fileLimitMs: 600 * SECOND_MS }),
  },
  {
    name: 'fault',
    title: 'Faults',
    patterns: ['test/fault/*.test.ts'],
    run: ({ root, files, say }) =>
      runNodeTests({ root, files, say, isSerial: false, fileLimitMs: 600 * SECOND_MS }),
  },
  { name: 'browser', title: 'Browser', patterns: ['test/browser/**/*.test.ts'], run: runBrowser },
]

/** The part's files that exist, sorted, as paths from the root with forward slashes. */
export async function findFiles(root: string, part: Part): Promise<string[]> {
  if (part.patterns.length === 0) return []
  const found = await Array.fromAsync(
    glob(part.patterns, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] }),
  )
  return found.map((path) => path.replaceAll('\\', '/')).sort()
}
