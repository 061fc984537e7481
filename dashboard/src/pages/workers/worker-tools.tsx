/** What stands above the workers: words, facets with counts, how many are shown, table or grid. */
import { memo, type RefObject, useMemo } from 'react'
import { type Facet, FacetBar, type FacetMenu, type FacetValue } from '../../kit/facets.tsx'
import { Icon, StateMark } from '../../kit/marks.tsx'
import { text } from '../../text/text.ts'
import { STATE_ORDER } from './fleet-facts.ts'
import { ViewChoice } from './fleet-view.tsx'
import { SelectorStrip } from './selector-strip.tsx'
import type { WorkersAddress } from './use-worker-filter.ts'
import {
  type FacetCounts,
  type FacetName,
  type Picked,
  PLAIN_FACETS,
  type PlainFacet,
} from './worker-filter.ts'

interface Props {
  readonly address: WorkersAddress
  readonly counts: FacetCounts
  onLook(isLooking: boolean): void
  readonly shown: number
  /** Of so many workers. */
  readonly total: number
  readonly words: string
  setWords(words: string): void
  readonly search: RefObject<HTMLInputElement | null>
}

/** Drawn again only for its own sake: what it stands above is drawn four times a second. */
export const WorkerTools = memo(function WorkerTools(props: Props) {
  const { address, counts, onLook, shown, total, words, setWords, search } = props
  const { picked } = address.filter
  const menus = useMemo(() => menusOf(counts, picked), [counts, picked])
  return (
    <div className="worker-tools">
      <FacetBar
        menus={menus}
        onToggle={(name, value) => address.toggle(name as FacetName, value)}
        onClear={address.clear}
        onLook={onLook}
        after={
          <>
            <span className="muted shown" aria-live="off">
              {text.workers.table.shown(shown, total)}
            </span>
            <ViewChoice address={address} />
          </>
        }
      >
        <label className="filter">
          <Icon name="search" />
          <input
            ref={search}
            type="search"
            className="field"
            aria-label={text.workers.table.filter}
            placeholder={text.workers.table.filterHint}
            value={words}
            onChange={(event) => setWords(event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Escape') return
              if (words === '') event.currentTarget.blur()
              else setWords('')
            }}
          />
          <span className="key" aria-hidden="true">
            /
          </span>
        </label>
      </FacetBar>
      {picked.size > 0 && <SelectorStrip picked={picked} />}
    </div>
  )
})

function menusOf(counts: FacetCounts, picked: Picked): FacetMenu[] {
  const plain = PLAIN_FACETS.map((name) => {
    const facet = facetOf(name, counts, picked)
    return { label: facet.label, facets: facet.values.length > 1 || facet.picked.size > 0 ? [facet] : [] }
  })
  const names = new Set([...counts.keys(), ...picked.keys()].filter((name) => name.startsWith('tag:')))
  const tags = [...names].sort().map((name) => facetOf(name, counts, picked))
  return [...plain, { label: text.workers.facets.tags, facets: tags }]
}

function facetOf(name: FacetName, counts: FacetCounts, picked: Picked): Facet {
  const own = counts.get(name) ?? new Map<string, number>()
  const chosen = picked.get(name) ?? new Set<string>()
  const values = [...new Set([...own.keys(), ...chosen])]
  return {
    name,
    label: isPlain(name) ? text.workers.facets[name] : name.slice(4),
    values: values.map((value) => facetValueOf(name, value, own.get(value) ?? 0)),
    picked: chosen,
  }
}

function facetValueOf(name: FacetName, value: string, count: number): FacetValue {
  if (name !== 'state') return { value, count }
  const state = STATE_ORDER.find((one) => one === value)
  if (!state) return { value, count }
  return { value, count, label: text.states[state], mark: <StateMark state={state} /> }
}

function isPlain(name: FacetName): name is PlainFacet {
  return !name.startsWith('tag:')
}
