/**
 * Owns the child's end of the lifeline: a pipe whose other end lives in the process that started us.
 * Called once by the main of a supervised process. When the supervisor ends in any way, `kill -9` included,
 * the kernel closes its end and we read end-of-file; no polling, and no pid that somebody else may reuse.
 * Invariant: `onLost` is called at most once, and watching never keeps the process alive.
 */
import { Socket } from 'node:net'

/** Names the file descriptor of the pipe; unset means that nobody supervises this process. */
export const LIFELINE_VARIABLE = 'BERTH_LIFELINE_FD'

/** The variable does not name an open pipe; the message is one line. */
export class LifelineError extends Error {
  override readonly name = 'LifelineError'
}

/**
 * Calls `onLost` when the supervisor is gone. Returns a function that stops watching.
 * Does nothing when the variable is unset. Throws a `LifelineError` when it names no open pipe.
 */
export function watchLifeline(
  onLost: () => void,
  env: Readonly<Record<string, string | undefined>> = process.env,
): () => void {
  const value = env[LIFELINE_VARIABLE]
  if (value === undefined || value === '') return () => {}
  const pipe = openPipe(value)
  const lost = () => {
    pipe.removeListener('close', lost)
    onLost()
  }
  pipe.on('error', () => {})
  pipe.once('close', lost)
  pipe.resume()
  pipe.unref()
  return () => {
    pipe.removeListener('close', lost)
    pipe.destroy()
  }
}

function openPipe(value: string): Socket {
  try {
    return new Socket({ fd: Number(value), readable: true, writable: false })
  } catch {
    throw new LifelineError(
      `${LIFELINE_VARIABLE} is "${value}", which is no open pipe; unset it unless a supervisor gave it`,
    )
  }
}
