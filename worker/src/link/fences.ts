/**
 * Remembers the highest fence seen of recent runs, so that an attempt which was overtaken is not taken late.
 * Asked by `link-tasks.ts` for every TASK. Bounded: the runs not heard of for longest are forgotten first.
 *
 * A run is known by 53 bits of its id, in tables of plain numbers: as keys of a `Map` the ids would be kept, moved and
 * made unique by the engine, which costs more than all that is done with them. Two ids that share these bits are as
 * good as never seen; if they are, the one with the lower fence is refused, and runs elsewhere.
 * Invariant: nothing is let through whose run was heard of lately with a higher fence.
 */
const RUNS_KEPT = 40_000

/** Runs by fingerprint, open addressing; at most two thirds full. */
class Generation {
  readonly #marks: Float64Array
  readonly #fences: Float64Array
  #size = 0

  constructor(capacity: number) {
    const places = 2 ** Math.ceil(Math.log2(capacity * 1.5 + 1))
    this.#marks = new Float64Array(places)
    this.#fences = new Float64Array(places)
  }

  get size(): number {
    return this.#size
  }

  /** 0 for one that is not here: no fence is lower. */
  get(mark: number): number {
    const place = this.#placeOf(mark)
    return this.#marks[place] === mark ? (this.#fences[place] as number) : 0
  }

  set(mark: number, fence: number): void {
    const place = this.#placeOf(mark)
    if (this.#marks[place] !== mark) this.#size++
    this.#marks[place] = mark
    this.#fences[place] = fence
  }

  clear(): void {
    this.#marks.fill(0)
    this.#size = 0
  }

  /** Where it stands, or where it would. */
  #placeOf(mark: number): number {
    const last = this.#marks.length - 1
    let place = mark & last
    while (this.#marks[place] !== mark && this.#marks[place] !== 0) place = (place + 1) & last
    return place
  }
}

export class Fences {
  #younger: Generation
  #older: Generation
  /** Runs in the younger generation when it becomes the older one, which is dropped whole. */
  readonly #most: number

  /** At most `limit` runs are kept, and at least the newest half of them. */
  constructor(limit = RUNS_KEPT) {
    this.#most = Math.ceil(limit / 2)
    this.#younger = new Generation(this.#most)
    this.#older = new Generation(this.#most)
  }

  /** Notes a fence; false when a higher one was seen for the run. */
  note(run: string, fence: number): boolean {
    const mark = markOf(run)
    if (fence < this.#younger.get(mark) || fence < this.#older.get(mark)) return false
    if (this.#younger.size >= this.#most) this.#turnOver()
    this.#younger.set(mark, fence)
    return true
  }

  #turnOver(): void {
    const fresh = this.#older
    this.#older = this.#younger
    this.#younger = fresh
    fresh.clear()
  }
}

/** 53 bits of a text, never 0; the low ones alone tell most texts apart. */
function markOf(text: string): number {
  let low = 0x811c_9dc5
  let high = 0x9747_b28c
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    low = Math.imul(low ^ unit, 0x0100_0193)
    high = Math.imul(high ^ unit, 0x85eb_ca6b) ^ (high >>> 13)
  }
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0) || 1
}
