/**
 * Which workers the table shows and in which order. Pure. Unknown values stand last in both
 * directions, equal ones are ordered by id, so that rows never trade places without a reason.
 */
import type { TagValue, WorkerView } from '@berth/protocol'
import { groupOf, STATE_ORDER } from './fleet-facts.ts'

export const SORT_COLUMNS = [
  'worker',
  'state',
  'group',
  'slots',
  'cpu',
  'memory',
  'functions',
  'version',
  'latency',
  'age',
] as const
export type SortColumn = (typeof SORT_COLUMNS)[number]

export interface Sorting {
  readonly column: SortColumn
  readonly direction: 'ascending' | 'descending'
}

export const defaultSorting: Sorting = { column: 'worker', direction: 'ascending' }

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

const readers: Readonly<Record<SortColumn, (worker: WorkerView) => string | number | null>> = {
  worker: (worker) => worker.id,
  state: (worker) => STATE_ORDER.indexOf(worker.status),
  group: groupOf,
  // By what is taken relative to what there is: the fullest worker is the busiest.
  slots: (worker) => (worker.slots ? worker.slots.used / worker.slots.limit : null),
  cpu: (worker) => worker.system?.cpuLoad ?? null,
  memory: (worker) => worker.system?.memoryUsed ?? null,
  functions: (worker) => worker.functions.length,
  version: (worker) => worker.version,
  latency: (worker) => worker.latencyMs,
  // Ascending age: the one heard last stands first.
  age: (worker) => (worker.lastSeenAt === null ? null : -Date.parse(worker.lastSeenAt)),
}

export function sortWorkers(workers: Iterable<WorkerView>, sorting: Sorting): WorkerView[] {
  const read = readers[sorting.column]
  const sign = sorting.direction === 'ascending' ? 1 : -1
  return [...workers].sort(
    (a, b) => compare(read(a), read(b), sign) || collator.compare(a.id, b.id) || (a.id < b.id ? -1 : 1),
  )
}

function compare(a: string | number | null, b: string | number | null, sign: 1 | -1): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  if (typeof a === 'number' && typeof b === 'number') return sign * (a - b)
  return sign * collator.compare(String(a), String(b))
}

/** The next sorting when a column's heading is pressed. */
export function nextSorting(sorting: Sorting, column: SortColumn): Sorting {
  const isAgain = sorting.column === column && sorting.direction === 'ascending'
  return { column, direction: isAgain ? 'descending' : 'ascending' }
}

/** Every word of the filter must be found somewhere in the worker. */
export function filterWorkers(
  workers: Iterable<WorkerView>,
  filter: string,
  stateWords: Readonly<Record<string, string>>,
): WorkerView[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return [...workers]
  return [...workers].filter((worker) => {
    const hay = searchTextOf(worker, stateWords)
    return words.every((word) => hay.includes(word))
  })
}

function searchTextOf(worker: WorkerView, stateWords: Readonly<Record<string, string>>): string {
  const tags = Object.entries(worker.tags).flatMap(([key, value]) => {
    const shown = tagText(value)
    return [`${key}=${shown}`, `${key}:${shown}`]
  })
  return [
    worker.id,
    worker.url,
    groupOf(worker) ?? '',
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
