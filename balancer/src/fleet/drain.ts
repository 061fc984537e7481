/**
 * A worker on its way to running nothing: what is left, how long that may take, and whether it will be
 * done by the deadline. Pure; asked by the fleet for whoever shows a drain.
 * Invariant: what is not known is null, never zero.
 */
import type { Slots } from '@berth/protocol'
import type { DrainView } from '../ports/fleet.ts'
import type { AttemptPicture } from '../ports/workforce.ts'
import type { Picture } from './picture.ts'

/** `attempts` are ours; `wallMs` is the present. */
export function drainOf(
  { intent, report }: Pick<Picture, 'intent' | 'report'>,
  attempts: readonly AttemptPicture[],
  wallMs: number,
  deadline = intent?.deadline ?? null,
): DrainView {
  const foreign = report ? foreignSlots(report.slots, attempts.length) : 0
  return {
    running: attempts.length + foreign,
    remaining: remainingOf(attempts, foreign),
    deadline,
    exceeding: deadline === null ? [] : exceeding(attempts, Date.parse(deadline) - wallMs),
    repeated: attempts.filter(({ isRepeated }) => isRepeated).length,
  }
}

/** What others run; without an attempt of ours also what we have given up and the worker has not ended. */
function foreignSlots({ used, linked }: Slots, attempts: number): number {
  return attempts === 0 ? used : Math.max(0, used - linked)
}

/** Of what others run nothing is known. */
function remainingOf(attempts: readonly AttemptPicture[], foreign: number): number | null {
  if (foreign > 0) return null
  let longest = 0
  for (const { remainingMs } of attempts) {
    if (remainingMs === undefined) return null
    longest = Math.max(longest, remainingMs)
  }
  return Math.round(longest)
}

function exceeding(attempts: readonly AttemptPicture[], leftMs: number): string[] {
  const late = attempts.filter(({ remainingMs = 0 }) => leftMs <= 0 || remainingMs > leftMs)
  return late.map(({ run }) => run)
}
