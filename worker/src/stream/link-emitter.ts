/**
 * What a handler makes on the way, over a link: chunks, lines and progress of streams and durable runs as DATA, and
 * messages and sources of durable runs. What it uses goes a way of its own (`link-usage.ts`). Made by `link-task.ts` for tasks that somebody follows; survives the link, as durable runs do.
 *
 *   attached ──link lost──▶ away ──adopted──▶ attached
 *                            └─ a stream that has sent a chunk is torn: nobody can tell which ones arrived, so it
 *                               is aborted, and lost even if it had ended
 *
 * Invariant: at most `KEPT_BYTES` are kept while the link is away, the newest; what a durable run loses is told
 * by a line of its own.
 */
import { DATA_KIND, LIMITS } from '@berth/protocol'
import type { Emitter, NoteKind } from './emitter.ts'

/** The link a task belongs to now, as far as its DATA goes. */
export interface Carrier {
  data(task: number, kind: number, bytes: Uint8Array): void
  waitingBytes(task: number): number
  /** Resolves when less than a window waits, or the link is gone. */
  hasRoom(task: number): Promise<void>
}

export interface EmitterTask {
  /** Its number on the link it belongs to now. */
  readonly number: number
  readonly isDurable: boolean
  abort(cause: 'unread' | 'orphaned'): void
}

interface Kept {
  readonly kind: number
  readonly bytes: Uint8Array
}

const KEPT_BYTES = LIMITS.windowBytes
const ROOM = Promise.resolve()

export class LinkEmitter implements Emitter {
  readonly #task: EmitterTask
  readonly #overrunBytes: number
  readonly #now: () => string
  #carrier: Carrier | undefined
  #kept: Kept[] = []
  #keptBytes = 0
  /** Of a durable run, since it was last told. */
  #dropped = 0
  #hasLeft = false
  #isTorn = false
  #attached: PromiseWithResolvers<void> | undefined

  /** `now`: ISO 8601 UTC. */
  constructor(task: EmitterTask, overrunBytes: number, now: () => string) {
    this.#task = task
    this.#overrunBytes = overrunBytes
    this.#now = now
  }

  /** Chunks of a stream went over a link that is gone. */
  get isTorn(): boolean {
    return this.#isTorn
  }

  /** The task has a link, or another one, or none. What has ended may have kept the one before until now. */
  attach(carrier: Carrier | undefined): void {
    const isBroken = this.#carrier !== undefined && carrier !== this.#carrier
    this.#carrier = carrier
    if (isBroken && this.#hasLeft) this.#break()
    if (carrier) this.#catchUp(carrier)
  }

  #break(): void {
    if (this.#task.isDurable) {
      this.#dropped++
      return
    }
    this.#isTorn = true
    this.#task.abort('orphaned')
  }

  chunk(bytes: Uint8Array): Promise<void> {
    const { isDurable, number } = this.#task
    const carrier = this.#carrier
    if (!carrier) {
      this.#keep({ kind: DATA_KIND.chunk, bytes })
      return isDurable ? ROOM : this.#whenAttached()
    }
    const isOver = carrier.waitingBytes(number) + bytes.length > this.#overrunBytes
    if (isOver && isDurable) this.#dropped++
    if (isOver && !isDurable) this.#task.abort('unread')
    if (isOver) return ROOM
    this.#hasLeft = true
    carrier.data(number, DATA_KIND.chunk, bytes)
    return carrier.hasRoom(number)
  }

  note(kind: NoteKind, value: object): void {
    if (kind === 'usage') return
    if (kind === 'source' || kind === 'message') return this.#output(kind, value)
    const item = { kind: DATA_KIND[kind], bytes: Buffer.from(JSON.stringify(value)) }
    if (!this.#carrier) return this.#keep(item)
    if (this.#carrier.waitingBytes(this.#task.number) < LIMITS.windowBytes) this.#send(this.#carrier, item)
    else this.#dropped++
  }

  /** Of a run on disk: what it puts out is not given up for a window that is full. */
  #output(kind: 'source' | 'message', value: object): void {
    const { isDurable, number } = this.#task
    if (!isDurable) return
    const said = kind === 'message' ? (value as { message: unknown }).message : value
    const item = { kind: DATA_KIND[kind], bytes: Buffer.from(JSON.stringify(said)) }
    const carrier = this.#carrier
    if (!carrier) this.#keep(item)
    else if (carrier.waitingBytes(number) + item.bytes.length <= this.#overrunBytes) this.#send(carrier, item)
    else this.#dropped++
  }

  #catchUp(carrier: Carrier): void {
    this.#tellDropped(carrier)
    for (const item of this.#kept) this.#send(carrier, item)
    this.#kept = []
    this.#keptBytes = 0
    this.#attached?.resolve()
    this.#attached = undefined
  }

  #send(carrier: Carrier, { kind, bytes }: Kept): void {
    this.#tellDropped(carrier)
    if (kind === DATA_KIND.chunk) this.#hasLeft = true
    carrier.data(this.#task.number, kind, bytes)
  }

  /** A gap that nobody knows of would be taken for the whole. */
  #tellDropped(carrier: Carrier): void {
    if (this.#dropped === 0) return
    const text =
      'chunks, lines, progress or messages before this may be missing: the link broke, or they came too fast'
    this.#dropped = 0
    const line = { at: this.#now(), level: 'warn', text, source: 'worker' }
    carrier.data(this.#task.number, DATA_KIND.log, Buffer.from(JSON.stringify(line)))
  }

  #keep(item: Kept): void {
    this.#kept.push(item)
    this.#keptBytes += item.bytes.length
    while (this.#keptBytes > KEPT_BYTES && this.#task.isDurable) {
      this.#keptBytes -= this.#kept.shift()?.bytes.length ?? 0
      this.#dropped++
    }
    if (this.#keptBytes > this.#overrunBytes) this.#task.abort('unread')
  }

  #whenAttached(): Promise<void> {
    this.#attached ??= Promise.withResolvers<void>()
    return this.#attached.promise
  }
}
