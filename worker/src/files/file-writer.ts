/**
 * The files that one attempt writes, from `ctx.file` to the balancer: one at a time, first into a temporary file, where
 * its size and hash become known, then over the link in pieces, each read when the one before has left. Made by
 * `link-task.ts` for the first file of a task; survives the link, as the task does.
 *
 *   spooling ─▶ sending ─last piece left─▶ waiting ─FILE-RESULT─▶ kept, or refused with its error
 *                  ▲  └── link lost ──▶ away ──adopted──┐
 *                  └─────────── from the start ─────────┘
 *
 * Invariant: at most a piece of a file is in memory here and one on its way into a frame; what is open is closed with
 * the attempt.
 */
import { createHash } from 'node:crypto'
import {
  ByteWriter,
  DATA_FIRST,
  DATA_KIND,
  DATA_MORE,
  type FileHeader,
  type FileResult,
  type OutcomeError,
  writeFileHeader,
} from '@berth/protocol'
import { type FileOrder, piecesOf } from './file-data.ts'
import { TemporaryFile } from './temporary-file.ts'

/** The link as far as files go. */
export interface FileCarrier {
  /** `onSent` is called when the bytes are in a frame, and never when the link ends before. */
  bulk(task: number, flags: number, bytes: Uint8Array, onSent: () => void): void
}

export interface WriterTask {
  /** Its number on the link it belongs to now. */
  readonly number: number
}

/** Why a file is not kept: a sentence for the log of whoever did not catch it, and a code to tell cases apart. */
export class FileError extends Error {
  /** `PAYLOAD_TOO_LARGE`, `STORE_UNAVAILABLE`, `INVALID_REQUEST`, … */
  readonly code: string

  constructor({ code, message }: OutcomeError) {
    super(message)
    this.name = 'FileError'
    this.code = code
  }
}

interface Sending {
  readonly header: FileHeader
  readonly file: TemporaryFile
  readonly done: PromiseWithResolvers<void>
  /** Another one for each time it is sent. */
  turn: number
}

const PIECE_BYTES = 128 * 1024
const EMPTY = new Uint8Array(0)
const NO_FILES = {
  code: 'CONFLICT',
  message: 'The balancer of this task keeps no files: it is of an earlier version',
}
const GONE = { code: 'CANCELLED', message: 'The attempt is over; the file was not kept' }

export class FileWriter {
  readonly #task: WriterTask
  readonly #limitBytes: () => number | undefined
  #carrier: FileCarrier | undefined
  #count = 0
  /** Behind every file so far. */
  #last: Promise<unknown> = Promise.resolve()
  #open = 0
  #sending: Sending | undefined
  #spooling: TemporaryFile | undefined
  #isOver = false

  /** `limitBytes`: of a file; undefined where the balancer keeps none. */
  constructor(task: WriterTask, limitBytes: () => number | undefined) {
    this.#task = task
    this.#limitBytes = limitBytes
  }

  /** The task has a link, or another one, or none. */
  attach(carrier: FileCarrier | undefined): void {
    this.#carrier = carrier
    if (carrier && this.#sending) this.#send(this.#sending, carrier)
  }

  /** Resolves when it is kept; rejects with a `FileError`, or with what its data threw. */
  write(order: FileOrder): Promise<void> {
    this.#open++
    const written = this.#last.then(() => this.#write(order)).finally(() => this.#open--)
    this.#last = written.catch(() => {})
    return written
  }

  /** Resolves when nothing is under way any more; undefined when nothing is. */
  get pending(): Promise<unknown> | undefined {
    return this.#open === 0 ? undefined : this.#last
  }

  onResult({ file, error }: FileResult): void {
    const sending = this.#sending
    if (sending?.header.file !== file) return
    this.#sending = undefined
    if (error) sending.done.reject(new FileError(error))
    else sending.done.resolve()
  }

  /** Whoever still writes hears that it is too late. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#spooling?.close()
    const sending = this.#sending
    this.#sending = undefined
    sending?.done.reject(new FileError(GONE))
  }

  async #write({ path, mediaType, data }: FileOrder): Promise<void> {
    if (this.#isOver) throw new FileError(GONE)
    const limitBytes = this.#limitBytes()
    if (limitBytes === undefined) throw new FileError(NO_FILES)
    const file = await TemporaryFile.make()
    try {
      // It may have ended while the file was made, and closes only what it knows of.
      if (this.#isOver) throw new FileError(GONE)
      this.#spooling = file
      const sha256 = await this.#spool(file, path, data, limitBytes)
      this.#spooling = undefined
      if (this.#isOver) throw new FileError(GONE)
      const header = { file: ++this.#count, path, mediaType, size: file.size, sha256 }
      const sending: Sending = { header, file, done: Promise.withResolvers(), turn: 0 }
      this.#sending = sending
      if (this.#carrier) this.#send(sending, this.#carrier)
      await sending.done.promise
    } finally {
      file.close()
    }
  }

  async #spool(
    file: TemporaryFile,
    path: string,
    data: FileOrder['data'],
    limitBytes: number,
  ): Promise<string> {
    const hash = createHash('sha256')
    for await (const piece of piecesOf(data)) {
      if (file.size + piece.length > limitBytes) throw new FileError(tooLarge(path, limitBytes))
      if (this.#isOver) throw new FileError(GONE)
      hash.update(piece)
      await file.append(piece).catch((error: unknown) => {
        throw this.#isOver ? new FileError(GONE) : unspooled(path, error)
      })
    }
    return hash.digest('hex')
  }

  /** From its start. */
  #send(sending: Sending, carrier: FileCarrier): void {
    const turn = ++sending.turn
    const isCurrent = () => this.#sending === sending && sending.turn === turn && this.#carrier === carrier
    const { header, file } = sending
    const out = new ByteWriter()
    writeFileHeader(out, header)
    const isEmpty = header.size === 0
    const flags = DATA_KIND.file | DATA_FIRST | (isEmpty ? 0 : DATA_MORE)
    const next = async (from: number): Promise<void> => {
      if (!isCurrent() || from >= header.size) return
      const piece = await file.read(from, PIECE_BYTES).catch((error: unknown) => {
        if (isCurrent()) this.#fail(sending, error)
        return EMPTY
      })
      if (!isCurrent() || piece.length === 0) return
      const end = from + piece.length
      const more = end < header.size ? DATA_MORE : 0
      carrier.bulk(this.#task.number, DATA_KIND.file | more, piece, () => void next(end))
    }
    carrier.bulk(this.#task.number, flags, out.take(), () => void next(0))
  }

  #fail(sending: Sending, error: unknown): void {
    this.#sending = undefined
    sending.done.reject(unspooled(sending.header.path, error))
  }
}

function tooLarge(path: string, limitBytes: number): OutcomeError {
  const message = `The file "${path}" is over ${limitBytes} bytes; write less, or raise FILE_LIMIT at the balancer`
  return { code: 'PAYLOAD_TOO_LARGE', message }
}

function unspooled(path: string, error: unknown): FileError {
  const why = (error as NodeJS.ErrnoException).code ?? String(error)
  const message = `The file "${path}" could not be written into the worker's temporary folder (${why}); make room there`
  return new FileError({ code: 'STORE_UNAVAILABLE', message })
}
