/**
 * How what one link writes reaches the socket, and when handlers are called. One per link, in `link-session.ts`.
 *
 * What is written in one tick leaves in one flush. STARTED goes to the operating system first: handlers are
 * called right behind the send, or, when the socket has a backlog, from the send's own callback.
 * Invariants: no frame is handed over while an earlier one still lies in the socket's buffer; a handler is called
 * at most once, and only after the frame with its STARTED was handed over or its link is gone.
 */
import { LinkWriter, RECORD, STARTED_FLAG, type Stamp } from '@berth/protocol'
import { WIRE_HEAD_BYTES } from '@berth/runtime'
import type { FileCarrier } from '../files/file-writer.ts'
import type { Carrier } from '../stream/link-emitter.ts'
import type { LinkedTask } from './link-task.ts'

/** The socket, as far as a link needs it. */
export interface Outlet {
  /** Bytes handed to the socket and not yet to the operating system. */
  readonly backlogBytes: number
  sendText(text: string): void
  /**
   * `handedOver` is called when the operating system has the frame, or never when the socket is gone. Of the memory
   * before the frame `WIRE_HEAD_BYTES` are free.
   */
  sendFrame(frame: Uint8Array, handedOver: () => void): void
  close(code: number, reason: string): void
}

export interface FlushPorts {
  readonly outlet: Outlet
  /** Leads every frame. */
  stamp(): Stamp
  /** Calls at the end of this tick; `setImmediate`. */
  defer(act: () => void): void
  /** The END of this task is with the operating system. */
  onDelivered(task: LinkedTask): void
}

const NONE: LinkedTask[] = []

export class LinkFlush implements Carrier, FileCarrier {
  readonly writer: LinkWriter
  readonly #ports: FlushPorts
  /** Tasks whose STARTED is written and not handed over. */
  #begins: LinkedTask[] = []
  /** Those whose frame is still in the socket's buffer. */
  readonly #inFlight = new Set<LinkedTask[]>()
  /** Tasks whose END is written and has not left. */
  #leaving: LinkedTask[] = []
  readonly #emptied: (() => void)[] = []
  #isDue = false
  #isClosed = false

  constructor(ports: FlushPorts) {
    this.#ports = ports
    this.writer = new LinkWriter(() => ports.stamp(), WIRE_HEAD_BYTES)
  }

  /** Writes STARTED; the task begins when it has gone. */
  started(task: LinkedTask): void {
    this.writer.control(RECORD.STARTED, task.number, undefined, task.isCold ? STARTED_FLAG.COLD : 0)
    this.#begins.push(task)
    this.wake()
  }

  /** Writes END with its result. */
  ended(task: LinkedTask): void {
    if (!task.outcome) return
    const { header, result } = task.outcome
    this.#leaving.push(task)
    this.writer.outcome(task.number, header, result.text ?? result.bytes)
    this.wake()
  }

  /** Writes what a handler makes on the way. */
  data(number: number, kind: number, bytes: Uint8Array): void {
    this.writer.data(number, kind, bytes)
    this.wake()
  }

  /** Writes a piece of a file, behind everything else. */
  bulk(...piece: Parameters<FileCarrier['bulk']>): void {
    this.writer.bulk(...piece)
    this.wake()
  }

  waitingBytes(number: number): number {
    return this.writer.waitingBytes(number)
  }

  hasRoom(number: number): Promise<void> {
    return this.writer.hasRoom(number)
  }

  control(type: number, number: number): void {
    this.writer.control(type, number)
    this.wake()
  }

  /** A flush follows at the end of this tick. */
  wake(): void {
    if (this.#isDue || this.#isClosed) return
    this.#isDue = true
    this.#ports.defer(() => this.flush())
  }

  flush(): void {
    this.#isDue = false
    const { outlet } = this.#ports
    while (!this.#isClosed && outlet.backlogBytes === 0) {
      const frame = this.writer.take()
      if (!frame) break
      // Control goes first, so the frame that empties it carries every STARTED written so far.
      this.#send(frame, this.writer.hasControl ? NONE : this.#takeBegins())
    }
    if (!this.#isClosed && !this.writer.isReady) this.#tellDelivered()
  }

  /** Resolves when every END written so far has left, or the link is gone. */
  async whenDelivered(): Promise<void> {
    this.flush()
    if (this.#isClosed || this.#leaving.length === 0) return
    await new Promise<void>((resolve) => this.#emptied.push(resolve))
  }

  /** Ends it; returns the handlers that were never called. */
  close(): LinkedTask[] {
    this.#isClosed = true
    const pending = [...[...this.#inFlight].flat(), ...this.#takeBegins()]
    this.#inFlight.clear()
    for (const resolve of this.#emptied.splice(0)) resolve()
    return pending
  }

  #takeBegins(): LinkedTask[] {
    const begins = this.#begins
    if (begins.length > 0) this.#begins = []
    return begins
  }

  #send(frame: Uint8Array, begins: LinkedTask[]): void {
    const { outlet } = this.#ports
    if (begins.length > 0) this.#inFlight.add(begins)
    outlet.sendFrame(frame, () => {
      this.#begin(begins)
      if (this.writer.isReady) this.wake()
    })
    if (outlet.backlogBytes === 0) this.#begin(begins)
  }

  #begin(begins: LinkedTask[]): void {
    if (begins.length === 0 || !this.#inFlight.delete(begins)) return
    for (const task of begins) task.begin()
  }

  /** Everything written is with the system, except what waits for CREDIT. */
  #tellDelivered(): void {
    const leaving = this.#leaving
    if (leaving.length > 0) this.#leaving = []
    for (const task of leaving) {
      if (this.writer.isSending(task.number)) this.#leaving.push(task)
      else this.#ports.onDelivered(task)
    }
    if (this.#leaving.length === 0 && this.#emptied.length > 0)
      for (const resolve of this.#emptied.splice(0)) resolve()
  }
}
