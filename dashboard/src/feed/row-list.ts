/**
 * A long list that grows at its end and is cut at its front, four times a second: each change answers a new list that
 * shares all but its last rows with the old one, so that a page which keeps 50,000 rows does not copy and throw away
 * 50,000 places at every change. Used by the log buffer. Invariant: a list never changes once it is made.
 */

/** Rows of one piece; the last piece is copied when rows are added. */
const PIECE = 512

export class RowList<Row> {
  /** All pieces but the last are full. */
  readonly #pieces: readonly (readonly Row[])[]
  /** Rows of the first piece that have been cut off. */
  readonly #start: number
  readonly length: number

  private constructor(pieces: readonly (readonly Row[])[], start: number) {
    this.#pieces = pieces
    this.#start = start
    this.length = Math.max(0, (pieces.length - 1) * PIECE) + (pieces.at(-1)?.length ?? 0) - start
  }

  static of<Row>(rows: readonly Row[]): RowList<Row> {
    return new RowList(cut([], rows), 0)
  }

  /** From 0; undefined beyond either end. */
  at(index: number): Row | undefined {
    if (index < 0 || index >= this.length) return undefined
    const place = index + this.#start
    return this.#pieces[Math.floor(place / PIECE)]?.[place % PIECE]
  }

  get last(): Row | undefined {
    return this.at(this.length - 1)
  }

  slice(from: number, to: number): Row[] {
    const rows: Row[] = []
    for (let index = Math.max(0, from); index < Math.min(to, this.length); index++)
      rows.push(this.at(index) as Row)
    return rows
  }

  *[Symbol.iterator](): Generator<Row> {
    for (let index = 0; index < this.length; index++) yield this.at(index) as Row
  }

  with(index: number, row: Row): RowList<Row> {
    if (index < 0 || index >= this.length) return this
    const place = index + this.#start
    const at = Math.floor(place / PIECE)
    const piece = (this.#pieces[at] ?? []).with(place % PIECE, row)
    return new RowList(this.#pieces.with(at, piece), this.#start)
  }

  append(rows: readonly Row[]): RowList<Row> {
    if (rows.length === 0) return this
    const last = this.#pieces.at(-1)
    if (last === undefined || last.length === PIECE) return new RowList(cut(this.#pieces, rows), this.#start)
    return new RowList(cut(this.#pieces.slice(0, -1), [...last, ...rows]), this.#start)
  }

  /** Without its first `count` rows. */
  drop(count: number): RowList<Row> {
    if (count <= 0) return this
    if (count >= this.length) return RowList.of<Row>([])
    const start = this.#start + count
    return new RowList(this.#pieces.slice(Math.floor(start / PIECE)), start % PIECE)
  }
}

function cut<Row>(before: readonly (readonly Row[])[], rows: readonly Row[]): (readonly Row[])[] {
  const pieces = [...before]
  for (let from = 0; from < rows.length; from += PIECE) pieces.push(rows.slice(from, from + PIECE))
  return pieces
}
