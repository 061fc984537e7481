/**
 * The instants at which a schedule fires, from its terms alone. Pure but for what is kept of expressions that were
 * read. Called by the engine (decide.ts, schedules.ts) and for views.
 * Invariants: instants rise strictly; what is asked of a long time costs a few dozen steps, not one an instant.
 */
import type { FieldError } from '@berth/protocol'
import type { ScheduleTerms } from '../../ports/schedule-store.ts'
import { nextCronInstant } from './cron-instants.ts'
import { type CronFields, readCron } from './cron-text.ts'
import { findZone, processZone, type Zone } from './zone.ts'

export interface Instants {
  /** The first behind `afterMs`; null when there is none. */
  next(afterMs: number): number | null
}

const SECOND_MS = 1_000
const MAX_READ = 10_000
const read = new Map<string, CronFields>()

/** What is wrong with terms, by pointers into the body that names them. */
export function findWrongTerms(terms: ScheduleTerms): readonly FieldError[] {
  if (terms.type !== 'cron') return []
  const errors: FieldError[] = []
  const cron = readCron(terms.cron)
  if (!cron.ok) errors.push({ pointer: '/cron', detail: cron.detail })
  if (terms.timezone !== null && !findZone(terms.timezone))
    errors.push({ pointer: '/timezone', detail: 'is no time zone; write one such as Europe/Vienna or UTC' })
  return errors
}

/** `anchorMs` is when the terms were given: an interval's steps and a delay count from it. */
export function instantsOf(terms: ScheduleTerms, anchorMs: number): Instants {
  switch (terms.type) {
    case 'cron': {
      const fields = fieldsOf(terms.cron)
      const zone = zoneOf(terms.timezone)
      return { next: (afterMs) => nextCronInstant(fields, zone, afterMs) }
    }
    case 'interval': {
      const stepMs = terms.intervalSeconds * SECOND_MS
      const steps = (afterMs: number) => Math.max(1, Math.floor((afterMs - anchorMs) / stepMs) + 1)
      return { next: (afterMs) => anchorMs + steps(afterMs) * stepMs }
    }
    case 'delayed':
      return once(anchorMs + terms.delayInSeconds * SECOND_MS)
    case 'scheduled':
      // One in the past means now, as `runAt` of a task does.
      return once(Math.max(Date.parse(terms.date), anchorMs))
  }
}

export function isRepeating({ type }: ScheduleTerms): boolean {
  return type === 'cron' || type === 'interval'
}

/** Up to `count` instants behind `afterMs`. */
export function upcoming(instants: Instants, afterMs: number, count: number): number[] {
  const found: number[] = []
  for (let next = instants.next(afterMs); next !== null; next = instants.next(next)) {
    found.push(next)
    if (found.length >= count) break
  }
  return found
}

/** The last instant before `endMs`, given one of which that is true. */
export function lastBefore(instants: Instants, knownMs: number, endMs: number): number {
  // next(t) never falls as t rises: the greatest t, to the second, whose next one is still before the end.
  let [low, high] = [Math.floor(knownMs / SECOND_MS) - 1, Math.ceil(endMs / SECOND_MS)]
  let found = knownMs
  while (low <= high) {
    const middle = Math.floor((low + high) / 2)
    const next = instants.next(middle * SECOND_MS)
    if (next !== null && next < endMs) {
      found = Math.max(found, next)
      low = middle + 1
    } else high = middle - 1
  }
  return found
}

/** How many there are from `fromMs`, itself one, to `toMs`, both included; exact up to `atMost`. */
export function countBetween(instants: Instants, fromMs: number, toMs: number, atMost: number): number {
  let count = 0
  for (let at: number | null = fromMs; at !== null && at <= toMs; at = instants.next(at))
    if (++count >= atMost) break
  return count
}

function once(atMs: number): Instants {
  return { next: (afterMs) => (afterMs < atMs ? atMs : null) }
}

function fieldsOf(text: string): CronFields {
  const known = read.get(text)
  if (known) return known
  const cron = readCron(text)
  if (!cron.ok) throw new Error(`the cron expression ${JSON.stringify(text)} ${cron.detail}`)
  if (read.size >= MAX_READ) read.clear()
  read.set(text, cron.fields)
  return cron.fields
}

function zoneOf(name: string | null): Zone {
  const zone = findZone(name ?? processZone())
  if (!zone) throw new Error(`there is no time zone ${JSON.stringify(name)}`)
  return zone
}
