/**
 * Files that came with a task, as its handler gets them (`ctx.files`). They arrive one behind the other before the end
 * of the input, and lie in one temporary file. Made by `link-tasks.ts` when a TASK announces some.
 * Invariant: a handler finds all of them, whole, or is not called.
 */
import { TemporaryFile } from './temporary-file.ts'

export interface FileFacts {
  readonly path: string
  readonly mediaType: string
  readonly size: number
}

/** A file that came with the task; its bytes are read when they are asked for. */
export interface TaskFile extends FileFacts {
  /** All of it, in memory. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>
  /** As UTF-8. */
  text(): Promise<string>
  stream(): ReadableStream<Uint8Array<ArrayBuffer>>
  /** Fewer only at its end. */
  part(from: number, length: number): Promise<Uint8Array<ArrayBuffer>>
}

/** Reads some bytes of the file at that place of the list. */
export type ReadPart = (file: number, from: number, length: number) => Promise<Uint8Array<ArrayBuffer>>

/** `ctx.files`. */
export interface TaskFiles {
  list(): readonly FileFacts[]
  /** Rejects when there is none of that path. */
  read(path: string): Promise<TaskFile>
}

const PIECE_BYTES = 128 * 1024
const NONE: readonly FileFacts[] = Object.freeze([])

export function makeTaskFiles(facts: readonly FileFacts[], read: ReadPart): TaskFiles {
  return {
    list: () => facts,
    read: async (path) => {
      const at = facts.findIndex((file) => file.path === path.normalize('NFC'))
      const found = facts[at]
      if (!found)
        throw new Error(`ctx.files: no file "${path}" came with the task; it brought ${facts.length}`)
      return makeFile(found, (from, length) => read(at, from, length))
    },
  }
}

export const NO_FILES: TaskFiles = makeTaskFiles(NONE, () => Promise.reject(new Error('there are no files')))

function makeFile(
  facts: FileFacts,
  read: (from: number, length: number) => Promise<Uint8Array<ArrayBuffer>>,
): TaskFile {
  const bytes = () => read(0, facts.size)
  return {
    ...facts,
    bytes,
    part: read,
    text: async () => new TextDecoder().decode(await bytes()),
    stream: () => {
      let at = 0
      return new ReadableStream({
        async pull(controller) {
          if (at < facts.size) {
            const piece = await read(at, PIECE_BYTES)
            at += piece.length
            controller.enqueue(piece)
          }
          if (at >= facts.size) controller.close()
        },
      })
    },
  }
}

/** Gathers them as they come. */
export class ReceivedFiles {
  readonly facts: readonly FileFacts[]
  readonly #expectedBytes: number
  #receivedBytes = 0
  #file: Promise<TemporaryFile> | undefined
  /** Behind everything so far. */
  #last: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor(facts: readonly FileFacts[]) {
    this.facts = facts
    this.#expectedBytes = facts.reduce((sum, { size }) => sum + size, 0)
  }

  /** Resolves when the bytes are in the file; undefined when they are more than was announced. */
  add(bytes: Uint8Array): Promise<void> | undefined {
    // Nobody would close what is made now.
    if (this.#isClosed) return Promise.resolve()
    this.#receivedBytes += bytes.length
    if (this.#receivedBytes > this.#expectedBytes) return undefined
    this.#file ??= TemporaryFile.make()
    const file = this.#file
    const added = this.#last.then(async () => (await file).append(bytes))
    this.#last = added
    added.catch(() => {})
    return added
  }

  /** Resolves when all of them are there; rejects with why they are not. */
  async whole(): Promise<void> {
    await this.#last
    if (this.#receivedBytes !== this.#expectedBytes)
      throw new Error(`${this.#receivedBytes} bytes of files came, and ${this.#expectedBytes} were announced`)
  }

  readonly read: ReadPart = async (index, from, length) => {
    const { size = 0 } = this.facts[index] ?? {}
    const before = this.facts.slice(0, index).reduce((sum, file) => sum + file.size, 0)
    const bounded = Math.max(0, Math.min(length, size - from))
    if (!this.#file || bounded === 0) return new Uint8Array(0)
    return (await this.#file).read(before + from, bounded)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    void this.#file?.then((file) => file.close()).catch(() => {})
  }
}
