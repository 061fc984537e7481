/**
 * One file on its way into the storage: written in order, counted and hashed as it comes. Made by `run-files.ts` for
 * files of handlers and by `uploads.ts` for those of callers.
 * Invariants: `finish` resolves only for a whole file that would survive a power cut; a spool that is dropped, at any
 * moment, leaves nothing behind.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { FileSink, FileStoragePort } from '../ports/files.ts'

export class FileSpool {
  /** Of its bytes in the storage. */
  readonly name = randomBytes(16).toString('hex')
  #size = 0
  readonly #hash = createHash('sha256')
  readonly #sink: Promise<FileSink>
  /** Behind everything so far. */
  #last: Promise<unknown>
  #isDropped = false

  constructor(storage: Pick<FileStoragePort, 'create'>) {
    this.#sink = storage.create(this.name)
    this.#last = this.#sink
    // Whoever writes next hears of it.
    this.#last.catch(() => {})
  }

  get size(): number {
    return this.#size
  }

  get isDropped(): boolean {
    return this.#isDropped
  }

  /** Resolves when it is with the system; the bytes must stay as they are until then. */
  write(bytes: Uint8Array): Promise<void> {
    this.#size += bytes.length
    this.#hash.update(bytes)
    return this.#behind((sink) => sink.write(bytes))
  }

  /** Lower-case hex SHA-256 of all of it. */
  async finish(): Promise<string> {
    const sha256 = this.#hash.digest('hex')
    await this.#behind((sink) => sink.finish())
    if (this.#isDropped) throw new Error('the file was given up')
    return sha256
  }

  drop(): Promise<void> {
    this.#isDropped = true
    const dropped = this.#last.then(
      async () => (await this.#sink).drop(),
      // A write that failed leaves a file, a failed creation none.
      () => this.#sink.then((sink) => sink.drop()).catch(() => {}),
    )
    this.#last = dropped
    return dropped
  }

  #behind(act: (sink: FileSink) => Promise<void>): Promise<void> {
    const done = this.#last.then(async () => {
      if (!this.#isDropped) await act(await this.#sink)
    })
    this.#last = done
    done.catch(() => {})
    return done
  }
}
