/**
 * What happens in a run, for routes that show it: events that can be followed and resumed, and its own lines.
 * Implemented by `runs/events/`, used by `http/`. An event's `n` is its id; it rises within a run, with gaps where
 * something was dropped or a balancer began anew.
 */
import type { RunView, TaskError } from '@berth/protocol'
import type { StoredEvent } from './told.ts'

export type RunFollowing =
  | { readonly kind: 'unknown' }
  /** Nothing comes behind that event: it is the last one. */
  | { readonly kind: 'over' }
  | { readonly kind: 'refused'; readonly error: TaskError }
  /**
   * Batches in order, read as fast as they are taken; an empty one after a while without events. `data` is JSON. Ends
   * behind the final event. Whoever stops reading returns the generator.
   */
  | { readonly kind: 'events'; readonly batches: AsyncGenerator<readonly StoredEvent[], void, void> }

export interface RunEventsPort {
  /** Events behind `after` (0: all), those to come included, until the run's end or until `signal` fires. */
  follow(run: string, after: number, signal: AbortSignal): Promise<RunFollowing>
  /** The lines that are kept, oldest first, JSON each; undefined for an unknown run. */
  lines(run: string): Promise<{ readonly lines: readonly string[]; readonly dropped: number } | undefined>
  /** What a run that is live last said of its progress. */
  progressOf(run: string): RunView['progress']
}
