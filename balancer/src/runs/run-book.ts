/**
 * The durable runs that are in memory, by id, and how many runs there are that have not ended, wherever they are.
 * Invariant: a run is here at most once; whoever brings one from the disk asks here first.
 */
import { TurnoverMap } from '@berth/protocol'
import type { HeldRun } from './held-run.ts'

export class RunBook {
  /** Runs that are not final: those in memory and those on disk only. */
  live: number
  readonly #held = new TurnoverMap<string, HeldRun>()
  /** By session, the one whose turn it is. */
  readonly #heads = new TurnoverMap<string, HeldRun>()
  /** One of each read of the disk that is under way. */
  readonly #departures = new Set<Set<string>>()

  constructor(live: number) {
    this.live = live
  }

  get(id: string): HeldRun | undefined {
    return this.#held.get(id)
  }

  has(id: string): boolean {
    return this.#held.has(id)
  }

  add(run: HeldRun): void {
    this.#held.set(run.run, run)
  }

  /** It is its session's turn; until it leaves. */
  setHead(run: HeldRun): void {
    const { session } = run.row
    if (session !== null) this.#heads.set(session, run)
  }

  headOf(session: string): HeldRun | undefined {
    return this.#heads.get(session)
  }

  remove(run: HeldRun): void {
    if (this.#held.get(run.run) !== run) return
    this.#held.delete(run.run)
    const { session } = run.row
    if (session !== null && this.#heads.get(session) === run) this.#heads.delete(session)
    for (const departed of this.#departures) departed.add(run.run)
  }

  /**
   * Reads the disk and judges what was read in one turn. What is here, or in `departed` because it was here during
   * the read, is no more as it was read.
   */
  async judge<Read, Judged>(
    read: () => Promise<Read>,
    judgement: (read: Read, departed: ReadonlySet<string>) => Judged,
  ): Promise<Judged> {
    const departed = new Set<string>()
    this.#departures.add(departed)
    try {
      return judgement(await read(), departed)
    } finally {
      this.#departures.delete(departed)
    }
  }

  /** Those in memory. */
  get size(): number {
    return this.#held.size
  }

  values(): Iterable<HeldRun> {
    return this.#held.values()
  }
}
