/**
 * Owns the build of the dashboard: whether one is needed, and running it.
 * Called by `start` and `build`. The build is keyed by a hash over all that goes into it, kept beside it, so
 * a second start does not build and a changed source is never served old.
 * Invariant: `dist/.hash` stands only beside a complete build of the sources with that hash.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { writeFileAtomic } from '@berth/runtime'

const BUILD_LIMIT_MS = 5 * 60_000
/** How much of the builder's output is kept for an error. */
const OUTPUT_LIMIT = 8 * 1024

export type BuildResult = { state: 'built' } | { state: 'failed'; message: string }

/** The hash of all sources of the build: names and contents, tests left out. */
export function hashDashboardSources(root: string): string {
  const hash = createHash('sha256')
  for (const path of listSources(root)) {
    const content = readFileSync(path)
    hash.update(`${relative(root, path).split(sep).join('/')}\0${content.length}\0`)
    hash.update(content)
  }
  return hash.digest('hex')
}

function listSources(root: string): string[] {
  const dashboard = join(root, 'dashboard')
  const folders = [join(dashboard, 'src'), join(dashboard, 'public'), join(root, 'protocol', 'src')]
  const files = readdirSync(dashboard)
    .filter((name) => name === 'index.html' || name === 'package.json' || name.startsWith('vite.config.'))
    .map((name) => join(dashboard, name))
  return [...files, ...folders.flatMap(listFiles)].filter((path) => !/\.test\.tsx?$/.test(path)).sort()
}

function listFiles(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Whether the build there is one of the sources as they are. */
export function isBuildCurrent(root: string): boolean {
  const dist = join(root, 'dashboard', 'dist')
  try {
    return (
      existsSync(join(dist, 'index.html')) &&
      readFileSync(join(dist, '.hash'), 'utf8') === hashDashboardSources(root)
    )
  } catch {
    return false
  }
}

/** Builds, whatever is there. `signal` ends the builder. */
export async function buildDashboard(
  root: string,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<BuildResult> {
  const dashboard = join(root, 'dashboard')
  const vite = join(dashboard, 'node_modules', 'vite', 'bin', 'vite.js')
  if (!existsSync(vite))
    return { state: 'failed', message: 'vite is not installed; run npx -y pnpm@12 install' }
  const hashPath = join(dashboard, 'dist', '.hash')
  const hash = hashDashboardSources(root)
  rmSync(hashPath, { force: true })
  const failure = await runBuilder([vite, 'build'], dashboard, { ...env, NODE_ENV: 'production' }, signal)
  if (failure !== undefined) return { state: 'failed', message: failure }
  writeFileAtomic(hashPath, hash, 0o644)
  return { state: 'built' }
}

/** Undefined when it went well, else how it ended with the last of what it said. */
function runBuilder(args: string[], cwd: string, env: NodeJS.ProcessEnv, signal?: AbortSignal) {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const builder = spawn(process.execPath, args, {
    cwd,
    env,
    signal,
    timeout: BUILD_LIMIT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const keep = (chunk: string) => {
    output = (output + chunk).slice(-OUTPUT_LIMIT)
  }
  builder.stdout.setEncoding('utf8').on('data', keep)
  builder.stderr.setEncoding('utf8').on('data', keep)
  builder.once('error', (error) => resolve(error.message))
  builder.once('close', (code) =>
    resolve(code === 0 ? undefined : `vite ended with ${code}\n${output.trimEnd()}`),
  )
  return promise
}
