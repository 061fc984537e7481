/**
 * What is on disk as it came and not in the tables yet: the rows of the table `journal`, and the same in memory. On
 * the store's writer thread, owned by `sqlite-database.ts`, which writes both within its transactions. A run whose end
 * stands here as well is never put among the live ones: its acceptance takes the end along.
 * Invariants: the rows are what `load` brings, whatever ends the process; a write counts in the tables once.
 */
import { type Row, text } from './run-codec.ts'
import type { EndAhead, EndsAhead } from './run-tables.ts'
import type { Statements } from './statements.ts'
import type { PackedFinish, PackedPart, PackedWrite } from './write-packing.ts'

export type TextPart = Extract<PackedPart, { text: string }>

export interface Entry {
  readonly n: number
  /** The store's number of its batch; 0 of one that another process has left. */
  readonly batch: number
  readonly text: string
  readonly bytes: Uint8Array
  readonly weight: number
  readonly keptAtMs: number
}

/** A larger input has its row to itself. */
const SHARED_ROW_BYTES = 4_096
const INSERT = 'INSERT INTO journal (n, writes, bytes) VALUES (?, ?, ?)'

export class Journal implements EndsAhead {
  readonly #statements: Statements
  /** The oldest first. */
  #entries: Entry[] = []
  readonly #writes = new Map<Entry, readonly PackedWrite[]>()
  readonly #ends = new Map<number, EndAhead>()
  /** The highest fences of runs that have moved. */
  readonly #fences = new Map<number, number>()
  readonly #written = new Set<PackedFinish>()
  /** Since the transaction began. */
  #taken: PackedFinish[] = []
  #last = 0
  #weight = 0
  #bytes = 0

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** What an earlier process has left. */
  load(): void {
    const rows = this.#statements.of('SELECT * FROM journal WHERE refused IS NULL ORDER BY n').all()
    this.push(rows.map(toEntry))
    const last = this.#statements.of('SELECT max(n) AS n FROM journal').get()?.n
    this.#last = Number(last ?? 0)
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  /** What has to be done, and what it takes in memory. */
  get weight(): number {
    return this.#weight
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The number of the newest entry. */
  get last(): number {
    return this.#last
  }

  get oldest(): Entry | undefined {
    return this.#entries[0]
  }

  /** Rows of a transaction; to be pushed when it has come to be. */
  insert(batch: number, parts: readonly TextPart[], keptAtMs: number): Entry[] {
    return parts.map(({ text: writes, bytes, weight }) => {
      const n = ++this.#last
      this.#statements.run(INSERT, n, writes, bytes)
      return { n, batch, text: writes, bytes, weight, keptAtMs }
    })
  }

  push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#entries.push(entry)
      this.#weight += entry.weight
      this.#bytes += sizeOf(entry)
    }
  }

  /** The oldest, of at least that weight if there are so many. */
  first(weight: number): readonly Entry[] {
    let [count, sum] = [0, 0]
    for (const entry of this.#entries) {
      if (sum >= weight) break
      sum += entry.weight
      count++
    }
    return this.#entries.slice(0, count)
  }

  /** The ends of all that stands here are known from now on. */
  writesOf(entry: Entry): readonly PackedWrite[] {
    for (const one of this.#entries) if (!this.#writes.has(one)) this.#read(one)
    return this.#writes.get(entry) ?? []
  }

  #read(entry: Entry): void {
    const writes: readonly PackedWrite[] = JSON.parse(entry.text)
    this.#writes.set(entry, writes)
    for (const write of writes) {
      if (write.kind === 'run-finished')
        this.#ends.set(Number(write.values[0]), { write, bytes: entry.bytes })
      else if (write.kind === 'run-moved' && write.progress.fence !== null)
        this.#fences.set(write.seq, Math.max(write.progress.fence, this.#fences.get(write.seq) ?? 0))
    }
  }

  take(seq: number, payloadBytes: number): EndAhead | undefined {
    const end = this.#ends.get(seq)
    if (end === undefined || payloadBytes > SHARED_ROW_BYTES || this.#written.has(end.write)) return undefined
    const { more } = end.write
    // Bytes can be fetched like files, and have their rows as these have.
    if (end.write.values[6] || more?.mayHaveFiles || more?.session) return undefined
    // What it put out before goes in before what goes with its end.
    if (more?.told) return undefined
    const fence = end.write.values[1] ?? null
    if (fence !== null && Number(fence) < (this.#fences.get(seq) ?? 0)) return undefined
    this.#written.add(end.write)
    this.#taken.push(end.write)
    return end
  }

  isWritten(write: PackedFinish): boolean {
    return this.#written.has(write)
  }

  /** Within the transaction that brought them into the tables. */
  remove(entries: readonly Entry[]): void {
    const last = entries.at(-1)?.n ?? 0
    this.#statements.run('DELETE FROM journal WHERE n <= ? AND refused IS NULL', last)
  }

  /** Within the transaction that brought the rest of it into the tables. */
  refuse({ n }: Entry, detail: string): void {
    this.#statements.run('UPDATE journal SET refused = ? WHERE n = ?', detail, n)
  }

  /** The transaction has come to be. */
  forget(entries: readonly Entry[]): void {
    this.#taken = []
    this.#entries = this.#entries.slice(entries.length)
    for (const entry of entries) {
      this.#weight -= entry.weight
      this.#bytes -= sizeOf(entry)
      for (const write of this.#writes.get(entry) ?? []) this.#forgetWrite(write)
      this.#writes.delete(entry)
    }
  }

  /** The transaction has not come to be. */
  undo(): void {
    for (const write of this.#taken) this.#written.delete(write)
    this.#taken = []
  }

  #forgetWrite(write: PackedWrite): void {
    if (write.kind === 'run-moved') this.#fences.delete(write.seq)
    if (write.kind !== 'run-finished') return
    const seq = Number(write.values[0])
    if (this.#ends.get(seq)?.write === write) this.#ends.delete(seq)
    this.#written.delete(write)
  }
}

function toEntry({ n, writes, bytes: held }: Row): Entry {
  const bytes = held instanceof Uint8Array ? held : new Uint8Array(0)
  return { n: Number(n), batch: 0, text: text(writes), bytes, weight: 1, keptAtMs: 0 }
}

function sizeOf(entry: Entry): number {
  return entry.text.length + entry.bytes.length
}
