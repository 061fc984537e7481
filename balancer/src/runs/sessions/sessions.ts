/**
 * Turns of sessions: asks the store whose turn it is whenever that may have changed, and hands the core the one run
 * of each session that may go. Owned by DurableRuns, which tells of runs that joined and ended.
 *
 *   accepted, or due --on disk--> held there --the one before has ended, on disk--> core --> ended --> the next
 *
 * Invariant: the core has at most one run of a session that has not ended, and gets it only from what is on disk.
 */
import type { Clock } from '@berth/runtime'
import type { DurableTasksPort } from '../../ports/durable-tasks.ts'
import type { RunReads } from '../../ports/run-reads.ts'
import type { SessionAsk, SessionStorePort, SessionTurn } from '../../ports/session-store.ts'
import type { ClaimedRun, LiveRun } from '../../ports/stored-run.ts'
import type { After } from '../durable-options.ts'
import type { HeldRun } from '../held-run.ts'
import type { RunBook } from '../run-book.ts'

export interface SessionsOptions {
  readonly store: SessionStorePort
  readonly reads: Pick<RunReads, 'turns'>
  readonly book: RunBook
  readonly clock: Pick<Clock, 'monoMs'>
  readonly after: After
  readonly core: () => DurableTasksPort
  readonly hold: (row: LiveRun, payload: ClaimedRun['payload']) => HeldRun
  /** True when it may run at a worker that nobody understands yet (run-recovery.ts). */
  readonly takeUp: (run: HeldRun) => boolean
}

/** Sessions that are asked for in one message; their inputs cross with the answer. */
const ASKED_AT_ONCE = 100
const RETRY_MS = 1_000

export class Sessions {
  readonly #options: SessionsOptions
  #wanted = new Set<string>()
  #cancelRetry: (() => void) | undefined

  constructor(options: SessionsOptions) {
    this.#options = options
  }

  /** A run is on disk that waits for its turn from now on. */
  joined({ session, priority }: LiveRun): void {
    if (session === null) return
    const head = this.#options.book.headOf(session)
    // Its end will tell, and it is urgent enough. Of the one whose id the session bears only the disk is sure.
    const isSure = head && head.state === 'live' && head.run !== session && !head.isUnhurried
    if (isSure && head.row.priority <= priority) return
    this.look(session)
  }

  /** Something of a session is another on disk: its turn may be another run's, or more urgent. */
  look(session: string): void {
    if (this.#wanted.size === 0) queueMicrotask(() => this.#ask())
    this.#wanted.add(session)
  }

  onTurns(asked: readonly SessionAsk[], turns: readonly SessionTurn[] | null): void {
    if (turns === null) return this.#askLater(asked)
    for (const [at, turn] of turns.entries()) this.#take(turn, asked[at]?.known ?? null)
  }

  /** What the handler of a run gets of the turns before it. */
  turnsFor(session: string): Promise<Uint8Array> {
    return this.#options.reads.turns(session)
  }

  /** The run that bears the id of a session has become its first turn, as it stands in memory. */
  adoptBase(session: string): HeldRun | undefined {
    const { book } = this.#options
    const base = book.get(session)
    if (!base || base.row.session !== null || base.state === 'accepting') return undefined
    base.row = { ...base.row, session }
    book.setHead(base)
    return base
  }

  stop(): void {
    this.#cancelRetry?.()
  }

  #ask(): void {
    const { book, store } = this.#options
    const asked = [...this.#wanted].map((session) => ({ session, known: book.headOf(session)?.run ?? null }))
    this.#wanted = new Set()
    for (let at = 0; at < asked.length; at += ASKED_AT_ONCE)
      store.askTurns(asked.slice(at, at + ASKED_AT_ONCE))
  }

  /** The store could not be read. */
  #askLater(asked: readonly SessionAsk[]): void {
    for (const { session } of asked) this.#wanted.add(session)
    this.#cancelRetry ??= this.#options.after(RETRY_MS, () => {
      this.#cancelRetry = undefined
      this.#ask()
    })
  }

  #take({ session, head, run, worker }: SessionTurn, known: string | null): void {
    if (head === null) return
    const { book, clock, core, hold, takeUp } = this.#options
    const held = book.get(head.id)
    if (held) return this.#hurry(held, head.priority)
    // It went back to the disk while it was asked for: its place there may be another by now.
    if (run === null) return known === head.id ? this.look(session) : undefined
    const next = hold(run, run.payload)
    next.prefer = worker ?? undefined
    book.setHead(next)
    if (!takeUp(next)) core().queued(next, run.fence === null, clock.monoMs())
  }

  /** The store has given the head its priority; the core goes by its own. */
  #hurry(head: HeldRun, priority: number): void {
    if (head.state !== 'live' || head.row.priority === priority) return
    const { core, clock } = this.#options
    head.isUnhurried = !core().reprioritise(head.run, priority, clock.monoMs())
    if (head.isUnhurried) return
    head.row = { ...head.row, priority }
    head.keptPriority = priority
  }
}
