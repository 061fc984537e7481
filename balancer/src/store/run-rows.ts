/** The parts of a run as the stores tell them apart. Pure. */
import { canonicalJson } from '@berth/protocol'
import type { RunLaneNeeds } from '../ports/run-store.ts'
import type { RunOrder } from '../ports/stored-run.ts'

/** Of a delivery, the newest. */
export const TRIES_KEPT = 100

/** What never changes of a run, without what changes. */
export function orderOf(run: RunOrder): RunOrder {
  return {
    seq: run.seq,
    id: run.id,
    group: run.group,
    function: run.function,
    contract: run.contract,
    tags: run.tags,
    fairnessKey: run.fairnessKey,
    mode: run.mode,
    trigger: run.trigger,
    attempts: run.attempts,
    idempotent: run.idempotent,
    timeoutMs: run.timeoutMs,
    acceptedMs: run.acceptedMs,
    deadlineMs: run.deadlineMs,
    queueUntilMs: run.queueUntilMs,
    dueMs: run.dueMs,
    session: run.session,
    schedule: run.schedule,
    scheduledForMs: run.scheduledForMs,
    parent: run.parent,
    retryOf: run.retryOf,
    budget: run.budget,
    metadata: run.metadata,
    trace: run.trace,
    webhook: run.webhook,
    ...(run.isRouted === true ? { isRouted: true } : {}),
    ...(run.uploads === undefined ? {} : { uploads: run.uploads }),
  }
}

/** Equal for runs of the same needs, in whatever order their tags are written. */
export function laneKey({ group, function: name, contract, tags }: RunLaneNeeds): string {
  return `${group}\n${name}\n${contract}\n${tags === null ? '' : canonicalJson(tags)}`
}

/** When a run that waits is given up; null for never. */
export function givenUpMs({
  deadlineMs,
  queueUntilMs,
}: Pick<RunOrder, 'deadlineMs' | 'queueUntilMs'>): number | null {
  if (deadlineMs === null || queueUntilMs === null) return deadlineMs ?? queueUntilMs
  return Math.min(deadlineMs, queueUntilMs)
}
