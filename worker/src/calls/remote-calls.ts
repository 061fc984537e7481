/**
 * The calls of one linked task that its balancer is to answer: CALL goes out, CALL-RESULT comes back. Kept by
 * `link-task.ts`, fed by `link-tasks.ts`; `call-gate.ts` waits.
 * Invariant: a call is settled once: by its result, by the end of its link, or by the end of the attempt.
 */
import { type ByteReader, LIMITS, type OutcomeError, readOutcome } from '@berth/protocol'
import { CallError } from './call-error.ts'
import { readResult } from './call-reply.ts'

/** Writes CALL. */
export type SendCall = (id: number, name: string, input: Uint8Array, via: readonly string[]) => void

interface OpenCall {
  readonly name: string
  readonly done: PromiseWithResolvers<unknown>
}

export class RemoteCalls {
  readonly #open = new Map<number, OpenCall>()
  readonly #limitBytes: number
  #ids = 0
  /** A long result comes as DATA before its CALL-RESULT, one at a time. */
  #chunks: Uint8Array[] = []
  #size = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Resolves to the result, rejects with a CallError. */
  start(
    name: string,
    input: Uint8Array,
    via: readonly string[],
    send: SendCall | undefined,
  ): Promise<unknown> {
    if (!send) return Promise.reject(lost(name))
    if (input.length > LIMITS.inlineBytes) {
      const message = `its input is ${input.length} bytes; through the balancer at most ${LIMITS.inlineBytes} can be passed`
      return Promise.reject(new CallError(name, { code: 'PAYLOAD_TOO_LARGE', message }))
    }
    const id = ++this.#ids
    const done = Promise.withResolvers<unknown>()
    this.#open.set(id, { name, done })
    send(id, name, input, via)
    return done.promise
  }

  onData(bytes: Uint8Array): void {
    this.#size += bytes.length
    // Copied: the bytes lie in a buffer of the socket.
    if (this.#size <= this.#limitBytes) this.#chunks.push(new Uint8Array(bytes))
    else this.#chunks = []
  }

  onResult(payload: ByteReader): void {
    const id = payload.u32()
    const { outcome, mediaType, error } = readOutcome(payload)
    const bytes = this.#take(payload.rest())
    const call = this.#open.get(id)
    if (!call || !this.#open.delete(id)) return
    const { name, done } = call
    if (error || outcome !== 'completed') return done.reject(new CallError(name, error ?? unnamed(outcome)))
    if (!bytes) return done.reject(new CallError(name, tooLarge(this.#limitBytes)))
    try {
      done.resolve(readResult(bytes, mediaType))
    } catch {
      done.reject(new CallError(name, { code: 'INTERNAL', message: 'its result is unreadable' }))
    }
  }

  /** The link has gone, and with it whoever would answer. */
  fail(): void {
    for (const { name, done } of this.#open.values()) done.reject(lost(name))
    this.#open.clear()
    this.#take(new Uint8Array(0))
  }

  /** Undefined when it was over the limit. */
  #take(tail: Uint8Array): Uint8Array | undefined {
    const isOver = this.#size + tail.length > this.#limitBytes
    const bytes = this.#size === 0 ? tail : Buffer.concat([...this.#chunks, tail])
    this.#chunks = []
    this.#size = 0
    return isOver ? undefined : bytes
  }
}

function lost(name: string): CallError {
  const message = 'the link to the balancer was lost, and nobody answers'
  return new CallError(name, { code: 'WORKER_LOST', message })
}

function unnamed(outcome: string): OutcomeError {
  return { code: 'INTERNAL', message: `it ended ${outcome} without a reason` }
}

function tooLarge(limitBytes: number): OutcomeError {
  return { code: 'RESULT_TOO_LARGE', message: `its result is over ${limitBytes} bytes` }
}
