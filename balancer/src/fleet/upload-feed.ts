/**
 * Sends the files of one task to its worker: opened one after the other, read a piece at a time, each when the one
 * before has left. Made by a link for a task that brings files; stopped with the task.
 * Invariant: at most one file is open and one piece in memory; `onEnd` and `onFailed` come once in all, and neither
 * after `stop`.
 */
import type { FileBytes, UploadedFile } from '../ports/files.ts'

export type OpenFile = (name: string) => Promise<FileBytes | undefined>

export interface UploadFeedPorts {
  readonly open: OpenFile
  /** `onSent` comes when the bytes are in a frame, and not at all when the task is over before. */
  send(bytes: Uint8Array, onSent: () => void): void
  onEnd(): void
  onFailed(message: string): void
}

const PIECE_BYTES = 128 * 1024

export class UploadFeed {
  readonly #ports: UploadFeedPorts
  readonly #stopping = Promise.withResolvers<'stopped'>()
  #isStopped = false

  constructor(files: readonly UploadedFile[], ports: UploadFeedPorts) {
    this.#ports = ports
    void this.#run(files)
  }

  stop(): void {
    this.#isStopped = true
    this.#stopping.resolve('stopped')
  }

  async #run(files: readonly UploadedFile[]): Promise<void> {
    const { onEnd, onFailed } = this.#ports
    try {
      for (const file of files) if (file.size > 0 && !this.#isStopped) await this.#sendFile(file)
      if (!this.#isStopped) onEnd()
    } catch (error) {
      if (!this.#isStopped) onFailed(error instanceof Error ? error.message : String(error))
    }
  }

  async #sendFile({ name, path, size }: UploadedFile): Promise<void> {
    const bytes = await this.#ports.open(name)
    if (!bytes || bytes.size !== size) {
      await bytes?.close()
      throw new Error(`The file "${path}" that came with the task is not there any more; send the task again`)
    }
    try {
      for (let at = 0; at < size && !this.#isStopped; at += PIECE_BYTES)
        await this.#sendPiece(await bytes.read(at, Math.min(PIECE_BYTES, size - at)))
    } finally {
      await bytes.close()
    }
  }

  async #sendPiece(piece: Uint8Array): Promise<void> {
    if (this.#isStopped) return
    const sent = Promise.withResolvers<'sent'>()
    this.#ports.send(piece, () => sent.resolve('sent'))
    await Promise.race([sent.promise, this.#stopping.promise])
  }
}
