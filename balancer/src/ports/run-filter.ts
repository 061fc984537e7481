/** What a list of runs is narrowed to, in memory and on disk alike; all that is given must hold. */
import type { RunStatus } from '@berth/protocol'

export interface RunFilter {
  readonly status?: readonly RunStatus[] | undefined
  readonly function?: string | undefined
  readonly group?: string | undefined
  /** As it is shown (`shownId`). */
  readonly worker?: string | undefined
  readonly session?: string | undefined
  readonly schedule?: string | undefined
  /** The run that called it, of those that were recorded. */
  readonly parent?: string | undefined
  /** The code of its error, all of it. */
  readonly error?: string | undefined
  /** Each of its words begins a word of the id, the function, metadata or the error (`wordsOf`), in any case of letters. */
  readonly q?: string | undefined
  /** Unix milliseconds of acceptance, both included. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}
