/** The groups of the grid: by group and contract, by the values of a tag, or all in one. Pure. */

import type { WorkerView } from '@berth/protocol'
import { groupOf } from './fleet-facts.ts'
import { groupBy } from './group-by.ts'
import { tagText } from './worker-filter.ts'

/** `group`, `none`, or `tag:<key>`. */
export type GridGrouping = string

export interface GridGroup {
  readonly key: string
  /** Null: the worker has not said, or has no such tag. */
  readonly label: string | null
  readonly workers: readonly WorkerView[]
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** Named groups in order, those without a name behind them; within a group as the workers come. */
export function groupWorkers(workers: readonly WorkerView[], grouping: GridGrouping): readonly GridGroup[] {
  const groups = groupBy(workers, (worker) => labelOf(worker, grouping))
  return [...groups]
    .sort(([a], [b]) => compareLabels(a, b))
    .map(([label, own]) => ({ key: label ?? '', label, workers: own }))
}

/** Tag keys whose values make few enough groups to be worth it. */
export function groupingKeys(workers: readonly WorkerView[], most = 64): readonly string[] {
  const values = new Map<string, Set<string>>()
  for (const { tags } of workers)
    for (const key in tags) {
      const seen = values.get(key) ?? new Set<string>()
      if (seen.size <= most) seen.add(tagText(tags[key] ?? ''))
      values.set(key, seen)
    }
  return [...values].flatMap(([key, seen]) => (seen.size <= most ? [key] : [])).sort(collator.compare)
}

function labelOf(worker: WorkerView, grouping: GridGrouping): string | null {
  if (grouping === 'group') return groupOf(worker)
  if (!grouping.startsWith('tag:')) return null
  const key = grouping.slice(4)
  const value = Object.hasOwn(worker.tags, key) ? worker.tags[key] : undefined
  return value === undefined ? null : tagText(value)
}

function compareLabels(a: string | null, b: string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  return collator.compare(a, b)
}
