/**
 * From the bytes of a mail to what a turn is made of. Asked by mail-server.ts, one mail after another; the reading is
 * done by mail-thread.ts, since a mail from anybody may be made to cost seconds.
 * Invariant: it ends within `READ_MS`, with the mail or with nothing, and never holds up this thread.
 */
import { Worker } from 'node:worker_threads'

export interface ReadMail {
  readonly messageId: string | undefined
  /** Of HTML alone what a reader would see; empty for none. */
  readonly text: string
  readonly attachments: readonly {
    readonly filename: string | undefined
    readonly mediaType: string
    readonly bytes: Uint8Array
  }[]
}

const READ_MS = 10_000
const MOST_HEAP_MB = 256

/** Undefined for what cannot be read, or not in time. `limitMs` for tests. */
export function readMail(raw: Uint8Array, limitMs: number = READ_MS): Promise<ReadMail | undefined> {
  const thread = new Worker(new URL('./mail-thread.ts', import.meta.url), {
    workerData: raw,
    resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MB },
    // What a parser complains of is its own affair.
    stderr: true,
    stdout: true,
  })
  return new Promise((resolve) => {
    const settle = (mail: ReadMail | undefined) => {
      clearTimeout(timer)
      resolve(mail)
      void thread.terminate()
    }
    const timer = setTimeout(() => settle(undefined), limitMs)
    thread.once('message', settle)
    thread.once('error', () => settle(undefined))
    thread.once('exit', () => settle(undefined))
  })
}
