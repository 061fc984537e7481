/**
 * Results that arrive in pieces. Bounded by `RESULT_LIMIT` a task: what is over it is dropped as it
 * comes, and the task fails at its END.
 */
interface Partial {
  readonly pieces: Uint8Array[]
  bytes: number
}

export class ResultBuffer {
  readonly limitBytes: number
  readonly #partials = new Map<number, Partial>()

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  add(task: number, bytes: Uint8Array): void {
    const partial = this.#partials.get(task) ?? { pieces: [], bytes: 0 }
    this.#partials.set(task, partial)
    partial.bytes += bytes.length
    if (partial.bytes > this.limitBytes) partial.pieces.length = 0
    else partial.pieces.push(bytes)
  }

  /** The whole result, whose last piece is `tail`; undefined when it is over the limit. */
  take(task: number, tail: Uint8Array): Uint8Array | undefined {
    const partial = this.#partials.get(task)
    if (!partial) return tail.length > this.limitBytes ? undefined : tail
    this.#partials.delete(task)
    if (partial.bytes + tail.length > this.limitBytes) return undefined
    return Buffer.concat([...partial.pieces, tail])
  }

  drop(task: number): void {
    this.#partials.delete(task)
  }
}
