/**
 * Bytes that came in instead of JSON, as a task carries them to its handler (`ctx.body`, `ctx.contentType`). Made
 * where a body arrives: `task-request.ts` and `link-input.ts`.
 */

export interface Upload {
  /** As the caller wrote it; a Blob's own type is in lower case, which would break a multipart boundary. */
  readonly contentType: string
  readonly blob: Blob
}

/** Copies the bytes. */
export function uploadOf(bytes: Uint8Array, contentType: string): Upload {
  return { contentType, blob: new Blob([bytes as Uint8Array<ArrayBuffer>], { type: contentType }) }
}
