/**
 * The check of every request's head before the hot route and the router, in the words of the error table.
 * Called by the server for every request and upgrade.
 */
import type { IncomingMessage } from 'node:http'
import type { TaskError } from '@berth/protocol'
import {
  createRequestCheck,
  describeBroken,
  type RequestFault as Fault,
  UNMET_EXPECTATION,
} from '@berth/runtime'

export { MAX_HEADERS } from '@berth/runtime'

export interface RequestFault {
  readonly error: TaskError
  readonly status: number
}

/** Headers on which trust or meaning rests may not come twice. */
const findFault = createRequestCheck([
  'host',
  'authorization',
  'x-lb-auth',
  'x-wr-auth',
  'idempotency-key',
  'content-type',
  'origin',
  'sec-fetch-site',
])

export function findRequestFault(request: IncomingMessage): RequestFault | undefined {
  const fault = findFault(request)
  return fault && wordFault(fault)
}

/** What the parser refused, by the code of its error. */
export function wordBroken(code: string | undefined): RequestFault {
  return wordFault(describeBroken(code))
}

/** An `Expect` that nobody here can meet. */
export const UNMET = wordFault(UNMET_EXPECTATION)

function wordFault({ code, detail, status }: Fault): RequestFault {
  return { error: { code, detail }, status }
}
