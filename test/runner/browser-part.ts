/**
 * The part `browser`: the dashboard is built, then every file drives it in a real Chromium. Called by parts.ts.
 * Files run side by side, as many as there are cores up to four: each has its own browser, fleet, ports and
 * folders. The invariant: a file that measures time has the machine to itself.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from './command.ts'
import { runNodeTests } from './node-tests.ts'
import type { Context } from './parts.ts'
import { addTotals, emptyTotals, type Totals } from './totals.ts'

const BUILD_LIMIT_MS = 180_000
const COMPILE_LIMIT_MS = 60_000
const FILE_LIMIT_MS = 300_000

/** What holds a clock against the page, or the feed, and would measure its neighbour. */
const MEASURING: readonly string[] = ['test/browser/promptness.test.ts']

/** They begin first, so that no long one is left for the end, with nothing beside it. */
const LONG: readonly string[] = [
  'shell',
  'every-page',
  'invoke',
  'config',
  'functions',
  'accessibility',
  'tasks',
].map((name) => `test/browser/${name}.test.ts`)

export async function runBrowser(context: Context): Promise<Totals> {
  const compiled = await mkdtemp(join(tmpdir(), 'berth-compiled-'))
  try {
    return await runFiles(context, { NODE_COMPILE_CACHE: compiled })
  } finally {
    await rm(compiled, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function runFiles({ root, say, files }: Context, env: Record<string, string>): Promise<Totals> {
  const [fault] = await Promise.all([buildDashboard(root), compileServers(root, env)])
  if (fault) {
    say(`the dashboard's build ${fault}`)
    return { ...emptyTotals(), failed: 1 }
  }
  const { alone, together } = arrange(files)
  const terms = { root, say, env, fileLimitMs: FILE_LIMIT_MS }
  const measured = await runNodeTests({ ...terms, files: alone, isSerial: true })
  return addTotals(measured, await runNodeTests({ ...terms, files: together, isSerial: together.length < 2 }))
}

/** Which files run one after the other, and which side by side, each in their order. */
export function arrange(files: readonly string[]): { alone: string[]; together: string[] } {
  const others = files.filter((file) => !MEASURING.includes(file))
  const long = LONG.filter((file) => others.includes(file))
  return {
    alone: files.filter((file) => MEASURING.includes(file)),
    together: [...long, ...others.filter((file) => !long.includes(file))],
  }
}

/**
 * A process keeps what it has compiled when it ends by itself, which those of a test, killed at its end, do not. So
 * each server runs once before, as far as its configuration. Nothing depends on what becomes of that.
 */
export async function compileServers(root: string, env: Record<string, string>): Promise<void> {
  const run = (server: string): Promise<unknown> =>
    runCommand({
      file: process.execPath,
      args: [join(root, server, 'src/main.ts'), '--print-config'],
      cwd: env.NODE_COMPILE_CACHE ?? root,
      limitMs: COMPILE_LIMIT_MS,
      live: false,
      env,
    })
  await Promise.all(['balancer', 'worker'].map(run))
}

/** The page under test is the built one; the build answers at once when the sources did not change. */
async function buildDashboard(root: string): Promise<string | undefined> {
  if (!existsSync(join(root, 'cli/src/main.ts'))) return undefined
  const args = ['cli/src/main.ts', 'build']
  const { fault } = await runCommand({
    file: process.execPath,
    args,
    cwd: root,
    limitMs: BUILD_LIMIT_MS,
    live: true,
  })
  return fault
}
