/** What a form of a schedule holds beside its time, and the body that it makes. Pure. */
import type { ScheduleView } from '@berth/protocol'
import { type PickerState, pickerOf, type Terms, termsOf } from './picker-state.ts'

export interface Draft {
  readonly group: string
  readonly function: string
  /** JSON as it is typed; empty is no input. */
  readonly input: string
  readonly overlap: ScheduleView['overlap']
  readonly missed: ScheduleView['missed']
  readonly reason: string
}

export type ScheduleBody = Readonly<Record<string, unknown>>
export type ReadBody =
  | { readonly ok: true; readonly body: ScheduleBody }
  | { readonly ok: false; readonly wrong: 'function' | 'time' | 'input' }

interface Given {
  readonly group?: string | undefined
  readonly name?: string | undefined
  readonly input?: unknown
  readonly schedule?: ScheduleView | undefined
}

export function draftOf({ group, name, input, schedule }: Given): Draft {
  const given: unknown = schedule ? schedule.input : input
  return {
    group: schedule?.group ?? group ?? 'default',
    function: schedule?.function ?? name ?? '',
    input: given === undefined ? '{}' : JSON.stringify(given, null, 2),
    overlap: schedule?.overlap ?? 'skip',
    missed: schedule?.missed ?? 'skip',
    reason: '',
  }
}

/** For a schedule that is there, what differs from it: a time that is named begins it anew. */
export function bodyOf(draft: Draft, picker: PickerState, schedule?: ScheduleView): ReadBody {
  if (draft.function === '' || draft.group === '') return { ok: false, wrong: 'function' }
  const terms = termsOf(picker)
  if (terms === null) return { ok: false, wrong: 'time' }
  const input = readInput(draft.input)
  if (input === undefined) return { ok: false, wrong: 'input' }
  const { overlap, missed } = draft
  if (schedule === undefined) {
    const { group, function: name } = draft
    return { ok: true, body: { function: name, group, input, ...terms, overlap, missed } }
  }
  const isSameTime = JSON.stringify(termsOf(pickerOf(schedule))) === JSON.stringify(terms)
  const isSameInput = JSON.stringify(schedule.input) === JSON.stringify(input)
  return {
    ok: true,
    body: { ...(isSameTime ? {} : withZone(terms)), ...(isSameInput ? {} : { input }), overlap, missed },
  }
}

/** The members of its time as a PATCH gives them back. */
export function termsIn({ type, cron, timezone, intervalSeconds, delayInSeconds, date }: ScheduleView) {
  const zone = type === 'cron' ? { timezone: timezone ?? null } : {}
  return { type, cron, ...zone, intervalSeconds, delayInSeconds, date }
}

/** No zone means the balancer's own, which takes an earlier one back. */
function withZone(terms: Terms): Readonly<Record<string, unknown>> {
  return terms.type === 'cron' ? { ...terms, timezone: terms.timezone ?? null } : terms
}

/** Undefined for what is no object of JSON. */
function readInput(typed: string): object | undefined {
  if (typed.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(typed)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
