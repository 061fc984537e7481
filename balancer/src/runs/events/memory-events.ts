/**
 * The events of a task in memory: its statuses and its end, without a result, as long as it is remembered. Used by
 * `run-events.ts` for runs that are not on disk.
 */
import type { RunView, TaskError } from '@berth/protocol'
import type { RunsPort } from '../../ports/runs.ts'
import type { StoredEvent } from '../../ports/told.ts'
import { RESULT_ELSEWHERE, statusEvents } from './status-events.ts'

export type MemoryLook = Pick<RunsPort, 'find' | 'waitFor'>

/** How often a task that has not ended is looked at. */
const LOOK_MS = 1_000

export async function* memoryEvents(
  first: RunView,
  after: number,
  signal: AbortSignal,
  { runs, quietMs }: { readonly runs: MemoryLook; readonly quietMs: number },
): AsyncGenerator<readonly StoredEvent[], void, void> {
  let last = after
  let quietSinceMs = 0
  for (let run: RunView | undefined = first; run; ) {
    // Before anything is told: an end that nobody waits for may not be remembered.
    const waiting: ReturnType<MemoryLook['waitFor']> | undefined =
      run.finishedAt === null ? runs.waitFor(run.id, LOOK_MS, signal) : undefined
    const events = eventsOf(run).filter(({ n }) => n > last)
    last = events.at(-1)?.n ?? last
    if (events.length > 0) yield events
    if (!waiting || signal.aborted) return
    quietSinceMs = events.length > 0 ? 0 : quietSinceMs + LOOK_MS
    if (quietSinceMs >= quietMs) {
      quietSinceMs = 0
      yield []
    }
    const waited: Awaited<typeof waiting> = await waiting
    run = waited?.ok ? waited.run : undefined
  }
}

/** What is known of it so far, numbered from 1. */
export function eventsOf(run: RunView): StoredEvent[] {
  const events = statusEvents({
    status: run.status,
    acceptedMs: Date.parse(run.createdAt),
    dueMs: null,
    attempts: run.attempts.map(({ n, worker, startedAt, finishedAt }) => ({
      n,
      worker,
      startedMs: msOf(startedAt),
      finishedMs: msOf(finishedAt),
    })),
    finishedMs: msOf(run.finishedAt),
    error: run.error && ({ code: run.error.code, detail: run.error.message } as TaskError),
  })
  // Its result went to its caller.
  return events.map((event) => (event.data === RESULT_ELSEWHERE ? { ...event, data: 'null' } : event))
}

function msOf(instant: string | null): number | null {
  return instant === null ? null : Date.parse(instant)
}
