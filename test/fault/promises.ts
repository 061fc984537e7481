/**
 * What was promised and what became of it: the checkers of durable runs. They know what callers were told, what
 * handlers noted, what the balancer shows at the end and what arrived at the webhooks' sink; of the store they know
 * nothing. Each returns sentences, none is the verdict "right". promises.test.ts holds each to a story that it
 * must refuse.
 *
 * A worker of another make is told neither of runs nor of attempts. What it noted counts for the run whose wish it
 * names; it carries on no balancer's work but the one's that asked, so that the death of either is an excuse to run
 * again there; and its attempts are numbered by those before and behind them. All else is promised for it too.
 */
import type { Execution } from '../harness/executions.ts'
import type { Fault } from './story.ts'
import type { Message } from './webhook-sink.ts'

/** A run that somebody wanted. */
export type Wanted = {
  /** In the input and in the metadata. */
  readonly id: string
  readonly hasKey: boolean
  readonly mode: 'async' | 'webhook'
  /** It may not be repeated: a loss ends it as failed. */
  readonly isOnce?: boolean
  /** What every 202 named; more than one when the caller asked again with its key. */
  readonly promised: string[]
  /** Other answers and broken connections. */
  readonly refused: string[]
}

/** A run as the balancer shows it at the end. */
export type Shown = {
  readonly id: string
  readonly status: string
  readonly attempt: number
  readonly metadata: Readonly<Record<string, string>>
}

export type PromiseStory = {
  readonly wanted: readonly Wanted[]
  readonly shown: readonly Shown[]
  /** Final states that were seen on the way. */
  readonly seen: readonly { readonly id: string; readonly status: string }[]
  readonly executions: readonly Execution[]
  readonly faults: readonly Fault[]
  readonly messages: readonly Message[]
  readonly attemptsAllowed: number
  /** Processes of workers of another make. */
  readonly foreign?: ReadonlySet<number>
}

/** Why runs began again, and how often: the worker that had it died, or the balancer whose request a foreign one served. */
export type Repeats = Readonly<
  Record<'nativeKilled' | 'foreignKilled' | 'foreignUnasked' | 'unexplained', number>
>

const FINAL = new Set(['completed', 'failed', 'cancelled', 'expired'])
/** A note is written behind the fact, and a kill is noted before it. */
const CLOCK_SLACK_MS = 50
/** A start that may be repeated is on disk so long after it at the latest, on a busy machine. */
const NOTED_MS = 250

type Judge = (story: PromiseStory, say: (detail: string) => void) => void

export const PROMISE_JUDGES: Readonly<Record<'C1' | 'C2' | 'C3' | 'C4' | 'C15' | 'webhooks', Judge>> = {
  C1: judgeLoss,
  C2: judgeStrangers,
  C3: judgeRepeats,
  C4: judgeOutcomes,
  C15: judgeKeys,
  webhooks: judgeMessages,
}

/** Sentences, each with its checker. */
export function judgePromises(told: PromiseStory): string[] {
  const story = nameRuns(told)
  return Object.entries(PROMISE_JUDGES).flatMap(([checker, check]) => {
    const details: string[] = []
    check(story, (detail) => details.push(`${checker}: ${detail}`))
    return details
  })
}

/** How often runs began again, by what explains it. */
export function countRepeats(told: PromiseStory): Repeats {
  const story = nameRuns(told)
  const counts = { nativeKilled: 0, foreignKilled: 0, foreignUnasked: 0, unexplained: 0 }
  for (const starts of startsByRun(story).values())
    for (const [index, again] of starts.entries()) {
      const before = starts[index - 1]
      if (!before) continue
      const isForeign = isForeigner(story, before)
      if (hasDied(story.faults, before, again)) counts[isForeign ? 'foreignKilled' : 'nativeKilled']++
      else if (isForeign && isUnasked(story.faults, before, again)) counts.foreignUnasked++
      else counts.unexplained++
    }
  return counts
}

/** What workers of another make noted, under the run of which they were not told; unknown to all stays what it is. */
function nameRuns(story: PromiseStory): PromiseStory {
  const byWish = new Map(story.shown.map(({ id, metadata }) => [metadata.id, id]))
  const executions = story.executions.map((each) =>
    isForeigner(story, each) ? { ...each, runId: byWish.get(each.id) ?? each.runId } : each,
  )
  return { ...story, executions }
}

function isForeigner({ foreign }: PromiseStory, { pid }: Execution): boolean {
  return foreign?.has(pid) ?? false
}

/** Every run that was promised has exactly one end. */
function judgeLoss({ wanted, shown }: PromiseStory, say: (detail: string) => void): void {
  const byId = Map.groupBy(shown, ({ id }) => id)
  for (const { id, promised } of wanted)
    for (const run of new Set(promised)) {
      const found = byId.get(run) ?? []
      if (found.length !== 1) say(`"${id}" was promised as ${run}, which is shown ${found.length} times`)
      for (const { status } of found) if (!FINAL.has(status)) say(`${run} of "${id}" is ${status} at the end`)
    }
}

/** Nothing is shown, runs or is told that nobody wanted. */
function judgeStrangers(story: PromiseStory, say: (detail: string) => void): void {
  const ids = new Set(story.wanted.map(({ id }) => id))
  const runs = new Set(story.shown.map(({ id }) => id))
  for (const { id, metadata } of story.shown)
    if (!ids.has(metadata.id ?? '')) say(`${id} is shown and nobody wanted it`)
  for (const { id, runId, event } of story.executions)
    if (event === 'started' && !(ids.has(id) && runs.has(runId)))
      say(`${runId} of "${id}" ran and is not shown`)
  for (const { run, forged } of story.messages)
    if (forged === undefined && !runs.has(run)) say(`a webhook tells of ${run}, which is not shown`)
}

/** Within the attempts, and again only where the worker died under the one before: a balancer's death is no excuse. */
function judgeRepeats(story: PromiseStory, say: (detail: string) => void): void {
  for (const [run, starts] of startsByRun(story)) {
    /** The least number that the next attempt may have. */
    let least = 1
    for (const [index, start] of starts.entries()) {
      const again = starts[index + 1]
      const attempt = isForeigner(story, start) ? least : start.attempt
      if (attempt < least) say(`${run} began attempt ${attempt} after ${least - 1}`)
      least = again && isForgotten(story.faults, start, again) ? attempt : attempt + 1
      if (again && !isExcused(story, start, again))
        say(`${run} ran in ${start.pid} and again in ${again.pid}, and the first one had not died`)
    }
    if (least - 1 > story.attemptsAllowed) say(`${run} ran in ${least - 1} attempts`)
  }
}

function isExcused(story: PromiseStory, before: Execution, again: Execution): boolean {
  const { faults } = story
  return hasDied(faults, before, again) || (isForeigner(story, before) && isUnasked(faults, before, again))
}

/** The balancer died whose request it was: nobody is left to whom it could be answered. */
function isUnasked(faults: readonly Fault[], before: Execution, again: Execution): boolean {
  return faults.some(
    ({ kind, beganAtMs }) =>
      kind === 'balancer-killed' &&
      beganAtMs >= before.atMs - CLOCK_SLACK_MS &&
      beganAtMs <= again.atMs + CLOCK_SLACK_MS,
  )
}

/** Or was taken for dead: stopped, as a rule for longer than its lease. */
function hasDied(faults: readonly Fault[], before: Execution, again: Execution): boolean {
  return faults.some(
    ({ kind, pid, beganAtMs }) =>
      (kind === 'worker-killed' || kind === 'worker-stopped') &&
      pid === before.pid &&
      beganAtMs >= before.atMs - CLOCK_SLACK_MS &&
      beganAtMs <= again.atMs + CLOCK_SLACK_MS,
  )
}

/** Nobody was left who could know of a start: worker and balancer died before it was on disk. */
function isForgotten(faults: readonly Fault[], before: Execution, again: Execution): boolean {
  return faults.some(
    ({ kind, beganAtMs }) =>
      kind === 'balancer-killed' &&
      beganAtMs >= before.atMs - CLOCK_SLACK_MS &&
      beganAtMs <= Math.min(again.atMs, before.atMs + NOTED_MS),
  )
}

/** What is completed was done, what has failed was tried as often as it may be, and an end never changes. */
function judgeOutcomes(story: PromiseStory, say: (detail: string) => void): void {
  const finished = new Set(
    story.executions.filter(({ event }) => event === 'finished').map(({ runId }) => runId),
  )
  const last = new Map(story.shown.map(({ id, status }) => [id, status]))
  for (const { id, status } of story.shown)
    if (status === 'completed' && !finished.has(id)) say(`${id} is completed and no handler finished it`)
  const once = new Set(story.wanted.filter(({ isOnce }) => isOnce).map(({ id }) => id))
  for (const { id, status, attempt, metadata } of story.shown) {
    const allowed = once.has(metadata.id ?? '') ? 1 : story.attemptsAllowed
    if (status === 'failed' && attempt < allowed) say(`${id} has failed in attempt ${attempt}`)
  }
  for (const { id, status } of story.seen)
    if (last.get(id) !== status) say(`${id} was ${status} and is ${last.get(id)}`)
}

/** One run a key. */
function judgeKeys({ wanted, shown }: PromiseStory, say: (detail: string) => void): void {
  const byWish = Map.groupBy(shown, ({ metadata }) => metadata.id ?? '')
  for (const { id, promised } of wanted) {
    if (new Set(promised).size > 1) say(`"${id}" was promised as ${[...new Set(promised)].join(' and ')}`)
    const count = byWish.get(id)?.length ?? 0
    if (count > 1) say(`"${id}" was wanted once and is ${count} runs`)
  }
}

/** Told at least once, always under one id, truly signed, and of the end that it came to. */
function judgeMessages(story: PromiseStory, say: (detail: string) => void): void {
  for (const { id, forged } of story.messages) if (forged !== undefined) say(`webhook ${id}: ${forged}`)
  const byRun = Map.groupBy(story.messages, ({ run }) => run)
  const last = new Map(story.shown.map(({ id, status }) => [id, status]))
  for (const { mode, promised } of story.wanted)
    for (const run of mode === 'webhook' ? new Set(promised) : []) {
      const told = byRun.get(run) ?? []
      if (!told.some(({ status }) => status === 200)) say(`nobody was told of ${run}`)
      if (new Set(told.map(({ id }) => id)).size > 1) say(`${run} was told under several ids`)
      for (const { type } of told)
        if (type !== `task.${last.get(run)}`) say(`${run} is ${last.get(run)} and was told as ${type}`)
    }
}

function startsByRun({ executions }: PromiseStory): Map<string, Execution[]> {
  return Map.groupBy(
    executions.filter(({ event }) => event === 'started'),
    ({ runId }) => runId,
  )
}
