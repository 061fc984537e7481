/**
 * From what an operator had set and what a PATCH changes to what holds from now on, and what of it the core
 * has to hear. Pure; called by settings.ts, which keeps the outcome.
 * Invariant: a pause that has ended is no pause any more, and one that goes on keeps its beginning.
 */
import type { Limits } from '../ports/operator.ts'
import type { StoredPause, StoredSettings, StoredShare } from '../ports/store.ts'
import type { PausePatch, SettingsPatch } from './settings-body.ts'

/** A group (function null) or a function of it. */
export type SettingsTarget = Pick<StoredSettings, 'group' | 'function'>

/** Two clocks at one moment: wall time for what is kept, the core's for what it is told. */
export interface Moment {
  readonly wallMs: number
  readonly monoMs: number
}

export function emptySettings({ group, function: name }: SettingsTarget): StoredSettings {
  const nothing = { concurrency: null, rate: null, paused: null, defaultContract: null }
  const more = { background: null, keepWarm: null, fairness: [] }
  return { group, function: name, ...nothing, ...more }
}

export function isEmpty(settings: StoredSettings): boolean {
  const { concurrency, rate, paused, defaultContract, background, keepWarm, fairness } = settings
  const isSet = (concurrency ?? rate ?? paused ?? defaultContract ?? background ?? keepWarm) !== null
  return !isSet && fairness.length === 0
}

export function mergeSettings(before: StoredSettings, patch: SettingsPatch, wallMs: number): StoredSettings {
  return {
    group: before.group,
    function: before.function,
    concurrency: choose(patch.concurrency, before.concurrency),
    rate: choose(patch.rate, before.rate),
    paused: mergePause(before.paused, patch.paused, wallMs),
    defaultContract: choose(patch.defaultContract, before.defaultContract),
    background: choose(patch.background, before.background),
    keepWarm: choose(patch.keepWarm, before.keepWarm),
    fairness: mergeFairness(before.fairness, patch.fairness, wallMs),
  }
}

/** The same as the core takes it. */
export function toLimits(
  { concurrency, rate = null, paused, defaultContract = null, weight = null }: LimitValues,
  now: Moment,
): Limits {
  const pause = activePause(paused, now.wallMs)
  return {
    concurrency: concurrency ?? undefined,
    rate: rate ?? undefined,
    paused: pause && {
      untilAt: pause.until === null ? undefined : now.monoMs + Date.parse(pause.until) - now.wallMs,
      reason: pause.reason ?? undefined,
    },
    defaultContract: defaultContract ?? undefined,
    weight: weight ?? undefined,
  }
}

type LimitValues = Pick<StoredSettings, 'concurrency' | 'paused'> &
  Partial<Pick<StoredSettings, 'rate' | 'defaultContract'> & Pick<StoredShare, 'weight'>>

function choose<Value>(given: Value | null | undefined, before: Value | null): Value | null {
  return given === undefined ? before : given
}

function activePause(pause: StoredPause | null, wallMs: number): StoredPause | undefined {
  return pause !== null && (pause.until === null || Date.parse(pause.until) > wallMs) ? pause : undefined
}

function mergePause(
  before: StoredPause | null,
  patch: PausePatch | null | undefined,
  wallMs: number,
): StoredPause | null {
  const active = activePause(before, wallMs) ?? null
  if (!patch) return patch === undefined ? active : null
  return {
    since: active?.since ?? new Date(wallMs).toISOString(),
    until: patch.until ? new Date(patch.until).toISOString() : null,
    reason: patch.reason ?? null,
  }
}

function mergeFairness(
  before: readonly StoredShare[],
  patch: SettingsPatch['fairness'],
  wallMs: number,
): StoredShare[] {
  const shares = new Map(patch === null ? [] : before.map((share) => [share.key, share]))
  for (const { key, share } of patch ?? []) {
    const known = share === null ? undefined : shares.get(key)
    shares.set(key, {
      key,
      weight: choose(share?.weight, known?.weight ?? null),
      concurrency: choose(share?.concurrency, known?.concurrency ?? null),
      paused: mergePause(known?.paused ?? null, share?.paused, wallMs),
    })
  }
  return [...shares.values()].filter((share) => (share.weight ?? share.concurrency ?? share.paused) !== null)
}
