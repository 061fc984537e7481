/**
 * The end of a run as it goes to disk, and where a live one stands. Pure conversions from what the core knows: its
 * instants are monotonic, those on disk of the wall clock, whole milliseconds.
 */
import type { TaskError } from '@berth/protocol'
import { type Clock, wholeOf } from '@berth/runtime'
import type { FinalRecord, LiveTask } from '../ports/ledger.ts'
import type { AttemptRecord, EndedTask } from '../ports/record.ts'
import type { LiveRun, RunEnd, RunProgress, StoredAttempt } from '../ports/stored-run.ts'
import type { Settlement } from '../ports/submission.ts'
import { toChoiceView } from './run-facts.ts'
import { withLast } from './run-sample.ts'

const NO_ATTEMPTS: readonly StoredAttempt[] = []

export function endOf(
  task: EndedTask,
  settlement: Settlement,
  status: FinalRecord['status'],
  now: number,
  clock: Clock,
): RunEnd {
  const skewMs = clock.wallMs() - clock.monoMs()
  const history = withLast(task, settlement, status, now)
  const startedAt = task.hasStarted ? task.startedAt : history.at(-1)?.startedAt
  const isCompleted = settlement.kind === 'completed'
  return {
    status,
    finishedMs: Math.round(now + skewMs),
    startedMs: startedAt === undefined ? null : Math.round(startedAt + skewMs),
    queueMs: hundredths(settlement.queueMs),
    runMs: hundredths(settlement.runMs),
    attempt: settlement.attempt,
    worker: settlement.worker ?? null,
    priority: task.priority,
    history: toStored(history, skewMs),
    error: isCompleted ? null : settlement.error,
    result: resultOf(settlement),
    explain: explainOf(task, skewMs),
    coldStartMs: task.coldStartMs ?? null,
  }
}

/** In one, as the disk has it; of a run whose budget was used up, what there was of it. */
function resultOf(settlement: Settlement): RunEnd['result'] {
  if (settlement.kind !== 'completed')
    return settlement.soFar ? { ...settlement.soFar, bytes: wholeOf(settlement.soFar.bytes) } : null
  return { mediaType: settlement.mediaType, bytes: wholeOf(settlement.result) }
}

/** What a worker says of an input that it got by itself, as it is for the task with that input. */
export function placeInput(end: RunEnd): RunEnd {
  const { error } = end
  if (error?.code !== 'INVALID_INPUT') return end
  const detail = error.detail.replace(/^The input (?:at (?=\/)|(?=does not fit))/, (opening) =>
    opening.endsWith('at ') ? 'The input at /input' : 'The input at /input ',
  )
  const errors = error.errors?.map((one) => ({ ...one, pointer: `/input${one.pointer}` }))
  return { ...end, error: { ...error, detail, ...(errors ? { errors } : {}) } }
}

/** Of a run that ends while it is on disk only. */
export function endOnDisk(
  run: LiveRun,
  status: 'cancelled' | 'expired',
  error: TaskError,
  nowMs: number,
): RunEnd {
  return {
    status,
    finishedMs: Math.round(nowMs),
    startedMs: run.history.at(-1)?.startedMs ?? null,
    queueMs: Math.max(0, Math.round(nowMs - Math.max(run.acceptedMs, run.dueMs ?? 0))),
    runMs: 0,
    attempt: run.attempt,
    worker: run.history.at(-1)?.worker ?? null,
    priority: run.priority,
    history: run.history,
    error,
    result: null,
    explain: null,
  }
}

export function progressOf(task: LiveTask, boot: string | null, clock: Clock): RunProgress {
  const skewMs = clock.wallMs() - clock.monoMs()
  const { isAtWorker, worker } = task
  const isBegun = isAtWorker && task.hasStarted
  return {
    status: isAtWorker ? 'running' : 'queued',
    priority: task.priority,
    attempt: task.attempts,
    failures: task.failures,
    losses: task.losses,
    worker: isAtWorker ? (worker?.id ?? null) : null,
    boot: isAtWorker ? boot : null,
    fence: task.fence === 0 ? null : task.fence,
    startedMs: isBegun ? Math.round(task.startedAt + skewMs) : null,
    history: toStored(task.history, skewMs),
  }
}

/** What the end of a run is to who waits for it, as it was read from disk. */
export function settlementOf(end: Omit<RunEnd, 'result'>, result: RunEnd['result']): Settlement {
  const { worker, attempt, queueMs, runMs, error, coldStartMs } = end
  const known = {
    worker: worker ?? undefined,
    attempt,
    queueMs,
    runMs,
    coldStartMs: coldStartMs ?? undefined,
  }
  if (error) return { kind: 'failed', error, ...(result ? { soFar: result } : {}), ...known }
  return { kind: 'completed', result: result?.bytes ?? NOTHING, mediaType: result?.mediaType ?? '', ...known }
}

const NOTHING = new Uint8Array(0)

function toStored(history: readonly AttemptRecord[], skewMs: number): readonly StoredAttempt[] {
  if (history.length === 0) return NO_ATTEMPTS
  return history.map(({ n, worker, startedAt, finishedAt, outcome }) => ({
    n,
    worker: worker ?? null,
    startedMs: startedAt === undefined ? null : Math.round(startedAt + skewMs),
    finishedMs: Math.round(finishedAt + skewMs),
    outcome,
  }))
}

function explainOf({ choice }: EndedTask, skewMs: number): string | null {
  if (!choice) return null
  return JSON.stringify(toChoiceView(choice, (at) => new Date(at + skewMs).toISOString()))
}

function hundredths(ms: number): number {
  return Math.round(ms * 100) / 100
}
