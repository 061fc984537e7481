/**
 * The three figures that every part answers and the last line of a run shows.
 */
export type Totals = { passed: number; failed: number; skipped: number }

export function emptyTotals(): Totals {
  return { passed: 0, failed: 0, skipped: 0 }
}

export function addTotals(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }
}

/** The form that outside programs read: the very last line of a run. */
export function formatTotals({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
