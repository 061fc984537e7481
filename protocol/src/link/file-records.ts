/**
 * Files of a run on a fleet link. A file that a handler writes is one item of DATA kind file: its first record, with
 * flag FIRST, holds the header below, those behind it its bytes, the last one without MORE. FILE-RESULT answers it
 * by its number once it is kept, or with the error that says why it is not; until then the worker can send it again,
 * on another link too. Files that a caller uploaded go the other way before the END of the input, their bytes one
 * behind the other; the TASK names them with their sizes.
 */
import { type ByteReader, type ByteWriter, ProtocolError } from './bytes.ts'
import { errorText, type OutcomeError, readOutcomeError } from './records.ts'

export interface FileHeader {
  /** The worker's own number of it within the attempt, from 1. */
  readonly file: number
  readonly path: string
  readonly mediaType: string
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
}

const SHA256 = /^[0-9a-f]{64}$/

export function writeFileHeader(out: ByteWriter, header: FileHeader): void {
  const start = out.length
  out.u16(0)
  out.u32(header.file)
  out.u64(header.size)
  out.text8(header.sha256)
  out.text8(header.mediaType)
  out.text16(header.path)
  out.patchU16(start, out.length - start)
}

/** What is wrong with the path or the media type is the reader's to judge. */
export function readFileHeader(input: ByteReader): FileHeader {
  const start = input.at
  const length = input.u16()
  const file = input.u32()
  const size = input.u64()
  const sha256 = input.text8()
  const mediaType = input.text8()
  const path = input.text16()
  input.skipTo(start + length)
  if (!SHA256.test(sha256)) throw new ProtocolError('the header of a file has no SHA-256')
  return { file, path, mediaType, size, sha256 }
}

export interface FileResult {
  readonly file: number
  /** Undefined: it is kept. */
  readonly error: OutcomeError | undefined
}

export function writeFileResult(out: ByteWriter, { file, error }: FileResult): void {
  out.u32(file)
  out.text16(error === undefined ? '' : errorText(error))
}

export function readFileResult(input: ByteReader): FileResult {
  const file = input.u32()
  const text = input.text16()
  return { file, error: text === '' ? undefined : readOutcomeError(text) }
}
