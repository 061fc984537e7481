/**
 * Which workers of thousands are shown: words that must be found, and facets (state, group, contract, version, each
 * tag key). Values of one facet are alternatives, facets must all hold. Pure; the text that is searched is kept
 * by worker as long as what it is made of stays, since a filter is asked again four times a second.
 */
import type { TagValue, WorkerView } from '@berth/protocol'

export const PLAIN_FACETS = ['state', 'group', 'contract', 'version'] as const
export type PlainFacet = (typeof PLAIN_FACETS)[number]

/** `state`, …, or `tag:<key>`. */
export type FacetName = PlainFacet | `tag:${string}`

export type Picked = ReadonlyMap<FacetName, ReadonlySet<string>>

export interface WorkerFilter {
  readonly words: string
  readonly picked: Picked
}

/** How many workers have each value, of those that every other facet lets pass. */
export type FacetCounts = ReadonlyMap<FacetName, ReadonlyMap<string, number>>

type Words = Readonly<Record<string, string>>

/** Those that are meant, in the order in which they come. */
export function filterFleet(
  workers: Iterable<WorkerView>,
  filter: WorkerFilter,
  stateWords: Words,
): WorkerView[] {
  if (isEmptyFilter(filter)) return [...workers]
  const words = wordsOf(filter.words)
  const shown: WorkerView[] = []
  for (const worker of workers)
    if (hasWords(worker, words, stateWords) && missedFacets(worker, filter.picked).length === 0)
      shown.push(worker)
  return shown
}

/** One pass over the fleet for all counts. */
export function countFacets(
  workers: Iterable<WorkerView>,
  filter: WorkerFilter,
  stateWords: Words,
): FacetCounts {
  const words = wordsOf(filter.words)
  const counts = new Map<FacetName, Map<string, number>>()
  for (const worker of workers) {
    if (!hasWords(worker, words, stateWords)) continue
    const missed = missedFacets(worker, filter.picked)
    if (missed.length > 1) continue
    for (const [name, value] of facetsOf(worker))
      if (missed.length === 0 || missed[0] === name) count(counts, name, value)
  }
  return counts
}

export function matchesWorker(worker: WorkerView, filter: WorkerFilter, stateWords: Words): boolean {
  return (
    hasWords(worker, wordsOf(filter.words), stateWords) && missedFacets(worker, filter.picked).length === 0
  )
}

export function isEmptyFilter({ words, picked }: WorkerFilter): boolean {
  return words.trim() === '' && picked.size === 0
}

/** Picks a value, or takes it back when it is picked. */
export function togglePicked(picked: Picked, name: FacetName, value: string): Picked {
  const values = new Set(picked.get(name))
  if (!values.delete(value)) values.add(value)
  const next = new Map(picked)
  if (values.size === 0) next.delete(name)
  else next.set(name, values)
  return next
}

// --- Of one worker -----------------------------------------------------------------------------

/** Every facet with each of its values; a list has several. */
export function* facetsOf(worker: WorkerView): Iterable<readonly [FacetName, string]> {
  yield ['state', worker.status]
  if (worker.group !== null) yield ['group', worker.group]
  if (worker.contract !== null) yield ['contract', String(worker.contract)]
  if (worker.version !== null) yield ['version', worker.version]
  for (const key in worker.tags) {
    const value = worker.tags[key]
    if (Array.isArray(value)) for (const one of new Set(value)) yield [`tag:${key}`, one]
    else if (value !== undefined) yield [`tag:${key}`, String(value)]
  }
}

/** At most two: more makes no difference. */
function missedFacets(worker: WorkerView, picked: Picked): FacetName[] {
  const missed: FacetName[] = []
  for (const [name, values] of picked) {
    if (hasValue(worker, name, values)) continue
    missed.push(name)
    if (missed.length === 2) break
  }
  return missed
}

function hasValue(worker: WorkerView, name: FacetName, values: ReadonlySet<string>): boolean {
  if (name === 'state') return values.has(worker.status)
  if (name === 'group') return worker.group !== null && values.has(worker.group)
  if (name === 'contract') return worker.contract !== null && values.has(String(worker.contract))
  if (name === 'version') return worker.version !== null && values.has(worker.version)
  const value = Object.hasOwn(worker.tags, name.slice(4)) ? worker.tags[name.slice(4)] : undefined
  if (value === undefined) return false
  return Array.isArray(value) ? value.some((one) => values.has(one)) : values.has(String(value))
}

function count(counts: Map<FacetName, Map<string, number>>, name: FacetName, value: string): void {
  const values = counts.get(name)
  if (values) values.set(value, (values.get(value) ?? 0) + 1)
  else counts.set(name, new Map([[value, 1]]))
}

// --- Words -------------------------------------------------------------------------------------

function wordsOf(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean)
}

function hasWords(worker: WorkerView, words: readonly string[], stateWords: Words): boolean {
  if (words.length === 0) return true
  const hay = searchTextOf(worker, stateWords)
  return words.every((word) => hay.includes(word))
}

interface Searched {
  readonly of: Pick<WorkerView, 'url' | 'group' | 'contract' | 'status' | 'version' | 'tags' | 'functions'>
  readonly stateWords: Words
  readonly text: string
}

/** Bounded by the workers that there are: emptied when it holds far more. */
const searched = new Map<string, Searched>()
const MOST_SEARCHED = 20_000

function searchTextOf(worker: WorkerView, stateWords: Words): string {
  const known = searched.get(worker.id)
  if (known && known.stateWords === stateWords && isSame(known.of, worker)) return known.text
  if (searched.size >= MOST_SEARCHED) searched.clear()
  const text = describe(worker, stateWords)
  searched.set(worker.id, { of: worker, stateWords, text })
  return text
}

function isSame(a: Searched['of'], b: Searched['of']): boolean {
  return (
    a.tags === b.tags &&
    a.functions === b.functions &&
    a.status === b.status &&
    a.group === b.group &&
    a.contract === b.contract &&
    a.version === b.version &&
    a.url === b.url
  )
}

function describe(worker: WorkerView, stateWords: Words): string {
  const tags = Object.entries(worker.tags).flatMap(([key, value]) => {
    const shown = tagText(value)
    return [`${key}=${shown}`, `${key}:${shown}`]
  })
  const group = worker.group === null ? '' : `${worker.group}@${worker.contract ?? '?'}`
  return [
    worker.id,
    worker.url,
    group,
    worker.status,
    stateWords[worker.status] ?? '',
    worker.version ?? '',
    ...tags,
    ...worker.functions,
  ]
    .join('\n')
    .toLowerCase()
}

export function tagText(value: TagValue): string {
  return Array.isArray(value) ? value.join(', ') : String(value)
}
