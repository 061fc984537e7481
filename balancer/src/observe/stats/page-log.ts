/**
 * The records of one page, one behind the other in a growing buffer: a few bytes each, since a record says only
 * which columns differ from those of the record before, and by how much. Pure.
 *
 *   record: slot · seconds · mask of columns that changed · zigzag difference each · per histogram: pairs
 *
 * All are varints, whole numbers below 2^53. Invariant: what `readPage` gives is what was appended, in order.
 */

/** A page that is read: the present record, replaced by the next. */
export interface PageRecord {
  /** Its place in the page. */
  slot: number
  /** Seconds that it covers. */
  n: number
  readonly values: Float64Array
  /** Pairs of place (bucket, histograms behind one another) and count. */
  readonly pairs: number[]
}

export interface PageShape {
  readonly columns: number
  readonly histograms: number
  /** Places of one histogram. */
  readonly buckets: number
}

const FIRST_BYTES = 48

export class PageLog {
  readonly #shape: PageShape
  /** The columns of the record before, from `#at` on. */
  readonly #last: Float64Array
  readonly #at: number
  #bytes = new Uint8Array(FIRST_BYTES)
  #length = 0
  lastSlot = -1

  /** `last` from `at` on is its own until another log gets it: ten thousand workers have no array each for it. */
  constructor(shape: PageShape, last: Float64Array = new Float64Array(shape.columns), at = 0) {
    this.#shape = shape
    this.#last = last.fill(0, at, at + shape.columns)
    this.#at = at
  }

  /** A view, good until the next append. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** What it takes in memory. */
  get size(): number {
    return this.#bytes.length
  }

  /** `counts`: histograms behind one another. */
  append(slot: number, n: number, values: Float64Array, counts: Uint32Array | undefined): void {
    this.lastSlot = slot
    this.#number(slot)
    this.#number(n)
    let mask = 0
    const from = this.#at
    for (let at = 0; at < values.length; at++) if (values[at] !== this.#last[from + at]) mask += 2 ** at
    this.#number(mask)
    for (let at = 0; at < values.length; at++) {
      const difference = (values[at] ?? 0) - (this.#last[from + at] ?? 0)
      if (difference === 0) continue
      this.#number(difference < 0 ? -2 * difference - 1 : 2 * difference)
      this.#last[from + at] = values[at] ?? 0
    }
    for (let at = 0; at < this.#shape.histograms; at++) this.#histogram(at, counts)
  }

  #histogram(at: number, counts: Uint32Array | undefined): void {
    const { buckets } = this.#shape
    const from = at * buckets
    let used = 0
    if (counts) for (let place = from; place < from + buckets; place++) if (counts[place]) used++
    this.#number(used)
    for (let place = from; counts && place < from + buckets; place++) {
      const count = counts[place] ?? 0
      if (count === 0) continue
      this.#number(place - from)
      this.#number(count)
    }
  }

  #number(value: number): void {
    if (this.#length + 8 > this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2)
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) + 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
  }
}

/** Calls back with each record; throws a RangeError for bytes that are none of ours. */
export function readPage(bytes: Uint8Array, shape: PageShape, visit: (record: PageRecord) => void): void {
  const record: PageRecord = { slot: 0, n: 0, values: new Float64Array(shape.columns), pairs: [] }
  let at = 0
  const number = () => {
    let [value, factor] = [0, 1]
    for (;;) {
      const byte = bytes[at++]
      if (byte === undefined || factor > 2 ** 49) throw new RangeError('a record is cut off')
      value += (byte % 0x80) * factor
      if (byte < 0x80) return value
      factor *= 0x80
    }
  }
  while (at < bytes.length) {
    record.slot = number()
    record.n = number()
    let mask = number()
    for (let column = 0; mask > 0; column++, mask = Math.floor(mask / 2)) {
      if (mask % 2 === 0) continue
      if (column >= shape.columns) throw new RangeError('a record has too many columns')
      const coded = number()
      record.values[column] = (record.values[column] ?? 0) + (coded % 2 === 1 ? -(coded + 1) / 2 : coded / 2)
    }
    record.pairs.length = 0
    for (let histogram = 0; histogram < shape.histograms; histogram++)
      for (let left = number(); left > 0; left--) {
        const place = number()
        if (place >= shape.buckets) throw new RangeError('a record has too many buckets')
        record.pairs.push(histogram * shape.buckets + place, number())
      }
    visit(record)
  }
}
