/**
 * What this worker says it can do, and the hash by which balancers know it. Computed once at start.
 * Invariant: the same functions give the same bytes and the same hash on every machine.
 */
import { hash } from 'node:crypto'
import { canonicalJson, type FunctionInterface, type JsonSchema } from '@berth/protocol'
import type { Registry } from './registry.ts'

export interface WorkerInterface {
  /** Sorted by name. */
  readonly functions: readonly FunctionInterface[]
  /** SHA-256 of the canonical JSON, lower-case hex. */
  readonly hash: string
  /** As `GET /health` shows them. */
  readonly listed: readonly { readonly name: string; readonly params: JsonSchema }[]
}

export function describeInterface(registry: Registry): WorkerInterface {
  const functions = registry.list().map((entry) => entry.interface)
  return {
    functions,
    hash: hash('sha256', canonicalJson(functions)),
    listed: functions.map(({ name, input }) => ({ name, params: input })),
  }
}
