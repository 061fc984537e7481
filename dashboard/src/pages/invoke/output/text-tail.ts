/**
 * What a stream has said so far, kept to its newest part, and told to the page at most so often. Invariant: bounded in
 * memory and in repaints, however fast the chunks come; what was left out is counted.
 */
export const TAIL_CHARACTERS = 256 * 1024
const FLUSH_MS = 100

export interface Tail {
  readonly text: string
  readonly chunks: number
  /** Characters that came before `text`. */
  readonly dropped: number
}

export const EMPTY_TAIL: Tail = { text: '', chunks: 0, dropped: 0 }

export class TextTail {
  readonly #onChange: (tail: Tail) => void
  #tail: Tail = EMPTY_TAIL
  #parts: string[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(onChange: (tail: Tail) => void) {
    this.#onChange = onChange
  }

  add(text: string): void {
    this.#parts.push(text)
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS)
  }

  /** Tells at once what has come; called at the end. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#parts.length === 0) return
    const text = this.#tail.text + this.#parts.join('')
    const cut = Math.max(0, text.length - TAIL_CHARACTERS)
    this.#tail = {
      text: cut === 0 ? text : text.slice(cut),
      chunks: this.#tail.chunks + this.#parts.length,
      dropped: this.#tail.dropped + cut,
    }
    this.#parts = []
    this.#onChange(this.#tail)
  }

  /** Nothing is told any more. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#parts = []
  }
}
