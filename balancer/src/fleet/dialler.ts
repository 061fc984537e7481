/**
 * When a member dials: at once, with growing delay after failures, and only when it is its turn. Those
 * that have never been linked share a rate, so that thousands of dead entries cost a few per cent of a core.
 * Owned by a member, which hears of the socket or of the failure and says when to try again.
 * Invariant: at most one dial or one planned dial at a time; none after `stop`.
 */
import { randomInt } from 'node:crypto'
import { type Backoff, createBackoff } from '@berth/runtime'
import { type DialOptions, dial, type Opened } from './dial.ts'
import type { DialTurns } from './dial-turns.ts'

export interface DiallerOptions {
  readonly turns: DialTurns
  /** Longest delay between two dials, ms, before it is stretched. */
  readonly intervalMs: number
  /** Asked when its turn has come, which may be long after it was asked for. */
  readonly target: () => DialOptions
  readonly onOpen: (dialled: Opened) => void
  readonly onFailed: (kind: 'refused' | 'failed', reason: string) => void
}

const FIRST_RETRY_MS = 100
/** Spreads the dials of workers that were cut off together. */
const AT_ONCE_MS = 20

/** How often strangers, taken together, are dialled. */
const STRANGERS_PER_SECOND = 300
const STRANGER_DELAY_MS = 30_000

/** By how much the delays of `strangers` entries that were never linked are stretched; 1 for a few hundred. */
export function stretchOf(strangers: number, intervalMs: number): number {
  const delayMs = Math.min((strangers / STRANGERS_PER_SECOND) * 1_000, STRANGER_DELAY_MS)
  return Math.max(1, delayMs / intervalMs)
}

export class Dialler {
  readonly #options: DiallerOptions
  readonly #backoff: Backoff
  #timer: NodeJS.Timeout | undefined
  #isDialling = false
  /** The last dial ran into its time limit. */
  #isDoubtful = false
  #isStopped = false

  constructor(options: DiallerOptions) {
    this.#options = options
    this.#backoff = createBackoff({ baseMs: FIRST_RETRY_MS, maxMs: options.intervalMs })
  }

  /** Forgets earlier failures. */
  dialAtOnce(): void {
    this.#backoff.reset()
    this.dialIn(randomInt(0, AT_ONCE_MS))
  }

  /** Longer after each failure. */
  dialLater(stretch = 1): void {
    this.dialIn(this.#backoff.next() * stretch)
  }

  dialIn(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#isStopped || this.#isDialling) return
    this.#timer = setTimeout(() => void this.dial(), ms)
    this.#timer.unref()
  }

  async dial(): Promise<void> {
    if (this.#isStopped || this.#isDialling) return
    clearTimeout(this.#timer)
    this.#isDialling = true
    const { turns, target, onOpen, onFailed } = this.#options
    const end = await turns.take(this.#isDoubtful)
    const dialled = this.#isStopped ? undefined : await dial(target())
    end()
    this.#isDialling = false
    if (!dialled) return
    this.#isDoubtful = dialled.kind === 'failed'
    if ('reason' in dialled) onFailed(dialled.kind, dialled.reason)
    else if (!this.#isStopped) onOpen(dialled)
    else if (dialled.kind === 'open') dialled.socket.terminate()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }
}
