/**
 * What one worker's line has been like, for whoever looks into it (`GET /workers/{id}`): its last messages, how
 * often the link was made anew, what of the worker's numbering never came. Owned by a lifeline, which keeps it
 * over all links of its worker; each link writes down what passes.
 * Invariant: a message costs one write into a ring of ten and nothing that grows.
 */
import { LinkClock, type LinkView, RECORD, RECORD_HEADER_BYTES } from '@berth/protocol'
import type { Clock } from '@berth/runtime'

export type LinkTrace = Pick<LinkRecord, 'note'>

const KEPT = 10

export class LinkRecord {
  readonly #clock: Clock
  readonly #atMs = new Float64Array(KEPT)
  readonly #bytes = new Float64Array(KEPT)
  readonly #isOut = new Uint8Array(KEPT)
  readonly #kinds = new Array<string>(KEPT).fill('')
  #written = 0
  #greetings = 0
  #gaps = 0
  #connectedAtMs: number | undefined
  /** Of the present link. */
  #linkClock = new LinkClock()
  #ageMs: number | undefined
  /** Whose numbering is followed, and how far it has come. */
  #boot: string | undefined
  #seq = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(isOut: boolean, kind: string, bytes: number): void {
    const at = this.#written++ % KEPT
    this.#atMs[at] = this.#clock.monoMs()
    this.#bytes[at] = bytes
    this.#isOut[at] = isOut ? 1 : 0
    this.#kinds[at] = kind
  }

  /** A hello was good. What the same process said while it was away counts as missed. */
  greeted(boot: string, seq: number): void {
    this.#greetings++
    this.#connectedAtMs = this.#clock.monoMs()
    this.#linkClock = new LinkClock()
    this.#ageMs = undefined
    if (boot === this.#boot) this.numbered(seq)
    this.#boot = boot
    this.#seq = seq
  }

  /** The worker numbers what it says of itself, over all its links. */
  numbered(seq: number): void {
    if (seq <= this.#seq) return
    this.#gaps += seq - this.#seq - 1
    this.#seq = seq
  }

  /** A message that says when it was sent, by the worker's clock. */
  stamped(sentAtMs: number): void {
    this.#ageMs = this.#linkClock.ageMs(this.#clock.monoMs(), sentAtMs)
  }

  ended(): void {
    this.#connectedAtMs = undefined
    this.#ageMs = undefined
  }

  view(rttMs: number | null): LinkView {
    const { monoMs, wallMs } = { monoMs: this.#clock.monoMs(), wallMs: this.#clock.wallMs() }
    const instant = (atMs: number) => new Date(wallMs - (monoMs - atMs)).toISOString()
    const first = Math.max(0, this.#written - KEPT)
    const lastMessages = Array.from({ length: this.#written - first }, (_, i) => {
      const at = (first + i) % KEPT
      return {
        at: instant(this.#atMs[at] ?? 0),
        direction: this.#isOut[at] === 1 ? ('out' as const) : ('in' as const),
        kind: this.#kinds[at] ?? '',
        bytes: this.#bytes[at] ?? 0,
      }
    })
    return {
      rttMs,
      reconnects: Math.max(0, this.#greetings - 1),
      gaps: this.#gaps,
      connectedAt: this.#connectedAtMs === undefined ? null : instant(this.#connectedAtMs),
      clockAgeMs: this.#ageMs === undefined ? null : Math.round(this.#ageMs * 10) / 10,
      lastMessages,
    }
  }
}

const KINDS: readonly string[] = Object.entries(RECORD).reduce<string[]>((kinds, [name, type]) => {
  kinds[type] = name
  return kinds
}, [])

/** The first record of a frame behind its stamp, by name; the frame is not known to be sound. */
export function kindOfFrame(frame: Uint8Array): string {
  let at = 0
  if (frame[0] === RECORD.STAMP && frame.length > RECORD_HEADER_BYTES)
    at = RECORD_HEADER_BYTES + (((frame[8] ?? 0) << 8) | (frame[9] ?? 0))
  const type = frame[at >= frame.length ? 0 : at]
  return (type === undefined ? undefined : KINDS[type]) ?? 'unknown'
}
