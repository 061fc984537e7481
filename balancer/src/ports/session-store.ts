/**
 * Sessions on disk: runs of one session have their turns one after another. Implemented by `store/`, used by
 * `runs/` only; all is plain data.
 *
 *   accepted, or due --joins--> held --its turn--> head (queued, running) --end--> over
 *
 * Invariant, of every commit: a session with runs that wait or run has exactly one head, and the others are held:
 * `queued` as any other run, but in no lane, so that no claim brings them. The head's priority is the most urgent one
 * that waits in its session.
 */
import type { ClaimedRun } from './stored-run.ts'

export type SessionWrite =
  /**
   * A turn as its run stands now: over when the run has ended, with that priority of its own otherwise (null: as it
   * was). Nothing for a run that is of no session.
   */
  { readonly kind: 'turn-set'; readonly seq: number; readonly priority: number | null }

/** Who is asked for, and the head that whoever asks has in memory. */
export interface SessionAsk {
  readonly session: string
  readonly known: string | null
}

/** Whose turn it is in a session. */
export interface SessionTurn {
  readonly session: string
  /** Null when nobody waits. `priority` is the most urgent of its session, which its row has while it waits. */
  readonly head: { readonly id: string; readonly priority: number } | null
  /** The head, when it waits and is not the one that is known. */
  readonly run: ClaimedRun | null
  /** Who ran the turn before, by the balancer's own name for it; null when nobody has. */
  readonly worker: string | null
}

/** Part of `RunStorePort`. */
export interface SessionStorePort {
  /** Answers by `onTurns` with whose turn it is, as it is after every batch applied before. */
  askTurns(sessions: readonly SessionAsk[]): void
}

/** Part of `RunStoreEvents`. */
export interface SessionStoreEvents {
  /** One for each session of the ask; null when the store could not be read: ask again in a second. */
  onTurns(asked: readonly SessionAsk[], turns: readonly SessionTurn[] | null): void
}

export interface SessionLine {
  readonly head: string | null
  readonly open: number
  readonly worker: string | null
}

/** Part of `RunReads`. */
export interface SessionReads {
  /**
   * What a handler sees of the earlier turns: a JSON array of `{input, output}` of those that completed, the oldest
   * first; the newest `LIMITS.turns` of them, and of these as many as `LIMITS.turnsBytes` have room for. Empty for none.
   */
  turns(session: string): Promise<Uint8Array>
  /** Of a session: the head and how many turns have not ended, null and 0 when none is open; who ran the last one. */
  lineOf(session: string): Promise<SessionLine>
  /** Of a run that is held: the head, and how many turns come before its own. Null for any other. */
  turnOf(id: string): Promise<{ readonly head: string; readonly before: number } | null>
}
