/**
 * The turns of sessions in the store without a disk. Used by `memory-run-tables.ts`, which tells it of every change;
 * written apart from the SQL on purpose. Invariant: see ports/session-store.ts.
 */
import { timeOfRun } from '@berth/protocol'
import type { DoneRun, LiveRun } from '../ports/stored-run.ts'

type State = 'held' | 'head' | 'completed' | 'ended'

export interface MemoryTurn {
  readonly session: string
  readonly seq: number
  readonly place: number
  readonly priority: number
  readonly state: State
}

export interface TurnLook {
  readonly head: LiveRun | undefined
  readonly worker: string | null
  /** The most urgent priority of those that have not ended. */
  readonly urgent: number
}

/** The tables of runs, of which this one changes sessions and priorities. */
export interface TurnRuns {
  readonly live: Map<number, LiveRun>
  readonly done: Map<number, DoneRun>
  readonly seqs: Map<string, number>
}

export class MemoryTurns {
  readonly #runs: TurnRuns
  readonly #turns = new Map<number, MemoryTurn>()

  constructor(runs: TurnRuns) {
    this.#runs = runs
  }

  isHeld(seq: number): boolean {
    return this.#turns.get(seq)?.state === 'held'
  }

  joinAccepted(runs: readonly LiveRun[]): void {
    for (const run of runs) this.#join(run, 2 * run.seq)
    this.#advanceAll(runs)
  }

  joinDue(runs: readonly LiveRun[]): void {
    const newest = Math.max(0, ...this.#runs.seqs.values())
    for (const run of runs) this.#join(run, 2 * newest + 1)
    this.#advanceAll(runs)
  }

  set(seq: number, priority: number | null): void {
    const turn = this.#turns.get(seq)
    if (!turn) return
    const done = this.#runs.done.get(seq)
    const state = done && isOpen(turn) ? stateOf(done) : turn.state
    this.#turns.set(seq, { ...turn, state, priority: priority ?? turn.priority })
    this.#advance(turn.session)
  }

  remove(seq: number): void {
    const turn = this.#turns.get(seq)
    if (!turn) return
    this.#turns.delete(seq)
    if (isOpen(turn)) this.#advance(turn.session)
  }

  /** The head of a session, and who ran the last turn that anybody ran. */
  look(session: string): TurnLook {
    const turns = this.#of(session)
    const head = turns.find(({ state }) => state === 'head')
    const newest = (state: State) => turns.findLast((turn) => turn.state === state)
    const last = [newest('completed'), newest('ended')]
      .flatMap((turn) => turn ?? [])
      .map(({ seq, place }) => ({ place, worker: this.#runs.done.get(seq)?.worker ?? null }))
      .filter(({ worker }) => worker !== null)
      .sort((a, b) => b.place - a.place)
    const urgent = Math.min(...turns.filter(isOpen).map(({ priority }) => priority))
    return { head: head && this.#runs.live.get(head.seq), worker: last[0]?.worker ?? null, urgent }
  }

  /** Turns that have not ended. */
  open(session: string): number {
    return this.#of(session).filter(isOpen).length
  }

  lastCompletedBy(session: string): string | null {
    const workers = this.completed(session).map((seq) => this.#runs.done.get(seq)?.worker ?? null)
    return workers.find((worker) => worker !== null) ?? null
  }

  /** The newest first. */
  completed(session: string): readonly number[] {
    const completed = this.#of(session).filter(({ state }) => state === 'completed')
    return completed.map(({ seq }) => seq).reverse()
  }

  standing(seq: number): { readonly head: string; readonly before: number } | null {
    const turn = this.#turns.get(seq)
    if (turn?.state !== 'held') return null
    const open = this.#of(turn.session).filter(isOpen)
    const head = open.find(({ state }) => state === 'head')
    const { id } = this.#runs.live.get(head?.seq ?? -1) ?? {}
    return id === undefined ? null : { head: id, before: open.indexOf(turn) }
  }

  #join({ session, seq, priority }: LiveRun, place: number): void {
    if (session === null || this.#turns.has(seq)) return
    this.#joinBase(session)
    this.#turns.set(seq, { session, seq, place, priority, state: 'held' })
  }

  /** The run whose id a session bears is its first turn. */
  #joinBase(session: string): void {
    if (timeOfRun(session) === undefined || this.#of(session).length > 0) return
    const { live, done, seqs } = this.#runs
    const seq = seqs.get(session) ?? -1
    const [liveBase, doneBase] = [live.get(seq), done.get(seq)]
    const base = liveBase ?? doneBase
    if (!base || base.session !== null || base.status === 'scheduled' || doneBase?.isDurable === false) return
    const state = doneBase ? stateOf(doneBase) : 'head'
    this.#turns.set(seq, { session, seq, place: 2 * seq, priority: base.priority, state })
    if (liveBase) live.set(seq, { ...liveBase, session })
    if (doneBase) done.set(seq, { ...doneBase, session })
  }

  #advanceAll(runs: readonly LiveRun[]): void {
    for (const { session } of runs) if (session !== null) this.#advance(session)
  }

  #advance(session: string): void {
    const open = this.#of(session).filter(isOpen)
    const head = open.find(({ state }) => state === 'head') ?? open[0]
    if (!head) return
    this.#turns.set(head.seq, { ...head, state: 'head' })
    const run = this.#runs.live.get(head.seq)
    const priority = Math.min(...open.map((turn) => turn.priority))
    if (run?.status === 'queued') this.#runs.live.set(run.seq, { ...run, priority })
  }

  /** In their order. */
  #of(session: string): MemoryTurn[] {
    const turns = [...this.#turns.values()].filter((turn) => turn.session === session)
    return turns.sort((a, b) => a.place - b.place || a.seq - b.seq)
  }
}

function isOpen({ state }: MemoryTurn): boolean {
  return state === 'held' || state === 'head'
}

function stateOf({ status }: DoneRun): State {
  return status === 'completed' ? 'completed' : 'ended'
}
