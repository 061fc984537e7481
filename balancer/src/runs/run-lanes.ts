/**
 * Fetches waiting runs of a lane from disk, in their order, when the core asks for more. For each lane it remembers
 * a frontier: the position before which nothing waits on disk alone. Driven by the ledger and by whoever puts a run
 * back there. Invariant: a run that waits on disk only stands behind its lane's frontier, or a claim under way is
 * known to have missed it and is followed by another.
 */
import type { ClaimNeeds } from '../ports/ledger.ts'
import type { RunLaneNeeds, RunPosition, RunStorePort } from '../ports/run-store.ts'
import type { ClaimedRun } from '../ports/stored-run.ts'
import type { After } from './durable-options.ts'
import { tagsOf } from './held-run.ts'

export interface RunLanesOptions {
  readonly store: Pick<RunStorePort, 'claim'>
  /** In memory already. */
  readonly isHeld: (id: string) => boolean
  readonly after: After
  readonly onClaimed: (lane: string, runs: readonly ClaimedRun[], hasMore: boolean) => void
}

interface LaneState {
  /** Null: nobody has looked yet. */
  frontier: RunPosition | null
  /** The foremost place where a run was put behind the back of the claim that is under way. */
  missed: RunPosition | undefined
  claim: Claim | undefined
}

interface Claim {
  readonly lane: string
  readonly needs: RunLaneNeeds
  readonly count: number
}

const RETRY_MS = 1_000

export class RunLanes {
  readonly #options: RunLanesOptions
  readonly #lanes = new Map<string, LaneState>()
  readonly #claims = new Map<number, Claim>()
  readonly #fetches = new Map<number, (runs: readonly ClaimedRun[]) => void>()
  readonly #timers = new Set<() => void>()
  #count = 0

  constructor(options: RunLanesOptions) {
    this.#options = options
  }

  /** Asks for up to `count` runs of a lane; the core does so once at a time. */
  claim(lane: string, count: number, needs: ClaimNeeds): void {
    const state = this.#stateOf(lane)
    state.claim = { lane, count, needs: toNeeds(needs) }
    this.#ask(state, state.claim, state.frontier)
  }

  /** A run waits on disk only, from now on and at this position. */
  putBack(lane: string, { priority, seq }: RunPosition): void {
    const before = { priority, seq: seq - 1 }
    const state = this.#lanes.get(lane)
    if (!state) {
      this.#lanes.set(lane, { frontier: before, missed: undefined, claim: undefined })
      return
    }
    if (state.frontier && isBefore(before, state.frontier)) state.frontier = before
    if (state.claim && (!state.missed || isBefore(before, state.missed))) state.missed = before
  }

  /** Nobody knows what a lane has on disk: it is looked at from the beginning. */
  forgetFrontier(lane: string): void {
    this.#stateOf(lane).frontier = null
  }

  /** Brings one run from its place, if it still waits there. */
  fetch(needs: RunLaneNeeds, { priority, seq }: RunPosition, take: (run: ClaimedRun) => void): void {
    const claim = ++this.#count
    this.#fetches.set(claim, ([run]) => {
      if (run?.seq === seq) take(run)
    })
    this.#options.store.claim(claim, needs, 1, { priority, seq: seq - 1 })
  }

  onClaimed(id: number, runs: readonly ClaimedRun[], hasMore: boolean): void {
    const fetch = this.#fetches.get(id)
    if (fetch) {
      this.#fetches.delete(id)
      return fetch(runs)
    }
    const claim = this.#claims.get(id)
    if (!claim) return
    this.#claims.delete(id)
    const state = this.#stateOf(claim.lane)
    if (runs.length === 0 && hasMore) return this.#askLater(state, claim)
    const fresh = runs.filter((run) => !this.#options.isHeld(run.id))
    const next = foremost(state.missed, positionOf(runs.at(-1))) ?? state.frontier
    const isMore = hasMore || state.missed !== undefined
    if (fresh.length === 0 && isMore) return this.#ask(state, claim, next)
    state.frontier = next
    state.missed = undefined
    state.claim = undefined
    if (!isMore) this.#lanes.delete(claim.lane)
    this.#options.onClaimed(claim.lane, fresh, isMore)
  }

  stop(): void {
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
  }

  #stateOf(lane: string): LaneState {
    const known = this.#lanes.get(lane)
    if (known) return known
    const fresh: LaneState = { frontier: null, missed: undefined, claim: undefined }
    this.#lanes.set(lane, fresh)
    return fresh
  }

  #ask(state: LaneState, claim: Claim, after: RunPosition | null): void {
    state.missed = undefined
    const id = ++this.#count
    this.#claims.set(id, claim)
    this.#options.store.claim(id, claim.needs, claim.count, after)
  }

  /** The store could not be read. */
  #askLater(state: LaneState, claim: Claim): void {
    const cancel = this.#options.after(RETRY_MS, () => {
      this.#timers.delete(cancel)
      this.#ask(state, claim, state.frontier)
    })
    this.#timers.add(cancel)
  }
}

function toNeeds({ group, function: name, contract, selector }: ClaimNeeds): RunLaneNeeds {
  return { group, function: name, contract, tags: tagsOf(selector) }
}

function positionOf(run: ClaimedRun | undefined): RunPosition | undefined {
  return run && { priority: run.priority, seq: run.seq }
}

function foremost(a: RunPosition | undefined, b: RunPosition | undefined): RunPosition | undefined {
  if (!a || !b) return a ?? b
  return isBefore(a, b) ? a : b
}

function isBefore(a: RunPosition, b: RunPosition): boolean {
  return a.priority !== b.priority ? a.priority < b.priority : a.seq < b.seq
}
