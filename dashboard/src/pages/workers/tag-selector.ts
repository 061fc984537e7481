/**
 * The filter generator: from picked tags to the `tags` of a request, and which workers it means. Pure; it asks the
 * very selector that the balancer asks, so that the count is no guess.
 */
import {
  compileSelector,
  firstMismatch,
  type Selector,
  selectorSchema,
  type WorkerView,
} from '@berth/protocol'
import type { Picked } from './worker-filter.ts'

export type WrittenSelector =
  | {
      readonly ok: true
      readonly selector: Selector
      readonly group: string | null
      readonly contract: number | null
    }
  | { readonly ok: false; readonly why: 'empty' | 'too-many' }

/** One value is a text, several are a list of alternatives. Group and contract only when there is one of each. */
export function writeSelector(picked: Picked): WrittenSelector {
  const selector: Record<string, string | string[]> = {}
  for (const [name, values] of picked) {
    if (!name.startsWith('tag:')) continue
    const terms = [...values].sort().map(asTerm)
    selector[name.slice(4)] = terms.length === 1 ? (terms[0] ?? '') : terms
  }
  if (Object.keys(selector).length === 0) return { ok: false, why: 'empty' }
  if (!selectorSchema.safeParse(selector).success) return { ok: false, why: 'too-many' }
  const contract = onlyOf(picked, 'contract')
  return {
    ok: true,
    selector,
    group: onlyOf(picked, 'group'),
    contract: contract === null ? null : Number(contract),
  }
}

export interface SelectorMatch {
  readonly matching: number
  /** Of these: in service. */
  readonly inService: number
  readonly freeSlots: number
}

export function countMatches(
  written: Extract<WrittenSelector, { ok: true }>,
  workers: Iterable<WorkerView>,
): SelectorMatch {
  const compiled = compileSelector(written.selector)
  const sum = { matching: 0, inService: 0, freeSlots: 0 }
  for (const worker of workers) {
    if (written.group !== null && worker.group !== written.group) continue
    if (written.contract !== null && worker.contract !== written.contract) continue
    if (firstMismatch(compiled, worker.tags) !== undefined) continue
    sum.matching++
    if (worker.status !== 'ready' && worker.status !== 'saturated') continue
    sum.inService++
    sum.freeSlots += worker.slots?.available ?? 0
  }
  return sum
}

/** As it stands in the body of a task. */
export function selectorText(written: Extract<WrittenSelector, { ok: true }>): string {
  const { group, contract, selector } = written
  const body = {
    ...(group === null ? {} : { group }),
    ...(contract === null ? {} : { contract }),
    tags: selector,
  }
  return JSON.stringify(body, null, 2)
}

/** A value that begins like an operator is written behind one. */
function asTerm(value: string): string {
  return /^(?:!=|[=<>])/.test(value) ? `=${value}` : value
}

function onlyOf(picked: Picked, name: 'group' | 'contract'): string | null {
  const values = picked.get(name)
  return values?.size === 1 ? ([...values][0] ?? null) : null
}
