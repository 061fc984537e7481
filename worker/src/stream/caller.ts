/**
 * The caller's end of a direct task: whether it is still there, and a body that is written piece by piece. Given
 * to `http-task.ts` by `http.ts`; `http-caller.ts` is the real one.
 */

export interface Caller {
  /** Calls once when the caller leaves before its answer is complete. */
  onGone(listener: () => void): void
  /** Sends status 200 and these headers with whatever is written first. `onUnread`: see BodySink. */
  open(headers: Readonly<Record<string, string>>, onUnread: () => void): BodySink
}

/**
 * A body under way. When the caller takes nothing for a while, or far too much waits for it, the connection is
 * cut and `onUnread` of `open` is called, once.
 */
export interface BodySink {
  /** Leaves now, without waiting for more; dropped when the caller is gone. */
  write(bytes: Uint8Array | string): void
  /** Resolves when the caller has taken what was written, as far as anybody can tell; or is gone. Never rejects. */
  room(): Promise<void>
  /** Bytes written and not yet with the operating system. */
  readonly waitingBytes: number
  /** Completes the body. */
  end(): void
  /** Ends the connection so that nobody takes the body for complete, behind what was written. */
  cut(): void
}
