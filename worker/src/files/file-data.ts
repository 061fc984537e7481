/**
 * What `ctx.file` takes: texts, bytes, blobs, and whatever gives them piece by piece. Used by `file-writer.ts` in the
 * worker and by the context of a thread.
 */
import { isMediaType, readFilePath } from '@berth/protocol'

/** A text is written as UTF-8. What comes piece by piece is read as fast as it is written. */
export type FileData =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array | string>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>

export interface FileOrder {
  readonly path: string
  readonly mediaType: string
  readonly data: FileData
}

const PIECE_BYTES = 128 * 1024
const TEXT_TYPE = 'text/plain; charset=utf-8'

/** Throws a TypeError on a path, data or a media type that cannot be. */
export function readFileOrder(path: unknown, data: unknown, mediaType: unknown): FileOrder {
  const read = readFilePath(path)
  if (!read.ok)
    throw new TypeError(`ctx.file: the path ${JSON.stringify(path) ?? String(path)} ${read.detail}`)
  if (!isFileData(data))
    throw new TypeError(
      'ctx.file takes a text, bytes, a Blob, a ReadableStream or an (async) iterable of texts and bytes',
    )
  const type = mediaType ?? typeOf(data)
  if (typeof type !== 'string' || !isMediaType(type))
    throw new TypeError(`ctx.file: ${JSON.stringify(type) ?? String(type)} is no media type`)
  return { path: read.path, mediaType: type, data }
}

/** Pieces that are not too long; a text that comes at once is encoded at once. */
export async function* piecesOf(data: FileData): AsyncGenerator<Uint8Array, void, void> {
  if (typeof data === 'string') yield* slices(Buffer.from(data))
  else if (data instanceof ArrayBuffer) yield* slices(new Uint8Array(data))
  else if (ArrayBuffer.isView(data)) yield* slices(bytesOf(data))
  else
    for await (const piece of data instanceof Blob ? data.stream() : data) {
      if (typeof piece !== 'string' && !ArrayBuffer.isView(piece))
        throw new TypeError('ctx.file: what gives the file piece by piece must give texts and bytes')
      yield* slices(typeof piece === 'string' ? Buffer.from(piece) : bytesOf(piece))
    }
}

function* slices(bytes: Uint8Array): Generator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/** All of it is there, and it can be passed to another thread as it is. */
export function isPlainData(data: FileData): boolean {
  return (
    typeof data === 'string' ||
    ArrayBuffer.isView(data) ||
    data instanceof ArrayBuffer ||
    data instanceof Blob
  )
}

function isFileData(data: unknown): data is FileData {
  if (typeof data === 'string' || ArrayBuffer.isView(data) || data instanceof ArrayBuffer) return true
  if (typeof data !== 'object' || data === null) return false
  return data instanceof Blob || Symbol.asyncIterator in data || Symbol.iterator in data
}

function typeOf(data: FileData): string {
  if (typeof data === 'string') return TEXT_TYPE
  if (data instanceof Blob && data.type !== '') return data.type
  return 'application/octet-stream'
}
