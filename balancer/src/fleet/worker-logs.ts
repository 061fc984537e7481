/**
 * Reads `GET /logs` of a worker, on an operator's behalf or again and again for those who follow one of another make.
 * Bounded in time and size; what goes wrong is told in words of our own, since an error of the client may repeat the key.
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

/** Where and with what a log is asked for. */
export interface LogQuestion {
  /** Base URL. */
  readonly url: string
  readonly fleetKey: string
  readonly workerKey: string
  /** For the whole answer. */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Ends the question; the answer is one that failed. */
  readonly signal?: AbortSignal
}

export type LogAnswer =
  | { readonly ok: true; readonly logs: readonly string[] }
  | { readonly ok: false; readonly why: string }

export async function readWorkerLogs(entry: WorkerEntry, access: Access): Promise<WorkerLogs> {
  const { fleetKey, discoveryTimeoutMs: timeoutMs } = access
  const workerKey = entry.key ?? access.workerKey
  const answer = await askLogs({ url: entry.url, fleetKey, workerKey, timeoutMs, maxBytes: MAX_BYTES })
  return answer.ok ? answer : unreadable(entry, answer.why)
}

export async function askLogs(question: LogQuestion): Promise<LogAnswer> {
  const { url, fleetKey, workerKey, timeoutMs, maxBytes, signal } = question
  const late = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(`${url}/logs`, {
      headers: { authorization: workerKey, 'x-lb-auth': fleetKey },
      redirect: 'error',
      signal: signal ? AbortSignal.any([late, signal]) : late,
    })
    if (!response.ok) {
      await response.body?.cancel()
      return { ok: false, why: `the worker answered ${response.status}` }
    }
    const text = await readText(response, maxBytes)
    if (text === undefined) return { ok: false, why: `it is over ${maxBytes / 1024 / 1024} MiB` }
    const { success, data } = answerSchema.safeParse(parseJson(text))
    return success ? { ok: true, logs: data.logs } : { ok: false, why: 'the worker answered something else' }
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === 'TimeoutError'
    return { ok: false, why: isLate ? 'no answer in time' : 'the worker cannot be reached' }
  }
}

/** Undefined when it is too long. */
async function readText(response: Response, maxBytes: number): Promise<string | undefined> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.length
    if (bytes > maxBytes) return undefined
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
