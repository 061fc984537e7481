/**
 * A page as it is kept when it is over, in memory and on disk alike: a version, a checksum, and the records
 * deflated. Invariant: a block whose bytes are not those that were packed is not read.
 */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'

const VERSION = 1
const HEAD_BYTES = 5
/** A page has a few hundred bytes, and a whole window of deflate would be set up for nothing. */
const DEFLATE = { level: 6, windowBits: 12, memLevel: 5 } as const
/** More than any page has. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024

export function packBlock(page: Uint8Array): Uint8Array {
  const body = deflateRawSync(page, DEFLATE)
  const block = new Uint8Array(HEAD_BYTES + body.length)
  block[0] = VERSION
  new DataView(block.buffer).setUint32(1, crc32(body))
  block.set(body, HEAD_BYTES)
  return block
}

/** Why it cannot be read, or nothing. */
export function findBlockFault(block: Uint8Array): string | undefined {
  if (block.length <= HEAD_BYTES) return 'it is cut off'
  if (block[0] !== VERSION) return `it is of version ${block[0]}, this balancer reads ${VERSION}`
  const head = new DataView(block.buffer, block.byteOffset, HEAD_BYTES)
  return crc32(block.subarray(HEAD_BYTES)) === head.getUint32(1) ? undefined : 'its checksum is another'
}

/** Of a block without a fault. */
export function unpackBlock(block: Uint8Array): Uint8Array {
  return inflateRawSync(block.subarray(HEAD_BYTES), { maxOutputLength: MAX_PAGE_BYTES })
}
