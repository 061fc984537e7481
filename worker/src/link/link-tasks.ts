/**
 * The tasks of one fleet link: reads the records that speak of them, drives them through slots and handlers, and
 * writes what comes back. One per link, in `link-session.ts`, which reads the frames.
 *
 * Invariant: a task number has at most one open task, and every task of this link is in `#tasks` until its END
 * has left (durable: until RESULT-ACK), or its BUSY or RECALLED is written.
 */
import {
  type ByteReader,
  DATA_KIND,
  LIMITS,
  type OutcomeError,
  ProtocolError,
  RECORD,
  readCancelReason,
  readFileResult,
  readTaskHeader,
  TASK_FLAG,
  type TaskHeader,
  type WorkerStatus,
} from '@berth/protocol'
import { ByteBlocks } from '@berth/runtime'
import type { AskedCall } from '../calls/remote-calls.ts'
import type { FileCarrier } from '../files/file-writer.ts'
import { ReceivedFiles } from '../files/task-files.ts'
import { type RegisteredFunction, unknownFunction } from '../functions/registry.ts'
import type { CheckedInput } from '../input/parameters.ts'
import { noStreaming } from '../input/task-request.ts'
import type { WorkerParts } from '../parts.ts'
import type { Carrier } from '../stream/link-emitter.ts'
import type { Fences } from './fences.ts'
import type { LinkFlush } from './link-flush.ts'
import { type Received, readInput } from './link-input.ts'
import { LinkedTask, refusedHeader, type TaskOwner } from './link-task.ts'
import type { PeerLink, Peers } from './peers.ts'
import { TaskTable } from './task-table.ts'

export interface LinkTasksPorts {
  readonly parts: WorkerParts
  readonly peers: Peers
  readonly fences: Fences
  readonly flush: LinkFlush
  /** The link they belong to, as its peers know it. */
  readonly link: PeerLink
  /** Older than this when its turn comes, a task that was sent ahead is given back. */
  oldestMs(): number
  /** The largest file that its balancer keeps; undefined when it keeps none. */
  fileLimitBytes(): number | undefined
}

const NOTHING = new Uint8Array(0)
/** Tasks taken beyond the slots, so that a slot that frees has its next task at hand. */
const AHEAD_PER_SLOT = 4
const AHEAD_LIMIT = 256
/** Room for the envelope around an input that is exactly at the limit. */
const BODY_MARGIN_BYTES = 64 * 1024

export class LinkTasks implements TaskOwner {
  readonly #ports: LinkTasksPorts
  readonly #parts: WorkerParts
  readonly #flush: LinkFlush
  readonly #tasks = new TaskTable()
  #finished = 0
  #linked = 0

  constructor(ports: LinkTasksPorts) {
    this.#ports = ports
    this.#parts = ports.parts
    this.#flush = ports.flush
  }

  /** Slots that this link's balancer uses. */
  get linked(): number {
    return this.#linked
  }

  get fileLimitBytes(): number | undefined {
    return this.#ports.fileLimitBytes()
  }

  get carrier(): Carrier & FileCarrier {
    return this.#flush
  }

  get oldestMs(): number {
    return this.#ports.oldestMs()
  }

  /** A record about the task `number`, sent `ageMs` ago. Throws `ProtocolError`. */
  onRecord(type: number, flags: number, number: number, payload: ByteReader, ageMs: number): void {
    if (type === RECORD.TASK) this.#onTask(number, flags, payload, ageMs)
    else if (type === RECORD.DATA) this.#onData(number, flags, payload.rest())
    else if (type === RECORD.END) this.#onInputEnd(number)
    else if (type === RECORD.CREDIT) this.#onCredit(number, payload.u32())
    else if (type === RECORD.CANCEL) this.#onCancel(number, payload)
    else if (type === RECORD.RECALL) this.#onRecall(number)
    else if (type === RECORD.CALL_RESULT) this.#tasks.get(number)?.remoteCalls?.onResult(payload)
    else if (type === RECORD.FILE_RESULT) this.#tasks.get(number)?.writer?.onResult(readFileResult(payload))
    else if (type === RECORD.RESULT_ACK) this.#onResultAck(number, payload.u64())
  }

  /** Gives back what has not started. */
  recallWaiting(): void {
    for (const task of this.#tasks.all()) if (!task.hasStarted) this.onRecalled(task)
  }

  /** A task that started on another link goes on here. */
  adopt(task: LinkedTask, number: number): void {
    // The number first: what the task has kept for its link leaves at once.
    task.number = number
    task.owner = this
    this.#tasks.set(number, task)
    if (task.state === 'finished') this.#end(task)
    else this.#linked += task.linkedCost
  }

  /** The balancer asks for a task that is not here. */
  denyAdoption(number: number): void {
    const message = 'The worker has no result of this task any more'
    const error = { code: 'WORKER_LOST', message }
    this.#flush.writer.outcome(number, { outcome: 'lost', runMs: 0, mediaType: '', error }, NOTHING)
    this.#flush.wake()
  }

  /** The END of this task is with the operating system. */
  onDelivered(task: LinkedTask): void {
    if (task.isDurable || !this.#tasks.delete(task.number)) return
    this.#finished--
    this.#ports.peers.deliver(task, this.#mostTasks, this.#parts.clock.monoMs())
  }

  /** The link is gone. What started goes on for a while; what did not is given up. */
  close(): void {
    for (const task of this.#tasks.all()) if (!task.hasStarted) this.#drop(task)
    for (const task of this.#flush.close()) {
      if (task.owner === this) this.#neverBegun(task)
      task.begin()
    }
    for (const task of this.#tasks.all()) {
      // Handlers that wait for room here would wait for good.
      this.#flush.writer.forget(task.number)
      if (task.owner === this) task.owner = undefined
    }
    this.#tasks.clear()
  }

  // What tasks say

  onStarting(task: LinkedTask): void {
    this.#ports.peers.start(this.#ports.link, task)
    this.#flush.started(task)
  }

  onCall({ number }: LinkedTask, { id, name, input, remainingMs, isAgain }: AskedCall): void {
    this.#flush.writer.call(number, { call: id, function: name, remainingMs, isAgain }, input)
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

  #onTask(number: number, flags: number, payload: ByteReader, ageMs: number): void {
    if (number === 0 || this.#tasks.has(number))
      throw new ProtocolError(`the task number ${number} is in use`)
    const header = readTaskHeader(payload)
    const isNewest = this.#ports.fences.note(header.run, header.fence)
    if (!isNewest || !this.#hasRoomFor(flags, header.callers !== undefined))
      return this.#flush.control(RECORD.BUSY, number)
    const fn = this.#parts.registry.get(header.function)
    const refusal = this.#refusalOf(header, fn)
    if (refusal || !fn) return this.#refuse(number, refusal ?? unknownFunction(header.function))
    if (header.callers === undefined && this.#parts.runners.isCrowded(fn))
      return this.#flush.control(RECORD.BUSY, number)
    const facts = { number, flags, header, function: fn, ageMs }
    const task = new LinkedTask(this.#parts, this.#ports.peers, this, facts)
    this.#tasks.set(number, task)
    if (header.extras?.files) task.files = new ReceivedFiles(header.extras.files)
    if ((flags & TASK_FLAG.WHOLE) !== 0) this.#judge(task, payload.rest())
  }

  #hasRoomFor(flags: number, isChild: boolean): boolean {
    const { condition } = this.#parts
    const { peers } = this.#ports
    if (!peers.mayStart || !(condition.status === 'ready' || (isChild && mayFinish(condition.status))))
      return false
    if ((flags & TASK_FLAG.DURABLE) !== 0 && !peers.hasRoomForDurable) return false
    const spare = this.#mostTasks - this.#tasks.size + this.#finished
    // What was called may be what all the others here wait for.
    return isChild || spare > 0 || spare + this.#countLent() > 0
  }

  /** Tasks that wait for what they called; counted only where it matters. */
  #countLent(): number {
    let lent = 0
    for (const task of this.#tasks.all()) if (task.isLent) lent++
    return lent
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
    if (task?.state !== 'assembling') return
    const kind = flags & 0x0f
    if (kind === DATA_KIND.turns) return this.#onTurns(task, bytes)
    if (kind === DATA_KIND.file) return this.#onFile(task, bytes)
    if (kind !== DATA_KIND.payload) return
    const { requestBodyBytes } = this.#parts.limits
    task.received ??= new ByteBlocks()
    if (task.received.length + bytes.length > requestBodyBytes + BODY_MARGIN_BYTES) {
      this.#drop(task)
      const message = `The input is over ${requestBodyBytes} bytes; send less, or raise REQUEST_BODY_LIMIT`
      return this.#refuse(number, { code: 'PAYLOAD_TOO_LARGE', message })
    }
    // Small ones are copied: they lie in a frame, which would be kept for as long.
    task.received.add(bytes)
    this.#giveCredit(number, bytes.length)
  }

  #onFile(task: LinkedTask, bytes: Uint8Array): void {
    const added = task.files?.add(bytes)
    if (!added)
      throw new ProtocolError(`more bytes of files came for the task ${task.number} than it announced`)
    const { number } = task
    // What fails is told at the end of the input.
    added.then(
      () => this.#tasks.get(number) === task && this.#giveCredit(number, bytes.length),
      () => this.#tasks.get(number) === task && this.#giveCredit(number, bytes.length),
    )
  }

  #onTurns(task: LinkedTask, bytes: Uint8Array): void {
    task.turns ??= new ByteBlocks()
    if (task.turns.length + bytes.length > LIMITS.turnsBytes) {
      this.#drop(task)
      const message = `The earlier turns of the session are over ${LIMITS.turnsBytes} bytes`
      return this.#refuse(task.number, { code: 'PAYLOAD_TOO_LARGE', message })
    }
    task.turns.add(bytes)
    this.#giveCredit(task.number, bytes.length)
  }

  #giveCredit(number: number, bytes: number): void {
    this.#flush.writer.control(RECORD.CREDIT, number, (out) => out.u32(bytes))
    this.#flush.wake()
  }

  #onInputEnd(number: number): void {
    const task = this.#tasks.get(number)
    if (task?.state !== 'assembling') return
    const { received = new ByteBlocks(), files } = task
    task.received = undefined
    if (!files) return this.#judge(task, received)
    task.state = 'checking'
    files.whole().then(
      () => task.state === 'checking' && this.#judge(task, received),
      (error: unknown) => task.state === 'checking' && this.#onFilesLost(task, error),
    )
  }

  /** They are not here as a whole: somebody else may have more room. */
  #onFilesLost(task: LinkedTask, error: unknown): void {
    this.#parts.log.warn('the files of a task could not be taken in', { run: task.header.run, error })
    this.#drop(task)
    this.#flush.control(RECORD.BUSY, task.number)
  }

  #judge(task: LinkedTask, received: Received): void {
    task.state = 'checking'
    const checked = readInput(task, received)
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
    // Long on the way, it may be elsewhere by now although a slot is free. What has a slot of its own is not:
    // a large input on a slow link would be sent again and again.
    if (task.isAhead && !task.isDue()) return
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
    const reason = readCancelReason(payload)
    // Chunks that nobody wants any more would keep its END waiting for credit.
    const isUnread = task.isStream && task.state !== 'finished' && reason !== 'budget'
    if (isUnread) this.#flush.writer.forget(number)
    task.abort(reason)
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

  #forget(task: LinkedTask): void {
    if (!this.#tasks.delete(task.number)) return
    this.#finished--
    this.#ports.peers.release(task)
  }

  /** A task that never started leaves the tables; what is said about it is the caller's. */
  #drop(task: LinkedTask): void {
    this.#parts.intake.withdraw(task)
    task.state = 'gone'
    task.holdSlots(0)
    task.received = undefined
    task.turns = undefined
    task.files?.close()
    if (this.#tasks.get(task.number) === task) this.#tasks.delete(task.number)
  }

  /** Its STARTED reached nobody: it is settled without its handler being called. */
  #neverBegun(task: LinkedTask): void {
    task.owner = undefined
    task.abort('orphaned')
    this.#ports.peers.release(task)
  }
}

/** What runs may finish, and with it what it calls. */
function mayFinish(status: WorkerStatus): boolean {
  return status === 'maintenance' || status === 'draining'
}
