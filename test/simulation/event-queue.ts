/**
 * What will happen, in order of time and, within an instant, of planning. Owns the simulation's
 * clock: it stands still except in `advanceTo` and `step`. A binary heap over flat arrays: a long run
 * plans six events a task, so neither they nor their instants are objects, and what moves is numbers.
 */
type Act = (subject: never) => void

const FIRST_ROOM = 1_024

export class EventQueue {
  now = 0
  /** Events that have happened. */
  happened = 0
  /** When the next event is due; Infinity when none is. */
  nextAt = Number.POSITIVE_INFINITY
  #seq = 0
  #size = 0
  /** The heap: when, and the place of the rest. Places beyond its size are free. */
  #ats = new Float64Array(FIRST_ROOM)
  #places = Int32Array.from({ length: FIRST_ROOM }, (_, place) => place)
  #seqs = new Float64Array(FIRST_ROOM)
  readonly #acts: (Act | undefined)[] = []
  readonly #subjects: unknown[] = []

  get size(): number {
    return this.#size
  }

  after(delayMs: number, act: () => void): void {
    this.#plan(this.now + delayMs, act, undefined)
  }

  /** The same for what happens often: one function for all, and whom it is about this time. */
  afterWith<S>(delayMs: number, act: (subject: S) => void, subject: S): void {
    this.#plan(this.now + delayMs, act, subject)
  }

  #plan(at: number, act: Act, subject: unknown): void {
    if (this.#size === this.#ats.length) this.#grow()
    const ats = this.#ats
    const places = this.#places
    let index = this.#size++
    const place = places[index] as number
    while (index > 0) {
      const above = (index - 1) >> 1
      // Equal instants stay in order of planning, and the new one was planned last.
      if ((ats[above] as number) <= at) break
      ats[index] = ats[above] as number
      places[index] = places[above] as number
      index = above
    }
    ats[index] = at
    places[index] = place
    this.#seqs[place] = this.#seq++
    this.#acts[place] = act
    this.#subjects[place] = subject
    if (index === 0) this.nextAt = at
  }

  /** Moves the clock without an event, for what others have planned. */
  advanceTo(at: number): void {
    this.now = Math.max(this.now, at)
  }

  /** Lets the next event happen. */
  step(): void {
    if (this.#size === 0) return
    const place = this.#places[0] as number
    const act = this.#acts[place] as (subject: unknown) => void
    const subject = this.#subjects[place]
    this.#subjects[place] = undefined
    this.now = this.nextAt
    this.#size--
    this.#sinkLast()
    this.#places[this.#size] = place
    this.nextAt = this.#size > 0 ? (this.#ats[0] as number) : Number.POSITIVE_INFINITY
    this.happened++
    act(subject)
  }

  /** The last of the heap takes the place at the top that has come free, and sinks from there. */
  #sinkLast(): void {
    const size = this.#size
    const ats = this.#ats
    const places = this.#places
    const at = ats[size] as number
    const place = places[size] as number
    let index = 0
    for (let child = 1; child < size; child = 2 * index + 1) {
      if (child + 1 < size && this.#isBefore(child + 1, ats[child] as number, places[child] as number))
        child++
      if (!this.#isBefore(child, at, place)) break
      ats[index] = ats[child] as number
      places[index] = places[child] as number
      index = child
    }
    ats[index] = at
    places[index] = place
  }

  #isBefore(index: number, at: number, place: number): boolean {
    const own = this.#ats[index] as number
    if (own !== at) return own < at
    return (this.#seqs[this.#places[index] as number] as number) < (this.#seqs[place] as number)
  }

  #grow(): void {
    const size = 2 * this.#size
    const [ats, places, seqs] = [this.#ats, this.#places, this.#seqs]
    this.#ats = new Float64Array(size)
    this.#seqs = new Float64Array(size)
    this.#places = Int32Array.from({ length: size }, (_, place) => place)
    this.#ats.set(ats)
    this.#seqs.set(seqs)
    this.#places.set(places)
  }
}
