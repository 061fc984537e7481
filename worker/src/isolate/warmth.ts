/**
 * Keeps functions ready before anybody asks (`keepWarm`): at the start, when an operator says so, and again when a
 * thread that had one ready has gone. Made by `runners.ts`; links bring the operators' words.
 *
 * What an operator of any linked balancer says goes before what the function declares; of several balancers one that
 * wants it ready is enough. The last words hold until another link is welcomed.
 * Invariant: one preparation of a function for its own sake at a time; a failed one is tried again, later each time.
 */
import type { Log } from '@berth/runtime'
import { startTimer } from '../attempt/timer.ts'
import type { RegisteredFunction } from '../functions/registry.ts'
import type { Runner } from './main-seat.ts'

/** An operator's word; see the message `warm`. */
export interface WarmWord {
  readonly all?: boolean | undefined
  readonly on: readonly string[]
  readonly off: readonly string[]
}

export interface WarmthPorts {
  readonly functions: readonly RegisteredFunction[]
  readonly runnerOf: (name: string) => Runner | undefined
  /** Slots of this worker: so many calls of a function can run at once. */
  readonly slots: number
  readonly log: Log
}

/** Whoever says words: a link. */
type Speaker = object

export class Warmth {
  readonly #ports: WarmthPorts
  readonly #speakers = new Set<Speaker>()
  readonly #words = new Map<Speaker, WarmWord>()
  /** Those wanted ready that something has to be done for, with how many seats. */
  #wanted: ReadonlyMap<string, number> = new Map()
  readonly #busy = new Map<string, Promise<void>>()
  readonly #stopRetries = new Map<string, () => void>()
  #isStopped = false

  constructor(ports: WarmthPorts) {
    this.#ports = ports
    this.#wanted = this.#findWanted()
  }

  /** Resolves when all that are wanted were made ready once, or could not be, or `limitMs` is over. */
  async start(limitMs: number): Promise<void> {
    const late = Promise.withResolvers<void>()
    const stopLimit = startTimer(limitMs, () => late.resolve())
    await Promise.race([Promise.all([...this.#wanted.keys()].map((name) => this.#keep(name))), late.promise])
    stopLimit()
  }

  /** A link is welcomed; words of links that have gone hold no more. */
  welcome(speaker: Speaker): void {
    this.#speakers.add(speaker)
    for (const other of this.#words.keys()) if (!this.#speakers.has(other)) this.#words.delete(other)
    this.#wanted = this.#findWanted()
  }

  heed(speaker: Speaker, word: WarmWord): void {
    this.#words.set(speaker, word)
    this.#wanted = this.#findWanted()
    this.topUp()
  }

  leave(speaker: Speaker): void {
    this.#speakers.delete(speaker)
    if (this.#speakers.size > 0) this.#words.delete(speaker)
  }

  /** Something that was ready may have gone, or there is room for it now. Costs nothing where nothing is wanted. */
  topUp(): void {
    if (this.#isStopped) return
    for (const name of this.#wanted.keys()) if (!this.#stopRetries.has(name)) void this.#keep(name)
  }

  stop(): void {
    this.#isStopped = true
    for (const stop of this.#stopRetries.values()) stop()
  }

  #findWanted(): Map<string, number> {
    const { functions, runnerOf, slots } = this.#ports
    const wanted = new Map<string, number>()
    for (const fn of functions) {
      if (!runnerOf(fn.name)?.warm || !this.#isWanted(fn)) continue
      const most = Math.max(1, Math.floor(slots / fn.slots))
      const { keepWarm } = fn.definition.config ?? {}
      wanted.set(fn.name, typeof keepWarm === 'number' && keepWarm > 0 ? Math.min(keepWarm, most) : most)
    }
    return wanted
  }

  #isWanted(fn: RegisteredFunction): boolean {
    const said = [...this.#words.values()].map((word) => wordOn(fn.name, word))
    if (said.includes(true)) return true
    return said.includes(false) ? false : (fn.interface.keepWarm ?? false)
  }

  #keep(name: string): Promise<void> {
    const busy = this.#busy.get(name)
    if (busy) return busy
    const done = this.#prepare(name).finally(() => this.#busy.delete(name))
    this.#busy.set(name, done)
    return done
  }

  async #prepare(name: string): Promise<void> {
    const count = this.#wanted.get(name)
    if (count === undefined || this.#isStopped) return
    const failure = await this.#ports.runnerOf(name)?.warm?.(count)
    if (!failure || this.#isStopped) return
    const { reason, retryAfterMs } = failure
    this.#ports.log.warn('a function that is kept warm is not ready', { source: name, reason, retryAfterMs })
    this.#stopRetries.set(
      name,
      startTimer(retryAfterMs, () => {
        this.#stopRetries.delete(name)
        if (this.#wanted.has(name)) void this.#keep(name)
      }),
    )
  }
}

function wordOn(name: string, { all, on, off }: WarmWord): boolean | undefined {
  if (on.includes(name)) return true
  return off.includes(name) ? false : all
}
