/**
 * The calls of one linked task, which its balancer answers: CALL goes out, CALL-RESULT comes back. Kept by
 * `link-task.ts`, fed by `link-tasks.ts`; `call-gate.ts` waits.
 *
 * The balancer ends what was called when the link ends. So a call that has no answer by then is asked again on the
 * next link, as one that may have run, and the balancer says whether that may be repeated; one that is made while
 * there is no link waits for the next.
 * Invariant: a call is settled once, and after `close` nothing is asked any more.
 */
import { type ByteReader, type OutcomeError, readOutcome } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import { CallError } from './call-error.ts'
import { readResult } from './call-reply.ts'

/** A CALL to be written. */
export interface AskedCall {
  readonly id: number
  readonly name: string
  readonly input: Uint8Array
  readonly remainingMs: number
  /** It was written on an earlier link. */
  readonly isAgain: boolean
}

export type SendCall = (call: AskedCall) => void

interface OpenCall {
  readonly name: string
  /** Kept until the answer is here. */
  readonly input: Uint8Array
  /** On the monotonic clock. */
  readonly endsAt: number
  readonly done: PromiseWithResolvers<unknown>
  wasSent: boolean
}

const NOTHING = new Uint8Array(0)

export class RemoteCalls {
  readonly #open = new Map<number, OpenCall>()
  readonly #limitBytes: number
  readonly #clock: Pick<Clock, 'monoMs'>
  #send: SendCall | undefined
  #ids = 0
  /** A long result comes as DATA before its CALL-RESULT, one at a time. */
  #chunks: Uint8Array[] = []
  #size = 0

  constructor(limitBytes: number, clock: Pick<Clock, 'monoMs'>, send: SendCall | undefined) {
    this.#limitBytes = limitBytes
    this.#clock = clock
    this.#send = send
  }

  /** Resolves to the result, rejects with a CallError; stays open when the attempt ends before. */
  start(name: string, input: Uint8Array, remainingMs: number): Promise<unknown> {
    const id = ++this.#ids
    const endsAt = this.#clock.monoMs() + remainingMs
    const call: OpenCall = { name, input, endsAt, done: Promise.withResolvers<unknown>(), wasSent: false }
    this.#open.set(id, call)
    if (this.#send) this.#write(id, call, this.#send)
    return call.done.promise
  }

  /** The task has another link, or none for now. */
  attach(send: SendCall | undefined): void {
    this.#take(NOTHING)
    this.#send = send
    if (send) for (const [id, call] of this.#open) this.#write(id, call, send)
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

  /** The attempt is over: nobody waits for them. */
  close(): void {
    this.#open.clear()
    this.#take(NOTHING)
  }

  #write(id: number, call: OpenCall, send: SendCall): void {
    const { name, input, endsAt, wasSent } = call
    call.wasSent = true
    send({ id, name, input, remainingMs: Math.max(0, endsAt - this.#clock.monoMs()), isAgain: wasSent })
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

function unnamed(outcome: string): OutcomeError {
  return { code: 'INTERNAL', message: `it ended ${outcome} without a reason` }
}

function tooLarge(limitBytes: number): OutcomeError {
  return { code: 'RESULT_TOO_LARGE', message: `its result is over ${limitBytes} bytes` }
}
