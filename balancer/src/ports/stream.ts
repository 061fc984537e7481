/**
 * What a handler gives away while it runs, on its way from the link to its caller. One way: the link hands
 * an item to the core, the core (which notes that a chunk has left and opens nothing) to the submission, its
 * owner to a socket. Back comes only a number: how many bytes the caller has taken, straight to the link,
 * which gives the worker so much credit. What nobody takes keeps at most one window waiting.
 */
export const STREAM_KINDS = ['chunk', 'log', 'progress', 'usage', 'message', 'source'] as const
export type StreamKind = (typeof STREAM_KINDS)[number]

/** The attempt's end of the link. */
export interface StreamSource {
  /** So many bytes of it are with the caller, or wanted by nobody. Does nothing once the attempt is over. */
  taken(bytes: number): void
}

export interface StreamItem {
  readonly kind: StreamKind
  /** A piece of a chunk, or of the JSON of another kind; shares memory with its frame. */
  readonly bytes: Uint8Array
  /** The piece is the last of its item. */
  readonly isLast: boolean
  readonly source: StreamSource
}

/** The attempt that an item comes from. Durations in milliseconds. */
export interface StreamOrigin {
  readonly worker: string
  readonly attempt: number
  readonly queueMs: number
}
