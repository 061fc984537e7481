/**
 * The workers that are chosen for what is done with many. Used by the Workers page. Invariant: who leaves the fleet
 * is forgotten at once, so that nobody comes back chosen, perhaps as another machine under the same id.
 */
import { type Dispatch, type SetStateAction, useState } from 'react'

type Selection = ReadonlySet<string>

/** `isWhole`: all of the fleet are there. A long one comes in parts, and who is still to come has not left. */
export function useSelection(
  workers: ReadonlyMap<string, unknown>,
  isWhole: boolean,
): readonly [selection: Selection, set: Dispatch<SetStateAction<Selection>>] {
  const [selection, setSelection] = useState<Selection>(new Set())
  const kept = isWhole ? withoutGone(selection, workers) : selection
  // Within the render, so that no frame shows what is gone as chosen.
  if (kept !== selection) setSelection(kept)
  return [kept, setSelection]
}

/** The same set when all of them are there. */
export function withoutGone(selection: Selection, workers: ReadonlyMap<string, unknown>): Selection {
  const kept = [...selection].filter((id) => workers.has(id))
  return kept.length === selection.size ? selection : new Set(kept)
}
