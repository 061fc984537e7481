/**
 * The range of time that a query or a filter names. Pure; used by the lists of runs and of activity, and by bulk.
 * Invariant: both ends are included, so a range that begins where it ends is a millisecond long.
 */
import { instantSchema, type TaskError } from '@berth/protocol'
import type { BodyRead } from './body.ts'

export interface InstantRange {
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
}

export function isReversed(fromMs: number | undefined, toMs: number | undefined): boolean {
  return fromMs !== undefined && toMs !== undefined && fromMs > toMs
}

export function readInstantRange({
  from,
  to,
}: {
  readonly from?: string
  readonly to?: string
}): BodyRead<InstantRange> {
  const wrong = Object.entries({ from, to }).find(([, text]) => text !== undefined && !isInstant(text))
  if (wrong !== undefined) return refuse(`\`${wrong[0]}\` must be an ISO 8601 instant with a zone.`)
  const [fromMs, toMs] = [instantMs(from), instantMs(to)]
  if (isReversed(fromMs, toMs)) return refuse('`from` must not be after `to`.')
  return { ok: true, value: { fromMs, toMs } }
}

/** Of an instant that has been checked. */
export function instantMs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text)
}

function isInstant(text: string): boolean {
  return instantSchema.safeParse(text).success
}

function refuse(detail: string): { readonly ok: false; readonly error: TaskError } {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail } }
}
