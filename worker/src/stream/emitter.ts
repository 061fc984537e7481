/**
 * What a handler gives away while it runs: chunks, progress, log lines. `context.ts` calls it; `event-reply.ts`,
 * `text-reply.ts` and `link-emitter.ts` carry it to whoever waits.
 */

/**
 * `log`: a LogEntry. `progress`: `{fraction, text?}`. `usage`: numbers by name, one report. `source`: `{url, title?}`.
 * `message`: `{message}`.
 */
export type NoteKind = 'log' | 'progress' | 'usage' | 'source' | 'message'

export interface Emitter {
  /** Resolves when there is room for more; never rejects. Called with at least one byte, which nobody changes. */
  chunk(bytes: Uint8Array): Promise<void>
  /** Dropped when nobody is there to read it, or when it would not keep up. */
  note(kind: NoteKind, value: object): void
}

/**
 * A handler that does not await `ctx.stream` may be so many bytes ahead of its reader, or a whole result if that
 * is more; beyond it the attempt is aborted.
 */
export const LEAST_OVERRUN_BYTES = 1024 * 1024
