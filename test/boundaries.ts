/**
 * Holds who may import what (docs: the layout table), and finds import cycles.
 * Run by the test runner (`node test/boundaries.ts [root]`); prints each violation as
 * `file:line imports X: rule` and exits 1 when there is one. The invariant: a file of no listed area is a
 * violation too, so that a new folder has to be placed in the table before it can be used.
 */
import { join } from 'node:path'
import { findCycles } from './boundaries/cycles.ts'
import { judgeImport } from './boundaries/judge.ts'
import { readSources } from './boundaries/sources.ts'

/** An area is a folder; the longest that holds a file is the file's own. */
export type Area = {
  folder: string
  /** Only the files that lie in it, none of its folders: they are areas of their own. */
  isFlat?: boolean
  /** Folders and files of the same package that it may reach by a relative path, besides itself. */
  reaches: readonly string[]
  /** Folders of which it may use types only. */
  reachesTypesOf?: readonly string[]
  /** Workspace packages. */
  packages: readonly string[]
  /** Built-in modules of Node. */
  hasNode: boolean
  /** npm packages; `declared` means those its package.json lists. */
  libraries: readonly string[] | 'declared'
}

const SERVER = {
  packages: ['@berth/protocol', '@berth/runtime'],
  hasNode: true,
  libraries: 'declared',
} as const
const PURE = { packages: ['@berth/protocol'], hasNode: false, libraries: [] } as const
const EFFECT = { ...SERVER, reaches: ['balancer/src/ports'] } as const
const FREE = {
  reaches: [],
  packages: [
    '@berth/protocol',
    '@berth/runtime',
    '@berth/balancer',
    '@berth/worker',
    '@berth/client',
    '@berth/cli',
    '@berth/dashboard',
  ],
  hasNode: true,
  libraries: 'declared',
} as const

export const AREAS: readonly Area[] = [
  { folder: 'protocol', reaches: [], packages: [], hasNode: false, libraries: ['zod'] },
  { folder: 'runtime', reaches: [], packages: [], hasNode: true, libraries: 'declared' },
  // main, compose and config put the parts together, so they alone may reach all of them.
  { ...SERVER, folder: 'balancer/src', isFlat: true, reaches: ['balancer'] },
  {
    ...PURE,
    folder: 'balancer/src/core',
    reaches: ['balancer/src/ports/dispatch.ts', 'balancer/src/ports/ledger.ts'],
    // Not effects that the core asks for but what it offers: it only has to fit these types.
    reachesTypesOf: [
      'balancer/src/ports/submission.ts',
      'balancer/src/ports/calls.ts',
      'balancer/src/ports/workforce.ts',
      'balancer/src/ports/operator.ts',
      'balancer/src/ports/task-look.ts',
      'balancer/src/ports/durable-tasks.ts',
      'balancer/src/ports/limits.ts',
      'balancer/src/ports/stream.ts',
      'balancer/src/ports/files.ts',
      'balancer/src/ports/traffic.ts',
      'balancer/src/ports/record.ts',
      'balancer/src/ports/metering.ts',
      'balancer/src/ports/queue-look.ts',
      'balancer/src/ports/tallies.ts',
    ],
  },
  { ...PURE, folder: 'balancer/src/ports', reaches: [], reachesTypesOf: ['balancer/src/core'] },
  { ...EFFECT, folder: 'balancer/src/http' },
  { ...EFFECT, folder: 'balancer/src/fleet' },
  { ...EFFECT, folder: 'balancer/src/store' },
  { ...EFFECT, folder: 'balancer/src/runs' },
  { ...EFFECT, folder: 'balancer/src/files' },
  { ...EFFECT, folder: 'balancer/src/observe' },
  { ...SERVER, folder: 'worker', reaches: [] },
  { ...SERVER, folder: 'client', reaches: [] },
  { ...SERVER, folder: 'cli', reaches: [] },
  {
    folder: 'dashboard',
    reaches: [],
    packages: ['@berth/protocol'],
    hasNode: false,
    libraries: 'declared',
  },
  { folder: 'examples', reaches: [], packages: ['@berth/worker'], hasNode: true, libraries: 'declared' },
  { ...FREE, folder: 'test', reaches: [''] },
  { ...FREE, folder: 'bench', reaches: [''] },
]

/** Every violation below `root`, sorted by file and line. */
export async function checkBoundaries(root: string): Promise<string[]> {
  const sources = await readSources(root)
  const violations = sources.files.flatMap((file) =>
    file.imports.flatMap((found) => {
      const rule = judgeImport(AREAS, sources, file, found)
      return rule ? [{ path: file.path, line: found.line, text: `imports ${found.specifier}: ${rule}` }] : []
    }),
  )
  const all = [...violations, ...findCycles(sources)]
  all.sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line)
  return all.map(({ path, line, text }) => `${path}:${line} ${text}`)
}

if (import.meta.main) {
  const root = process.argv[2] ?? join(import.meta.dirname, '..')
  const violations = await checkBoundaries(root)
  for (const violation of violations) process.stdout.write(`${violation}\n`)
  process.stdout.write(
    violations.length === 0 ? 'no boundary is crossed\n' : `${violations.length} violations\n`,
  )
  process.exitCode = violations.length === 0 ? 0 : 1
}
