/**
 * An `Idempotency-Key` in its scope: who calls and by which address. Pure; called where runs are accepted.
 * Invariants: neither key nor body is kept, only their SHA-256; the query of an address counts with the body, for
 * it holds fields of the task, and the same bytes with other fields are another call.
 */
import { createHash } from 'node:crypto'
import type { KeyUse } from '../ports/runs.ts'

/** Every caller has the one key of this version, a browser's session included. */
const CALLER = 'LB_AUTH_KEY'

export interface KeyedCall {
  readonly key: string
  /** `/task`, `/tasks`, `/task/g/f`. */
  readonly route: string
  readonly query: string
  readonly bytes: Uint8Array
  /** Nobody waits for the end. */
  readonly isAsync: boolean
}

export function useKey({ key, route, query, bytes, isAsync }: KeyedCall): KeyUse {
  const body = createHash('sha256')
  if (query !== '') body.update(`${query}\n`)
  return {
    hash: createHash('sha256').update(`${CALLER}\n${route}\n${key}`).digest('hex'),
    bodyHash: body.update(bytes).digest('hex'),
    answer: isAsync ? 'accepted' : null,
  }
}
