/**
 * The functions of the fleet as `GET /functions` lists them: one item a group, contract and name.
 * Pure. Workers are first gathered by what they serve, so that ten thousand equal ones cost one.
 */
import type { FunctionInterface } from '@berth/protocol'
import type { FunctionView } from '../ports/fleet.ts'
import type { KnownInterface } from './interfaces.ts'
import type { Picture } from './picture.ts'

interface Serving {
  readonly group: string
  readonly contract: number
  readonly known: KnownInterface
  readonly workers: string[]
}

type OpenView = FunctionView & { workers: string[] }

export function functionViews(pictures: Iterable<Picture>): FunctionView[] {
  const views = new Map<string, OpenView>()
  for (const serving of gather(pictures)) {
    for (const declared of serving.known.functions) {
      const key = `${serving.group}\n${serving.contract}\n${declared.name}`
      const view = views.get(key)
      if (view) view.workers.push(...serving.workers)
      else views.set(key, describe(declared, serving))
    }
  }
  return [...views.values()].sort(
    (a, b) => compare(a.group, b.group) || compare(a.name, b.name) || b.contract - a.contract,
  )
}

function gather(pictures: Iterable<Picture>): Iterable<Serving> {
  const servings = new Map<string, Serving>()
  for (const { known, report, remembered, entry, isLeaving } of pictures) {
    const identity = report ?? remembered
    if (!known || !identity || isLeaving) continue
    const { group, contract } = identity
    const key = `${group}\n${contract}\n${known.hash}`
    const serving = servings.get(key)
    if (serving) serving.workers.push(entry.id)
    else servings.set(key, { group, contract, known, workers: [entry.id] })
  }
  return servings.values()
}

function describe(declared: FunctionInterface, { group, contract, workers }: Serving): OpenView {
  const { name, input, output, supportsStreaming, idempotent, slots, timeoutMs, background, keepWarm } =
    declared
  return {
    name,
    group,
    contract,
    description: declared.description ?? null,
    examples: declared.examples ?? [],
    maxRetries: declared.maxRetries,
    input,
    output: output ?? null,
    supportsStreaming,
    idempotent,
    slots,
    timeout: timeoutMs,
    background,
    keepWarm: keepWarm ?? false,
    workers: [...workers],
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
