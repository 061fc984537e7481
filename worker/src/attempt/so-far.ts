/**
 * What an attempt with a budget has streamed: the result of a run whose budget is used up before its handler returns
 * anything. Kept by `context.ts` beside the chunks' way to whoever reads them.
 * Invariant: at most `KEPT_BYTES`, from the beginning.
 */
import { isUtf8 } from 'node:buffer'
import { ByteBlocks } from '@berth/runtime'
import type { Result } from './result.ts'

const KEPT_BYTES = 1024 * 1024

export class SoFar {
  readonly #blocks = new ByteBlocks()

  add(bytes: Uint8Array): void {
    const room = KEPT_BYTES - this.#blocks.length
    if (room > 0) this.#blocks.add(bytes.subarray(0, room))
  }

  /** A text as JSON, other bytes as they are; undefined when nothing was streamed. */
  take(): Result | undefined {
    if (this.#blocks.length === 0) return undefined
    const bytes = this.#blocks.whole()
    const text = bytes.subarray(0, endOfText(bytes))
    if (!isUtf8(text)) return { bytes, mediaType: 'application/octet-stream' }
    return { bytes: Buffer.from(JSON.stringify(Buffer.from(text).toString('utf8'))), mediaType: '' }
  }
}

/** Without the character that the bound, or the end of the handler, has cut. */
function endOfText(bytes: Uint8Array): number {
  for (let end = bytes.length; end > bytes.length - 4 && end > 0; end--)
    if (isUtf8(bytes.subarray(0, end))) return end
  return bytes.length
}
