/**
 * An `Idempotency-Key` in its scope: who calls and by which address. Pure; called where runs are accepted.
 * Invariants: neither key nor body is kept, only their SHA-256; the query of an address counts with the body, for
 * it holds fields of the task, and the same bytes with other fields are another call.
 */
import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KeyUse } from '../ports/runs.ts'

/** Every caller has the one key of this version, a browser's session included. */
const CALLER = 'LB_AUTH_KEY'
/** About 2 ms. */
const PIECE_BYTES = 1024 * 1024

export interface KeyedCall {
  readonly key: string
  /** `/task`, `/tasks`, `/task/g/f`. */
  readonly route: string
  readonly query: string
  readonly bytes: Uint8Array
  /** Nobody waits for the end. */
  readonly isAsync: boolean
}

/** Of a long body a piece at a time, between which others have their turn. */
export async function useKey({ key, route, query, bytes, isAsync }: KeyedCall): Promise<KeyUse> {
  const body = createHash('sha256')
  if (query !== '') body.update(`${query}\n`)
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    if (from > 0) await nextTurn()
    body.update(bytes.subarray(from, from + PIECE_BYTES))
  }
  return {
    hash: createHash('sha256').update(`${CALLER}\n${route}\n${key}`).digest('hex'),
    bodyHash: body.digest('hex'),
    answer: isAsync ? 'accepted' : null,
  }
}
