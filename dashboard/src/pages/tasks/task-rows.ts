/**
 * The rows of the list: pages that were read, and what the feed has told since. Pure.
 * Invariant: a run stands once, as it was told last; what no longer is meant goes, as far down as the feed looks.
 */
import type { RunItem } from '@berth/protocol'

/** Runs of a list that the feed follows. */
export const LIVE_ROWS = 50

export interface RowSources {
  /** As read by HTTP. */
  readonly read: readonly RunItem[]
  /** What the feed has told so far, those included that have slipped out of its window. */
  readonly seen: ReadonlyMap<string, RunItem>
  /** What is in the feed's window now; null when the feed does not follow the list. */
  readonly live: ReadonlyMap<string, RunItem> | null
  /** Older ones are out of the range by now. */
  readonly fromMs: number
}

/** The newest first. */
export function mergeRows({ read, seen, live, fromMs }: RowSources): readonly RunItem[] {
  const rows = new Map(read.map((item) => [item.id, item]))
  for (const [id, item] of seen) rows.set(id, item)
  if (live) {
    const floor = floorOf(live)
    for (const id of rows.keys()) if (id >= floor && !live.has(id)) rows.delete(id)
    for (const [id, item] of live) rows.set(id, item)
  }
  return [...rows.values()]
    .filter(({ createdAt }) => Date.parse(createdAt) >= fromMs)
    .sort((a, b) => (a.id < b.id ? 1 : -1))
}

/** The id from which on the feed knows all; a window that is not full has all there are. */
export function floorOf(live: ReadonlyMap<string, RunItem>): string {
  if (live.size < LIVE_ROWS) return ''
  return [...live.keys()].sort()[0] ?? ''
}

/** What came after `topId` waits until somebody wants to see it. */
export function holdRows(
  rows: readonly RunItem[],
  topId: string | null,
): { readonly shown: readonly RunItem[]; readonly held: number } {
  if (topId === null) return { shown: rows, held: 0 }
  const shown = rows.filter(({ id }) => id <= topId)
  return { shown, held: rows.length - shown.length }
}
