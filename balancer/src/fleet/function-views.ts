/** The functions of the fleet as `GET /functions` lists them: one item a group, contract and name. */
import type { FunctionView } from '../ports/fleet.ts'
import type { Picture } from './picture.ts'

export function functionViews(pictures: readonly Picture[]): FunctionView[] {
  const views = new Map<string, FunctionView & { workers: string[] }>()
  for (const { known, report, remembered, entry } of pictures) {
    const identity = report ?? remembered
    if (!known || !identity) continue
    const { group, contract } = identity
    for (const declared of known.functions) {
      const key = `${group}\n${contract}\n${declared.name}`
      const { name, input, output, supportsStreaming, idempotent, slots, timeoutMs, background } = declared
      const facts = { name, group, contract, input, output: output ?? null, supportsStreaming, idempotent }
      const view = views.get(key) ?? {
        ...facts,
        slots,
        timeout: timeoutMs,
        background,
        workers: [],
        paused: null,
      }
      view.workers.push(entry.id)
      views.set(key, view)
    }
  }
  return [...views.values()].sort(
    (a, b) => compare(a.group, b.group) || compare(a.name, b.name) || b.contract - a.contract,
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
