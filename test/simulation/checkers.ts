/**
 * Judges of a finished run, each by its number in the catalogue of faults. They know what was asked
 * and what the workers did, and nothing of the scheduler's inside. Each returns sentences; none is
 * the verdict "right".
 */
import { LaneWatch } from './lane-watch.ts'
import type { TaskRecord } from './recorder.ts'
import type { Scenario } from './scenario.ts'
import type { World } from './world.ts'

export type CheckerId = 'C2' | 'C3' | 'C5' | 'C6' | 'C8' | 'C9' | 'C10' | 'C13'

export interface Violation {
  readonly checker: CheckerId
  readonly detail: string
}

/** Every so many-th start is for who has waited too long. */
const AGED_TURN = 8
/** Settled this long after its deadline, a caller has waited too long. */
const DEADLINE_SLACK_MS = 1

/** The checkers that look at every start; to be called before the run. */
export function watch(world: World): Violation[] {
  const violations: Violation[] = []
  const lanes = new LaneWatch(world)
  // After a fault of a link nobody can know what its worker holds.
  if (world.scenario.faults.kinds.length === 0)
    world.recorder.onSend = ({ submission, sends }, { worker }) => {
      const last = sends.at(-1)?.assignment
      if (last && world.workers.get(last.worker)?.holds(last.attemptId))
        violations.push({
          checker: 'C3',
          detail: `${submission.run} is sent to ${worker} and is at ${last.worker}`,
        })
    }
  world.recorder.onStart = (start) => {
    const { execution, used, limit, record, wasFrozen } = start
    if (used > limit)
      violations.push({
        checker: 'C5',
        detail: `${execution.worker} runs ${used} of ${limit} at ${execution.startedAt}`,
      })
    // A task that was old when it was sent may have had its turn by age.
    const sentAt = record?.sends.at(-1)?.at ?? 0
    const isAged = record && sentAt - record.submittedAt > world.scenario.starvationAfterMs
    const overtaken = record && !wasFrozen && !isAged && lanes.overtaken(record)
    if (overtaken) violations.push({ checker: 'C8', detail: overtaken })
  }
  return violations
}

/** The checkers that look back; to be called after the run. */
export function judge(world: World): Violation[] {
  const violations: Violation[] = []
  const say = (checker: CheckerId, detail: string) => violations.push({ checker, detail })
  for (const { run } of world.recorder.strangers) say('C2', `${run} ran and nobody asked for it`)
  for (const record of world.recorder.tasks.values()) judgeTask(record, world.scenario, say)
  if (isSteady(world.scenario)) judgeWaits(world, say)
  judgeSlots(world, say)
  judgeRest(world, say)
  return violations
}

type Say = (checker: CheckerId, detail: string) => void

function judgeTask(record: TaskRecord, scenario: Scenario, say: Say): void {
  const { executions, settlements, submission, refusal } = record
  const { run } = submission
  if (refusal && executions.length > 0) say('C2', `${run} was refused and ran all the same`)
  const allowed = allowedExecutions(record)
  if (executions.length > allowed) say('C3', `${run} ran ${executions.length} times, ${allowed} allowed`)
  if (isFaultless(scenario) && executions.length > 1 + failures(record))
    say('C3', `${run} ran ${executions.length} times without any fault`)
  if (settlements.length !== (refusal ? 0 : 1))
    say('C10', `${run} was settled ${settlements.length} times${refusal ? ' though refused' : ''}`)
  for (const { at } of settlements)
    if (at > submission.deadlineAt + DEADLINE_SLACK_MS && !submission.isDurable)
      say('C10', `${run} was settled ${at - submission.deadlineAt} ms after its deadline`)
  for (const { at } of record.sends)
    if (at >= submission.deadlineAt)
      say('C10', `${run} was sent ${at - submission.deadlineAt} ms after its deadline`)
  const [first] = record.sends
  if (first && first.at > submission.queueUntilAt)
    say('C10', `${run} was first sent after the end of its waiting`)
  judgeHistory(record, say)
}

/** CONTRACT §4, Repeats, read anew: how often a task's handler may run at most. */
export function allowedExecutions({ submission, facts }: TaskRecord): number {
  const { attempts, idempotent, mode } = submission
  const repeatsFailure = attempts !== undefined || facts.maxRetries > 0
  const declared = idempotent ?? facts.idempotent
  const repeatsLoss = declared ?? (mode === 'async' || mode === 'webhook')
  if (!repeatsFailure && !repeatsLoss) return 1
  const bound = attempts ?? 3
  return repeatsLoss || attempts !== undefined ? bound : Math.min(bound, 1 + facts.maxRetries)
}

/** Attempts are sent with rising fences, and a result is that of the last one. */
function judgeHistory({ submission, sends, settlements, executions }: TaskRecord, say: Say): void {
  const { run } = submission
  let fence = 0
  let attempt = 0
  for (const { assignment } of sends) {
    if (assignment.fence <= fence) say('C13', `${run} was sent with fence ${assignment.fence} after ${fence}`)
    if (assignment.attempt < attempt) say('C13', `${run} went back from attempt ${attempt}`)
    fence = assignment.fence
    attempt = assignment.attempt
  }
  for (const { settlement } of settlements) {
    if (settlement.kind !== 'completed') continue
    const last = executions.find((execution) => execution.fence === fence)
    if (last?.outcome !== 'completed') say('C13', `${run} completed by an attempt that did not`)
  }
}

/**
 * Own counts hold: nothing is sent to a free slot that is none. With direct callers, or slots that
 * somebody else's old tasks still hold after a fault, the core cannot know, so only quiet runs count.
 */
function judgeSlots({ recorder, scenario }: World, say: Say): void {
  for (const { submission, sends } of recorder.tasks.values())
    for (const { assignment } of sends)
      if (!assignment.isAhead && assignment.used > assignment.limit)
        say('C5', `${submission.run} was sent to a slot of ${assignment.worker} that is not there`)
  if (!isFaultless(scenario)) return
  for (const { worker, assignment } of recorder.queuedThough)
    say('C5', `${assignment.run} was sent to a free slot of ${worker} and found none`)
}

/**
 * The bound that STARVATION_AFTER gives: what has waited so long gets every 8th start, the oldest first,
 * so it waits no longer than eight starts for itself and each older one that waits then. Starts come at
 * the rate of the fleet as it was seen to run; a task's own wait counts from its submission.
 */
function judgeWaits({ recorder, scenario }: World, say: Say): void {
  const starts: number[] = []
  for (const { executions } of recorder.tasks.values())
    for (const { startedAt } of executions) starts.push(startedAt)
  starts.sort((a, b) => a - b)
  const waits = [...recorder.tasks.values()].flatMap(({ submission, submittedAt, executions }) => {
    const [first] = executions
    return first ? [{ run: submission.run, submittedAt, startedAt: first.startedAt }] : []
  })
  for (const { run, submittedAt, startedAt } of waits) {
    const agedAt = submittedAt + scenario.starvationAfterMs
    if (startedAt <= agedAt) continue
    const older = waits.filter((other) => other.submittedAt < submittedAt && other.startedAt > agedAt).length
    const between = countBetween(starts, agedAt, startedAt)
    // What was ahead at a worker already when it became old is not overtaken any more.
    // Repeats have turns as well and are not among the older ones: twice the bound is surely too long.
    const allowed = 2 * AGED_TURN * (older + 1) + 2 * aheadAtMost(scenario)
    if (between > allowed) say('C9', `${run} became old and ${between} started first, ${allowed} allowed`)
  }
}

/** All workers serve all lanes, and there are no faults. */
function isSteady(scenario: Scenario): boolean {
  const { shares, workers } = scenario
  const isOneLane = shares.wide === 0 && shares.zoned === 0 && shares.cancelled === 0 && shares.hurried === 0
  return isFaultless(scenario) && isOneLane && workers.every(({ weight }) => weight > 0)
}

function aheadAtMost({ workers, roundTripMs, serviceMs }: Scenario): number {
  // Twice the formula's: both times are measured, and means of few samples.
  const ahead = (slots: number) => Math.min(4 * slots, Math.ceil((2.7 * slots * roundTripMs) / serviceMs) + 7)
  return workers.reduce((sum, { slots }) => sum + slots + ahead(slots), 0)
}

/** Of sorted instants, those in an interval. */
function countBetween(sorted: readonly number[], from: number, to: number): number {
  let count = 0
  for (const at of sorted) if (at > from && at < to) count++
  return count
}

/** When all has ended nothing is held: no count, no task, no slot at any worker. */
function judgeRest(world: World, say: Say): void {
  const { core, recorder, members } = world
  const { submitted, completed, failed, cancelled, waiting, running } = core.traffic()
  if (waiting !== 0 || running !== 0) say('C6', `${waiting} wait and ${running} run at rest`)
  if (submitted !== completed + failed + cancelled)
    say('C6', `${submitted} submitted, ${completed} + ${failed} + ${cancelled} ended`)
  for (const id of members.keys())
    if (core.attemptsAt(id) !== 0) say('C6', `${core.attemptsAt(id)} attempts are left at ${id}`)
  for (const run of recorder.tasks.keys())
    if (core.cancel(run, 'operator', world.events.now)) say('C6', `${run} is still known`)
  for (const member of members.values()) {
    if (!member.isWell) continue
    const [sent] = world.probe(member.id).sends
    const used = sent?.assignment.used ?? 0
    if (used !== 1) say('C6', `a single task at ${member.id} finds ${used} slots in use`)
  }
}

function isFaultless({ faults }: Scenario): boolean {
  return faults.kinds.length === 0 && faults.busyChance === 0 && faults.foreignLoad === 0
}

function failures({ executions }: TaskRecord): number {
  return executions.filter(({ outcome }) => outcome === 'failed').length
}
