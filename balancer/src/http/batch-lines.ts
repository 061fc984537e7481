/**
 * The answer lines of one batch that have not left yet: words them, and hands them out in chunks of bounded
 * size. Owned by batch-run.ts, which sees to it that there are never too many.
 * Invariant: a line is one line, whatever whitespace a worker put into its result.
 */
import { PROBLEM_MEDIA_TYPE } from '@berth/runtime'
import type { TaskAnswer } from './tasks.ts'

const CHUNK_BYTES = 64 * 1024
const NOTHING = new Uint8Array(0)
const NEWLINE = Buffer.from('\n')
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20

export class BatchLines {
  #pieces: Uint8Array[] = []
  #first = 0
  #bytes = 0

  /** Bytes that have not left. */
  get bytes(): number {
    return this.#bytes
  }

  /** Appends the answer of a task; returns the bytes of its line. */
  add(index: number, answer: TaskAnswer): number {
    const [first, ...rest] = piecesOf(answer).map(flatten)
    // The opening brace is the prefix's.
    const line = [wordPrefix(index, answer), first?.subarray(1) ?? NOTHING, ...rest, NEWLINE]
    let bytes = 0
    for (const piece of line) bytes += piece.length
    // A short result is a sliver of what its link has read; a copy lets go of the rest while the line waits.
    if (bytes <= CHUNK_BYTES) this.#pieces.push(Buffer.concat(line, bytes))
    else this.#pieces.push(...line)
    this.#bytes += bytes
    return bytes
  }

  /** The next bytes to leave; undefined when there are none. */
  take(): Uint8Array | undefined {
    const chunk: Uint8Array[] = []
    let size = 0
    for (let piece = this.#pieces[this.#first]; piece; piece = this.#pieces[this.#first]) {
      if (size + piece.length > CHUNK_BYTES) {
        const room = CHUNK_BYTES - size
        chunk.push(piece.subarray(0, room))
        this.#pieces[this.#first] = piece.subarray(room)
        size = CHUNK_BYTES
        break
      }
      chunk.push(piece)
      size += piece.length
      this.#first++
    }
    if (this.#first === this.#pieces.length) this.clear()
    else this.#bytes -= size
    return size === 0 ? undefined : Buffer.concat(chunk, size)
  }

  clear(): void {
    this.#pieces = []
    this.#first = 0
    this.#bytes = 0
  }
}

/** What a line says beyond the body of the answer: headers there are none in a batch. */
function wordPrefix(index: number, { status, headers }: TaskAnswer): Buffer {
  const run = headers['x-run-id']
  const retryAfter = headers['retry-after']
  // A problem has its status in its body.
  const told = headers['content-type'] === PROBLEM_MEDIA_TYPE ? '' : `"status":${status},`
  // One that is accepted has its run in its body.
  const runId = run === undefined || status === 202 ? '' : `"runId":"${run}",`
  const retry = retryAfter === undefined ? '' : `"retryAfter":${retryAfter},`
  return Buffer.from(`{"index":${index},${told}${runId}${retry}`, 'latin1')
}

function piecesOf({ body }: TaskAnswer): readonly Uint8Array[] {
  if (typeof body === 'string') return [Buffer.from(body)]
  return body instanceof Uint8Array ? [body] : body
}

/** In JSON a raw line end is nothing but whitespace. */
function flatten(piece: Uint8Array): Uint8Array {
  if (!piece.includes(LINE_FEED) && !piece.includes(CARRIAGE_RETURN)) return piece
  return piece.map((byte) => (byte === LINE_FEED || byte === CARRIAGE_RETURN ? SPACE : byte))
}
