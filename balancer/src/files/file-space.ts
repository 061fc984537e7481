/**
 * Room for files: what is free on their disk beyond DISK_RESERVE, asked of the system once a second at most while
 * files come, and reduced by what has come since. Shared by uploads and files of handlers.
 * Invariant: what cannot be read counts as room enough; the disk says itself when it is full.
 */
import type { TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { FileStoragePort } from '../ports/files.ts'

const AGAIN_MS = 1_000

export class FileSpace {
  readonly #storage: Pick<FileStoragePort, 'freeBytes'>
  readonly #clock: Pick<Clock, 'monoMs'>
  readonly #reserveBytes: number
  #freeBytes = Number.POSITIVE_INFINITY
  /** Of those who come at the same time one asks. */
  #asking: Promise<void> | undefined
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(
    storage: Pick<FileStoragePort, 'freeBytes'>,
    clock: Pick<Clock, 'monoMs'>,
    reserveBytes: number,
  ) {
    this.#storage = storage
    this.#clock = clock
    this.#reserveBytes = reserveBytes
  }

  /** Why so many bytes more are not taken. */
  async refuse(bytes: number): Promise<TaskError | undefined> {
    if (this.#asking || this.#clock.monoMs() - this.#askedAt >= AGAIN_MS) {
      this.#asking ??= this.#ask()
      await this.#asking
    }
    if (this.#freeBytes - bytes >= this.#reserveBytes) return undefined
    const free = Math.max(0, Math.floor(this.#freeBytes))
    return {
      code: 'STORE_UNAVAILABLE',
      detail: `${free} bytes are free where the files of runs are kept, and ${this.#reserveBytes} are to stay free (DISK_RESERVE). Make room, or move DATA_DIR to a larger disk.`,
      retryAfterMs: 10_000,
    }
  }

  async #ask(): Promise<void> {
    this.#freeBytes = await this.#storage.freeBytes().catch(() => Number.POSITIVE_INFINITY)
    this.#askedAt = this.#clock.monoMs()
    this.#asking = undefined
  }

  took(bytes: number): void {
    this.#freeBytes -= bytes
  }
}
