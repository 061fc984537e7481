/**
 * What a scenario of the benchmark is and what it says. Scenarios stand in `scenarios/`, `main.ts` runs them.
 * Invariant: a finding is a ratio against a named peer of the same run; absolute figures only go along.
 */
import type { Stage } from './stage.ts'

export interface Settings {
  /** Rounds; in each, every contestant has its turn. */
  readonly rounds: number
  readonly warmUpS: number
  readonly runS: number
  /** Part of a look at everything that ends within two minutes: the least that says something. */
  readonly isQuick: boolean
  /** The only ones to run of a scenario that has parts; empty: all of them. */
  readonly parts: readonly string[]
}

export interface Finding {
  /** What was measured, with the unit: `tasks/s, 32 connections`. */
  readonly what: string
  readonly ours: number
  readonly peer: string
  readonly theirs: number
  /** Median over the rounds of ours ÷ theirs. */
  readonly ratio: number
  readonly rounds: readonly number[]
  /** From the table of the goals; `max` where less is better. */
  readonly goal?: { readonly min?: number; readonly max?: number }
}

export interface Report {
  readonly findings: readonly Finding[]
  /** What could not be measured and why, and what else a reader has to know. */
  readonly notes: readonly string[]
}

export interface Scenario {
  readonly name: string
  readonly about: string
  /** Part of `--quick`. */
  readonly isQuick: boolean
  /** Names of what can be run by itself. */
  readonly parts?: readonly string[]
  /** Where it differs from what is usual. */
  readonly defaults?: Partial<Pick<Settings, 'rounds' | 'runS'>>
  run(stage: Stage, settings: Settings): Promise<Report>
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[sorted.length >> 1] ?? Number.NaN
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN
  return (upper + lower) / 2
}

/** Undefined when there is no goal. */
export function isReached({ ratio, goal }: Finding): boolean | undefined {
  if (goal === undefined) return undefined
  return ratio >= (goal.min ?? 0) && ratio <= (goal.max ?? Number.POSITIVE_INFINITY)
}

/** Rates of one series a contestant, round by round, as one finding against one peer. */
export function compare(
  what: string,
  ours: readonly number[],
  peer: string,
  theirs: readonly number[],
  goal?: Finding['goal'],
): Finding {
  const rounds = ours.map((value, index) => value / (theirs[index] ?? Number.NaN))
  return { what, ours: median(ours), peer, theirs: median(theirs), ratio: median(rounds), rounds, goal }
}
