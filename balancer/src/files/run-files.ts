/**
 * Files that handlers write, from the records of their links to the storage and the store. Made by compose; hears of
 * pieces from durable runs and from tasks in memory, and of the ends of both.
 *
 *   header ─judged─▶ spooling ─last piece, size and hash right, on disk─▶ row written ─▶ kept, the worker hears it
 *      └─refused      └─ another header, a newer attempt, the run's end ─▶ dropped
 *
 * Invariants: a worker hears "kept" only of what a restart finds again (a task in memory ends with the process, its
 * rows are written with its end); of one run only the newest attempt's files count; what is not kept leaves nothing.
 */
import { LIMITS, type OutcomeError, type TaskError } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import type {
  FileOrigin,
  FilePiece,
  FileReads,
  FileStoragePort,
  FileWrite,
  MemoryFilesPort,
  StoredFile,
  WritingRun,
} from '../ports/files.ts'
import type { Kept } from '../ports/store.ts'
import type { FileSpace } from './file-space.ts'
import { FileSpool } from './file-spool.ts'
import { type FileTerms, MOST_FILES, refuseNames, refuseSize, tooLarge, unwritten } from './limits.ts'

export interface RunFilesOptions {
  readonly storage: FileStoragePort
  readonly space: FileSpace
  readonly terms: FileTerms
  readonly reads: Pick<FileReads, 'filesOfAttempt'>
  readonly keep: (writes: readonly FileWrite[]) => Promise<Kept>
  readonly log: Log
  /** Of `RunsAtStart`: runs up to it may have written files under an earlier balancer. */
  readonly lastSeq: number
  /** Nobody knows whether the store has these; whoever hears of them finds out. */
  readonly onDoubt: (names: readonly string[]) => void
  /** A durable run has one more. */
  readonly onFile: (run: string, file: StoredFile) => void
}

/** An attempt that has written files, or begun to. */
interface Writer {
  readonly run: WritingRun
  readonly fence: number
  /** By path. */
  readonly files: Map<string, StoredFile>
  open: Open | undefined
  /** What an earlier balancer has of it; undefined when that is known, or there is none. */
  loading: Promise<void> | undefined
  isOver: boolean
}

interface Open {
  readonly number: number
  readonly header: NonNullable<FilePiece['header']>
  readonly spool: FileSpool
  answer: FilePiece['answer']
  /** Resolves when it is known whether it is taken; pieces come meanwhile. */
  judged: Promise<TaskError | undefined>
}

export class RunFiles implements MemoryFilesPort {
  readonly #options: RunFilesOptions
  readonly #writers = new Map<string, Writer>()
  readonly #recording = new Map<string, Promise<TaskError | undefined>>()

  constructor(options: RunFilesOptions) {
    this.#options = options
  }

  receive(run: WritingRun, piece: FilePiece, origin: FileOrigin): void {
    const writer = this.#writerOf(run, origin)
    const { open } = writer ?? {}
    if (writer && piece.header) void this.#begin(writer, piece)
    else if (writer && open) void this.#add(writer, open, piece)
    else piece.source.taken(piece.recordBytes)
  }

  // --- Ends ------------------------------------------------------------------------------------

  /** Its end may have to leave files of earlier attempts behind. */
  mayHave({ id, seq }: Pick<WritingRun, 'id' | 'seq'>): boolean {
    return this.#writers.has(id) || seq <= this.#options.lastSeq
  }

  /** Its end is on its way to disk: nothing of it is taken any more. */
  ended(run: string): void {
    const writer = this.#writers.get(run)
    if (writer) this.#close(writer)
  }

  has(run: string): boolean {
    if (this.#recording.has(run)) return true
    const writer = this.#writers.get(run)
    return writer !== undefined && (writer.files.size > 0 || writer.open !== undefined)
  }

  /**
   * A task in memory ends with this attempt; `record` writes its end with the files that it is given, and is not
   * called when there are none. True when it was.
   */
  record(run: string, fence: number, record: (files: readonly StoredFile[]) => Promise<Kept>): boolean {
    const writer = this.#writers.get(run)
    if (!writer) return false
    this.#close(writer)
    const files = [...writer.files.values()]
    if (writer.fence !== fence || files.length === 0) {
      this.#remove(files)
      return false
    }
    const recording = this.#settle(record(files), files).finally(() => this.#recording.delete(run))
    this.#recording.set(run, recording)
    return true
  }

  whenRecorded(run: string): Promise<TaskError | undefined> {
    return this.#recording.get(run) ?? Promise.resolve(undefined)
  }

  async #settle(kept: Promise<Kept>, files: readonly StoredFile[]): Promise<TaskError | undefined> {
    const verdict = await kept
    if (!verdict.ok) {
      this.#options.onDoubt(files.map(({ name }) => name))
      return {
        code: 'STORE_UNAVAILABLE',
        detail: `The task has run and written files, and neither its end nor they could be kept (${verdict.detail}).`,
        retryAfterMs: 5_000,
      }
    }
    for (const { name } of files) this.#promote(name)
    return undefined
  }

  // --- Writers ---------------------------------------------------------------------------------

  /** Undefined for an attempt that counts no more. */
  #writerOf(run: WritingRun, { fence }: FileOrigin): Writer | undefined {
    const known = this.#writers.get(run.id)
    if (known && known.fence >= fence) return known.fence === fence ? known : undefined
    if (known) {
      this.#close(known)
      // Those of a durable one have rows, which go with its end.
      if (!run.isDurable) this.#remove([...known.files.values()])
    }
    const writer: Writer = {
      run,
      fence,
      files: new Map(),
      open: undefined,
      loading: undefined,
      isOver: false,
    }
    if (run.isDurable && run.seq <= this.#options.lastSeq) writer.loading = this.#load(writer)
    this.#writers.set(run.id, writer)
    return writer
  }

  async #load(writer: Writer): Promise<void> {
    const { reads, log } = this.#options
    const { id } = writer.run
    try {
      for (const file of await reads.filesOfAttempt(id, writer.fence)) writer.files.set(file.path, file)
    } catch (error) {
      log.warn('which files a run has written before could not be read', { run: id, error })
    }
    writer.loading = undefined
  }

  #close(writer: Writer): void {
    writer.isOver = true
    this.#drop(writer)
    if (this.#writers.get(writer.run.id) === writer) this.#writers.delete(writer.run.id)
  }

  #drop(writer: Writer): void {
    void writer.open?.spool.drop()
    writer.open = undefined
  }

  // --- A file ----------------------------------------------------------------------------------

  async #begin(writer: Writer, { header, isLast, recordBytes, source, answer }: FilePiece): Promise<void> {
    this.#drop(writer)
    if (!header) return
    const { file: number } = header
    const spool = new FileSpool(this.#options.storage)
    const open: Open = { number, header, spool, answer, judged: this.#judge(writer, header) }
    writer.open = open
    source.taken(recordBytes)
    const refusal = await open.judged
    if (refusal) this.#giveUp(writer, open, refusal)
    else if (isLast) await this.#finish(writer, open)
  }

  async #judge(writer: Writer, header: Open['header']): Promise<TaskError | undefined> {
    if (writer.loading) await writer.loading
    return this.#refuse(writer, header) ?? this.#options.space.refuse(header.size)
  }

  #refuse({ files }: Writer, { path, mediaType, size }: Open['header']): TaskError | undefined {
    const wrong = refuseNames(path, mediaType)
    if (wrong) return wrong
    if (files.size >= MOST_FILES && !files.has(path))
      return tooLarge(`A run has at most ${MOST_FILES} files; put some into an archive.`)
    let besideBytes = 0
    for (const file of files.values()) if (file.path !== path) besideBytes += file.size
    return refuseSize(this.#options.terms, path, size, besideBytes)
  }

  async #add(writer: Writer, open: Open, piece: FilePiece): Promise<void> {
    const { bytes, isLast, recordBytes, source } = piece
    const { spool, header } = open
    open.answer = piece.answer
    try {
      await spool.write(bytes)
      this.#options.space.took(bytes.length)
    } catch (error) {
      this.#giveUp(writer, open, unwritten(header.path, error))
    }
    source.taken(recordBytes)
    if (spool.size > header.size) this.#giveUp(writer, open, damaged(header.path))
    if (isLast && writer.open === open) await this.#finish(writer, open)
  }

  async #finish(writer: Writer, open: Open): Promise<void> {
    const { spool, header } = open
    const { path, mediaType, size } = header
    try {
      const refusal = await open.judged
      if (refusal) return
      const sha256 = await spool.finish()
      if (spool.size !== size || sha256 !== header.sha256) return this.#giveUp(writer, open, damaged(path))
      await this.#store(writer, open, {
        path,
        mediaType,
        size,
        sha256,
        name: spool.name,
        fence: writer.fence,
      })
    } catch (error) {
      if (!spool.isDropped) this.#giveUp(writer, open, unwritten(path, error))
    }
  }

  async #store(writer: Writer, open: Open, file: StoredFile): Promise<void> {
    const { run } = writer
    const { keep, onFile } = this.#options
    if (writer.isOver || writer.open !== open) return
    // From here on the row may be on disk, so nothing that ends meanwhile takes the bytes: the store tells what is gone.
    writer.open = undefined
    if (run.isDurable) {
      const kept = await keep([{ kind: 'run-file', seq: run.seq, file }])
      if (kept.ok) this.#promote(file.name)
      else {
        this.#options.onDoubt([file.name])
        if (!writer.isOver) open.answer(open.number, toOutcomeError(unwritten(file.path, kept.detail)))
        return
      }
    }
    if (writer.isOver) return
    const before = writer.files.get(file.path)
    writer.files.set(file.path, file)
    if (before && !run.isDurable) this.#remove([before])
    open.answer(open.number, undefined)
    if (run.isDurable) onFile(run.id, file)
  }

  #giveUp(writer: Writer, open: Open, error: TaskError): void {
    if (writer.open !== open) return
    writer.open = undefined
    void open.spool.drop()
    open.answer(open.number, toOutcomeError(error))
  }

  #promote(name: string): void {
    const { storage, log } = this.#options
    storage
      .keep(name)
      .catch((error: unknown) => log.warn('a file of a run stays where it came in', { name, error }))
  }

  #remove(files: readonly StoredFile[]): void {
    for (const { name } of files) void this.#options.storage.remove(name).catch(() => {})
  }
}

function damaged(path: string): TaskError {
  return {
    code: 'INTERNAL',
    detail: `The file "${path}" arrived damaged: its size or hash is not the announced one.`,
  }
}

function toOutcomeError({ code, detail, retryAfterMs }: TaskError): OutcomeError {
  const message = detail.slice(0, LIMITS.messageText)
  return retryAfterMs === undefined ? { code, message } : { code, message, retryAfterMs }
}
