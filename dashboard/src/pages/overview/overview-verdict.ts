/** The fleet in one sentence: "All 3 groups served. 1 warning: ocr@2 has no worker for 4 min." Pure. */
import type { WorkerView } from '@berth/protocol'
import type { Tone } from '../../kit/marks.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { groupOf, isServing } from '../workers/fleet-facts.ts'
import type { Attention } from './attention.ts'

export interface Verdict {
  readonly tone: Tone
  readonly sentence: string
}

export function verdictOf(
  workers: readonly WorkerView[],
  attention: readonly Attention[],
  isLoading: boolean,
): Verdict {
  const words = text.overview.verdict
  if (isLoading) return { tone: 'calm', sentence: text.workers.verdict.loading }
  if (workers.length === 0) return { tone: 'calm', sentence: words.empty }
  const groups = new Set(workers.flatMap((worker) => groupOf(worker) ?? []))
  const served = new Set(workers.filter(isServing).flatMap((worker) => groupOf(worker) ?? []))
  const [first] = attention
  const head = headOf([...groups], served)
  const tail = first === undefined ? words.calm : words.troubles(attention.length, first.sentence)
  return { tone: first?.tone ?? (served.size === groups.size ? 'ok' : 'warn'), sentence: `${head} ${tail}` }
}

function headOf(groups: readonly string[], served: ReadonlySet<string>): string {
  const words = text.overview.verdict
  const [only] = groups
  if (only === undefined) return words.noGroup
  if (groups.length === 1) {
    return served.size === 1 ? words.oneServed(visible(only)) : words.oneUnserved(visible(only))
  }
  return served.size === groups.length
    ? words.allServed(groups.length)
    : words.someServed(served.size, groups.length)
}
