/**
 * A task in memory as `/runs` shows it, whether it waits, runs or has ended. Instants are the core's
 * monotonic milliseconds; on the way out they become instants of the clock by what the run's id says
 * of its acceptance, so that the same run never shows two times, whatever the clock does meanwhile.
 */
import {
  type ChoiceView,
  costsOf,
  type RunAttempt,
  type RunView,
  timeOfRun,
  type Usage,
} from '@berth/protocol'
import type { FinalRecord } from '../ports/ledger.ts'
import type { AttemptRecord, ChoiceRecord } from '../ports/record.ts'
import type { Score, TaskPicture } from '../ports/task-look.ts'
import { shownId } from '../ports/worker-key.ts'

export type FinalStatus = FinalRecord['status']

/** What is known of a run at any time. */
export interface RunFacts extends Pick<TaskPicture, Shared> {
  readonly id: string
  readonly status: TaskPicture['status'] | FinalStatus
  /** With all that it called; missing when nothing was told. */
  readonly usage?: Usage | null | undefined
}

type Shared =
  | 'isDurable'
  | 'group'
  | 'function'
  | 'contract'
  | 'priority'
  | 'mode'
  | 'worker'
  | 'attempt'
  | 'acceptedAt'
  | 'startedAt'
  | 'metadata'
  | 'trigger'
  | 'parent'
  | 'budget'
  | 'history'
  | 'isCold'
  | 'coldStartMs'

/** Of those that ended only. */
export interface EndFacts {
  readonly endedAt: number
  readonly error: { readonly code: string; readonly message: string } | undefined
  readonly runMs: number
  readonly choice: ChoiceRecord | undefined
}

/** What no version has done yet of a run, and what a task in memory has none of. */
export const NOTHING = {
  input: null,
  result: null,
  session: null,
  retryOf: null,
  schedule: null,
  budget: null,
  usage: null,
  costs: null,
  coldStart: null,
  coldStartMs: null,
  messages: [],
  sources: [],
  output: null,
  files: [],
  progress: null,
  scheduledFor: null,
  webhook: null,
} as const satisfies Partial<RunView>

export function toRunView(facts: RunFacts & Partial<EndFacts>): RunView {
  const { endedAt, startedAt, acceptedAt, worker } = facts
  const toIso = isoOf(facts)
  return {
    ...NOTHING,
    messages: [],
    sources: [],
    files: [],
    id: facts.id,
    status: facts.status,
    durable: facts.isDurable,
    trigger: facts.parent === undefined ? (facts.trigger ?? 'api') : 'call',
    parent: facts.parent ?? null,
    budget: facts.budget ?? null,
    ...showUsage(facts.usage ?? null),
    function: facts.function,
    group: facts.group,
    contract: facts.contract ?? null,
    priority: facts.priority,
    mode: facts.mode,
    error: facts.error ?? null,
    attempt: facts.attempt,
    attempts: attemptsOf(facts, toIso),
    worker: worker === undefined ? null : shownId(worker),
    ...coldStartOf(facts),
    explain: facts.choice ? toChoiceView(facts.choice, toIso) : null,
    metadata: { ...facts.metadata },
    createdAt: toIso(acceptedAt),
    startedAt: startedAt === undefined ? null : toIso(startedAt),
    finishedAt: endedAt === undefined ? null : toIso(endedAt),
    queueMs: queueMsOf(facts),
    runMs: endedAt === undefined ? null : round(facts.runMs ?? 0),
    latencyMs: endedAt === undefined ? null : round(endedAt - acceptedAt),
  }
}

export function showUsage(usage: Usage | null): Pick<RunView, 'usage' | 'costs'> {
  return { usage, costs: costsOf(usage) }
}

export function toChoiceView(choice: ChoiceRecord, toIso: (at: number) => string): ChoiceView {
  return {
    at: toIso(choice.at),
    winner: toScoreView(choice.winner),
    runnersUp: choice.runnersUp.map(toScoreView),
  }
}

export function toScoreView(score: Score): ChoiceView['winner'] {
  const { expectedMs } = score
  return {
    ...score,
    worker: shownId(score.worker),
    expectedMs: expectedMs === undefined ? null : round(expectedMs),
    occupancyAfter: round(score.occupancyAfter, 10_000),
  }
}

/** What is known so far: of attempts that are over, and whether the present one waited. */
export function coldStartOf({
  isCold,
  coldStartMs,
}: Pick<RunFacts, 'isCold' | 'coldStartMs'>): Pick<RunView, 'coldStart' | 'coldStartMs'> {
  if (coldStartMs !== undefined && coldStartMs > 0) return { coldStart: true, coldStartMs }
  if (isCold) return { coldStart: true, coldStartMs: null }
  const isKnown = (coldStartMs ?? isCold) !== undefined
  return { coldStart: isKnown ? false : null, coldStartMs: coldStartMs ?? null }
}

/** Unix milliseconds at which it was accepted. */
export function createdMs(id: string, { acceptedAt }: Pick<RunFacts, 'acceptedAt'>): number {
  return timeOfRun(id) ?? acceptedAt
}

export function isoOf(facts: Pick<RunFacts, 'id' | 'acceptedAt'>): (at: number) => string {
  const offset = createdMs(facts.id, facts) - facts.acceptedAt
  return (at) => new Date(at + offset).toISOString()
}

/** What waits now has no such figure yet; what never began has waited all its life. */
function queueMsOf({ acceptedAt, startedAt, endedAt }: RunFacts & Partial<EndFacts>): number | null {
  const until = startedAt ?? endedAt
  return until === undefined ? null : round(until - acceptedAt)
}

function attemptsOf(facts: RunFacts & Partial<EndFacts>, toIso: (at: number) => string): RunAttempt[] {
  const over = facts.history.map((attempt) => toAttemptView(attempt, toIso))
  const { status, attempt, worker, startedAt } = facts
  if (status !== 'running' || startedAt === undefined) return over
  const running = { n: attempt, worker: worker === undefined ? null : shownId(worker) }
  return [...over, { ...running, startedAt: toIso(startedAt), finishedAt: null, outcome: null }]
}

function toAttemptView(attempt: AttemptRecord, toIso: (at: number) => string): RunAttempt {
  const { n, worker, startedAt, finishedAt, outcome } = attempt
  return {
    n,
    worker: worker === undefined ? null : shownId(worker),
    startedAt: startedAt === undefined ? null : toIso(startedAt),
    finishedAt: toIso(finishedAt),
    outcome,
  }
}

function round(value: number, parts = 100): number {
  return Math.round(value * parts) / parts
}
