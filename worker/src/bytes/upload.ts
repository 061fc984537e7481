/**
 * Bytes that came in instead of JSON, as a task carries them to its handler (`ctx.body`, `ctx.contentType`). Made
 * where a body arrives: `task-request.ts` and `link-input.ts`.
 * Invariant: what a handler gets is its own, and nothing but the body: no buffer that others lie in as well.
 */

export interface Upload {
  /** As the caller wrote it; a Blob's own type is in lower case, which would break a multipart boundary. */
  readonly contentType: string
  /** Made when it is first asked for, which is when the handler is to be called: what waits is held once. */
  readonly blob: Blob
}

type Part = Uint8Array<ArrayBuffer>

/** The parts in their order; they must not be written to any more. */
export function uploadOf(parts: readonly Uint8Array[], contentType: string): Upload {
  return new ReceivedUpload(parts as readonly Part[], contentType)
}

class ReceivedUpload implements Upload {
  readonly contentType: string
  #parts: readonly Part[]
  #blob: Blob | undefined

  constructor(parts: readonly Part[], contentType: string) {
    this.#parts = parts
    this.contentType = contentType
  }

  get blob(): Blob {
    if (this.#blob) return this.#blob
    this.#blob = new ReceivedBlob(this.#parts, this.contentType)
    this.#parts = []
    return this.#blob
  }
}

/**
 * A Blob whose first reading is one copy of what came; the Blob's own way is two, a piece at a time. Most handlers
 * read it once and as a whole, and then nothing but the Blob itself is kept.
 */
class ReceivedBlob extends Blob {
  #parts: readonly Part[] | undefined

  constructor(parts: readonly Part[], type: string) {
    super([...parts], { type })
    this.#parts = parts
  }

  override async bytes(): Promise<Part> {
    return this.#takeWhole() ?? super.bytes()
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#takeWhole()?.buffer ?? super.arrayBuffer()
  }

  #takeWhole(): Part | undefined {
    const parts = this.#parts
    this.#parts = undefined
    const [first] = parts ?? []
    if (parts === undefined || first === undefined) return undefined
    if (parts.length === 1) return new Uint8Array(first)
    const whole = new Uint8Array(this.size)
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }
}
