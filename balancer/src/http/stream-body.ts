/**
 * The body of a stream, written to its caller as it comes. One a stream, made by task-exchange.ts.
 * Nothing is compressed or held back: what is written in one turn leaves with it.
 * Invariants: while the caller does not read, at most what Node itself takes (64 KiB) and one window wait
 * here, since nothing more is asked for; a body is whole or visibly cut.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ByteBlocks, cutAnswer } from '@berth/runtime'
import { SECURITY_HEADERS } from './security-headers.ts'

export interface StreamBody {
  /** Dropped when the caller is gone. */
  write(bytes: Uint8Array | string): void
  /** All that was written is with the caller, as far as anybody can tell. */
  readonly isTaken: boolean
  /** Completes it. */
  end(): void
  /** Ends the connection, so that nobody takes the body for complete. */
  cut(): void
}

/** A caller that takes nothing for so long while bytes wait has gone without saying so. */
const IDLE_LIMIT_MS = 30_000
/** A view this small would keep a frame many times its size while it waits. */
const SMALL_BYTES = 4096

export interface StreamBodyOptions {
  readonly idleMs?: number | undefined
  readonly headers: Readonly<Record<string, string>>
  /** Called whenever `isTaken` becomes true again. */
  onTaken(): void
}

export class CallerBody implements StreamBody {
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #onTaken: () => void
  /** Written while the caller had not read what came before: it leaves in one piece. */
  readonly #waiting = new ByteBlocks()
  #isFull = false
  #isOver = false

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    { headers, onTaken, idleMs = IDLE_LIMIT_MS }: StreamBodyOptions,
  ) {
    this.#req = req
    this.#res = res
    this.#onTaken = onTaken
    res.writeHead(200, { ...SECURITY_HEADERS, ...headers })
    res.on('error', () => {})
    res.on('drain', () => this.#drained())
    // The socket's timer knows a write that makes progress from one that stands still.
    res.setTimeout(idleMs, () => {
      if (res.writableLength > 0) res.destroy()
    })
  }

  get isTaken(): boolean {
    return !this.#isFull
  }

  write(data: Uint8Array | string): void {
    if (this.#isOver || this.#res.destroyed) return
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    if (this.#isFull) return this.#waiting.add(bytes)
    this.#isFull = !this.#res.write(bytes.length < SMALL_BYTES ? new Uint8Array(bytes) : bytes)
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const block of this.#waiting.take()) this.#res.write(block)
    this.#res.end()
  }

  cut(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waiting.take()
    cutAnswer(this.#req, this.#res)
  }

  #drained(): void {
    if (this.#isOver) return
    this.#isFull = false
    for (const block of this.#waiting.take()) this.#isFull = !this.#res.write(block)
    if (!this.#isFull) this.#onTaken()
  }
}
