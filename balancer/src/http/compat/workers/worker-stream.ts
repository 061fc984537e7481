/**
 * The stream of a worker: what there is of its work, then what comes, until nothing of it is left. Server-sent events
 * without names; each `data:` line is one JSON value. Reads ports/run-events.ts turn by turn.
 *
 *   {"type":"worker",…object} → {"type":"output_text.delta"|"progress"|"usage"|"file"|"turn.…", "turn": <run id>, …}
 *   … → {"type":"worker",…object}, the end
 */
import { isFinal } from '@berth/protocol'
import { EVENT_COMMENT, encodeEvent } from '@berth/runtime'
import type { RunEventsPort } from '../../../ports/run-events.ts'
import type { StoredEvent } from '../../../ports/told.ts'
import { currentOf } from './worker-object.ts'
import type { WorkerSessions } from './worker-sessions.ts'

export interface WorkerStreamDeps {
  readonly workers: WorkerSessions
  readonly events: Pick<RunEventsPort, 'follow'>
}

/** `only`: the one turn to follow, else every turn from the current one on. */
export async function* followWorker(
  { workers, events }: WorkerStreamDeps,
  id: string,
  only: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  yield await worded(workers, id)
  let turn = only ?? currentOf(await workers.runsOf(id))?.id
  while (turn !== undefined && !signal.aborted) {
    yield* followTurn(events, turn, signal)
    if (only !== undefined) break
    const ended = turn
    const next = currentOf(await workers.runsOf(id))
    turn = next && next.id > ended && !isFinal(next.status) ? next.id : undefined
  }
  if (!signal.aborted) yield await worded(workers, id)
}

async function* followTurn(
  events: WorkerStreamDeps['events'],
  turn: string,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const found = await events.follow(turn, 0, signal)
  if (found.kind === 'refused') yield dataOf({ type: 'error', turn, error: found.error.detail })
  if (found.kind !== 'events') return
  for await (const batch of found.batches)
    yield batch.map((event) => wordEvent(turn, event)).join('') || EVENT_COMMENT
}

async function worded(workers: WorkerSessions, id: string): Promise<string> {
  const worker = await workers.find(id)
  return worker ? dataOf({ type: 'worker', worker }) : ''
}

/** Lines of the log are the operator's; the result comes with the worker at the end. */
function wordEvent(turn: string, { type, data }: StoredEvent): string {
  const told: Readonly<Record<string, unknown>> = JSON.parse(data)
  switch (type) {
    case 'chunk':
      return dataOf({ type: 'output_text.delta', turn, delta: told.text ?? '' })
    case 'status':
      return dataOf({ type: `turn.${told.status}`, turn })
    case 'error':
      return dataOf({ type: 'turn.error', turn, error: told })
    case 'progress':
    case 'usage':
    case 'file':
      return dataOf({ type, turn, ...told })
    default:
      return ''
  }
}

function dataOf(value: object): string {
  return encodeEvent({ data: JSON.stringify(value) })
}
