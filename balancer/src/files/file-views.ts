/**
 * The files of runs for the routes: which there are, and their bytes. Made by compose, asked through `RunFilesPort`.
 * Invariant: a path from outside is compared with those of the run, and never used for anything else.
 */
import { createHash } from 'node:crypto'
import type { TaskError } from '@berth/protocol'
import type {
  FileBytes,
  FileReads,
  FileStoragePort,
  OpenedFile,
  RunFile,
  RunFilesPort,
} from '../ports/files.ts'
import type { RunReads } from '../ports/run-reads.ts'
import { type ShownFile, shownFiles } from '../ports/shown-files.ts'

export interface FileViewsOptions {
  readonly storage: Pick<FileStoragePort, 'open'>
  readonly reads: Pick<FileReads, 'files'> & Pick<RunReads, 'result'>
  /** Whether there is such a run, in memory or on disk. */
  readonly isKnown: (run: string) => Promise<boolean>
}

/** Opened at once. */
const MOST_OPEN = 256

export class FileViews implements RunFilesPort {
  readonly #options: FileViewsOptions
  #open = 0

  constructor(options: FileViewsOptions) {
    this.#options = options
  }

  async list(run: string): Promise<readonly RunFile[] | undefined> {
    const files = await this.#files(run)
    if (files.length === 0 && !(await this.#options.isKnown(run))) return undefined
    return files.map(({ path, mediaType, size, origin }) => ({ path, mediaType, size, origin }))
  }

  async open(run: string, path: string): Promise<OpenedFile | TaskError | undefined> {
    const file = (await this.#files(run)).find((one) => one.path === path)
    if (!file) return undefined
    if (this.#open >= MOST_OPEN) return TOO_MANY
    this.#open++
    const opened = await this.#opened(run, file).catch((error: unknown) => {
      this.#open--
      throw error
    })
    if (!opened) this.#open--
    return opened
  }

  async #files(run: string): Promise<readonly ShownFile[]> {
    const [found] = await this.#options.reads.files([run])
    return found ? shownFiles(found) : []
  }

  async #opened(run: string, { stored, ...file }: ShownFile): Promise<OpenedFile | undefined> {
    if (stored) {
      const bytes = await this.#options.storage.open(stored.name)
      return bytes && { ...file, sha256: stored.sha256, bytes: this.#counted(bytes) }
    }
    const result = await this.#options.reads.result(run)
    if (!result) return undefined
    const sha256 = createHash('sha256').update(result.bytes).digest('hex')
    return { ...file, sha256, bytes: this.#counted(inMemory(result.bytes)) }
  }

  #counted(bytes: FileBytes): FileBytes {
    let isOpen = true
    return {
      size: bytes.size,
      read: (from, length) => bytes.read(from, length),
      close: async () => {
        if (isOpen) this.#open--
        isOpen = false
        await bytes.close()
      },
    }
  }
}

function inMemory(bytes: Uint8Array): FileBytes {
  return {
    size: bytes.length,
    read: async (from, length) => bytes.subarray(from, from + length),
    close: async () => {},
  }
}

const TOO_MANY: TaskError = {
  code: 'RATE_LIMITED',
  detail: `${MOST_OPEN} files are being downloaded already, which is the limit. Ask again in a moment.`,
  retryAfterMs: 1_000,
}
