/**
 * One body on its way in: gathered within its limit, and counted at the door as long as it is not handed
 * over. Used wherever bodies of tasks and batches are read; knows nothing of sockets or streams.
 * Invariant: after `take` or `drop` nothing of it is counted any more; `drop` may come at any time, also twice.
 */
import type { TaskError } from '@berth/protocol'
import type { Pieces } from '@berth/runtime'
import { BodyBytes } from './body-bytes.ts'
import type { Door } from './door.ts'

export interface BodyTerms {
  readonly limitBytes: number
  /** What a body over the limit is refused with. */
  readonly tooLarge: TaskError
  readonly door: Door
}

export class ReceivedBody {
  readonly #terms: BodyTerms
  readonly #bytes: BodyBytes
  #heldBytes = 0
  /** Why the body is not taken, as soon as that is known: at once, or after a piece. */
  refusal: TaskError | undefined

  /** `contentLength` as the header says it, if it does. */
  constructor(terms: BodyTerms, contentLength: string | null | undefined) {
    this.#terms = terms
    this.#bytes = new BodyBytes(terms.limitBytes, contentLength)
    this.refusal = findRefusal(terms, contentLength)
  }

  /** False when the body is not taken, which `refusal` tells; what came of it is dropped. */
  add(piece: Uint8Array): boolean {
    const { door, tooLarge } = this.#terms
    const heldBytes = this.#heldBytes
    this.refusal ??= door.refuse(heldBytes + piece.length, heldBytes)
    if (this.refusal === undefined && !this.#bytes.add(piece)) this.refusal = tooLarge
    if (this.refusal !== undefined) {
      this.drop()
      return false
    }
    this.#heldBytes += piece.length
    door.enter(piece.length)
    return true
  }

  /** All that the header announced is here; false where it announced nothing. */
  get isWhole(): boolean {
    return this.#bytes.isWhole
  }

  /** The whole body, for whoever counts it from now on. */
  take(): Buffer {
    const whole = this.#bytes.take()
    this.#letGo()
    return whole
  }

  /** The same as it came, for whoever only passes it on. */
  takePieces(): Pieces {
    const pieces = this.#bytes.takePieces()
    this.#letGo()
    return pieces
  }

  /** The caller has gone, or nobody wants the rest. */
  drop(): void {
    this.#bytes.clear()
    this.#letGo()
  }

  #letGo(): void {
    this.#terms.door.leave(this.#heldBytes)
    this.#heldBytes = 0
  }
}

/** Why a body of which the head alone is known is not to be read; undefined lets it come. */
export function findRefusal(
  { limitBytes, tooLarge, door }: BodyTerms,
  contentLength: string | null | undefined,
): TaskError | undefined {
  const declaredBytes = Number(contentLength ?? 0)
  return declaredBytes > limitBytes ? tooLarge : door.refuse(declaredBytes)
}
