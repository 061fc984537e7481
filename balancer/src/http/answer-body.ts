/** The body of a task's answer on its way out, for whoever writes it to a connection. */

/** A list is the pieces of one body: a large result goes out between them without being copied. */
export type AnswerBody = Uint8Array | string | readonly Uint8Array[]

/** Up to this an answer leaves as one text with its head: one system call instead of two. */
export const ONE_WRITE_BYTES = 16 * 1024

export function lengthOf(body: AnswerBody): number {
  if (typeof body === 'string') return Buffer.byteLength(body)
  if (body instanceof Uint8Array) return body.length
  let bytes = 0
  for (const piece of body) bytes += piece.length
  return bytes
}

/** A character a byte. */
export function latin1Of(pieces: readonly Uint8Array[]): string {
  let text = ''
  for (const { buffer, byteOffset, length } of pieces)
    text += Buffer.from(buffer, byteOffset, length).toString('latin1')
  return text
}
