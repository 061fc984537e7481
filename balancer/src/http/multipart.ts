/**
 * Reads a multipart body of `POST /task` as it comes: the part `task` into memory, within the limit of a body, every
 * other part as a file of the upload, whose sink says how fast. Used by task-exchange.ts; the parsing is a library's.
 * Invariants: one part at a time is taken, in the order of the body; the promise settles once, and a refusal leaves
 * the rest of the body to whoever asked; what is in memory counts at the door until it is handed over.
 */
import type { IncomingMessage } from 'node:http'
import { readFilePath, type TaskError } from '@berth/protocol'
import { Busboy, type BusboyFileStream, type BusboyHeaders } from '@fastify/busboy'
import type { Upload } from '../ports/files.ts'
import { type BodyTerms, ReceivedBody } from './received-body.ts'

export type ReceivedParts =
  | { readonly ok: true; readonly task: Buffer }
  | { readonly ok: false; readonly error: TaskError }

export interface MultipartTerms {
  /** Of the part `task`. */
  readonly task: BodyTerms
  /** Of all of the body. */
  readonly bodyLimitBytes: number
}

/** A part of the body. */
interface Part {
  readonly name: string | undefined
  readonly filename: string | undefined
  readonly mediaType: string
  readonly stream: BusboyFileStream
}

const LIMITS = { parts: 1_000, files: 1_000, headerPairs: 32, fieldNameSize: 1_024 }
const TASK_PART = 'task'

export function readMultipart(
  req: IncomingMessage,
  upload: Upload,
  terms: MultipartTerms,
): Promise<ReceivedParts> {
  const parser = createParser(req.headers)
  if (!parser) return Promise.resolve({ ok: false, error: NO_FORM })
  return new Promise((resolve) => {
    const parts = new Parts(upload, terms)
    let isSettled = false
    const settle = (tell: () => ReceivedParts) => {
      if (isSettled) return
      isSettled = true
      req.off('data', count).off('close', leave).unpipe(parser)
      resolve(tell())
    }
    const refuse = (error: TaskError) => {
      parts.refuse()
      settle(() => ({ ok: false, error }))
    }
    let received = 0
    const count = (piece: Buffer) => {
      received += piece.length
      if (received > terms.bodyLimitBytes) refuse(filesTooLarge(terms.bodyLimitBytes))
    }
    // A request is closed once it is read, too.
    const leave = () => {
      if (!req.complete) refuse(BROKEN)
    }
    parts.onRefused = refuse
    parser.on('file', (name, stream, filename, _encoding, mediaType) => {
      // What happens to it is told by the parser as well.
      stream.on('error', () => {})
      parts.take({ name, filename, mediaType, stream })
    })
    parser.on('partsLimit', () => refuse(TOO_MANY))
    parser.on('error', () => refuse(BROKEN))
    parser.on('finish', () => void parts.whenTaken().then(() => settle(() => parts.result())))
    req.on('data', count).once('close', leave).pipe(parser)
  })
}

/** Undefined for a content type that is no form, or has no boundary. Every part comes as a stream. */
function createParser(headers: IncomingMessage['headers']): InstanceType<typeof Busboy> | undefined {
  try {
    return new Busboy({
      headers: headers as BusboyHeaders,
      preservePath: true,
      isPartAFile: () => true,
      limits: LIMITS,
    })
  } catch {
    return undefined
  }
}

/** The parts so far, each taken when the one before is through. */
class Parts {
  onRefused: (error: TaskError) => void = () => {}
  readonly #upload: Upload
  readonly #terms: MultipartTerms
  #task: ReceivedBody | undefined
  #last: Promise<unknown> = Promise.resolve()
  #isRefused = false
  #files = 0

  constructor(upload: Upload, terms: MultipartTerms) {
    this.#upload = upload
    this.#terms = terms
  }

  take(part: Part): void {
    this.#last = this.#last.then(() => this.#take(part)).catch(() => this.onRefused(BROKEN))
  }

  refuse(): void {
    this.#isRefused = true
    this.#task?.drop()
  }

  whenTaken(): Promise<unknown> {
    return this.#last
  }

  result(): ReceivedParts {
    return this.#task ? { ok: true, task: this.#task.take() } : { ok: false, error: NO_TASK }
  }

  async #take(part: Part): Promise<void> {
    const error = this.#isRefused ? undefined : await this.#read(part)
    // What nobody reads holds up the parser.
    part.stream.resume()
    if (error) this.onRefused(error)
  }

  #read(part: Part): Promise<TaskError | undefined> {
    return part.name === TASK_PART ? this.#readTask(part) : this.#readFile(part)
  }

  async #readTask({ stream }: Part): Promise<TaskError | undefined> {
    if (this.#task) return wrongPart('/task', 'There are two parts "task"; send one.')
    const task = new ReceivedBody(this.#terms.task, undefined)
    this.#task = task
    if (task.refusal) return task.refusal
    // What has been refused holds nothing, and takes nothing any more.
    for await (const piece of stream) if (this.#isRefused || !task.add(piece)) return task.refusal
    return undefined
  }

  async #readFile({ name = '', filename, mediaType, stream }: Part): Promise<TaskError | undefined> {
    if (filename === undefined)
      return wrongPart(
        `/${toPointer(name.slice(0, 64))}`,
        `The part "${name.slice(0, 64)}" is no file: it has no filename. Fields of the task go into the part "task".`,
      )
    const pointer = `/files/${this.#files++}`
    const read = readFilePath(filename)
    if (!read.ok) return wrongPart(pointer, `The filename of a file ${read.detail}.`)
    const sink = await this.#upload.open(read.path, mediaType)
    if ('code' in sink) return placed(sink, pointer)
    for await (const piece of stream) {
      if (this.#isRefused) return undefined
      const error = await sink.write(piece)
      if (error) return placed(error, pointer)
    }
    const error = this.#isRefused ? undefined : await sink.end()
    return error && placed(error, pointer)
  }
}

function placed(error: TaskError, pointer: string): TaskError {
  if (error.code === 'STORE_UNAVAILABLE') return error
  return { ...error, errors: [{ pointer, detail: error.detail }] }
}

/** As a part of a JSON pointer. */
function toPointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function wrongPart(pointer: string, detail: string): TaskError {
  return { code: 'INVALID_REQUEST', detail, errors: [{ pointer, detail }] }
}

export function filesTooLarge(limitBytes: number): TaskError {
  return {
    code: 'PAYLOAD_TOO_LARGE',
    detail: `The body is over ${limitBytes} bytes (RUN_FILES_LIMIT, and REQUEST_BODY_LIMIT for the task).`,
  }
}

const NO_FORM: TaskError = {
  code: 'UNSUPPORTED_MEDIA_TYPE',
  detail:
    'A body with files is `multipart/form-data` with a boundary: a part "task" (JSON) and a part for each file.',
}
const NO_TASK: TaskError = {
  code: 'INVALID_REQUEST',
  detail: 'There is no part "task": send the task as JSON in a part of that name, beside the files.',
  errors: [{ pointer: '/task', detail: 'is required' }],
}
const BROKEN: TaskError = {
  code: 'INVALID_REQUEST',
  detail: 'The multipart body is cut off or malformed; nothing of it was kept.',
}
const TOO_MANY: TaskError = {
  code: 'PAYLOAD_TOO_LARGE',
  detail: 'The body has more parts than any task may bring.',
}
