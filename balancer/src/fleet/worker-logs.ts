/** Reads `GET /logs` of a worker on an operator's behalf. Bounded in time and size. */
import type { TaskError, WorkerEntry } from '@berth/protocol'
import { z } from 'zod'

export type WorkerLogs =
  | { readonly ok: true; readonly logs: readonly string[] }
  | { readonly ok: false; readonly error: TaskError }

interface Access {
  readonly fleetKey: string
  readonly workerKey: string
  readonly discoveryTimeoutMs: number
}

const answerSchema = z.object({ logs: z.array(z.string()).max(100_000) })
const MAX_BYTES = 64 * 1024 * 1024

export async function readWorkerLogs(entry: WorkerEntry, access: Access): Promise<WorkerLogs> {
  try {
    const response = await fetch(`${entry.url}/logs`, {
      headers: { authorization: entry.key ?? access.workerKey, 'x-lb-auth': access.fleetKey },
      redirect: 'error',
      signal: AbortSignal.timeout(access.discoveryTimeoutMs),
    })
    if (Number(response.headers.get('content-length') ?? 0) > MAX_BYTES) return unreadable(entry, 'too long')
    const answer = answerSchema.safeParse(await response.json())
    if (!response.ok || !answer.success) return unreadable(entry, `it answered ${response.status}`)
    return { ok: true, logs: answer.data.logs }
  } catch (error) {
    return unreadable(entry, error instanceof Error ? error.message : 'no answer')
  }
}

function unreadable(entry: WorkerEntry, why: string): WorkerLogs {
  const detail = `The log of "${entry.id}" cannot be read: ${why}. Its own file or terminal has it.`
  return { ok: false, error: { code: 'WORKER_LOST', detail } }
}
