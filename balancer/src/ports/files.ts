/**
 * Files of runs: written by handlers or sent along with a task. Three sides meet here. `FileStoragePort` keeps bytes
 * under names that it is given and knows nothing of runs (a disk now, another store later); `files/` implements the
 * rest on it for the fleet, the runs and `http/`.
 * Invariant: a file is there as a whole, with the hash that was announced, or not at all. Sizes in bytes.
 */
import type { FileHeader, OutcomeError, TaskError } from '@berth/protocol'
import type { StreamSource } from './stream.ts'

// --- Bytes -----------------------------------------------------------------------------------------

/** A file on its way in. Calls follow one another: the next begins when the one before has resolved. */
export interface FileSink {
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when all of it would survive a power cut; nothing follows. */
  finish(): Promise<void>
  /** Leaves nothing behind; also after `finish`, and never rejects. */
  drop(): Promise<void>
}

export interface FileBytes {
  readonly size: number
  /** Fewer only at the end of the file. */
  read(from: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Names are made by `files/`: 32 hex digits, never anything from outside. Rejections are errors of the system. */
export interface FileStoragePort {
  create(name: string): Promise<FileSink>
  /** What has finished is kept beyond the next start. Without it, or when it is kept already, nothing. */
  keep(name: string): Promise<void>
  /** Undefined when there is none. */
  open(name: string): Promise<FileBytes | undefined>
  /** A further name for the same bytes, which have finished; false when they are not there. */
  copy(from: string, to: string): Promise<boolean>
  remove(name: string): Promise<void>
  /** What came in and was not kept. */
  unkept(): Promise<readonly string[]>
  freeBytes(): Promise<number>
}

// --- Files of runs ---------------------------------------------------------------------------------

/** A whole file, as it is remembered. */
export interface StoredFile {
  /** In composed form, as `readFilePath` takes it. */
  readonly path: string
  readonly mediaType: string
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Of its bytes in the storage. */
  readonly name: string
  /** Of the attempt that wrote it; 0 for what was sent along with the task. */
  readonly fence: number
}

/** What a task brings along. */
export type UploadedFile = Omit<StoredFile, 'fence'>

/** A record of a file from a worker. */
export interface FilePiece {
  /** Present in the record that begins a file; that record has no bytes of it. */
  readonly header: FileHeader | undefined
  readonly isLast: boolean
  /** Shares memory with its frame. */
  readonly bytes: Uint8Array
  /** Is to hear of all of the record's bytes, a header's too. */
  readonly recordBytes: number
  readonly source: StreamSource
  /** Tells the worker that the file with this number is kept, or why not; does nothing once its link is gone. */
  answer(file: number, error: OutcomeError | undefined): void
}

/** The attempt that a piece comes from. */
export interface FileOrigin {
  readonly attempt: number
  readonly fence: number
}

/** A run that writes a file. */
export interface WritingRun {
  readonly id: string
  readonly seq: number
  readonly isDurable: boolean
}

/** For whoever hears of files from workers. */
export interface FileIntakePort {
  receive(run: WritingRun, piece: FilePiece, origin: FileOrigin): void
}

/** For tasks in memory that turn out to write files: they are kept as a run on disk is. */
export interface MemoryFilesPort extends FileIntakePort {
  /** It has begun to write one: its caller may go, and its answer waits. */
  has(run: string): boolean
  /**
   * Resolves when its end is on disk with its files, or with why it is not; at once for one that has not ended, or
   * whose end has been written.
   */
  whenRecorded(run: string): Promise<TaskError | undefined>
}

// --- On disk ---------------------------------------------------------------------------------------

/** Part of `StoreWrite`. A name that no run has any more is remembered until its bytes are gone. */
export type FileWrite =
  /**
   * A whole file of a live run, in the place of one with its path and fence. Of a run that is not live, or whose
   * newest attempt is another, its name is remembered instead, to be removed.
   */
  | { readonly kind: 'run-file'; readonly seq: number; readonly file: StoredFile }
  /** The bytes of these names are gone. */
  | { readonly kind: 'files-gone'; readonly names: readonly string[] }

/** What a run has that can be downloaded. */
export interface FilesOfRun {
  readonly run: string
  /** Of a final run all that it has; of a live one what came with the task. */
  readonly files: readonly StoredFile[]
  /** A result of bytes. */
  readonly result: { readonly mediaType: string; readonly size: number } | null
}

/** Part of `RunReads`. */
export interface FileReads {
  /** Of those of the runs that have any. */
  files(runs: readonly string[]): Promise<readonly FilesOfRun[]>
  /** What one attempt has written so far. */
  filesOfAttempt(run: string, fence: number): Promise<readonly StoredFile[]>
  /** Those of the names that a run has. */
  knownFiles(names: readonly string[]): Promise<readonly string[]>
  /** Names that no run has any more. */
  goneFiles(limit: number): Promise<readonly string[]>
}

// --- For the routes --------------------------------------------------------------------------------

export interface RunFile {
  readonly path: string
  readonly mediaType: string
  readonly size: number
  /** `run`: its handler wrote or returned it · `upload`: it came with the task. */
  readonly origin: 'run' | 'upload'
}

export interface OpenedFile extends RunFile {
  readonly sha256: string
  /** Whoever opened it closes it. */
  readonly bytes: FileBytes
}

export interface RunFilesPort {
  /** By path; undefined for an unknown run. What an attempt has written shows once the run is final. */
  list(run: string): Promise<readonly RunFile[] | undefined>
  /** Undefined for an unknown run or path; an error when too many are open. */
  open(run: string, path: string): Promise<OpenedFile | TaskError | undefined>
}

/** A file of a request on its way in; over after `end` or with the upload. */
export interface UploadSink {
  /** The error says why it is not taken; nothing of the upload counts then. */
  write(bytes: Uint8Array): Promise<TaskError | undefined>
  end(): Promise<TaskError | undefined>
}

/** The files of one request. */
export interface Upload {
  readonly files: readonly UploadedFile[]
  /** `mediaType` as told; the path has been read. */
  open(path: string, mediaType: string): Promise<UploadSink | TaskError>
  /** A run has them. */
  keep(): void
  /** Nobody wants them. Nothing after `keep`. */
  drop(): Promise<void>
}

export interface UploadsPort {
  /** An error when there is no room for anything. */
  begin(): Upload | TaskError
  /** Copies for another run with the same files; undefined when one is not there any more. */
  copy(files: readonly UploadedFile[]): Promise<Upload | undefined>
}
