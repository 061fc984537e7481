/**
 * Files that callers send along with a task: spooled as they come, before the task is known, and a run's once it is
 * accepted. Asked by `http/`, a request at a time.
 * Invariants: what no run has is gone when its request is answered, or at the next start; a request that is over, also
 * while something of it was waited for, makes no file any more, and none stays open.
 */
import { randomBytes } from 'node:crypto'
import type { TaskError } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import type { FileStoragePort, Upload, UploadedFile, UploadSink, UploadsPort } from '../ports/files.ts'
import type { FileSpace } from './file-space.ts'
import { FileSpool } from './file-spool.ts'
import { type FileTerms, refuseNames, refuseSize, tooLarge, unwritten } from './limits.ts'

export interface UploadsOptions {
  readonly storage: FileStoragePort
  readonly space: FileSpace
  readonly terms: FileTerms
  readonly log: Log
}

/** Requests with files at once. */
const MOST_UPLOADS = 64
/** Files of one request, and what they are in the extras of a task, in characters of JSON. */
const MOST_FILES = 100
const NAMES_TEXT = 8 * 1024
/** Of one beside its names. */
const FILE_TEXT = 48

const OVER: TaskError = { code: 'CANCELLED', detail: 'The request is over; nothing more of it is taken.' }

export class Uploads implements UploadsPort {
  readonly #options: UploadsOptions
  #open = 0

  constructor(options: UploadsOptions) {
    this.#options = options
  }

  begin(): Upload | TaskError {
    if (this.#open >= MOST_UPLOADS)
      return {
        code: 'RATE_LIMITED',
        detail: `${MOST_UPLOADS} requests send files already, which is the limit. Send it again in a moment.`,
        retryAfterMs: 1_000,
      }
    this.#open++
    return new FileUpload(this.#options, [], () => void this.#open--)
  }

  async copy(files: readonly UploadedFile[]): Promise<Upload | undefined> {
    const { storage } = this.#options
    const copies = files.map((file) => ({ ...file, name: randomBytes(16).toString('hex') }))
    const upload = new FileUpload(this.#options, copies, () => {})
    let isWhole = false
    try {
      for (const [index, { name }] of files.entries())
        if (!(await storage.copy(name, copies[index]?.name ?? ''))) return undefined
      isWhole = true
      return upload
    } finally {
      if (!isWhole) await upload.drop()
    }
  }
}

class FileUpload implements Upload {
  readonly #options: UploadsOptions
  readonly #files: UploadedFile[]
  readonly #onOver: () => void
  /** Not finished; whatever is in here ends with the request. */
  readonly #spools = new Set<FileSpool>()
  #bytes = 0
  #names = 0
  #isOver = false

  constructor(options: UploadsOptions, files: readonly UploadedFile[], onOver: () => void) {
    this.#options = options
    this.#files = [...files]
    this.#onOver = onOver
  }

  get files(): readonly UploadedFile[] {
    return this.#files
  }

  async open(path: string, mediaType: string): Promise<UploadSink | TaskError> {
    const refusal = this.#refuse(path, mediaType) ?? (await this.#options.space.refuse(0))
    if (refusal) return refusal
    // Nobody would close what is opened for a request that ended meanwhile.
    if (this.#isOver) return OVER
    const spool = new FileSpool(this.#options.storage)
    this.#spools.add(spool)
    return {
      write: (bytes) => this.#write(spool, path, bytes),
      end: () => this.#end(spool, path, mediaType),
    }
  }

  keep(): void {
    const { storage, log } = this.#options
    if (!this.#finish()) return
    for (const spool of this.#spools) void spool.drop()
    for (const { name } of this.#files)
      storage
        .keep(name)
        .catch((error: unknown) => log.warn('an uploaded file stays where it came in', { name, error }))
  }

  async drop(): Promise<void> {
    if (!this.#finish()) return
    const { storage } = this.#options
    await Promise.all([
      ...[...this.#spools].map((spool) => spool.drop()),
      ...this.#files.map(({ name }) => storage.remove(name).catch(() => {})),
    ])
  }

  #finish(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#onOver()
    return true
  }

  #refuse(path: string, mediaType: string): TaskError | undefined {
    const wrong = refuseNames(path, mediaType)
    if (wrong) return wrong
    if (this.#files.some((file) => file.path === path))
      return { code: 'INVALID_REQUEST', detail: `Two files have the path "${path}"; name each once.` }
    this.#names += JSON.stringify([path, mediaType]).length + FILE_TEXT
    if (this.#files.length < MOST_FILES && this.#names <= NAMES_TEXT) return undefined
    return tooLarge(
      `A task brings at most ${MOST_FILES} files, and ${NAMES_TEXT} characters of their names; put some into an archive.`,
    )
  }

  async #write(spool: FileSpool, path: string, bytes: Uint8Array): Promise<TaskError | undefined> {
    const { terms, space } = this.#options
    const refusal =
      refuseSize(terms, path, spool.size + bytes.length, this.#bytes) ?? (await space.refuse(bytes.length))
    if (refusal) return refusal
    if (this.#isOver) return OVER
    try {
      await spool.write(bytes)
      space.took(bytes.length)
    } catch (error) {
      return unwritten(path, error)
    }
    return undefined
  }

  async #end(spool: FileSpool, path: string, mediaType: string): Promise<TaskError | undefined> {
    if (this.#isOver) return OVER
    try {
      const sha256 = await spool.finish()
      if (this.#isOver) return OVER
      this.#spools.delete(spool)
      this.#bytes += spool.size
      this.#files.push({ path, mediaType, size: spool.size, sha256, name: spool.name })
    } catch (error) {
      return unwritten(path, error)
    }
    return undefined
  }
}
