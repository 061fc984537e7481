/**
 * What waits in the core, for an operator's page: lanes in figures, and the next tasks in the order in which they are
 * to go. Implemented by `core/`, asked by `http/`. Instants are the core's own; reading changes nothing.
 */

/** A fairness key of a lane; `running` are slots in the whole group. */
export interface KeyShare {
  readonly key: string
  readonly weight: number
  readonly running: number
  readonly waiting: number
}

/** The waiting tasks with the same needs. */
export interface LanePicture {
  readonly group: string
  readonly contract: number
  readonly function: string
  /** Canonical text of the selector; empty for none. */
  readonly selector: string
  readonly waiting: number
  /** More of it waits on disk, beyond what the core holds. */
  readonly hasMore: boolean
  readonly oldestAt: number | undefined
  /** Workers in service that can serve it, and their free slots. */
  readonly capable: number
  readonly free: number
  /** Those with the most that wait, at most 20. */
  readonly fairness: readonly KeyShare[]
}

/** Why the next one has not begun. */
export type HeldWord = 'paused' | 'concurrency' | 'rate' | 'no_worker' | 'no_slot'

export interface WaitingPicture {
  readonly run: string
  /** From 1, within its group. */
  readonly position: number
  readonly group: string
  readonly contract: number
  readonly function: string
  readonly priority: number
  readonly fairnessKey: string | undefined
  readonly waitsSinceAt: number
  readonly why: HeldWord
}

export interface QueuePicture {
  readonly lanes: readonly LanePicture[]
  /** How many tasks wait in all those lanes. */
  readonly waiting: number
  /** In the order of each group; groups are mixed by priority and age. */
  readonly head: readonly WaitingPicture[]
}

export interface QueueLookPort {
  /** Of one group, or of all; at most so many of the next tasks. Costs a few milliseconds, whatever waits. */
  queue(group: string | undefined, limit: number, now: number): QueuePicture
}
