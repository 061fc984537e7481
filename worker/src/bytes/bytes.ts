/**
 * Bytes as a result: what `bytes(data, mediaType)` makes and `result.ts` reads. Known by its `kind`, never by
 * `instanceof`, so that another copy of this package and another thread may have made it.
 * Invariant: a media type that gets through here can stand in a header and on the link.
 */
import { isMediaType } from './media-type.ts'

export const BYTES_KIND = 'berth.bytes'

/** A result that is no JSON. */
export interface BytesResult {
  readonly kind: typeof BYTES_KIND
  readonly data: Uint8Array
  readonly mediaType: string
}

/**
 * Makes a result of bytes. Under `POST /task/{group}/{function}` they are the answer's body with this
 * Content-Type, in JSON answers `{mediaType, base64}`. A text is written as UTF-8. Throws a TypeError on
 * anything else, and on a media type that is none.
 */
export function bytes(
  data: Uint8Array | ArrayBuffer | string,
  mediaType = 'application/octet-stream',
): BytesResult {
  if (!isMediaType(mediaType)) throw new TypeError(`${JSON.stringify(mediaType)} is no media type`)
  return Object.freeze({ kind: BYTES_KIND, data: viewOf(data), mediaType })
}

function viewOf(data: Uint8Array | ArrayBuffer | string): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data)
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  throw new TypeError('bytes() takes a Uint8Array, an ArrayBuffer or a text')
}

/** Whether a handler's result came from `bytes`, of whichever copy of the package. */
export function isBytesResult(value: unknown): value is BytesResult {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    value.kind === BYTES_KIND &&
    'data' in value &&
    ArrayBuffer.isView(value.data) &&
    'mediaType' in value &&
    typeof value.mediaType === 'string' &&
    isMediaType(value.mediaType)
  )
}

/** How bytes stand in JSON answers. */
export function jsonOfBytes(data: Uint8Array, mediaType: string): Buffer {
  const base64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
  return Buffer.from(`{"mediaType":${JSON.stringify(mediaType)},"base64":"${base64}"}`)
}
