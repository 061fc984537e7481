/**
 * One fleet link as this end sees it, from hello to its close: reads frames and messages, drives the tasks they
 * speak of, and writes what comes back. Knows no socket: `link.ts` gives it an `Outlet`, tests a list.
 *
 * Invariant: a task number has at most one open task, and every task of this link is in `#tasks` until its END
 * has left (durable: until RESULT-ACK), or its BUSY or RECALLED is written.
 */
import {
  type ByteReader,
  CLOSE,
  DATA_KIND,
  type FromBalancer,
  LinkClock,
  type MaintenanceOrder,
  type OutcomeError,
  ProtocolError,
  parseFromBalancer,
  RECORD,
  readCancelReason,
  readFrame,
  readStamp,
  readTaskHeader,
  TASK_FLAG,
  type TaskHeader,
  type Welcome,
} from '@berth/protocol'
import type { Fences } from './fences.ts'
import { LinkFlush, type Outlet } from './link-flush.ts'
import { readInput } from './link-input.ts'
import { LinkedTask, refusedHeader, type TaskOwner } from './link-task.ts'
import { LinkVoice } from './link-voice.ts'
import type { CheckedInput } from './parameters.ts'
import type { WorkerParts } from './parts.ts'
import type { PeerLink, Peers } from './peers.ts'
import { type RegisteredFunction, unknownFunction } from './registry.ts'
import type { Carrier } from './stream/link-emitter.ts'
import { noStreaming } from './task-request.ts'

/** What all links of a worker share. */
export interface LinkShared {
  readonly parts: WorkerParts
  readonly peers: Peers
  readonly fences: Fences
  nextSeq(): number
  /** Calls at the end of this tick; `setImmediate`. */
  defer(act: () => void): void
}

const NOTHING = new Uint8Array(0)
/** How long a link may stay anonymous. */
const WELCOME_LIMIT_MS = 10_000
/** Tasks taken beyond the slots, so that a slot that frees has its next task at hand. */
const AHEAD_PER_SLOT = 4
const AHEAD_LIMIT = 256
/** How often `tick` is called. */
export const TICK_MS = 250
/** A tick that comes this much late says that this process stood still, which is nobody's silence. */
const LATE_TICK_MS = 100
/** Room for the envelope around an input that is exactly at the limit. */
const BODY_MARGIN_BYTES = 64 * 1024

export class LinkSession implements TaskOwner, PeerLink {
  readonly #shared: LinkShared
  readonly #parts: WorkerParts
  readonly #outlet: Outlet
  readonly #flush: LinkFlush
  readonly #voice: LinkVoice
  readonly #clock = new LinkClock()
  readonly #tasks = new Map<number, LinkedTask>()
  #finished = 0
  #linked = 0
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
      linked: () => this.#linked,
    })
    this.#flush = new LinkFlush({
      outlet,
      stamp: () => this.#voice.stamp(),
      defer: (act) => shared.defer(act),
      onDelivered: (task) => this.#onDelivered(task),
    })
  }

  /** The balancer's name once it is known. */
  get peerName(): string {
    return this.#terms?.name ?? 'unknown'
  }

  get carrier(): Carrier {
    return this.#flush
  }

  get oldestMs(): number {
    return 2 * this.#heartbeatMs
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
    for (const task of [...this.#tasks.values()]) if (!task.hasStarted) this.#drop(task)
    for (const { task, begin } of this.#flush.close()) {
      if (task.owner === this) this.#neverBegun(task)
      begin()
    }
    for (const task of this.#tasks.values()) {
      // Handlers that wait for room here would wait for good.
      this.#flush.writer.forget(task.number)
      if (task.owner === this) task.owner = undefined
    }
    this.#tasks.clear()
    if (this.#terms) this.#parts.condition.unlink(this.#terms.bootId, this.#terms.leaseMs)
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
    for (const task of [...this.#tasks.values()]) if (!task.hasStarted) this.onRecalled(task)
    this.#flush.flush()
  }

  replace(): void {
    this.#close(CLOSE.replaced, 'a newer link took over')
  }

  adopt(task: LinkedTask, number: number): void {
    // The number first: what the task has kept for its link leaves at once.
    task.number = number
    task.owner = this
    this.#tasks.set(number, task)
    if (task.state === 'finished') this.#end(task)
    else this.#linked += task.linkedCost
  }

  denyAdoption(number: number): void {
    const message = 'The worker has no result of this task any more'
    const error = { code: 'WORKER_LOST', message }
    this.#flush.writer.outcome(number, { outcome: 'lost', runMs: 0, mediaType: '', error }, NOTHING)
    this.#flush.wake()
  }

  // What tasks say

  onStarting(task: LinkedTask, begin: () => void): void {
    this.#shared.peers.start(this, task)
    this.#flush.started(task, begin)
  }

  onCall(task: LinkedTask, id: number, name: string, input: Uint8Array): void {
    this.#flush.writer.control(RECORD.CALL, task.number, (out) => {
      out.u32(id)
      out.text8(name)
      out.bytes(input)
    })
    this.#flush.wake()
  }

  onRecalled(task: LinkedTask): void {
    this.#drop(task)
    this.#flush.control(RECORD.RECALLED, task.number)
  }

  onSlots(more: number): void {
    this.#linked += more
  }

  /** BUSY, so that the task goes elsewhere; the log has the reason. */
  onUnready(task: LinkedTask): void {
    this.#drop(task)
    this.#flush.control(RECORD.BUSY, task.number)
  }

  onAnswer(task: LinkedTask): void {
    this.#end(task)
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
    else if (message.type === 'logs') this.#voice.logs.follow(message.follow, message.level)
    else if (message.type === 'bye') log.info('the balancer leaves', { peer, reason: message.reason })
  }

  #onWelcome(message: Welcome): void {
    if (this.#terms) throw new ProtocolError('a second welcome on one link')
    this.#terms = message
    this.#parts.condition.link(message)
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
    else if (type === RECORD.TASK) this.#onTask(number, flags, payload)
    else if (type === RECORD.DATA) this.#onData(number, flags, payload.rest())
    else if (type === RECORD.END) this.#onInputEnd(number)
    else if (type === RECORD.CREDIT) this.#onCredit(number, payload.u32())
    else if (type === RECORD.CANCEL) this.#onCancel(number, payload)
    else if (type === RECORD.RECALL) this.#onRecall(number)
    else if (type === RECORD.CALL_RESULT) this.#tasks.get(number)?.remoteCalls?.onResult(payload)
    else if (type === RECORD.RESULT_ACK) this.#onResultAck(number, payload.u64())
  }

  #onTask(number: number, flags: number, payload: ByteReader): void {
    if (!this.#terms) throw new ProtocolError('a task came before the welcome')
    if (number === 0 || this.#tasks.has(number))
      throw new ProtocolError(`the task number ${number} is in use`)
    const header = readTaskHeader(payload)
    const isNewest = this.#shared.fences.note(header.run, header.fence)
    if (!isNewest || !this.#hasRoomFor(flags)) return this.#flush.control(RECORD.BUSY, number)
    const fn = this.#parts.registry.get(header.function)
    const refusal = this.#refusalOf(header, fn)
    if (refusal || !fn) return this.#refuse(number, refusal ?? unknownFunction(header.function))
    const facts = { number, flags, header, function: fn, ageMs: this.#frameAgeMs }
    const task = new LinkedTask(this.#parts, this.#shared.peers, this, facts)
    this.#tasks.set(number, task)
    if ((flags & TASK_FLAG.WHOLE) !== 0) this.#judge(task, payload.rest())
  }

  #hasRoomFor(flags: number): boolean {
    const { condition } = this.#parts
    const { peers } = this.#shared
    if (condition.status !== 'ready' || !peers.mayStart) return false
    if ((flags & TASK_FLAG.DURABLE) !== 0 && !peers.hasRoomForDurable) return false
    return this.#tasks.size - this.#finished < this.#mostTasks
  }

  /** Slots, and what may wait ahead of them. */
  get #mostTasks(): number {
    const { limit } = this.#parts.intake
    return limit + Math.min(AHEAD_PER_SLOT * limit, AHEAD_LIMIT)
  }

  #refusalOf(header: TaskHeader, fn: RegisteredFunction | undefined): OutcomeError | undefined {
    const { contract } = this.#parts.identity
    if (header.contract !== contract) {
      const message = `This worker serves contract ${contract}, not ${header.contract}`
      return { code: 'CONTRACT_MISMATCH', message }
    }
    if (header.mode !== 'stream' || !fn || fn.interface.supportsStreaming) return undefined
    return { code: 'INVALID_REQUEST', message: noStreaming(fn.name) }
  }

  #onData(number: number, flags: number, bytes: Uint8Array): void {
    const task = this.#tasks.get(number)
    const isCallResult = task?.state === 'running' && (flags & 0x0f) === DATA_KIND.payload
    if (isCallResult) {
      task.remoteCalls?.onData(bytes)
      return this.#giveCredit(number, bytes.length)
    }
    // What was refused or recalled may still have bytes under way.
    if (task?.state !== 'assembling' || (flags & 0x0f) !== 0) return
    const { requestBodyBytes } = this.#parts.limits
    task.chunkBytes += bytes.length
    if (task.chunkBytes > requestBodyBytes + BODY_MARGIN_BYTES) {
      this.#drop(task)
      const message = `The input is over ${requestBodyBytes} bytes; send less, or raise REQUEST_BODY_LIMIT`
      return this.#refuse(number, { code: 'PAYLOAD_TOO_LARGE', message })
    }
    // Copied: the bytes lie in a buffer of the socket, which would be kept for as long.
    task.chunks.push(new Uint8Array(bytes))
    this.#giveCredit(number, bytes.length)
  }

  #giveCredit(number: number, bytes: number): void {
    this.#flush.writer.control(RECORD.CREDIT, number, (out) => out.u32(bytes))
    this.#flush.wake()
  }

  #onInputEnd(number: number): void {
    const task = this.#tasks.get(number)
    if (task?.state === 'assembling') this.#judge(task, Buffer.concat(task.chunks.splice(0)))
  }

  #judge(task: LinkedTask, bytes: Uint8Array): void {
    task.state = 'checking'
    const checked = readInput(task, bytes)
    if (checked instanceof Promise) void checked.then((result) => this.#onChecked(task, result))
    else this.#onChecked(task, checked)
  }

  #onChecked(task: LinkedTask, checked: CheckedInput): void {
    // Recalled, cancelled or without a link while its schema was thinking.
    if (task.state !== 'checking') return
    if (!checked.ok) {
      this.#drop(task)
      return this.#refuse(task.number, checked.error)
    }
    const { intake } = this.#parts
    task.ready(checked.value)
    const refusal = intake.admit(task)
    if (refusal === undefined) return
    this.#drop(task)
    if (refusal !== 'SLOT_COST_TOO_BIG') return this.#flush.control(RECORD.BUSY, task.number)
    const message = `"${task.function.name}" takes ${task.cost} slots; this worker has ${intake.limit}`
    this.#refuse(task.number, { code: refusal, message })
  }

  #onCredit(number: number, bytes: number): void {
    this.#flush.writer.credit(number, bytes)
    this.#flush.wake()
  }

  #onCancel(number: number, payload: ByteReader): void {
    const task = this.#tasks.get(number)
    if (!task) return
    if (!task.hasStarted) return this.onRecalled(task)
    // Chunks that nobody wants any more would keep its END waiting for credit.
    if (task.isStream && task.state !== 'finished') this.#flush.writer.forget(number)
    task.abort(readCancelReason(payload))
  }

  #onRecall(number: number): void {
    const task = this.#tasks.get(number)
    if (task && !task.hasStarted) this.onRecalled(task)
  }

  #onResultAck(number: number, fence: number): void {
    const task = this.#tasks.get(number)
    if (task?.state === 'finished' && task.header.fence === fence) this.#forget(task)
  }

  #refuse(number: number, error: OutcomeError): void {
    const header = refusedHeader(error)
    // A broken schema says the same on every worker, so the task is not offered to another.
    const isOurs = error.code === 'FUNCTION_FAILED'
    this.#flush.writer.outcome(number, isOurs ? { ...header, outcome: 'failed' } : header, NOTHING)
    this.#flush.wake()
  }

  #end(task: LinkedTask): void {
    this.#finished++
    this.#flush.ended(task)
  }

  #onDelivered(task: LinkedTask): void {
    if (task.isDurable || !this.#tasks.delete(task.number)) return
    this.#finished--
    this.#shared.peers.deliver(task, this.#mostTasks, this.#now())
  }

  #forget(task: LinkedTask): void {
    if (!this.#tasks.delete(task.number)) return
    this.#finished--
    this.#shared.peers.release(task)
  }

  /** A task that never started leaves the tables; what is said about it is the caller's. */
  #drop(task: LinkedTask): void {
    this.#parts.intake.withdraw(task)
    task.state = 'gone'
    task.holdSlots(0)
    task.chunks.length = 0
    if (this.#tasks.get(task.number) === task) this.#tasks.delete(task.number)
  }

  /** Its STARTED reached nobody: it is settled without its handler being called. */
  #neverBegun(task: LinkedTask): void {
    task.owner = undefined
    task.abort('orphaned')
    this.#shared.peers.release(task)
  }
}
