/**
 * The workers that the page shows: narrowed by words, facets and the shell's group, in order, with how many there
 * are of each value. Made four times a second for a thousand workers, so that whatever can be kept is kept.
 */
import type { WorkerView } from '@berth/protocol'
import { useEffect, useMemo, useRef, useState } from 'react'
import type { Column } from '../../kit/data-table.tsx'
import { text } from '../../text/text.ts'
import { useThrottled } from './use-throttled.ts'
import type { WorkersAddress } from './use-worker-filter.ts'
import { countFacets, type FacetCounts, filterFleet } from './worker-filter.ts'
import { IdRanks, sortFleet } from './worker-order.ts'

/**
 * Counts while somebody looks at them or a worker is in another state, group, contract or version, from which a new
 * facet may come; and while nobody looks and only figures and tags move.
 */
const COUNT_MS = 1_000
const UNSEEN_COUNT_MS = 15_000
const WRITE_MS = 250
const BY_ID = { column: 'worker', direction: 'ascending' } as const

type Fleet = ReadonlyMap<string, WorkerView>

export interface FleetList {
  readonly ordered: readonly WorkerView[]
  readonly counts: FacetCounts
  /** Whether counts are in view. */
  onLook(isLooking: boolean): void
}

export function useFleetList(
  workers: Fleet,
  { filter, group, view, sort }: WorkersAddress,
  words: string,
  columns: readonly Column<WorkerView>[],
): FleetList {
  const { picked } = filter
  const found = useMemo(
    () => filterFleet(ofGroup(workers, group), { words, picked }, text.states),
    [workers, group, words, picked],
  )
  const [isLooking, onLook] = useState(false)
  const counted = useThrottled(workers, (before) =>
    isLooking || !isSameKind(before, workers) ? COUNT_MS : UNSEEN_COUNT_MS,
  )
  const counts = useMemo(
    () => countFacets(ofGroup(counted, group), { words, picked }, text.states),
    [counted, group, words, picked],
  )
  const [ranks] = useState(() => new IdRanks())
  const by = view === 'grid' ? BY_ID : sort
  const ordered = useMemo(
    () => sortFleet(found, by, columns, ranks.of(workers.keys(), workers.size)),
    [found, by, columns, ranks, workers],
  )
  return { ordered, counts, onLook }
}

/** Asked four times a second of a thousand workers: what their tags are is not looked at. */
function isSameKind(before: Fleet, now: Fleet): boolean {
  if (before.size !== now.size) return false
  for (const [id, worker] of now) {
    const was = before.get(id)
    if (
      was?.status !== worker.status ||
      was.group !== worker.group ||
      was.contract !== worker.contract ||
      was.version !== worker.version
    )
      return false
  }
  return true
}

function* ofGroup(workers: Fleet, group: string | null): Iterable<WorkerView> {
  for (const worker of workers.values()) if (group === null || worker.group === group) yield worker
}

/** What is typed stands in the box at once and in the address a moment later. */
export function useTypedWords(inAddress: string, write: (words: string) => void) {
  const [words, setWords] = useState(inAddress)
  const written = useRef(inAddress)
  const latest = useRef(write)
  useEffect(() => {
    latest.current = write
  })
  useEffect(() => {
    if (inAddress === written.current) return
    written.current = inAddress
    setWords(inAddress)
  }, [inAddress])
  useEffect(() => {
    if (words === written.current) return
    const timer = window.setTimeout(() => {
      written.current = words
      latest.current(words)
    }, WRITE_MS)
    return () => window.clearTimeout(timer)
  }, [words])
  return { words, setWords }
}
