/** The answers of a store that keeps no runs yet: there are none. Given by `sqlite-store.ts` until it does. */
import type { RunReads } from '../ports/run-store.ts'

export const NO_RUN_READS: RunReads = {
  list: async () => [],
  count: async () => 0,
  find: async () => null,
  payload: async () => null,
  result: async () => null,
  events: async () => ({ events: [], dropped: 0 }),
  eventTotals: async () => ({ lastEvent: 0, events: 0, bytes: 0, dropped: 0, lastLine: 0 }),
  lines: async () => ({ lines: [], dropped: 0 }),
  deliveries: async () => [],
  delivery: async () => null,
  dueDeliveries: async () => [],
  deliveriesBetween: async () => [],
  nextDeliveryMs: async () => null,
  overdue: async () => [],
  key: async () => null,
  bulk: async () => null,
}
