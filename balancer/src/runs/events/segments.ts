/**
 * Which events of a run are kept on disk: the newest, up to so many bytes. Counted in stretches rather than one by one,
 * so that a run of a million events costs no more than one of a hundred. One a recorder.
 * Invariant: what is kept is within the limit, or is one stretch; a stretch is at most a thirty-second of the limit,
 * or what was written at once.
 */
interface Segment {
  upTo: number
  count: number
  bytes: number
}

const STRETCHES = 32

export class Segments {
  readonly #limitBytes: number
  #segments: Segment[] = []
  #bytes = 0
  /** Events below this are gone. */
  dropBefore = 0
  /** How many went, in all. */
  dropped = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Events up to number `upTo` have come. */
  add(upTo: number, count: number, bytes: number): void {
    const last = this.#segments.at(-1)
    this.#bytes += bytes
    if (last && last.bytes + bytes <= this.#limitBytes / STRETCHES) {
      last.upTo = upTo
      last.count += count
      last.bytes += bytes
    } else this.#segments.push({ upTo, count, bytes })
    while (this.#bytes > this.#limitBytes && this.#segments.length > 1) this.#dropOldest()
  }

  #dropOldest(): void {
    const oldest = this.#segments.shift()
    if (!oldest) return
    this.#bytes -= oldest.bytes
    this.dropBefore = oldest.upTo + 1
    this.dropped += oldest.count
  }
}
