/**
 * Walks the records of one binary frame. Called by the link at either end, once a frame, before
 * anything of it takes effect: a frame with a bad length is refused whole.
 */
import { LIMITS } from '../limits.ts'
import { ByteReader, ProtocolError } from './bytes.ts'
import { RECORD_HEADER_BYTES } from './records.ts'

/** Receives one record; `payload` shares memory with the frame, and stands elsewhere after the call. */
export type OnRecord = (type: number, flags: number, task: number, payload: ByteReader) => void

/**
 * Reads every record of a frame in order.
 * @throws ProtocolError when a length does not fit, or when `onRecord` finds a malformed payload.
 */
export function readFrame(frame: Uint8Array, onRecord: OnRecord): void {
  if (frame.length > LIMITS.frameBytes)
    throw new ProtocolError(`a frame of ${frame.length} bytes is over ${LIMITS.frameBytes}`, 1009)
  checkLengths(frame)
  const payload = new ByteReader(frame)
  let at = 0
  while (at < frame.length) {
    const start = at + RECORD_HEADER_BYTES
    const end = start + u32At(frame, at + 6)
    payload.turnTo(start, end)
    onRecord(frame[at] as number, frame[at + 1] as number, u32At(frame, at + 2), payload)
    at = end
  }
}

function checkLengths(frame: Uint8Array): void {
  let at = 0
  while (at < frame.length) {
    if (at + RECORD_HEADER_BYTES > frame.length)
      throw new ProtocolError('a frame ends inside a record header')
    const length = u32At(frame, at + 6)
    if (length > LIMITS.recordBytes)
      throw new ProtocolError(`a record of ${length} bytes is over ${LIMITS.recordBytes}`, 1009)
    at += RECORD_HEADER_BYTES + length
  }
  if (at !== frame.length) throw new ProtocolError('a record is longer than its frame')
}

function u32At(bytes: Uint8Array, at: number): number {
  const high = (bytes[at] as number) * 0x100_0000
  return (
    high + (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  )
}
