/**
 * How a worker of another make is heard: by its slot feed, a WebSocket on a port of its own, and by asking `/health`
 * where that cannot be had or while it is away. Owned by foreign-link.ts.
 *
 *   asking /health ──a port is named──▶ dialling ──open──▶ fed (pushes each second, we say "ping")
 *        ▲                                │                  │
 *        └────────── every interval ──────┴──── closed ──────┘   /health silent as well ──▶ lost
 *
 * Invariants: while it is not fed it is asked, so that silence is noticed either way; nothing is heard after `stop`.
 */
import { dialWire, type WireSocket } from '@berth/runtime'
import {
  askHealth,
  type ForeignAccess,
  type ForeignHealth,
  type ForeignState,
  readPush,
} from './foreign-health.ts'

export interface SlotFeedEvents {
  onState(state: ForeignState): void
  /** Asked anew: all that it says of itself. */
  onHealth(health: ForeignHealth): void
  /** Neither its feed nor its `/health` answers, or it is no such worker any more. */
  onLost(reason: string): void
  /** Said once for each fault: how it is heard instead. */
  onFault(reason: string): void
}

export interface SlotFeedOptions {
  readonly access: ForeignAccess
  /** Between two questions, and between two dials. */
  readonly intervalMs: number
  readonly events: SlotFeedEvents
}

/** A header's token (RFC 9110), which a subprotocol must be. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** A fed worker is asked so often whether it still serves the same. */
const ASK_FED_MS = 30_000
/** As its feed closes for a wrong key. */
const WRONG_KEY = 4001
const TERMS = { limits: { textBytes: 1024 * 1024, binaryBytes: 1024 }, closeWaitMs: 1_000 }

export class SlotFeed {
  readonly #options: SlotFeedOptions
  #port: number | undefined
  #wire: WireSocket | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #isBusy = false
  #fault = ''

  constructor(options: SlotFeedOptions, first: ForeignHealth) {
    this.#options = options
    this.#port = first.websocketPort
    void this.#step(false)
  }

  get isFed(): boolean {
    return this.#wire !== undefined
  }

  /** Whether it answers `/health`; when it does not, `onLost` has been told. */
  async isThere(): Promise<boolean> {
    return this.#askHealth()
  }

  /** Asks for its state now; what it answers comes as `onState` or `onHealth`. */
  ask(): void {
    if (this.#wire) this.#wire.sendText('ping')
    else void this.#step(true)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#wire?.close(1000, '')
    this.#wire = undefined
  }

  /** One round: asked, and dialled if need be. */
  async #step(asks: boolean): Promise<void> {
    if (this.#isStopped || this.#isBusy) return
    this.#isBusy = true
    clearTimeout(this.#timer)
    if (asks && !(await this.#askHealth())) return
    if (!this.#wire) await this.#dial()
    this.#isBusy = false
    if (this.#isStopped) return
    this.#timer = setTimeout(() => void this.#step(true), this.#wire ? ASK_FED_MS : this.#options.intervalMs)
    this.#timer.unref()
  }

  async #askHealth(): Promise<boolean> {
    const { access, events } = this.#options
    const answer = await askHealth(access)
    if (this.#isStopped) return false
    if (answer.kind === 'foreign') {
      this.#port = answer.health.websocketPort
      events.onHealth(answer.health)
      return !this.#isStopped
    }
    events.onLost(
      answer.kind === 'other' ? 'its /health does not say what it can do any more' : answer.reason,
    )
    return false
  }

  async #dial(): Promise<void> {
    const port = this.#port
    const { access, events } = this.#options
    if (port === undefined) return this.#note('it names no websocketPort')
    if (!TOKEN.test(access.fleetKey)) return this.#note('FLEET_KEY is no token that a subprotocol can be')
    const url = new URL(access.url)
    url.port = String(port)
    url.pathname = '/'
    const { fleetKey: protocol, timeoutMs } = access
    const dialled = await dialWire({ url, protocol, headers: {}, timeoutMs, terms: TERMS })
    if (dialled.kind !== 'open')
      return this.#note(`its slot feed at port ${port} cannot be had (${dialled.kind})`)
    if (this.#isStopped) return dialled.wire.terminate()
    this.#wire = dialled.wire
    dialled.wire.start({
      onText: (text) => {
        const state = readPush(text)
        if (state && !this.#isStopped) events.onState(state)
      },
      onBinary: () => {},
      onClosed: (code) => this.#onClosed(code),
    })
    dialled.wire.sendText('ping')
    this.#fault = ''
  }

  #onClosed(code: number): void {
    if (this.#isStopped || !this.#wire) return
    this.#wire = undefined
    if (code === WRONG_KEY) this.#note('its slot feed refuses FLEET_KEY (4001)')
    void this.#step(true)
  }

  #note(reason: string): void {
    if (reason === this.#fault) return
    this.#fault = reason
    this.#options.events.onFault(reason)
  }
}
