/**
 * One task that came over a link, from TASK to END. Made and driven by `link-tasks.ts`; `peers.ts` keeps those
 * that have started, since they outlive their link.
 *
 *   assembling ─END─▶ checking ─ok─▶ queued ─slot─▶ preparing ─▶ starting ─STARTED sent─▶ running ─▶ finished
 *        └──────────────┴─────────────┴────────────────┴─▶ gone (refused, recalled, not ready, link closed)
 *
 * Invariant: the handler runs only in `running`, which is entered only after STARTED was handed to the system.
 */
import type { OutcomeHeader, TaskHeader } from '@berth/protocol'
import { TASK_FLAG, type Usage } from '@berth/protocol'
import type { ByteBlocks } from '@berth/runtime'
import {
  type AbortCause,
  Attempt,
  type AttemptListener,
  lostWithLink,
  type Outcome,
} from '../attempt/attempt.ts'
import { attemptPortsOf } from '../attempt/attempt-ports.ts'
import type { AttemptContext, ContextFiles } from '../attempt/context.ts'
import type { Upload } from '../bytes/upload.ts'
import { CallGate } from '../calls/call-gate.ts'
import { type AskedCall, RemoteCalls } from '../calls/remote-calls.ts'
import type { FileOrder } from '../files/file-data.ts'
import { type FileCarrier, FileWriter } from '../files/file-writer.ts'
import { makeTaskFiles, type ReceivedFiles } from '../files/task-files.ts'
import type { RegisteredFunction } from '../functions/registry.ts'
import type { Placed } from '../intake/bag.ts'
import type { Order, SlotHold } from '../intake/intake.ts'
import type { Claimed, Seat } from '../isolate/seat.ts'
import type { WorkerLimits, WorkerParts } from '../parts.ts'
import { LEAST_OVERRUN_BYTES } from '../stream/emitter.ts'
import { type Carrier, LinkEmitter } from '../stream/link-emitter.ts'
import { LinkUsage } from '../stream/link-usage.ts'
import type { Peer } from './peers.ts'

/** Keeps what has started beyond its link: `peers.ts`. */
export interface TaskKeeper {
  keep(task: LinkedTask): void
}

/** What a task says to the link it belongs to. */
export interface TaskOwner {
  /** Its slots, as this link's balancer counts them, have become so many more, or fewer. */
  onSlots(more: number): void
  /** Its function could not be made ready here. */
  onUnready(task: LinkedTask): void
  /** STARTED is to be written; the task's `begin` is called when it has been handed over. */
  onStarting(task: LinkedTask): void
  /** CALL is to be written. */
  onCall(task: LinkedTask, call: AskedCall): void
  /** It will not run here. */
  onRecalled(task: LinkedTask): void
  onAnswer(task: LinkedTask): void
  /** Older than this when its turn comes, it is given back. */
  readonly oldestMs: number
  /** Takes what the handler makes on the way. */
  readonly carrier: Carrier & FileCarrier
  /** The largest file that its balancer keeps; undefined when it keeps none. */
  readonly fileLimitBytes: number | undefined
}

export type TaskState =
  | 'assembling'
  | 'checking'
  | 'queued'
  | 'preparing'
  | 'starting'
  | 'running'
  | 'finished'
  | 'gone'

export class LinkedTask implements Order, AttemptListener, Placed {
  readonly isLinked = true
  readonly header: TaskHeader
  readonly function: RegisteredFunction
  readonly flags: number
  readonly cost: number
  readonly priority: number
  /** A running task called it and waits for it, here or elsewhere: no bound on what waits may hold it up. */
  readonly isChild: boolean
  rank: number | undefined
  /** Its number on the link it belongs to now. */
  number: number
  /** Bytes that came in instead of JSON. */
  upload: Upload | undefined
  state: TaskState = 'assembling'
  outcome: Outcome | undefined
  /** What came along with it. */
  files: ReceivedFiles | undefined
  /** What came of its input, until that is read; most come whole and need none. */
  received: ByteBlocks | undefined
  /** What came of the earlier turns of its session. */
  turns: ByteBlocks | undefined
  #input: unknown
  #owner: TaskOwner | undefined
  /** Only where somebody follows: streams and durable runs. */
  #emitter: LinkEmitter | undefined
  /** Once it has told what it uses. */
  #usage: LinkUsage | undefined
  /** While its slots were others', of this attempt. */
  #waitedMs = 0
  #lentSince: number | undefined
  #slots = 0
  #writer: FileWriter | undefined
  #fileLimitBytes: number | undefined
  #isLent = false
  /** What its handler asks of the balancer. */
  #remote: RemoteCalls | undefined
  /** How long it waited until its function was made ready. */
  #coldStartMs: number | undefined
  readonly #parts: WorkerParts
  readonly #keeper: TaskKeeper
  /** When it was sent, on our clock. */
  readonly #sentAt: number
  /** From its start until its handler has ended. */
  #attempt: Attempt | undefined
  #hold: SlotHold | undefined
  /** Where its `ctx.call` goes, once it calls. */
  #calls: CallGate | undefined
  /** Who answers for it at `peers.ts` while it is started and not delivered. */
  peer: Peer | undefined
  /** Among the started tasks of `peer`. */
  place = -1

  constructor(
    parts: WorkerParts,
    keeper: TaskKeeper,
    owner: TaskOwner,
    task: { number: number; flags: number; header: TaskHeader; function: RegisteredFunction; ageMs: number },
  ) {
    this.#parts = parts
    this.#keeper = keeper
    this.#owner = owner
    this.#fileLimitBytes = owner.fileLimitBytes
    this.number = task.number
    this.flags = task.flags
    this.header = task.header
    this.function = task.function
    this.cost = task.function.slots
    this.priority = task.header.priority
    this.isChild = task.header.callers !== undefined
    this.#sentAt = parts.clock.monoMs() - task.ageMs
  }

  /** Undefined while its link is away. */
  get owner(): TaskOwner | undefined {
    return this.#owner
  }

  set owner(owner: TaskOwner | undefined) {
    const isOther = owner !== this.#owner
    this.#owner = owner
    this.#emitter?.attach(owner?.carrier)
    // A caller would take what is left of its chunks for the whole.
    if (this.#emitter?.isTorn && this.outcome) this.outcome = lostWithLink(this.outcome)
    this.#usage?.attach(owner?.carrier)
    if (isOther) this.#remote?.attach(this.#sender)
    if (owner) this.#fileLimitBytes = owner.fileLimitBytes
    this.#writer?.attach(owner?.carrier)
  }

  get #sender(): ((call: AskedCall) => void) | undefined {
    const owner = this.#owner
    return owner && ((call) => owner.onCall(this, call))
  }

  /** What its handler writes, once it has begun to. */
  get writer(): FileWriter | undefined {
    return this.#writer
  }

  get isStream(): boolean {
    return this.header.mode === 'stream'
  }

  get isDurable(): boolean {
    return (this.flags & TASK_FLAG.DURABLE) !== 0
  }

  /** Sent before a slot was free: its balancer may give it to another worker. */
  get isAhead(): boolean {
    return (this.flags & TASK_FLAG.AHEAD) !== 0
  }

  get isEnvelope(): boolean {
    return (this.flags & TASK_FLAG.ENVELOPE) !== 0
  }

  /** Its handler was called, or is about to be. */
  get hasStarted(): boolean {
    return this.state === 'starting' || this.state === 'running' || this.state === 'finished'
  }

  /** Its input is checked; it may be admitted. */
  ready(input: unknown): void {
    this.#input = input
    this.state = 'queued'
  }

  isDue(): boolean {
    const ageMs = this.#parts.clock.monoMs() - this.#sentAt
    const { remainingMs } = this.header
    // Only what was sent ahead may have been given away since, and a preparation may take longer than that.
    const mayBeElsewhere = this.state !== 'preparing' || this.isAhead
    const isTooOld = mayBeElsewhere && ageMs > (this.owner?.oldestMs ?? 0)
    if (!isTooOld && (remainingMs === null || ageMs < remainingMs)) return true
    this.owner?.onRecalled(this)
    return false
  }

  /** It waits for what it called, and others have its slots. */
  get isLent(): boolean {
    return this.#isLent && this.state === 'running'
  }

  /** Slots that are used on behalf of its link's balancer. */
  get linkedCost(): number {
    return this.#slots
  }

  /** Its function was made ready for it. */
  get isCold(): boolean {
    return this.#coldStartMs !== undefined
  }

  /** The calls that its balancer is to answer, if there are any. */
  get remoteCalls(): RemoteCalls | undefined {
    return this.#remote
  }

  /** Tells its link how many slots it holds from now on. */
  holdSlots(cost: number): void {
    const more = cost - this.#slots
    this.#slots = cost
    if (more !== 0) this.owner?.onSlots(more)
  }

  start(hold: SlotHold): void {
    this.holdSlots(this.cost)
    const { runners, clock } = this.#parts
    const claimed = runners.claim(this.function)
    if (!(claimed instanceof Promise)) return this.#start(hold, claimed)
    this.state = 'preparing'
    const beganAt = clock.monoMs()
    void claimed.then((result) => {
      this.#coldStartMs = Math.round((clock.monoMs() - beganAt) * 100) / 100
      this.#onClaimed(hold, result)
    })
  }

  /** STARTED comes behind the preparation: when that fails, or takes too long, there was no attempt. */
  #onClaimed(hold: SlotHold, claimed: Claimed): void {
    if (this.#isWanted(claimed) && claimed.ok) return this.#start(hold, claimed.seat)
    if (claimed.ok) claimed.seat.free()
    this.#input = undefined
    hold.release()
  }

  #isWanted(claimed: Claimed): boolean {
    if (this.state !== 'preparing') return false
    if (claimed.ok) return this.isDue()
    this.owner?.onUnready(this)
    return false
  }

  #start(hold: SlotHold, seat: Seat): void {
    this.state = 'starting'
    this.#hold = hold
    this.#attempt = this.#makeAttempt(seat)
    if (this.owner) return this.owner.onStarting(this)
    this.#attempt.abort('orphaned')
    this.begin()
  }

  /** Calls the handler: STARTED was handed over, or nobody waits for it. */
  begin(): void {
    this.state = 'running'
    this.#attempt?.begin()
  }

  abort(cause: AbortCause): void {
    if (this.#attempt) this.#attempt.abort(cause)
    else if (this.state === 'preparing') this.owner?.onRecalled(this)
  }

  giveUp(): void {
    this.owner?.onRecalled(this)
  }

  leave(): void {
    if (this.#attempt) this.#attempt.giveUp()
    else if (this.state === 'preparing') this.owner?.onRecalled(this)
  }

  #follow(): LinkEmitter | undefined {
    if (!this.isStream && !this.isDurable) return undefined
    const { clock, limits } = this.#parts
    this.#emitter = new LinkEmitter(this, overrunOf(limits), () => new Date(clock.wallMs()).toISOString())
    this.#emitter.attach(this.#owner?.carrier)
    return this.#emitter
  }

  /** Slots that are lent are told to the balancer, which gives them to whom it likes. */
  #makeGate(): CallGate {
    return new CallGate(this.#parts, () => ({
      function: this.function,
      callers: this.header.callers ?? [],
      hold: {
        lend: () => {
          this.#isLent = true
          this.#lentSince = this.#parts.clock.monoMs()
          this.holdSlots(0)
          this.#hold?.lend()
        },
        reclaim: async () => {
          await this.#hold?.reclaim()
          this.#isLent = false
          this.#waitedMs = this.#waited
          this.#lentSince = undefined
          if (this.state === 'running') this.holdSlots(this.cost)
        },
      },
      how: (...call) => {
        const { limits, clock } = this.#parts
        this.#remote ??= new RemoteCalls(limits.resultBytes, clock, this.#sender)
        return this.#remote.start(...call)
      },
    }))
  }

  // What its attempt says

  onAnswer(outcome: Outcome): void {
    this.#usage?.flush()
    this.outcome = this.#withFacts(outcome)
    this.state = 'finished'
    this.#remote?.close()
    this.#keeper.keep(this)
    this.holdSlots(0)
    this.owner?.onAnswer(this)
  }

  #withFacts(outcome: Outcome): Outcome {
    const coldStartMs = this.#coldStartMs
    return coldStartMs === undefined
      ? outcome
      : { ...outcome, header: { ...outcome.header, facts: { coldStartMs } } }
  }

  /** Lets go of all but the outcome: that may be kept for long, and an input may be large. */
  onEnd(): void {
    const hold = this.#hold
    this.#calls?.close()
    this.#attempt = undefined
    this.#hold = undefined
    this.#input = undefined
    this.upload = undefined
    this.turns = undefined
    this.#writer?.end()
    this.files?.close()
    hold?.release()
  }

  onStuck(): void {
    this.#hold?.markStuck()
  }

  get #waited(): number {
    const { clock } = this.#parts
    return this.#waitedMs + (this.#lentSince === undefined ? 0 : clock.monoMs() - this.#lentSince)
  }

  #use(report: Usage): void {
    this.#usage ??= new LinkUsage(() => this.number, this.#owner?.carrier)
    this.#usage.add(report)
  }

  /** Most handlers call nothing, so the gate is made by the first call. */
  #call(name: string, input: unknown, context: AttemptContext): Promise<unknown> {
    if (!this.#calls) {
      this.#calls = this.#makeGate()
      if (!this.#hold) this.#calls.close()
    }
    return this.#calls.call(name, input, context)
  }

  #write(order: FileOrder): Promise<void> {
    if (!this.#writer) {
      this.#writer = new FileWriter(this, () => this.#fileLimitBytes)
      this.#writer.attach(this.#owner?.carrier)
    }
    return this.#writer.write(order)
  }

  get #contextFiles(): ContextFiles {
    const { files } = this
    return {
      write: (order) => this.#write(order),
      pending: () => this.#writer?.pending,
      end: () => this.#writer?.end(),
      received: files && makeTaskFiles(files.facts, files.read),
    }
  }

  #makeAttempt(seat: Seat): Attempt {
    const { header } = this
    const { limits, clock } = this.#parts
    const isWaitedFor = header.mode === 'sync' || header.mode === 'stream'
    const ownMs = header.timeoutMs ?? this.function.timeoutMs
    const elapsedMs = clock.monoMs() - this.#sentAt
    const remainingMs = header.remainingMs === null ? null : Math.max(0, header.remainingMs - elapsedMs)
    const defaultMs = isWaitedFor ? limits.defaultTimeoutMs : limits.backgroundTimeoutMs
    // Its caller's attempt is its own limit.
    const patienceMs = this.isChild && remainingMs !== null ? Math.max(1, remainingMs) : defaultMs
    return new Attempt(
      {
        function: this.function,
        input: this.#input,
        seat,
        facts: {
          run: header.run,
          attempt: header.attempt,
          fence: header.fence,
          trace: header.trace,
          contentType: this.upload?.contentType ?? 'application/json',
          body: this.upload?.blob,
          session: header.extras?.session,
          turns: this.turns?.whole(),
          budget: header.extras?.budget,
        },
        timeoutMs: ownMs ?? patienceMs,
        remainingMs,
        waitedMs: () => this.#waited,
      },
      {
        ...attemptPortsOf(this.#parts, (...call) => this.#call(...call), this.#follow()),
        files: this.#contextFiles,
        onUsage: (report) => this.#use(report),
      },
      this,
    )
  }
}

/** Far more than a handler that awaits `ctx.stream` can have waiting. */
function overrunOf({ resultBytes }: WorkerLimits): number {
  return Math.max(resultBytes, LEAST_OVERRUN_BYTES)
}

/** The END of a task whose handler was not called. */
export function refusedHeader(error: OutcomeHeader['error']): OutcomeHeader {
  return { outcome: 'refused', runMs: 0, mediaType: '', ...(error ? { error } : {}) }
}
