/**
 * Prints what a scenario found and keeps it in `results/`, with the machine, the commit and the time, so that a
 * later run can be laid beside it. Called by `main.ts`.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { type Finding, isReached, type Report, type Settings } from './scenario.ts'

const FOLDER = join(import.meta.dirname, 'results')
const ROOT = join(import.meta.dirname, '..')

interface Kept extends Report {
  readonly commit: string
}

/** The last kept result of a scenario, undefined when there is none. */
export function readKept(scenario: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(join(FOLDER, `${scenario}.json`), 'utf8')) as Kept
  } catch {
    return undefined
  }
}

export function keep(scenario: string, report: Report, settings: Settings & { busyShare: number }): void {
  const result = {
    scenario,
    at: new Date().toISOString(),
    commit: commit(),
    machine: { cpus: availableParallelism(), cpu: cpus()[0]?.model ?? 'unknown', node: process.version },
    loadAtEnd: Number((loadavg()[0] ?? 0).toFixed(2)),
    settings,
    ...report,
  }
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, `${scenario}.json`), `${JSON.stringify(result, roundNumbers, 2)}\n`)
}

/** One line a finding; `kept` is the last kept result, to be shown beside it. */
export function describe({ findings, notes }: Report, kept?: Kept): string {
  const lines = findings.map((finding) => {
    const before = kept?.findings.find(({ what, peer }) => isOf(what, finding.what) && peer === finding.peer)
    return `  ${describeFinding(finding)}${before ? `   kept ${before.ratio} at ${kept?.commit}` : ''}`
  })
  return [...lines, ...notes.map((note) => `  note: ${note}`)].join('\n')
}

function describeFinding(finding: Finding): string {
  const { what, ours, peer, theirs, ratio, rounds, goal } = finding
  const verdict = { true: ' reached', false: ' missed', undefined: '' }[String(isReached(finding))]
  const bound = goal?.min === undefined ? goal?.max : goal.min
  const sign = goal?.min === undefined ? '≤' : '≥'
  const against = goal === undefined ? '' : ` (goal ${sign} ${bound}:${verdict})`
  const spread = `${Math.min(...rounds).toFixed(2)} to ${Math.max(...rounds).toFixed(2)}`
  return `${ratio.toFixed(2)} × ${peer}${against}: ${what}, ${show(ours)} against ${show(theirs)}; ${spread}`
}

/** The rate in a latency's name changes from run to run. */
function isOf(a: string, b: string): boolean {
  return a.replace(/\d+\/s/, '') === b.replace(/\d+\/s/, '')
}

function show(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)
}

function roundNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}

/** With a plus when the sources differ from it. */
function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
  const isChanged = git('status', '--porcelain', '--', ':!bench/results') !== ''
  return git('rev-parse', '--short', 'HEAD') + (isChanged ? '+' : '')
}
