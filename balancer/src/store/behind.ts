/**
 * Brings what went to the journal into the tables: when it is old enough, when there is much of it, or when somebody
 * wants to read, in steps between which batches have their turn. On the store's writing thread, made by
 * `sqlite-thread.ts`. Invariants: whoever asks is answered once, when all that was on disk then can be read; behind
 * every message the journal is within its bounds, unless the tables cannot be written.
 */
import type { SqliteDatabase } from './sqlite-database.ts'
import type { FromThread } from './thread-messages.ts'

/** How long a write stays in the journal alone: most runs have ended by then, and are written once. */
const BEHIND_MS = 250
/** Writes that are brought into the tables in one step; about 4 ms. */
const STEP_WEIGHT = 800
/** Beyond it the journal does not wait for its time, and whoever writes waits for it. */
const MAX_BEHIND = { weight: 50_000, bytes: 64 * 1024 * 1024 }

type Journalled = Pick<
  SqliteDatabase,
  'isBehind' | 'isSettled' | 'journalSize' | 'lastKept' | 'oldestKeptAtMs' | 'settle'
>

export class Behind {
  readonly #database: Journalled
  readonly #say: (message: FromThread) => void
  /** Who wants to read, and up to which row of the journal. */
  #asked: { readonly id: number; readonly upTo: number }[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(database: Journalled, say: (message: FromThread) => void) {
    this.#database = database
    this.#say = say
  }

  ask(id: number): void {
    this.#asked.push({ id, upTo: this.#database.lastKept })
    this.#answer(undefined)
  }

  /** Behind every message: a step when it is due, as many as it takes to be within bounds, and a look at it later. */
  follow(): void {
    for (let isDue = this.#isDue(); isDue; isDue = this.#isFull) if (!this.#step()) break
    this.#arm()
  }

  stop(): void {
    clearTimeout(this.#timer)
    while (this.#asked.length > 0) this.#step(Number.POSITIVE_INFINITY)
  }

  get #isFull(): boolean {
    const { weight, bytes } = this.#database.journalSize
    return weight > MAX_BEHIND.weight || bytes > MAX_BEHIND.bytes
  }

  #isDue(): boolean {
    return this.#isFull || performance.now() - this.#database.oldestKeptAtMs >= BEHIND_MS
  }

  /** False when nothing could be brought into the tables. */
  #step(weight = STEP_WEIGHT): boolean {
    const { outcome, refusals } = this.#database.settle(weight)
    for (const { batch, detail } of refusals) this.#say({ kind: 'refused-late', batch, detail })
    this.#answer(outcome.ok ? undefined : outcome.detail)
    return outcome.ok
  }

  /** Those who may read now; all of them when it is said why they cannot. */
  #answer(detail: string | undefined): void {
    const isAnswered = ({ upTo }: { upTo: number }) => detail !== undefined || this.#database.isSettled(upTo)
    for (const one of this.#asked) if (isAnswered(one)) this.#say({ kind: 'settled', id: one.id, detail })
    this.#asked = this.#asked.filter((one) => !isAnswered(one))
  }

  #arm(): void {
    if (this.#timer !== undefined && this.#asked.length === 0) return
    if (!this.#database.isBehind) return
    clearTimeout(this.#timer)
    const inMs = this.#asked.length > 0 ? 0 : BEHIND_MS
    this.#timer = setTimeout(() => this.#tick(), inMs)
  }

  #tick(): void {
    this.#timer = undefined
    if (this.#asked.length > 0 || this.#isDue()) this.#step()
    this.#arm()
  }
}
