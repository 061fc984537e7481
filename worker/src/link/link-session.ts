/**
 * One fleet link as this end sees it, from hello to its close: reads frames and messages, and watches for silence.
 * Knows no socket: `link.ts` gives it an `Outlet`, tests a list. What the frames say of tasks is in `link-tasks.ts`.
 *
 * Invariant: nothing is read before the hello is said or behind the close, and no task before the welcome.
 */
import {
  type ByteReader,
  CLOSE,
  type FromBalancer,
  LinkClock,
  type MaintenanceOrder,
  ProtocolError,
  parseFromBalancer,
  RECORD,
  readFrame,
  readStamp,
  type Welcome,
} from '@berth/protocol'
import type { WorkerParts } from '../parts.ts'
import type { Fences } from './fences.ts'
import { LinkFlush, type Outlet } from './link-flush.ts'
import type { LinkedTask } from './link-task.ts'
import { LinkTasks } from './link-tasks.ts'
import { LinkVoice } from './link-voice.ts'
import type { PeerLink, Peers } from './peers.ts'

/** What all links of a worker share. */
export interface LinkShared {
  readonly parts: WorkerParts
  readonly peers: Peers
  readonly fences: Fences
  nextSeq(): number
  /** Calls at the end of this tick; `setImmediate`. */
  defer(act: () => void): void
}

/** How long a link may stay anonymous. */
const WELCOME_LIMIT_MS = 10_000
/** How often `tick` is called. */
export const TICK_MS = 250
/** A tick that comes this much late says that this process stood still, which is nobody's silence. */
const LATE_TICK_MS = 100

export class LinkSession implements PeerLink {
  readonly #shared: LinkShared
  readonly #parts: WorkerParts
  readonly #outlet: Outlet
  readonly #flush: LinkFlush
  readonly #voice: LinkVoice
  readonly #clock = new LinkClock()
  readonly #tasks: LinkTasks
  #terms: Welcome | undefined
  #isOpen = true
  #frameAgeMs = 0
  readonly #openedAt: number
  #heardAt: number
  #tickedAt: number
  #pingedAt = 0

  constructor(shared: LinkShared, outlet: Outlet) {
    this.#shared = shared
    this.#parts = shared.parts
    this.#outlet = outlet
    this.#openedAt = this.#heardAt = this.#tickedAt = this.#now()
    this.#voice = new LinkVoice({
      parts: shared.parts,
      outlet,
      nextSeq: () => shared.nextSeq(),
      linked: () => this.#tasks.linked,
    })
    this.#flush = new LinkFlush({
      outlet,
      stamp: () => this.#voice.stamp(),
      defer: (act) => shared.defer(act),
      onDelivered: (task) => this.#tasks.onDelivered(task),
    })
    const { parts, peers, fences } = shared
    const oldestMs = () => 2 * this.#heartbeatMs
    const fileLimitBytes = () => this.#terms?.fileLimitBytes
    this.#tasks = new LinkTasks({
      parts,
      peers,
      fences,
      flush: this.#flush,
      link: this,
      oldestMs,
      fileLimitBytes,
    })
  }

  /** The balancer's name once it is known. */
  get peerName(): string {
    return this.#terms?.name ?? 'unknown'
  }

  /** Says hello and begins to push. */
  open(): void {
    this.#voice.hello(this.#shared.peers.greet(this))
  }

  /** The services changed. */
  noteChange(): void {
    this.#voice.noteChange()
  }

  onText(text: string): void {
    if (!this.#isOpen) return
    this.#heardAt = this.#now()
    const parsed = parseFromBalancer(text)
    if (parsed.kind === 'invalid') this.#fail(new ProtocolError(parsed.reason))
    else if (parsed.kind === 'message') this.#guard(() => this.#onMessage(parsed.message))
  }

  onBinary(frame: Uint8Array): void {
    if (!this.#isOpen) return
    this.#heardAt = this.#now()
    this.#frameAgeMs = 0
    this.#guard(() =>
      readFrame(frame, (type, flags, task, payload) => this.#onRecord(type, flags, task, payload)),
    )
  }

  /** The socket is gone. What started goes on for a while; what did not is given up. */
  closed(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#voice.close()
    this.#tasks.close()
    if (this.#terms) this.#parts.condition.unlink(this.#terms.bootId, this.#terms.leaseMs)
    this.#parts.runners.warmth.leave(this)
    this.#shared.peers.leave(this)
  }

  /** Called several times a second: regular state, signs of life, silence. */
  tick(): void {
    if (!this.#isOpen) return
    const now = this.#now()
    const lateMs = now - this.#tickedAt - TICK_MS
    if (lateMs > LATE_TICK_MS) this.#heardAt = Math.min(now, this.#heardAt + lateMs)
    this.#tickedAt = now
    this.#voice.tick()
    if (this.#terms) this.#shared.peers.forgetBefore(this, now - this.#terms.leaseMs)
    if (this.#terms) this.#watchSilence(now, this.#terms)
    else if (now - this.#openedAt > WELCOME_LIMIT_MS) this.#close(CLOSE.protocolError, 'no welcome came')
  }

  /** Resolves when every result has left, long ones included, or the link is gone. */
  whenDelivered(): Promise<void> {
    return this.#flush.whenDelivered()
  }

  /** The last word before a planned end. */
  bye(reason: string): void {
    if (!this.#isOpen) return
    this.#voice.bye(reason)
    this.#close(CLOSE.goingAway, reason)
  }

  // What peers ask of a link

  recallWaiting(): void {
    this.#tasks.recallWaiting()
    this.#flush.flush()
  }

  replace(): void {
    this.#close(CLOSE.replaced, 'a newer link took over')
  }

  adopt(task: LinkedTask, number: number): void {
    this.#tasks.adopt(task, number)
  }

  denyAdoption(number: number): void {
    this.#tasks.denyAdoption(number)
  }

  get #heartbeatMs(): number {
    return this.#terms ? this.#terms.heartbeatIntervalMs + this.#terms.heartbeatTimeoutMs : WELCOME_LIMIT_MS
  }

  #now(): number {
    return this.#shared.parts.clock.monoMs()
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#fail(error)
    }
  }

  #fail(error: ProtocolError): void {
    this.#parts.log.warn('the balancer broke the protocol', { peer: this.peerName, reason: error.message })
    this.#close(error.closeCode, error.message)
  }

  #close(code: number, reason: string): void {
    this.#outlet.close(code, reason.slice(0, 100))
    // Whatever the peer still has under way is not read any more.
    this.closed()
  }

  #watchSilence(now: number, { heartbeatIntervalMs }: Welcome): void {
    const silentMs = now - this.#heardAt
    if (silentMs > this.#heartbeatMs) {
      this.#close(CLOSE.silent, `silent for ${Math.round(silentMs)} ms`)
    } else if (silentMs >= heartbeatIntervalMs && now - this.#pingedAt >= heartbeatIntervalMs) {
      this.#pingedAt = now
      this.#voice.ping()
    }
  }

  #onMessage(message: FromBalancer): void {
    const { log } = this.#parts
    const peer = this.peerName
    if (message.type === 'welcome') this.#onWelcome(message)
    else if (message.type === 'ping') this.#voice.pong(message.id)
    else if (message.type === 'interface') this.#voice.interface()
    else if (message.type === 'maintenance') this.#onMaintenance(message)
    else if (message.type === 'logs') this.#voice.logs.follow(message)
    else if (message.type === 'warm') this.#parts.runners.warmth.heed(this, message)
    else if (message.type === 'bye') log.info('the balancer leaves', { peer, reason: message.reason })
  }

  #onWelcome(message: Welcome): void {
    if (this.#terms) throw new ProtocolError('a second welcome on one link')
    this.#terms = message
    this.#parts.condition.link(message)
    this.#parts.runners.warmth.welcome(this)
    this.#shared.peers.welcome(this, message, 2 * this.#heartbeatMs)
    this.#parts.log.info('linked', { peer: message.name, adopted: message.adopt.length })
    this.#voice.noteChange(true)
  }

  #onMaintenance(order: MaintenanceOrder): void {
    if (!this.#terms) throw new ProtocolError('maintenance came before the welcome')
    this.#parts.condition.obey(order, this.#terms.bootId)
  }

  #onRecord(type: number, flags: number, number: number, payload: ByteReader): void {
    if (type === RECORD.STAMP) this.#frameAgeMs = this.#clock.ageMs(this.#now(), readStamp(payload).at)
    else if (type === RECORD.TASK && !this.#terms) throw new ProtocolError('a task came before the welcome')
    else this.#tasks.onRecord(type, flags, number, payload, this.#frameAgeMs)
  }
}
