/**
 * A worker as the link's document describes it, made of counters: slots, a queue of tasks ahead by
 * priority, direct callers, maintenance, freezing, crashing. Driven by world.ts; every start is
 * written down for the checkers. The invariant: it starts nothing without a free slot.
 */
import type { Assignment } from '../../balancer/src/ports/dispatch.ts'
import type { Outcome } from '../../balancer/src/ports/workforce.ts'
import type { EventQueue } from './event-queue.ts'
import { Frost } from './frost.ts'
import { type Held, HeldTasks } from './held-tasks.ts'
import type { Random } from './random.ts'
import type { Recorder } from './recorder.ts'
import type { ToWorker, Wire } from './wire.ts'

export interface WorkerTerms {
  readonly events: EventQueue
  readonly random: Random
  /** Unless nothing is to be judged. */
  readonly recorder: Recorder | undefined
  /** Then ends and fences are kept for the next hello. */
  readonly mayLoseLinks: boolean
  readonly heartbeatMs: number
  /** BUSY for no reason, with this probability. */
  readonly busyChance: number
  /** How long a handler runs and whether it throws, by run. */
  readonly plan: (run: string) => HandlerPlan
  readonly costOf: (name: string) => number
  /** Ways in which a worker may be broken on purpose. */
  readonly flaws: WorkerFlaws
}

export interface HandlerPlan {
  readonly serviceMs: number
  readonly isFailing: boolean
}

export interface WorkerFlaws {
  readonly ignoresSlots?: boolean
  readonly runsWhatItRefuses?: boolean
  readonly keepsCancelled?: boolean
  readonly runsStrangers?: boolean
}

const NOTHING = new Uint8Array(0)
const COALESCE_MS = 10

export class ModelWorker {
  readonly id: string
  readonly limit: number
  bootId = 1
  isAlive = true
  isReady = true
  #terms: WorkerTerms
  readonly #speed: number
  #wire: Wire | undefined
  #unlinkedAt = Number.POSITIVE_INFINITY
  readonly #frost: Frost
  readonly #tasks = new HeldTasks()
  readonly #held = this.#tasks.under
  readonly #ended = this.#tasks.ended
  #linkedUsed = 0
  #queue: Held[] = []
  #ownUsed = 0
  #foreignUsed = 0
  #isPushDue = false
  #pushedAt = Number.NEGATIVE_INFINITY

  constructor(id: string, limit: number, terms: WorkerTerms, speed = 1) {
    this.#speed = speed
    this.id = id
    this.limit = limit
    this.#terms = terms
    this.#frost = new Frost(terms.events)
  }

  get used(): number {
    return this.#ownUsed + this.#foreignUsed
  }

  /** The attempt waits or runs here. */
  holds(attempt: number): boolean {
    return this.#held.has(attempt)
  }

  get isFrozen(): boolean {
    return this.#frost.isFrozen
  }

  /** When its last freeze ended. */
  get thawedAt(): number {
    return this.#frost.thawedAt
  }

  // --- Links -----------------------------------------------------------------------------------

  /** A link is open: hello, with all that was started and may not have been heard of. */
  open(wire: Wire): void {
    this.#wire = wire
    this.#unlinkedAt = Number.POSITIVE_INFINITY
    this.#forgetDelivered()
    this.#linkedUsed = 0
    wire.fromWorker({
      kind: 'hello',
      bootId: this.bootId,
      slots: this.#slots(),
      isReady: this.isReady,
      started: this.#tasks.relink(),
    })
  }

  /** The link has ended; what has not started is given up. */
  closed(wire: Wire): void {
    this.#whenThawed(() => {
      if (this.#wire !== wire) return
      this.#wire = undefined
      this.#dropQueue()
      const { events, heartbeatMs } = this.#terms
      this.#unlinkedAt = events.now
      events.after(2 * heartbeatMs, () => this.#whenThawed(() => this.#abortUnlinked(2 * heartbeatMs)))
    })
  }

  receive(wire: Wire, message: ToWorker): void {
    const { now } = this.#terms.events
    if (!this.isFrozen) {
      if (this.#wire === wire && this.isAlive) this.#on(message, now)
      return
    }
    this.#whenThawed(() => {
      if (this.#wire === wire && this.isAlive) this.#on(message, now)
    })
  }

  #on(message: ToWorker, arrivedAt: number): void {
    if (message.kind === 'task') this.#onTask(message.assignment, arrivedAt)
    else if (message.kind === 'recall') this.#onRecall(message.attempt)
    else if (message.kind === 'cancel') this.#onCancel(message.attempt)
    else if (message.kind === 'acknowledge') this.#ended.delete(message.attempt)
    else if (message.kind === 'maintenance') this.setReady(!message.isOn)
    else this.#onWelcome(new Set(message.adopt.map(({ task }) => task)))
  }

  #onWelcome(adopted: ReadonlySet<number>): void {
    for (const [attempt, held] of [...this.#ended]) {
      held.isLinked = adopted.has(attempt)
      if (held.isLinked) this.#sendEnd(held)
      else this.#ended.delete(attempt)
    }
    for (const [attempt, held] of this.#held) {
      if (!held.execution || held.isLinked) continue
      held.isLinked = adopted.has(attempt)
      if (held.isLinked) this.#linkedUsed += held.cost
      else this.#abort(held)
    }
    this.#push()
  }

  #abortUnlinked(patienceMs: number): void {
    if (this.#terms.events.now - this.#unlinkedAt < patienceMs) return
    for (const [attempt, held] of [...this.#ended])
      if (!held.assignment.isDurable) this.#ended.delete(attempt)
    for (const held of this.#held.values()) if (!held.assignment.isDurable) this.#abort(held)
  }

  // --- Tasks -----------------------------------------------------------------------------------

  #onTask(assignment: Assignment, receivedAt: number): void {
    const { attemptId } = assignment
    const { random, busyChance, flaws } = this.#terms
    const held: Held = {
      assignment,
      cost: this.#terms.costOf(assignment.function),
      receivedAt,
      execution: undefined,
      isLinked: true,
      isAborted: false,
      outcome: undefined,
      endedAt: 0,
      boot: this.bootId,
      end: 'completed',
    }
    if (!this.#tasks.admits(assignment)) return this.#say('busy', attemptId)
    if (this.#terms.mayLoseLinks) this.#tasks.noteFence(assignment)
    if (!this.isReady) return this.#refuse(attemptId)
    const isQueueFull = this.#queue.length >= Math.min(4 * this.limit, 256)
    const isBusy = random.chance(busyChance) || (isQueueFull && !this.#fits(held))
    if (isBusy) {
      this.#say('busy', attemptId)
      if (!flaws.runsWhatItRefuses) return
    }
    this.#held.set(attemptId, held)
    if (this.#fits(held) && (this.#queue.length === 0 || flaws.ignoresSlots)) this.#startIfDue(held)
    else {
      this.#terms.recorder?.noteQueued(this.id, assignment)
      this.#enqueue(held)
    }
  }

  #fits(held: Held): boolean {
    return this.#terms.flaws.ignoresSlots === true || this.used + held.cost <= this.limit
  }

  #enqueue(held: Held): void {
    const { priority } = held.assignment
    let at = this.#queue.length
    while (at > 0 && (this.#queue[at - 1] as Held).assignment.priority > priority) at--
    this.#queue.splice(at, 0, held)
  }

  #start(held: Held): void {
    const { events, recorder, plan, flaws } = this.#terms
    const { assignment } = held
    this.#ownUsed += held.cost
    this.#linkedUsed += held.cost
    this.#say('started', assignment.attemptId)
    const run = flaws.runsStrangers ? `${assignment.run}?` : assignment.run
    const { attemptId, fence } = assignment
    held.execution = {
      run,
      worker: this.id,
      attemptId,
      fence,
      startedAt: events.now,
      endedAt: Number.POSITIVE_INFINITY,
      outcome: 'running',
    }
    recorder?.noteStart(this, held.execution)
    const { serviceMs, isFailing } = plan(assignment.run)
    if (isFailing) held.end = 'failed'
    events.afterWith(serviceMs / this.#speed, this.#return, held)
    this.#note()
  }

  /** The handler has come to its end, unless its process died before. */
  readonly #return = (held: Held): void => {
    if (!this.isAlive || held.boot !== this.bootId) return
    if (this.isFrozen) this.#whenThawed(() => this.#finish(held, held.end))
    else this.#finish(held, held.end)
  }

  #finish(held: Held, how: 'completed' | 'failed' | 'cancelled'): void {
    const { attemptId } = held.assignment
    if (held.outcome || this.#held.get(attemptId) !== held) return
    const { events } = this.#terms
    const runMs = events.now - (held.execution?.startedAt ?? events.now)
    held.endedAt = events.now
    held.outcome = outcomeOf(how, runMs)
    if (held.execution) {
      held.execution.endedAt = events.now
      held.execution.outcome = how
    }
    this.#held.delete(attemptId)
    this.#ownUsed -= held.cost
    if (held.isLinked) this.#linkedUsed -= held.cost
    if (this.#terms.mayLoseLinks && (held.isLinked || !held.isAborted)) this.#ended.set(attemptId, held)
    if (held.isLinked) this.#sendEnd(held)
    this.#serve()
    this.#note()
  }

  #sendEnd({ outcome, assignment }: Held): void {
    if (!outcome || (this.#terms.flaws.keepsCancelled && outcome.outcome === 'cancelled')) return
    this.#wire?.fromWorker({ kind: 'ended', attempt: assignment.attemptId, outcome })
  }

  /** An END may be lost with its link, so the next hello lists what ended in the last two heartbeats. */
  #forgetDelivered(heartbeats = 2): void {
    const { events, heartbeatMs } = this.#terms
    this.#tasks.forgetDelivered(events.now - heartbeats * heartbeatMs)
  }

  /** Gives free slots to those who wait; what is too old is given back instead. */
  #serve(): void {
    for (let head = this.#queue[0]; head && this.#fits(head); head = this.#queue[0]) {
      this.#queue.shift()
      this.#startIfDue(head)
    }
  }

  #startIfDue(held: Held): void {
    const { events, heartbeatMs } = this.#terms
    const ageMs = events.now - held.receivedAt
    const { remainingMs } = held.assignment
    if (ageMs > 2 * heartbeatMs || ageMs >= (remainingMs ?? Number.POSITIVE_INFINITY)) this.#giveBack(held)
    else this.#start(held)
  }

  #onRecall(attempt: number): void {
    const held = this.#held.get(attempt)
    if (!held || held.execution) return
    this.#queue = this.#queue.filter((waiting) => waiting !== held)
    this.#giveBack(held)
    this.#serve()
  }

  #onCancel(attempt: number): void {
    const held = this.#held.get(attempt)
    if (held?.execution) this.#abort(held)
    else this.#onRecall(attempt)
  }

  /** The handler's signal fires; it takes a moment, and some take no notice. */
  #abort(held: Held): void {
    if (held.isAborted || held.outcome) return
    held.isAborted = true
    const { events, random } = this.#terms
    if (random.chance(0.2)) return
    events.after(random.between(0, 5), () => this.#whenThawed(() => this.#finish(held, 'cancelled')))
  }

  #giveBack(held: Held): void {
    this.#held.delete(held.assignment.attemptId)
    this.#say('recalled', held.assignment.attemptId)
  }

  #refuse(attempt: number): void {
    const error = { code: 'MAINTENANCE', message: 'The worker is in maintenance' }
    const outcome = { outcome: 'refused', runMs: 0, mediaType: '', error, result: NOTHING } as const
    this.#wire?.fromWorker({ kind: 'ended', attempt, outcome })
  }

  #say(kind: 'started' | 'busy' | 'recalled', attempt: number): void {
    this.#wire?.fromWorker({ kind, attempt })
  }

  #dropQueue(): void {
    for (const held of this.#queue) this.#held.delete(held.assignment.attemptId)
    this.#queue = []
  }

  // --- What happens to it ----------------------------------------------------------------------

  /** A direct caller's task, if there is room for it. */
  takeForeign(serviceMs: number): void {
    if (!this.isAlive || this.isFrozen || !this.isReady || this.used >= this.limit) return
    const boot = this.bootId
    this.#foreignUsed++
    this.#note()
    this.#terms.events.after(serviceMs, () =>
      this.#whenThawed(() => {
        if (boot !== this.bootId || !this.isAlive) return
        this.#foreignUsed--
        this.#serve()
        this.#note()
      }),
    )
  }

  setReady(isReady: boolean): void {
    if (this.isReady === isReady) return
    this.isReady = isReady
    if (!isReady) {
      const waiting = this.#queue
      this.#queue = []
      for (const held of waiting) this.#giveBack(held)
    }
    this.#push()
  }

  freeze(ms: number): void {
    this.#frost.freeze(ms)
  }

  /** The process is dead: what ran has stopped, what it has written still arrives. */
  crash(): Wire | undefined {
    const { events } = this.#terms
    for (const { execution } of this.#held.values())
      if (execution) {
        execution.endedAt = events.now
        execution.outcome = 'killed'
      }
    this.#tasks.clear()
    this.#frost.clear()
    this.#queue = []
    this.#ownUsed = 0
    this.#linkedUsed = 0
    this.#foreignUsed = 0
    this.isAlive = false
    const wire = this.#wire
    this.#wire = undefined
    return wire
  }

  restart(): void {
    this.isAlive = true
    this.isReady = true
    this.bootId++
  }

  #whenThawed(act: () => void): void {
    const boot = this.bootId
    this.#frost.whenThawed(() => {
      if (this.isAlive && boot === this.bootId) act()
    })
  }

  // --- Pushes ----------------------------------------------------------------------------------

  /** Called regularly: a sign of life when nothing else was said. */
  pulse(): void {
    if (!this.isAlive || this.isFrozen) return
    // Long after the answer to any hello that listed it.
    this.#forgetDelivered(50)
    this.#push()
  }

  /** Something changed: said within 10 ms, once for all that changes in them; at once when it is full. */
  #note(): void {
    if (this.#isPushDue) return
    const { events } = this.#terms
    const wait = this.#pushedAt + COALESCE_MS - events.now
    this.#isPushDue = true
    events.after(Math.max(0, wait), this.#pushDue)
  }

  readonly #pushDue = (): void => {
    this.#isPushDue = false
    if (this.isFrozen) this.#whenThawed(() => this.#push())
    else if (this.isAlive) this.#push()
  }

  #push(): void {
    this.#pushedAt = this.#terms.events.now
    this.#wire?.fromWorker({ kind: 'state', slots: this.#slots(), isReady: this.isReady })
  }

  #slots(): { limit: number; used: number; linked: number } {
    return { limit: this.limit, used: this.used, linked: this.#linkedUsed }
  }
}

function outcomeOf(how: 'completed' | 'failed' | 'cancelled', runMs: number): Outcome {
  if (how === 'completed') return { outcome: how, runMs, mediaType: '', result: NOTHING }
  const code = how === 'failed' ? 'FUNCTION_FAILED' : 'CANCELLED'
  return { outcome: how, runMs, mediaType: '', error: { code, message: how }, result: NOTHING }
}
