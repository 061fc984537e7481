/**
 * Whether a call that is valid under one interface can fail under another, and the content by which
 * interfaces are told apart. Used by contracts.ts and interfaces.ts.
 *
 * What counts is what can make a valid call fail: the input, and streaming. A function more or less does
 * not, for tasks go only to workers that have theirs; nor do outputs, timeouts, retries, slots or texts.
 */
import { canonicalJson, type FunctionInterface } from '@berth/protocol'
import { type Difference, wordDifference } from './difference.ts'
import { findSchemaDifference } from './judge.ts'
import { contentOf } from './schema.ts'

export interface InterfaceDifference extends Difference {
  readonly function: string
}

/** The first call that is valid there and may fail here; undefined when there is none. */
export function findInterfaceDifference(
  there: readonly FunctionInterface[],
  here: readonly FunctionInterface[],
): InterfaceDifference | undefined {
  const mine = new Map(here.map((each) => [each.name, each]))
  for (const each of there) {
    const found = findFunctionDifference(each, mine.get(each.name))
    if (found) return { function: each.name, ...found }
  }
  return undefined
}

function findFunctionDifference(
  there: FunctionInterface,
  here: FunctionInterface | undefined,
): Difference | undefined {
  if (!here) return undefined
  if (there.supportsStreaming && !here.supportsStreaming && !there.isStreamingUnknown)
    return { path: '', here: 'does not stream', there: 'does' }
  return findSchemaDifference(there.input, here.input, 'input')
}

/** `hello: input.name is a string here and a number at 3 other workers` */
export function wordInterfaceDifference(difference: InterfaceDifference, others: number): string {
  return `${difference.function}: ${wordDifference(difference, others)}`
}

/** Equal for interfaces that differ in texts and order only. */
export function contentTextOf(functions: readonly FunctionInterface[]): string {
  const plain = functions.map(({ description: _, examples: _examples, input, output, ...rest }) => ({
    ...rest,
    input: contentOf(input),
    ...(output === undefined ? {} : { output: contentOf(output) }),
  }))
  return canonicalJson(plain)
}
