/**
 * The balancer's end of one worker, as the fleet keeps it: dials, hears, notices silence and ends,
 * and reports to the core. Driven by world.ts. It adds nothing of its own: whatever the core learns
 * is what a real link would have told it.
 */
import type { Scheduler } from '../../balancer/src/core/scheduler.ts'
import type { Assignment } from '../../balancer/src/ports/dispatch.ts'
import type { FunctionFacts, WorkerFacts } from '../../balancer/src/ports/workforce.ts'
import type { EventQueue } from './event-queue.ts'
import type { ModelWorker } from './model-worker.ts'
import type { Random } from './random.ts'
import { type Codec, type FromWorker, type ToWorker, Wire } from './wire.ts'

export interface MemberOptions {
  readonly events: EventQueue
  readonly random: Random
  readonly core: Scheduler
  readonly worker: ModelWorker
  readonly functions: ReadonlyMap<string, FunctionFacts>
  readonly weight: number
  readonly zone: string
  readonly roundTripMs: number
  readonly heartbeatMs: number
  readonly leaseMs: number
  readonly makeCodec: () => Codec | undefined
}

export class Member {
  readonly #options: MemberOptions
  #wire: Wire | undefined
  #bootId = 0
  #isReady = false
  #isLeaving = false
  #isSilent = false
  /** Nothing gets through, in either direction, until then. */
  #isolatedUntil = 0
  #lastSeenAt = 0
  #announced: string | undefined
  isGone = false

  constructor(options: MemberOptions) {
    this.#options = options
    this.#announce()
    this.#dial()
  }

  get id(): string {
    return this.#options.worker.id
  }

  get isLinked(): boolean {
    return this.#wire !== undefined
  }

  /** No fault is under way here. */
  get isWell(): boolean {
    const { worker } = this.#options
    // A process that has just died is linked until its last words have arrived.
    const isSound = worker.isAlive && !worker.isFrozen
    return this.isLinked && this.#isReady && !this.#isSilent && !this.#isLeaving && isSound
  }

  // --- What the core asks for ------------------------------------------------------------------

  send(assignment: Assignment): void {
    this.#wire?.toWorker({ kind: 'task', assignment })
  }

  say(message: ToWorker): void {
    this.#wire?.toWorker(message)
  }

  // --- What happens to it ----------------------------------------------------------------------

  /** The network between the two fails for so long. */
  cut(ms: number): void {
    const { worker, events } = this.#options
    this.#isolatedUntil = events.now + ms
    const wire = this.#wire
    if (!wire) return
    wire.cut()
    worker.closed(wire)
    this.#closed()
  }

  /** The network swallows everything for so long, and nobody is told; or only what the worker says. */
  stall(ms: number, isOneWay = false): void {
    const { events } = this.#options
    this.#isolatedUntil = events.now + ms
    this.#wire?.stall(this.#isolatedUntil, isOneWay)
  }

  /** The process dies, and is back after so long. */
  crash(downMs: number): void {
    const { worker, events } = this.#options
    const wire = worker.crash()
    if (wire && wire === this.#wire)
      wire.afterLastWord(() => {
        wire.cut()
        if (this.#wire === wire) this.#closed()
      })
    events.after(downMs, () => worker.restart())
  }

  /** An operator's maintenance, from the balancer's side. */
  setMaintenance(isOn: boolean): void {
    this.#isReady = !isOn
    this.#announce()
    this.#wire?.toWorker({ kind: 'maintenance', isOn })
  }

  /** The deadline of its drain has passed. */
  empty(graceMs: number): void {
    const { core, events } = this.#options
    if (!this.isGone) core.emptyWorker(this.id, graceMs, events.now)
  }

  leave(): void {
    this.#isLeaving = true
    this.#announce()
  }

  /** Called often: silence, the lease, and the end of what leaves. */
  sweep(): void {
    const { events, core, heartbeatMs, leaseMs, worker } = this.#options
    if (this.#isLeaving && core.attemptsAt(this.id) === 0) return this.#remove()
    if (!this.#wire) return
    const silentMs = events.now - this.#lastSeenAt
    if (silentMs > leaseMs) {
      const wire = this.#wire
      wire.cut()
      // The worker hears of it when the network lets anything through again.
      events.after(Math.max(0, this.#isolatedUntil - events.now), () => worker.closed(wire))
      return this.#closed()
    }
    if (silentMs <= heartbeatMs || this.#isSilent) return
    this.#isSilent = true
    core.troubled(this.id, 'silent', this.#lastSeenAt, events.now)
    this.#announce()
  }

  #remove(): void {
    const { core, events, worker } = this.#options
    this.isGone = true
    core.removeWorker(this.id, events.now)
    const wire = this.#wire
    this.#wire = undefined
    wire?.cut()
    if (wire) worker.closed(wire)
  }

  // --- Links -----------------------------------------------------------------------------------

  #dial(): void {
    const { events, random, worker, roundTripMs, core } = this.#options
    if (this.isGone || this.#wire) return
    events.after(roundTripMs, () => {
      if (this.isGone || this.#wire) return
      if (events.now < this.#isolatedUntil || worker.isFrozen) return this.#redial(random.between(20, 60))
      if (!worker.isAlive) {
        core.workerGone(this.id, events.now)
        return this.#redial(random.between(20, 60))
      }
      this.#open()
    })
  }

  #redial(ms: number): void {
    this.#options.events.after(ms, () => this.#dial())
  }

  #open(): void {
    const { worker, makeCodec } = this.#options
    const wire: Wire = new Wire(
      { ...this.#options, codec: makeCodec() },
      {
        onToWorker: (message) => worker.receive(wire, message),
        onFromWorker: (message) => {
          if (this.#wire === wire) this.#onFrame(message)
        },
      },
    )
    this.#wire = wire
    this.#lastSeenAt = this.#options.events.now
    worker.open(wire)
  }

  #closed(): void {
    const { core, events, random } = this.#options
    this.#wire = undefined
    this.#isReady = false
    this.#isSilent = false
    core.troubled(this.id, 'unlinked', this.#lastSeenAt, events.now)
    this.#announce()
    this.#redial(random.between(0, 20))
  }

  #onFrame(message: FromWorker): void {
    const { core, events } = this.#options
    this.#lastSeenAt = events.now
    if (this.#isSilent) {
      this.#isSilent = false
      core.recovered(this.id, events.now)
      this.#announce()
    }
    this.#on(message, events.now)
  }

  #on(message: FromWorker, now: number): void {
    const { core } = this.#options
    if (message.kind === 'started') core.started(this.id, message.attempt, now)
    else if (message.kind === 'ended') core.finished(this.id, message.attempt, message.outcome, now)
    else if (message.kind === 'hello') this.#onHello(message, now)
    else if (message.kind === 'state') {
      this.#isReady = message.isReady
      this.#announce()
      this.#pushed(message.slots)
    } else core.returned(this.id, message.attempt, message.kind, now)
  }

  #onHello(hello: FromWorker & { kind: 'hello' }, now: number): void {
    const { core } = this.#options
    if (this.#bootId !== 0 && this.#bootId !== hello.bootId) core.workerGone(this.id, now)
    this.#bootId = hello.bootId
    this.#isReady = hello.isReady
    this.#announce()
    const adopt = core.relinked(this.id, hello.started, now)
    this.#wire?.toWorker({ kind: 'welcome', adopt })
    this.#pushed(hello.slots)
  }

  #pushed({ limit, used, linked }: { limit: number; used: number; linked: number }): void {
    this.#options.core.pushed(this.id, limit, Math.max(0, used - linked), this.#options.events.now)
  }

  /** Tells the core what is known of the worker, when that has changed. */
  #announce(): void {
    if (this.isGone) return
    const { core, events, functions, weight, zone } = this.#options
    const reason = this.#outReason()
    if (this.#announced === reason) return
    this.#announced = reason
    const facts: WorkerFacts = {
      id: this.id,
      group: 'default',
      contract: 1,
      interfaceHash: 'one',
      functions,
      tags: { zone, host: this.id },
      weight,
      isInService: reason === '',
      outReason: reason,
    }
    core.setWorker(facts, events.now)
  }

  #outReason(): string {
    if (this.#isLeaving) return 'leaving'
    if (!this.#wire) return 'unreachable'
    if (this.#isSilent) return 'stalled'
    return this.#isReady ? '' : 'in maintenance'
  }
}
