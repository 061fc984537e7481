/**
 * A caller over `node:http`: writes straight to the response, so that each chunk leaves as it is made and the
 * socket's own buffer is the only one. Nothing is compressed: a compressor would hold chunks back, and the worker
 * names no `Content-Encoding`. Made by `http.ts` for each task.
 * Invariant: at most `overrunBytes` wait for a caller that does not read; a body is whole or visibly cut.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { cutAnswer } from '@berth/runtime'
import type { BodySink, Caller } from './caller.ts'

/** A caller that takes nothing for so long while bytes wait has gone without saying so. */
const IDLE_LIMIT_MS = 30_000

export interface HttpCallerLimits {
  readonly overrunBytes: number
  readonly idleMs?: number
}

type Incoming = Pick<IncomingMessage, 'httpVersionMinor'>

export class HttpCaller implements Caller {
  readonly #incoming: Incoming
  readonly #outgoing: ServerResponse
  readonly #limits: HttpCallerLimits

  constructor(incoming: Incoming, outgoing: ServerResponse, limits: HttpCallerLimits) {
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#limits = limits
  }

  onGone(listener: () => void): void {
    const outgoing = this.#outgoing
    if (outgoing.destroyed) return listener()
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) listener()
    })
  }

  open(headers: Readonly<Record<string, string>>, onUnread: () => void): BodySink {
    this.#outgoing.writeHead(200, headers)
    return new HttpSink(this.#incoming, this.#outgoing, this.#limits, onUnread)
  }
}

class HttpSink implements BodySink {
  readonly #incoming: Incoming
  readonly #outgoing: ServerResponse
  readonly #overrunBytes: number
  readonly #onUnread: () => void
  #room: PromiseWithResolvers<void> | undefined
  #isCut = false

  constructor(
    incoming: Incoming,
    outgoing: ServerResponse,
    { overrunBytes, idleMs = IDLE_LIMIT_MS }: HttpCallerLimits,
    onUnread: () => void,
  ) {
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#overrunBytes = overrunBytes
    this.#onUnread = onUnread
    outgoing.on('error', () => {})
    outgoing.on('drain', () => this.#makeRoom())
    outgoing.once('close', () => this.#makeRoom())
    // The socket's timer knows a write that makes progress from one that stands still.
    outgoing.setTimeout(idleMs, () => {
      if (this.waitingBytes > 0) this.#giveUp()
    })
  }

  get waitingBytes(): number {
    return this.#outgoing.writableLength
  }

  write(bytes: Uint8Array | string): void {
    const outgoing = this.#outgoing
    if (this.#isCut || outgoing.destroyed || outgoing.writableEnded) return
    if (!outgoing.write(bytes)) this.#room ??= Promise.withResolvers<void>()
    if (this.waitingBytes > this.#overrunBytes) this.#giveUp()
  }

  async room(): Promise<void> {
    await this.#room?.promise
  }

  end(): void {
    if (!this.#isCut) this.#outgoing.end()
  }

  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#makeRoom()
    cutAnswer(this.#incoming, this.#outgoing)
  }

  #giveUp(): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#onUnread()
    this.#outgoing.destroy()
  }

  #makeRoom(): void {
    this.#room?.resolve()
    this.#room = undefined
  }
}
