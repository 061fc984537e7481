/**
 * Which key opens what (CONTRACT §3 and §6): `AUTH_KEY` in `Authorization`, and beside it the fleet key in
 * `x-lb-auth`, which only a balancer presents. Called by `http.ts` and `link.ts` for every request.
 * Invariant: keys are compared by `sameKey` alone.
 */
import type { IncomingMessage } from 'node:http'
import { presentedKey, sameKey } from '@berth/runtime'
import type { Keys } from '../config.ts'

export interface Presented {
  readonly authorization: string | undefined
  /** The header `x-lb-auth`. */
  readonly fleet: string | undefined
}

export function presentedBy(request: Pick<IncomingMessage, 'headers'>): Presented {
  const fleet = request.headers['x-lb-auth']
  return {
    authorization: request.headers.authorization,
    fleet: Array.isArray(fleet) ? fleet.join(', ') : fleet,
  }
}

/** Whether the worker's own key is right, whatever stands beside it. */
export function opensOwn(presented: Presented, keys: Keys): boolean {
  return sameKey(presentedKey(presented.authorization), keys.authKey)
}

/** Tasks and switches: the key; with `x-lb-auth` both must be right. */
export function opensTasks(presented: Presented, keys: Keys): boolean {
  return (
    opensOwn(presented, keys) && (presented.fleet === undefined || sameKey(presented.fleet, keys.fleetKey))
  )
}

/** Health and logs: either key. */
export function opensReads(presented: Presented, keys: Keys): boolean {
  const isOwnRight = opensOwn(presented, keys)
  return sameKey(presented.fleet, keys.fleetKey) || isOwnRight
}

/** The fleet link: both keys. */
export function opensLink(request: IncomingMessage, keys: Keys): boolean {
  const presented = presentedBy(request)
  return presented.fleet !== undefined && opensTasks(presented, keys)
}
