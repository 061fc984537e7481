/**
 * How many bytes may be held at once: whoever wants more waits, first come, first served. Used by `webhook-queue.ts`
 * for results that wait or are being sent.
 * Invariant: what is out is within the limit, or it is one piece that alone is larger.
 */
export class ByteRoom {
  readonly #limit: number
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = []
  #taken = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Takes them if there is room now. */
  tryTake(bytes: number): boolean {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) return false
    this.#taken += bytes
    return true
  }

  async take(bytes: number): Promise<void> {
    if (this.tryTake(bytes)) return
    await new Promise<void>((go) => this.#waiting.push({ bytes, go }))
  }

  give(bytes: number): void {
    this.#taken -= bytes
    for (let next = this.#waiting[0]; next && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#taken += next.bytes
      next.go()
    }
  }

  #fits(bytes: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= this.#limit
  }
}
