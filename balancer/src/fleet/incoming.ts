/**
 * What one task sends back over its link in DATA: the count of its window, and a result that comes in
 * pieces. Made by the link with the first DATA of a task, or when it is cancelled; it is also the end at
 * which a reader says what it has taken.
 * Invariant: at most a window of bytes is with readers who have not said so, and every byte is credited
 * once, whoever reads it and also when nobody does any more.
 */
import { LIMITS } from '@berth/protocol'
import type { Pieces } from '../ports/dispatch.ts'
import type { StreamSource } from '../ports/stream.ts'
import { CallInput, type CallInputs, type GatheredInput } from './call-inputs.ts'
import { PartialResult } from './partial-result.ts'

/** Credit for less waits for more: a record a token would cost more than the token. */
const LEAST_CREDIT_BYTES = 32 * 1024

export class Incoming implements StreamSource {
  readonly task: number
  readonly #resultLimitBytes: number
  readonly #onCreditDue: (incoming: Incoming) => void
  /** Came and was not credited. */
  #owedBytes = 0
  /** Of these, taken. */
  #takenBytes = 0
  #isClosed = false
  #result: PartialResult | undefined
  #input: CallInput | undefined

  constructor(task: number, resultLimitBytes: number, onCreditDue: (incoming: Incoming) => void) {
    this.task = task
    this.#resultLimitBytes = resultLimitBytes
    this.#onCreditDue = onCreditDue
  }

  /** Nobody reads it any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Counts what has come; false when it is more than the window allows. */
  receive(bytes: number): boolean {
    this.#owedBytes += bytes
    if (this.#isClosed) this.#take(bytes)
    // A worker that hears of a cancel begins with a new window, while the old one may still be under way.
    return this.#owedBytes <= (this.#isClosed ? 2 * LIMITS.windowBytes : LIMITS.windowBytes)
  }

  taken(bytes: number): void {
    if (this.#isClosed) return
    this.#take(bytes)
  }

  /** Its task is cancelled: all that waits counts as taken, and so does what still comes. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#take(this.#owedBytes - this.#takenBytes)
  }

  addResult(piece: Uint8Array): void {
    this.#result ??= new PartialResult(this.#resultLimitBytes)
    this.#result.add(piece)
  }

  /** The whole result; undefined when it is over the limit. */
  takeResult(tail: Uint8Array): Pieces | undefined {
    if (!this.#result) return tail.length > this.#resultLimitBytes ? undefined : tail
    this.#result.add(tail)
    return this.#result.take()
  }

  /** Of a call whose CALL is to come. */
  addInput(piece: Uint8Array, inputs: CallInputs): void {
    this.#input ??= new CallInput(inputs)
    this.#input.add(piece)
  }

  /** The whole input of the call that has come; undefined when none of it has. */
  takeInput(): GatheredInput | undefined {
    return this.#input?.take()
  }

  /** Nobody asks for any of it any more. */
  drop(): void {
    this.#input?.drop()
  }

  /** What a CREDIT that is written now gives. */
  takeCredit(): number {
    const bytes = this.#takenBytes
    this.#owedBytes -= bytes
    this.#takenBytes = 0
    return bytes
  }

  #take(bytes: number): void {
    this.#takenBytes += bytes
    const isDue = this.#isClosed ? this.#takenBytes > 0 : this.#takenBytes >= LEAST_CREDIT_BYTES
    if (isDue) this.#onCreditDue(this)
  }
}
