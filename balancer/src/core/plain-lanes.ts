/**
 * The lanes of tasks that name a function and nothing else of where they want to go, which most do: found without
 * putting the name of a lane together for each, which the engine enters into its table of texts every time. Kept
 * by the directory, which forgets all of it whenever anything changes that could make it another lane.
 * Invariant: at most `PLACES` are kept; two functions that share a place take turns in it.
 */
import type { Lane } from './lane.ts'

const PLACES = 64

interface Place {
  readonly group: string
  readonly name: string
  readonly lane: Lane
}

export class PlainLanes {
  #places: (Place | undefined)[] = []

  get(group: string, name: string): Lane | undefined {
    const place = this.#places[placeOf(group, name)]
    return place?.name === name && place.group === group ? place.lane : undefined
  }

  set(group: string, name: string, lane: Lane): void {
    this.#places[placeOf(group, name)] = { group, name, lane }
  }

  clear(): void {
    if (this.#places.length > 0) this.#places = []
  }
}

function placeOf(group: string, name: string): number {
  const ends = name.charCodeAt(0) + 7 * name.charCodeAt(name.length - 1)
  return (ends + 31 * name.length + 13 * group.length) & (PLACES - 1)
}
