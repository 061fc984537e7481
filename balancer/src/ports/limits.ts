/**
 * Permits that bound how many tasks run and how often they start. Written for several balancers:
 * permits are taken some at a time and until an instant, after which they come back by themselves, so
 * that those of a balancer that died are not lost. One balancer alone uses `core/limits.ts`.
 * Instants are monotonic milliseconds.
 */
export interface LimitTerms {
  /** Tasks at once. */
  readonly concurrency?: number | undefined
  /** Starts in any stretch of so many milliseconds. */
  readonly rate?: { readonly limit: number; readonly perMs: number } | undefined
  readonly paused?: Pause | undefined
}

export interface Pause {
  /** When it ends by itself; undefined for never. */
  readonly untilAt?: number | undefined
  readonly reason?: string | undefined
}

/** What is used of a limit now; `limit` undefined for none. */
export interface LimitFacts {
  readonly concurrency: { readonly used: number; readonly limit: number | undefined }
  readonly rate: { readonly used: number; readonly limit: number; readonly perMs: number } | undefined
  readonly paused: Pause | undefined
}

export interface LimitsPort {
  /** New terms of a key, undefined for none; permits that are out stay out. */
  set(key: string, terms: LimitTerms | undefined): void
  /** Takes up to `count` permits until an instant (Infinity: until given back); how many were granted. */
  take(key: string, count: number, untilAt: number, now: number): number
  /** Takes a permit for what runs already, over the limit and in a pause if need be; it is no start of a rate. */
  hold(key: string): void
  /** Gives permits back before their time; of what never started, with the instant at which they were taken. */
  give(key: string, count: number, unusedSinceAt?: number): void
  /**
   * When a permit may be had: now, an instant, or Infinity for "when one is given back"; `beyond` the limit of
   * concurrency by so many.
   */
  openAt(key: string, now: number, beyond?: number): number
  facts(key: string, now: number): LimitFacts
}
