/**
 * Judges of a story, each by its number in the catalogue of faults. They know what callers asked and heard, what
 * handlers noted and which faults were injected; of the scheduler they know nothing. Each returns sentences, none
 * is the verdict "right". Called by every test of this folder through `Site.judge`; checkers.test.ts holds each
 * to a story that it must refuse.
 */
import { type Execution, findPeaks } from '../harness/executions.ts'
import { type Call, quantile, type Story } from './story.ts'

export type CheckerId = 'C2' | 'C3' | 'C4' | 'C5' | 'C6' | 'C7' | 'C10' | 'C11' | 'C12' | 'C13' | 'C14'

export type Violation = { readonly checker: CheckerId; readonly detail: string }

type Say = (detail: string) => void
type Judge = (story: Story, say: Say, secrets: readonly string[]) => void

/** Refusals that say "not started". */
const NOT_STARTED = new Set([
  'INVALID_REQUEST',
  'INVALID_INPUT',
  'UNKNOWN_FUNCTION',
  'NO_CAPACITY',
  'PAUSED',
  'QUEUE_FULL',
  'RATE_LIMITED',
  'SLOT_COST_TOO_BIG',
  'UNAUTHORIZED',
])
/** Endings that say "it may have run", or that it did. */
const MAY_HAVE_RUN = new Set(['WORKER_LOST', 'TIMEOUT', 'DRAINING', 'POISONED', 'FUNCTION_FAILED'])
/** For the way of an answer on a busy machine. */
const DEADLINE_SLACK_MS = 1_000
const RESIDENT_LIMIT_BYTES = 512 * 1024 * 1024
/** Far less than the silence of a heartbeat, which is what waiting for a broken link would cost. */
const GOOD_SLACK_MS = 100
/** Clocks of two processes of one machine, and a note that is written behind the fact. */
const CLOCK_SLACK_MS = 50

export const JUDGES: Readonly<Record<CheckerId, Judge>> = {
  C2: judgeStrangers,
  C3: judgeRepeats,
  C4: judgeOutcomes,
  C5: judgeSlots,
  C6: judgeRest,
  C7: judgeRecovery,
  C10: judgeAnswers,
  C11: judgeLives,
  C12: judgeIsolation,
  C13: judgeHistory,
  C14: judgeSecrets,
}

/** `secrets` are the keys in use, which no output may hold. */
export function judge(story: Story, secrets: readonly string[] = []): Violation[] {
  return Object.entries(JUDGES).flatMap(([checker, check]) => {
    const details: string[] = []
    check(story, (detail) => details.push(detail), secrets)
    return details.map((detail) => ({ checker: checker as CheckerId, detail }))
  })
}

/** How often handlers ran again: the count that is published with every verdict. */
export function countRepeats(story: Story): number {
  return [...startsById(story).values()].reduce((sum, starts) => sum + starts.length - 1, 0)
}

/** Nothing runs that nobody asked for, or that was refused. */
function judgeStrangers(story: Story, say: Say): void {
  const calls = new Map(story.calls.map((call) => [call.id, call]))
  for (const [id, starts] of startsById(story)) {
    const call = calls.get(id)
    if (!call) say(`"${id}" ran ${starts.length} times and nobody asked for it`)
    else if (NOT_STARTED.has(call.code ?? '')) say(`"${id}" was refused with ${call.code} and ran`)
  }
}

/** As often as the contract's table of repeats allows, and each repeat has a fault that explains it. */
function judgeRepeats(story: Story, say: Say): void {
  const starts = startsById(story)
  for (const call of story.calls) {
    const ran = starts.get(call.id) ?? []
    const allowed = call.isIdempotent === true ? call.attemptsAllowed : 1
    if (ran.length > allowed) say(`"${call.id}" ran ${ran.length} times, ${allowed} allowed`)
    for (const [index, again] of ran.entries()) {
      const before = ran[index - 1]
      if (before && !isExplained(story, before, again))
        say(`"${call.id}" ran in ${before.pid} and again in ${again.pid}, and no fault explains it`)
    }
  }
}

/** Something had befallen the earlier one's worker, or the balancer, before the later one began. */
function isExplained({ faults }: Story, before: Execution, again: Execution): boolean {
  return faults.some(({ pid, beganAtMs, endedAtMs }) => {
    const concerns = pid === undefined || pid === before.pid
    const isOver = endedAtMs !== undefined && endedAtMs < before.atMs - CLOCK_SLACK_MS
    return concerns && !isOver && beganAtMs <= again.atMs + CLOCK_SLACK_MS
  })
}

/** A result is what a handler made, that of the last attempt, and each call has one end. */
function judgeOutcomes(story: Story, say: Say): void {
  const ids = new Set<string>()
  for (const call of story.calls) {
    if (ids.has(call.id)) say(`"${call.id}" has two ends`)
    ids.add(call.id)
    if (call.status === 200) judgeResult(story, call, say)
  }
}

function judgeResult({ executions, lives }: Story, call: Call, say: Say): void {
  const { id, result, attempt } = call
  if (result?.id !== id) return say(`"${id}" was answered with the result of "${String(result?.id)}"`)
  const made = executions.filter(
    (each) => each.id === id && each.event === 'finished' && each.pid === result.pid,
  )
  if (made.length === 0) return say(`"${id}" was answered by ${String(result.pid)}, where it did not finish`)
  if (lives.some(({ pid, isForeign }) => isForeign && pid === result.pid)) return
  const attempts = made.map((each) => each.attempt)
  if (!attempts.some((each) => each === attempt))
    say(`"${id}" is the result of attempt ${attempts.join(' or ')} and says ${attempt}`)
}

/** At no instant more than its slots. */
function judgeSlots({ executions, lives }: Story, say: Say): void {
  const peaks = findPeaks(executions)
  for (const { name, pid, slots } of lives) {
    const peak = peaks.get(pid) ?? 0
    if (peak > slots) say(`${name} (${pid}) ran ${peak} at once and has ${slots} slots`)
  }
}

/** At rest nothing is held, by anybody's word. */
function judgeRest({ rest }: Story, say: Say): void {
  const { waiting, running, workers, descriptors } = rest
  if (waiting !== 0 || running !== 0) say(`${waiting} wait and ${running} run at rest`)
  for (const { id, used, ownUsed, stuck } of workers)
    if (used !== 0 || ownUsed !== 0 || stuck !== 0)
      say(`${id} has ${used} slots in use, by its own word ${ownUsed}, ${stuck} stuck`)
  if (descriptors && descriptors.now > descriptors.before)
    say(`the balancer has ${descriptors.now} descriptors, ${descriptors.before} before`)
}

/** Everybody is in service and everything has ended within the time to recover. */
function judgeRecovery({ calls, faults, rest, recoveryMs }: Story, say: Say): void {
  for (const { id, status } of rest.workers)
    if (status !== 'ready') say(`${id} is ${status} although all faults are over`)
  const healedAtMs = Math.max(0, ...faults.map(({ endedAtMs, beganAtMs }) => endedAtMs ?? beganAtMs))
  for (const { id, submittedAtMs, endedAtMs = Infinity } of calls)
    if (submittedAtMs < healedAtMs && endedAtMs > healedAtMs + recoveryMs)
      say(`"${id}" ended ${endedAtMs - healedAtMs} ms after the last fault`)
}

/** An answer by the deadline, one that says whether it may have run. */
function judgeAnswers(story: Story, say: Say): void {
  const starts = startsById(story)
  const isBalancerGone = story.faults.some(
    ({ kind }) => kind === 'balancer-killed' || kind === 'balancer-ended',
  )
  for (const call of story.calls) {
    const { id, endedAtMs = Infinity, deadlineAtMs, status, code, failure, hasLeft } = call
    if (hasLeft) continue
    if (endedAtMs > deadlineAtMs + DEADLINE_SLACK_MS) say(`"${id}" was not answered by its deadline`)
    if (failure !== undefined && !isBalancerGone) say(`"${id}" had no answer but ${failure}`)
    if (failure !== undefined || status === 200) continue
    if (!NOT_STARTED.has(code ?? '') && !MAY_HAVE_RUN.has(code ?? ''))
      say(`"${id}" got ${status} ${code}, which does not say whether it ran`)
    if (code === 'WORKER_LOST' && call.isIdempotent && (starts.get(id)?.length ?? 0) < call.attemptsAllowed)
      say(`"${id}" is lost although it may be repeated`)
  }
}

/** Nobody ended who was not told to, nothing was thrown into the void, memory has a bound. */
function judgeLives({ lives, faults }: Story, say: Say): void {
  for (const { name, pid, exit, output, residentBytes = 0 } of lives) {
    const isExplained = faults.some(
      (fault) => fault.pid === pid || (name === 'balancer' && fault.pid === undefined),
    )
    if (exit && !isExplained) say(`${name} (${pid}) ended with ${exit.signal ?? `exit code ${exit.code}`}`)
    const cry = /unhandled\s?\w*rejection|uncaught\s?exception|\n {4}at .+:\d+:\d+/i.exec(output)
    if (cry) say(`${name} (${pid}) cried: ${cry[0].trim()}`)
    if (residentBytes > RESIDENT_LIMIT_BYTES) say(`${name} (${pid}) takes ${residentBytes} bytes`)
  }
}

/** Good traffic does not notice what others suffer. */
function judgeIsolation({ calls }: Story, say: Say): void {
  const good = calls.filter(({ kind }) => kind === 'good')
  const baseline = calls.filter(({ kind }) => kind === 'baseline')
  for (const { id, status, code, failure } of good)
    if (status !== 200)
      say(`"${id}" got ${failure ?? `${status} ${code}`} though it was none of its business`)
  if (good.length === 0 || baseline.length === 0) return
  const before = quantile(baseline.map(tookMs), 0.99)
  const now = quantile(good.map(tookMs), 0.99)
  if (now > Math.max(2 * before, before + GOOD_SLACK_MS))
    say(`good traffic has a p99 of ${now} ms, ${before} before`)
}

/** Attempts of one task strictly rise, and nothing runs after the attempt that was answered for. */
function judgeHistory(story: Story, say: Say): void {
  const calls = new Map(story.calls.map((call) => [call.id, call]))
  const foreign = new Set(story.lives.filter(({ isForeign }) => isForeign).map(({ pid }) => pid))
  for (const [id, starts] of startsById(story)) {
    let last = 0
    for (const { attempt, pid } of starts) {
      if (foreign.has(pid)) continue
      if (attempt <= last) say(`"${id}" began attempt ${attempt} after ${last}`)
      last = attempt
    }
    const answered = calls.get(id)?.status === 200 ? calls.get(id)?.attempt : undefined
    if (answered !== undefined && last > answered)
      say(`"${id}" was answered by attempt ${answered}, ${last} ran`)
  }
}

/** No key in any output. */
function judgeSecrets({ lives }: Story, say: Say, secrets: readonly string[]): void {
  for (const { name, pid, output } of lives)
    if (secrets.some((secret) => output.includes(secret))) say(`the output of ${name} (${pid}) holds a key`)
}

function tookMs({ submittedAtMs, endedAtMs = Infinity }: Call): number {
  return endedAtMs - submittedAtMs
}

function startsById({ executions }: Story): Map<string, Execution[]> {
  const starts = executions.filter(({ event }) => event === 'started')
  return Map.groupBy(starts, ({ id }) => id)
}
