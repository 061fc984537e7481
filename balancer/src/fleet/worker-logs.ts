/**
 * Reads `GET /logs` of a worker on an operator's behalf. Bounded in time and size; what goes wrong is
 * told in words of our own, since an error of the client may repeat the key.
 */
import type { TaskError, WorkerEntry } from '@berth/protocol'
import { z } from 'zod'

export type WorkerLogs =
  | { readonly ok: true; readonly logs: readonly string[] }
  | { readonly ok: false; readonly error: TaskError }

interface Access {
  readonly fleetKey: string
  readonly workerKey: string
  /** For the whole answer. */
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
    if (!response.ok) {
      await response.body?.cancel()
      return unreadable(entry, `the worker answered ${response.status}`)
    }
    const text = await readText(response)
    if (text === undefined) return unreadable(entry, `it is over ${MAX_BYTES / 1024 / 1024} MiB`)
    const answer = answerSchema.safeParse(parseJson(text))
    return answer.success
      ? { ok: true, logs: answer.data.logs }
      : unreadable(entry, 'the worker answered something else')
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError'
    return unreadable(entry, isLate ? 'no answer in time' : 'the worker cannot be reached')
  }
}

/** Undefined when it is too long. */
async function readText(response: Response): Promise<string | undefined> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.length
    if (bytes > MAX_BYTES) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unreadable(entry: WorkerEntry, why: string): WorkerLogs {
  const detail = `The log of "${entry.id}" cannot be read: ${why}. Its own file or terminal has it.`
  return { ok: false, error: { code: 'WORKER_LOST', detail } }
}
