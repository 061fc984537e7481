/**
 * Free bytes where the store lies, read once a second: nobody's acceptance waits for the file system.
 * Invariant: what cannot be read counts as room enough; the store says itself when it cannot write.
 */
export class DiskSpace {
  readonly #read: () => Promise<number>
  #freeBytes = Number.POSITIVE_INFINITY
  #isReading = false

  constructor(read: () => Promise<number>) {
    this.#read = read
  }

  get freeBytes(): number {
    return this.#freeBytes
  }

  /** Called every second; a slow answer is waited for and not asked again. */
  async look(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    this.#freeBytes = await this.#read().catch(() => Number.POSITIVE_INFINITY)
    this.#isReading = false
  }
}
