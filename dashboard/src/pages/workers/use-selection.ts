/**
 * The workers that are chosen for what is done with many. Used by the Workers page. Invariant: who leaves the fleet
 * is forgotten at once, so that nobody comes back chosen, perhaps as another machine under the same id.
 */
import { type Dispatch, type SetStateAction, useState } from 'react'

/** A long fleet comes in parts of so many after a new snapshot, and who is still to come has not left. */
const WORKERS_A_PART = 1_000

type Selection = ReadonlySet<string>

export function useSelection(
  workers: ReadonlyMap<string, unknown>,
): readonly [selection: Selection, set: Dispatch<SetStateAction<Selection>>] {
  const [selection, setSelection] = useState<Selection>(new Set())
  const kept = withoutGone(selection, workers)
  // Within the render, so that no frame shows what is gone as chosen.
  if (kept !== selection) setSelection(kept)
  return [kept, setSelection]
}

/** The same set when all of them are there. */
export function withoutGone(selection: Selection, workers: ReadonlyMap<string, unknown>): Selection {
  if (mayStillCome(workers.size)) return selection
  const kept = [...selection].filter((id) => workers.has(id))
  return kept.length === selection.size ? selection : new Set(kept)
}

function mayStillCome(known: number): boolean {
  return known > 0 && known % WORKERS_A_PART === 0
}
