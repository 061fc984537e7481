/**
 * What the suites of stores stand on: the intents that they write, and all that a store tells of its batches.
 * Called by store.test.ts and store-disk.test.ts.
 */
import type { MaintenanceIntent, StoreWrite } from '../../balancer/src/ports/store.ts'

export const AT = '2026-01-01T00:00:00.000Z'

export function intent(worker: string, reason: string | null = null): MaintenanceIntent {
  return { worker, reason, since: AT, until: null, deadline: null, by: null }
}

export function intentSet(worker: string, reason: string | null = null): StoreWrite {
  return { kind: 'intent-set', intent: intent(worker, reason) }
}

export type StoreEvent = { persisted: number } | { failed: number; detail: string }

/** All that a store tells of its batches, in order; `reach` waits for so many. */
export function record() {
  const events: StoreEvent[] = []
  const waiting: { count: number; wake: () => void }[] = []
  const add = (event: StoreEvent) => {
    events.push(event)
    for (const waiter of waiting) if (events.length >= waiter.count) waiter.wake()
  }
  return {
    events,
    onPersisted: (persisted: number) => add({ persisted }),
    onFailed: (failed: number, detail: string) => add({ failed, detail }),
    onClaimed() {},
    onDue() {},
    onTurns() {},
    reach: (count: number) =>
      events.length >= count
        ? Promise.resolve()
        : new Promise<void>((wake) => {
            waiting.push({ count, wake })
          }),
  }
}

/** The batch of this tick has been given to the store. */
export function nextTick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
