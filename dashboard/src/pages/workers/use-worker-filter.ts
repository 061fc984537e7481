/** The Workers page's view in the address: words, facets, table or grid, sorting, the grid's grouping. */
import { useMemo } from 'react'
import { z } from 'zod'
import type { Sort } from '../../kit/data-table.tsx'
import { useUrlState } from '../../kit/use-url-state.ts'
import { useGroup } from '../../shell/group.ts'
import { readPicked, writePicked } from './filter-address.ts'
import { type FacetName, type Picked, togglePicked, type WorkerFilter } from './worker-filter.ts'

const addressSchema = z.object({
  q: z.string().default(''),
  state: z.string().default(''),
  groups: z.string().default(''),
  contract: z.string().default(''),
  version: z.string().default(''),
  tag: z.string().default(''),
  view: z.enum(['table', 'grid']).default('table'),
  by: z.string().default('group'),
  sort: z.string().default('worker'),
})

export type WorkersView = 'table' | 'grid'

export interface WorkersAddress {
  readonly filter: WorkerFilter
  /** The shell's group, which narrows all pages. */
  readonly group: string | null
  readonly view: WorkersView
  readonly grouping: string
  readonly sort: Sort
  setWords(words: string): void
  toggle(name: FacetName, value: string): void
  clear(): void
  setView(view: WorkersView): void
  setGrouping(grouping: string): void
  setSort(sort: Sort): void
}

export function useWorkersAddress(): WorkersAddress {
  const [address, patch] = useUrlState(addressSchema)
  const { group, setGroup } = useGroup()
  const { q, state, groups, contract, version, tag, view, by, sort } = address
  const picked = useMemo(
    () => readPicked({ state, group: groups, contract, version, tag }),
    [state, groups, contract, version, tag],
  )
  const filter = useMemo(() => ({ words: q, picked }), [q, picked])
  // The same one while nothing of it changes: what it is given to is drawn four times a second otherwise.
  return useMemo(() => {
    const setPicked = (next: Picked) => {
      const { group: some, ...others } = writePicked(next)
      patch({ ...others, groups: some })
    }
    return {
      filter,
      group,
      view,
      grouping: by,
      sort: readSort(sort),
      setWords: (words) => patch({ q: words }, { replace: true }),
      toggle: (name, value) => setPicked(togglePicked(picked, name, value)),
      clear: () => {
        patch({ q: null, state: null, groups: null, contract: null, version: null, tag: null })
        if (group !== null) setGroup(null)
      },
      setView: (next) => patch({ view: next === 'table' ? null : next }),
      setGrouping: (next) => patch({ by: next === 'group' ? null : next }, { replace: true }),
      setSort: (next) => patch({ sort: writeSort(next) }, { replace: true }),
    }
  }, [filter, group, view, by, sort, picked, patch, setGroup])
}

/** `slots` ascending, `-slots` descending. */
function readSort(sort: string): Sort {
  return sort.startsWith('-')
    ? { column: sort.slice(1), direction: 'descending' }
    : { column: sort, direction: 'ascending' }
}

function writeSort({ column, direction }: Sort): string | null {
  const written = direction === 'descending' ? `-${column}` : column
  return written === 'worker' ? null : written
}
