/**
 * What a link says of its worker in text: hello, state, interface, logs, signs of life. One per link, in
 * `link-session.ts`. A state names tags and services only when they differ from what this link said last.
 */
import { BERTH_VERSION, LIMITS, PROTOCOL_VERSION, type StartedRun, type State } from '@berth/protocol'
import type { WorkerParts } from '../parts.ts'
import type { Outlet } from './link-flush.ts'
import { LogFollower } from './logs.ts'
import { Pulse } from './pulse.ts'

export interface VoicePorts {
  readonly parts: WorkerParts
  readonly outlet: Outlet
  /** Rises with every hello and state of this boot, whatever the link. */
  nextSeq(): number
  /** Slots that this link's balancer dispatched. */
  linked(): number
}

export class LinkVoice {
  readonly logs: LogFollower
  readonly #ports: VoicePorts
  readonly #parts: WorkerParts
  readonly #pulse: Pulse
  readonly #stopListening: (() => void)[] = []
  #seq = 0
  #shownTags: unknown
  #shownServices = ''
  #pings = 0
  #isClosed = false

  constructor(ports: VoicePorts) {
    this.#ports = ports
    this.#parts = ports.parts
    this.#pulse = new Pulse(ports.parts.clock, (hasFigures) => this.#pushState(hasFigures))
    this.logs = new LogFollower(ports.parts.log, {
      // What is undefined is not written.
      send: (lines, dropped, tail) => this.#hasRoom && this.#send({ type: 'logs', lines, dropped, tail }),
    })
  }

  hello(started: readonly StartedRun[]): void {
    const { identity, interface: own, tags, services, system, condition, intake } = this.#parts
    this.#shownTags = tags.current
    this.#shownServices = JSON.stringify(services.states)
    this.#send({
      type: 'hello',
      ...this.#stateFields(),
      protocol: PROTOCOL_VERSION,
      ...identity,
      version: BERTH_VERSION,
      interface: own.hash,
      tags: tags.current,
      services: services.states,
      system: system.latest,
      started,
    })
    this.#stopListening.push(
      intake.onChange(() => this.#pulse.note()),
      tags.onChange(() => this.#pulse.note()),
      condition.onChange(() => this.#pulse.note(condition.status === 'draining')),
    )
  }

  /** Something of the state changed; `isUrgent` pushes it now. */
  noteChange(isUrgent = false): void {
    this.#pulse.note(isUrgent)
  }

  /** Called several times a second: the regular state. */
  tick(): void {
    this.#pulse.tick()
  }

  interface(): void {
    const { hash, functions } = this.#parts.interface
    this.#send({ type: 'interface', hash, functions })
  }

  ping(): void {
    this.#send({ type: 'ping', id: this.#pings++ })
  }

  pong(id: number): void {
    this.#send({ type: 'pong', id })
  }

  bye(reason: string): void {
    this.#send({ type: 'bye', reason })
  }

  /** Leads every binary frame. */
  stamp() {
    const { intake, clock } = this.#parts
    const { used, queued } = intake
    return { at: clock.monoMs(), occupancy: { seq: this.#seq, used, linked: this.#ports.linked(), queued } }
  }

  close(): void {
    this.#isClosed = true
    this.#pulse.stop()
    this.logs.stop()
    for (const stop of this.#stopListening.splice(0)) stop()
  }

  get #hasRoom(): boolean {
    return this.#ports.outlet.backlogBytes < LIMITS.socketBytes
  }

  #send(message: object): boolean {
    if (this.#isClosed) return false
    this.#ports.outlet.sendText(JSON.stringify({ at: this.#parts.clock.monoMs(), ...message }))
    return true
  }

  #stateFields() {
    const { intake, condition, clock } = this.#parts
    const { reason } = condition
    this.#seq = this.#ports.nextSeq()
    return {
      at: clock.monoMs(),
      seq: this.#seq,
      status: condition.status,
      ...(reason === undefined ? {} : { reason }),
      slots: {
        limit: intake.limit,
        used: intake.used,
        linked: this.#ports.linked(),
        stuck: intake.stuck,
        queued: intake.queued,
        queueLimit: intake.queueLimit,
      },
    }
  }

  /** False: behind a backlog a state would be old when it arrives, so it is said later. */
  #pushState(hasFigures: boolean): boolean {
    if (this.#isClosed) return true
    if (!this.#hasRoom) return false
    const { tags, services, system } = this.#parts
    const states = services.states
    const message: State = { type: 'state', ...this.#stateFields() }
    if (tags.current !== this.#shownTags) message.tags = tags.current
    if (JSON.stringify(states) !== this.#shownServices) message.services = states
    if (hasFigures) message.system = system.latest
    this.#shownTags = tags.current
    this.#shownServices = JSON.stringify(states)
    return this.#send(message)
  }
}
