/**
 * What the worker and one of its function threads say to each other. `thread.ts` is the worker's end,
 * `thread-main.ts` the thread's. A thread does one thing at a time: it prepares a function, or runs one call.
 */
import type { Tags, TaskBudget } from '@berth/protocol'
import type { EncodedResult } from '../attempt/result.ts'
import type { FileData } from '../files/file-data.ts'
import type { FileFacts } from '../files/task-files.ts'
import type { ContextLog, Source } from '../functions/define.ts'
import type { FunctionEnv } from '../privacy/env-file.ts'

/** What a thread is born with. */
export interface ThreadBirth {
  /** The project folder. */
  readonly folder: string
  readonly env: FunctionEnv
  /** Notes on their way: the thread adds, the worker subtracts. */
  readonly notes: SharedArrayBuffer
}

/** More than this under way are dropped and counted: a thread may write faster than its worker reads. */
export const NOTES_LIMIT = 1_000

export interface CallFacts {
  readonly runId: string
  readonly attempt: number
  readonly fence: number
  readonly trace: string
  readonly contentType: string
  readonly deadlineAt: number
  readonly tags: Tags
  readonly body: Blob | undefined
  readonly files: readonly FileFacts[]
  readonly session: string | undefined
  /** JSON, read in the thread. */
  readonly turns: Uint8Array | undefined
  readonly budget: TaskBudget | undefined
}

export type ToThread =
  | { readonly type: 'prepare'; readonly name: string; readonly path: string }
  | {
      readonly type: 'call'
      readonly name: string
      readonly input: unknown
      readonly facts: CallFacts
      readonly limitBytes: number
    }
  | { readonly type: 'abort'; readonly name: string; readonly message: string }
  | { readonly type: 'reply'; readonly id: number; readonly value: unknown }
  | { readonly type: 'refusal'; readonly id: number; readonly error: ThrownError }

export type FromThread =
  | { readonly type: 'prepared' }
  | { readonly type: 'unprepared'; readonly error: ThrownError }
  | { readonly type: 'returned'; readonly encoded: EncodedResult }
  | { readonly type: 'threw'; readonly error: ThrownError }
  /** `call` is a number that rises with each call, so that what comes late is not taken for the next one's. */
  | { readonly type: 'note'; readonly call: number; readonly note: Note }
  | { readonly type: 'ask'; readonly call: number; readonly id: number; readonly ask: Ask }

export type Note =
  | {
      readonly kind: 'log'
      readonly level: keyof ContextLog
      readonly text: string
      readonly fields?: Readonly<Record<string, unknown>> | undefined
    }
  | { readonly kind: 'progress'; readonly fraction: number; readonly text?: string | undefined }
  | { readonly kind: 'usage'; readonly used: Readonly<Record<string, number>> }
  | { readonly kind: 'source'; readonly source: Source }
  | { readonly kind: 'message'; readonly message: string | object }

export type Ask =
  | { readonly what: 'stream'; readonly chunk: string | Uint8Array }
  | { readonly what: 'call'; readonly name: string; readonly input: object }
  | { readonly what: 'file'; readonly path: string; readonly data: FileData; readonly mediaType: string }
  | { readonly what: 'read'; readonly path: string; readonly from: number; readonly length: number }

/** An error as it crosses: what the worker reads of it, and its stack for the log. */
export interface ThrownError {
  readonly name: string
  readonly message: string
  readonly stack?: string | undefined
  readonly code?: string | undefined
  readonly nonRetryable?: boolean | undefined
  readonly retryAfterMs?: number | undefined
}

/** Anything thrown, as plain data. Never throws. */
export function describeThrown(thrown: unknown, message: string): ThrownError {
  try {
    const { name, stack, code, nonRetryable, retryAfterMs } = (thrown ?? {}) as Partial<ThrownError>
    return {
      name: typeof name === 'string' ? name : 'Error',
      message,
      stack: typeof stack === 'string' ? stack : undefined,
      code: typeof code === 'string' ? code : undefined,
      nonRetryable: nonRetryable === true,
      retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
    }
  } catch {
    return { name: 'Error', message }
  }
}

/** An error of the other end, thrown again at this one. */
export class CrossedError extends Error {
  readonly code: string | undefined
  readonly nonRetryable: boolean | undefined
  readonly retryAfterMs: number | undefined

  constructor(error: ThrownError) {
    super(error.message)
    this.name = error.name
    this.code = error.code
    this.nonRetryable = error.nonRetryable
    this.retryAfterMs = error.retryAfterMs
    if (error.stack !== undefined) this.stack = error.stack
  }
}
