/**
 * The life of a run as stretches of time: due later, waiting, each attempt, waiting for the next, each try of its
 * webhook. Pure; drawn by timeline.tsx. Invariant: stretches are in the order in which they began, none is negative.
 */
import { type DeliveryView, isFinal, type RunAttempt, type RunView } from '@berth/protocol'

export interface Phase {
  readonly kind: 'due' | 'waiting' | 'attempt' | 'delivery'
  readonly startMs: number
  /** Null while it goes on. */
  readonly endMs: number | null
  /** Of an attempt. */
  readonly attempt?: RunAttempt
  /** Of a delivery. */
  readonly delivery?: DeliveryView
}

type Told = Pick<RunView, 'createdAt' | 'scheduledFor' | 'startedAt' | 'finishedAt' | 'status' | 'attempts'>

export function phasesOf(run: Told, deliveries: readonly DeliveryView[] = []): readonly Phase[] {
  const createdMs = Date.parse(run.createdAt)
  const dueMs = run.scheduledFor === null ? createdMs : Math.max(createdMs, Date.parse(run.scheduledFor))
  const phases: Phase[] = []
  if (dueMs > createdMs)
    phases.push({ kind: 'due', startMs: createdMs, endMs: run.status === 'scheduled' ? null : dueMs })
  if (run.status === 'scheduled') return phases
  const finishedMs = msOf(run.finishedAt)
  let fromMs = dueMs
  for (const attempt of run.attempts) {
    const startMs = msOf(attempt.startedAt)
    if (startMs === null) continue
    if (startMs > fromMs) phases.push({ kind: 'waiting', startMs: fromMs, endMs: startMs })
    const endMs = msOf(attempt.finishedAt)
    phases.push({
      kind: 'attempt',
      startMs,
      endMs: endMs === null ? null : Math.max(startMs, endMs),
      attempt,
    })
    fromMs = endMs ?? startMs
  }
  const isOut = phases.at(-1)?.kind === 'attempt' && phases.at(-1)?.endMs === null
  if (!isFinal(run.status) && !isOut) phases.push({ kind: 'waiting', startMs: fromMs, endMs: null })
  const isUnborn = run.attempts.length === 0 && isFinal(run.status)
  if (isUnborn && finishedMs !== null && finishedMs > fromMs)
    phases.push({ kind: 'waiting', startMs: fromMs, endMs: finishedMs })
  return [...phases, ...deliveries.flatMap(toDelivery)]
}

function toDelivery(delivery: DeliveryView): Phase[] {
  const startMs = msOf(delivery.createdAt)
  if (startMs === null) return []
  const last = delivery.attempts.at(-1)
  const lastMs = last ? Date.parse(last.at) + last.durationMs : startMs
  return [
    {
      kind: 'delivery',
      startMs,
      endMs: delivery.state === 'pending' ? null : Math.max(startMs, lastMs),
      delivery,
    },
  ]
}

/** From the first to the last moment; what goes on ends now. */
export function spanOf(
  phases: readonly Phase[],
  nowMs: number,
): { readonly startMs: number; readonly endMs: number } {
  const startMs = Math.min(...phases.map((phase) => phase.startMs))
  const endMs = Math.max(...phases.map((phase) => phase.endMs ?? Math.max(nowMs, phase.startMs)))
  return { startMs, endMs: Math.max(endMs, startMs + 1) }
}

function msOf(at: string | null): number | null {
  if (at === null) return null
  const ms = Date.parse(at)
  return Number.isNaN(ms) ? null : ms
}
