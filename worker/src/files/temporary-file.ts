/**
 * Bytes that are too many to be held in memory: a file of the system's temporary folder that has no name any more, so
 * that nobody else can open it and nothing is left of it, however this process ends. Made for files that handlers
 * write (`file-writer.ts`) and for those that came with a task (`task-files.ts`).
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { O_CREAT, O_EXCL, O_RDWR, O_NOFOLLOW } = constants

export class TemporaryFile {
  readonly #file: FileHandle
  #size = 0
  /** Reads and writes that are under way: a descriptor that is closed under them may be another file's. */
  #users = 0
  #isClosed = false

  private constructor(file: FileHandle) {
    this.#file = file
  }

  static async make(): Promise<TemporaryFile> {
    const path = join(tmpdir(), `berth-${randomUUID()}`)
    const file = await open(path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0o600)
    try {
      await unlink(path)
    } catch (error) {
      await file.close()
      throw error
    }
    return new TemporaryFile(file)
  }

  get size(): number {
    return this.#size
  }

  /** One at a time. */
  append(bytes: Uint8Array): Promise<void> {
    return this.#use(async () => {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, this.#size)
        at += bytesWritten
        this.#size += bytesWritten
      }
    })
  }

  /** Fewer only at the end. */
  read(from: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#use(async () => {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, this.#size - from)))
      for (let at = 0; at < bytes.length; ) {
        const { bytesRead } = await this.#file.read(bytes, at, bytes.length - at, from + at)
        if (bytesRead === 0) throw new Error('a temporary file is shorter than what was written')
        at += bytesRead
      }
      return bytes
    })
  }

  /** Also while it is read or written, which then ends. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#users === 0) void this.#file.close().catch(() => {})
  }

  async #use<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new Error('the attempt is over, and its temporary files are gone')
    this.#users++
    try {
      return await act()
    } finally {
      this.#users--
      if (this.#isClosed && this.#users === 0) void this.#file.close().catch(() => {})
    }
  }
}
