/**
 * Owns the count of bytes that are on their way in, over all bodies of tasks and batches: what has come of
 * bodies that are not with the core yet. Asked before a body is read and at each of its pieces, so that a
 * flood is shed while it costs next to nothing. Shared by the hot route, the routed one and the batches.
 * Invariant: every byte that was let in is let out again, whether its body arrives, is refused or breaks off.
 */
import type { TaskError } from '@berth/protocol'
import type { DoorPort } from '../ports/submission.ts'

export class Door {
  readonly #core: DoorPort
  #bytes = 0

  constructor(core: DoorPort) {
    this.#core = core
  }

  /** Bytes that are held now. */
  get bytes(): number {
    return this.#bytes
  }

  /** Why a body of so many bytes, of which `heldBytes` are here already, may not come in (further). */
  refuse(bodyBytes: number, heldBytes = 0): TaskError | undefined {
    return this.#core.refuseAtDoor(bodyBytes, this.#bytes - heldBytes)
  }

  enter(bytes: number): void {
    this.#bytes += bytes
  }

  leave(bytes: number): void {
    this.#bytes -= bytes
  }
}
