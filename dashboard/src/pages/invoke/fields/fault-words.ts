/** What is wrong with a form, in words, by place. Pure. */
import { formatCount } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import type { Fault, PlacedFault } from '../form/read-draft.ts'

/** Sentences by pointer; those of the server come first. */
export function wordFaults(
  faults: readonly PlacedFault[],
  placed: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  const words = new Map(placed)
  for (const { pointer, fault } of faults)
    words.set(pointer, [...(words.get(pointer) ?? []), wordFault(fault)])
  return words
}

function wordFault(fault: Fault): string {
  const words = text.invoke.faults
  return 'bound' in fault ? words[fault.code](formatCount(fault.bound)) : words[fault.code]
}
