/**
 * The form of a function's settings: what stands in it, what of it has changed, and what that would mean. Pure.
 * Invariant: a change names only what is another than before, and `before` brings exactly that back.
 */
import { text } from '../../text/text.ts'
import type { FunctionSettings } from './function-data.ts'

export const PERIODS = ['1000', '60000', '3600000'] as const
/** Milliseconds; others than the three are kept as they are. */
export type Period = string

export interface Wishes {
  readonly background: 'own' | 'on' | 'off'
  readonly keepWarm: 'own' | 'on' | 'off'
  readonly concurrency: string
  readonly limit: string
  readonly period: Period
  readonly contract: string
}

export interface SettingsChange {
  readonly body: Readonly<Record<string, unknown>>
  readonly before: Readonly<Record<string, unknown>>
  /** What it means, a sentence each. */
  readonly lines: readonly string[]
  /** Somebody may have to wait for it, or notices it. */
  readonly hurts: boolean
  readonly isEmpty: boolean
}

export type ReadWishes =
  | { readonly ok: true; readonly change: SettingsChange }
  | { readonly ok: false; readonly errors: { readonly concurrency?: string; readonly limit?: string } }

const MAX_TASKS = 1_000_000

export function beginWishes({
  background,
  keepWarm,
  concurrency,
  rate,
  defaultContract,
}: FunctionSettings): Wishes {
  return {
    background: wordOf(background),
    keepWarm: wordOf(keepWarm),
    concurrency: concurrency === null ? '' : String(concurrency),
    limit: rate === null ? '' : String(rate.limit),
    period: String(rate?.perMs ?? PERIODS[1]),
    contract: defaultContract === null ? '' : String(defaultContract),
  }
}

export function readWishes(wishes: Wishes, now: FunctionSettings): ReadWishes {
  const concurrency = readCount(wishes.concurrency)
  const limit = readCount(wishes.limit)
  if (concurrency === undefined || limit === undefined) {
    const error = text.functions.set.wrongCount
    return {
      ok: false,
      errors: {
        concurrency: concurrency === undefined ? error : undefined,
        limit: limit === undefined ? error : undefined,
      },
    }
  }
  const wanted = {
    background: flagOf(wishes.background),
    keepWarm: flagOf(wishes.keepWarm),
    concurrency,
    rate: limit === null ? null : { limit, perMs: Number(wishes.period) },
    defaultContract: wishes.contract === '' ? null : Number(wishes.contract),
  }
  const names = (Object.keys(wanted) as (keyof typeof wanted)[]).filter(
    (name) => JSON.stringify(wanted[name]) !== JSON.stringify(now[name]),
  )
  const pick = (from: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(names.map((name) => [name, from[name]]))
  const lines = names.map((name) => text.functions.set.means[name](wanted[name] as never))
  const hurts =
    names.includes('background') ||
    names.includes('defaultContract') ||
    (names.includes('concurrency') && isTighter(wanted.concurrency, now.concurrency)) ||
    (names.includes('rate') && wanted.rate !== null)
  return {
    ok: true,
    change: { body: pick(wanted), before: pick(now), lines, hurts, isEmpty: names.length === 0 },
  }
}

function isTighter(wanted: number | null, before: number | null): boolean {
  return wanted !== null && (before === null || wanted < before)
}

/** Null for none; undefined for what is no count. */
function readCount(typed: string): number | null | undefined {
  if (typed.trim() === '') return null
  const count = Number(typed)
  return Number.isInteger(count) && count >= 1 && count <= MAX_TASKS ? count : undefined
}

function wordOf(flag: boolean | null): Wishes['background'] {
  return flag === null ? 'own' : flag ? 'on' : 'off'
}

function flagOf(word: Wishes['background']): boolean | null {
  return word === 'own' ? null : word === 'on'
}
