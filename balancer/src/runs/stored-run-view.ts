/**
 * A durable run as `/runs` shows it: from its row alone, or from its row and what the core knows better. Pure.
 * Instants on disk are the wall clock's; the core's become so by the run's acceptance, which both know.
 */
import type { ChoiceView, RunAttempt, RunView, Usage } from '@berth/protocol'
import type {
  DoneRun,
  LiveRun,
  RunOrder,
  StoredAttempt,
  StoredPayload,
  StoredRun,
} from '../ports/stored-run.ts'
import type { TaskPicture } from '../ports/task-look.ts'
import { shownId } from '../ports/worker-key.ts'
import { coldStartOf, NOTHING, showUsage, toChoiceView } from './run-facts.ts'

/** Bytes that are shown in full, as base64; of more only the size. */
const MAX_SHOWN_BYTES = 262_144

export function toStoredView(stored: StoredRun): RunView {
  return stored.kind === 'live' ? liveView(stored.run, null) : doneView(stored.run)
}

/** A run that the core has: its row may be a moment behind. `usage`: as its meter has it. */
export function toHeldView(row: LiveRun, task: TaskPicture, usage: Usage | null = null): RunView {
  const offset = beginOf(row) - task.acceptedAt
  const toMs = (at: number) => Math.round(at + offset)
  const now: LiveRun = {
    ...row,
    status: task.status,
    priority: task.priority,
    worker: task.worker ?? null,
    attempt: task.attempt,
    startedMs: task.startedAt === undefined ? null : toMs(task.startedAt),
    history: task.history.map(({ n, worker, startedAt, finishedAt, outcome }) => ({
      n,
      worker: worker ?? null,
      startedMs: startedAt === undefined ? null : toMs(startedAt),
      finishedMs: toMs(finishedAt),
      outcome,
    })),
  }
  const choice = task.choice ? toChoiceView(task.choice, (at) => iso(toMs(at))) : null
  const view = { ...liveView(now, choice), ...coldStartOf(task) }
  return usage ? { ...view, ...showUsage(usage) } : view
}

/** Input and result of a run as JSON; null for what there is not. */
export function toContent(bytes: Pick<StoredPayload, 'mediaType' | 'bytes'> | null): unknown {
  if (bytes === null) return null
  const { mediaType, bytes: data } = bytes
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  if (mediaType === '') return parseJson(text.toString())
  if (data.length > MAX_SHOWN_BYTES) return { mediaType, size: data.length, base64: null }
  return { mediaType, size: data.length, base64: text.toString('base64') }
}

function liveView(run: LiveRun, explain: ChoiceView | null): RunView {
  const { status, attempt, worker, startedMs, history, webhook } = run
  const isRunning = status === 'running' && startedMs !== null
  const current: RunAttempt[] = isRunning
    ? [{ n: attempt, worker: shown(worker), startedAt: iso(startedMs), finishedAt: null, outcome: null }]
    : []
  return {
    ...orderView(run),
    ...showUsage(run.used?.total ?? null),
    status,
    priority: run.priority,
    attempt,
    attempts: [...history.map(toAttempt), ...current],
    worker: shown(worker),
    explain,
    startedAt: startedMs === null ? null : iso(startedMs),
    queueMs: startedMs === null ? null : Math.max(0, startedMs - beginOf(run)),
    webhook: webhook && { state: 'pending', deliveries: 0 },
  }
}

function doneView(run: DoneRun): RunView {
  const { error, explain, startedMs, finishedMs, webhook, webhookState, deliveries } = run
  const choice: ChoiceView | null = explain === null ? null : parseJson(explain)
  return {
    ...orderView(run),
    ...showUsage(run.usage ?? null),
    status: run.status,
    durable: run.isDurable,
    priority: run.priority,
    error: error && { code: error.code, message: error.detail },
    attempt: run.attempt,
    attempts: run.history.map(toAttempt),
    worker: shown(run.worker),
    explain: choice,
    ...coldStartOf({ coldStartMs: run.coldStartMs ?? undefined }),
    startedAt: startedMs === null ? null : iso(startedMs),
    finishedAt: iso(finishedMs),
    queueMs: run.queueMs,
    runMs: run.runMs,
    latencyMs: Math.max(0, finishedMs - beginOf(run)),
    webhook: webhook && { state: webhookState ?? 'pending', deliveries },
  }
}

function orderView(
  run: RunOrder & { readonly status: RunView['status']; readonly priority: number },
): RunView {
  const { scheduledForMs } = run
  return {
    ...NOTHING,
    messages: [],
    sources: [],
    files: [],
    id: run.id,
    status: run.status,
    durable: true,
    trigger: run.trigger,
    parent: run.parent,
    function: run.function,
    group: run.group,
    contract: run.contract,
    priority: run.priority,
    mode: run.mode,
    error: null,
    attempt: 0,
    attempts: [],
    worker: null,
    session: run.session,
    retryOf: run.retryOf,
    schedule: run.schedule,
    budget: run.budget,
    explain: null,
    metadata: { ...run.metadata },
    createdAt: iso(run.acceptedMs),
    scheduledFor: scheduledForMs === null ? null : iso(scheduledForMs),
    startedAt: null,
    finishedAt: null,
    queueMs: null,
    runMs: null,
    latencyMs: null,
  }
}

/** Since when it waits: a delayed one from when it is due. */
function beginOf({ acceptedMs, dueMs }: RunOrder): number {
  return Math.max(acceptedMs, dueMs ?? 0)
}

function toAttempt({ n, worker, startedMs, finishedMs, outcome }: StoredAttempt): RunAttempt {
  const startedAt = startedMs === null ? null : iso(startedMs)
  return { n, worker: shown(worker), startedAt, finishedAt: iso(finishedMs), outcome }
}

function shown(worker: string | null): string | null {
  return worker === null ? null : shownId(worker)
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function parseJson<Value>(text: string): Value | null {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
