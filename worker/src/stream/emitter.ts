/**
 * What a handler gives away while it runs: chunks, progress, log lines. `context.ts` calls it; `event-reply.ts`,
 * `text-reply.ts` and `link-emitter.ts` carry it to whoever waits. Types only.
 */

/** `log`: a LogEntry. `progress`: `{fraction, text?}`. `usage`: what `ctx.usage` was told. */
export type NoteKind = 'log' | 'progress' | 'usage'

export interface Emitter {
  /** Resolves when there is room for more; never rejects. Called with at least one byte, which nobody changes. */
  chunk(bytes: Uint8Array): Promise<void>
  /** Dropped when nobody is there to read it, or when it would not keep up. */
  note(kind: NoteKind, value: object): void
}

/** Chunks that wait although the handler was told by `ctx.stream` to wait: beyond this the attempt is aborted. */
export function isOverrun(waitingBytes: number, resultLimitBytes: number): boolean {
  return waitingBytes > Math.max(resultLimitBytes, 1024 * 1024)
}
