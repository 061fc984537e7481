/**
 * What operators have set for groups and functions: kept on disk, told to the core, shown. Constructed by
 * compose before the first task can come, so that no limit of an earlier process is passed over; asked and
 * changed by settings-routes.ts.
 * Invariants: a change is on disk before the core hears of it and before it is answered; changes are made
 * one after another, so that two at once lose nothing of each other.
 */
import type { TaskError } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { WarmthOrder } from '../ports/fleet.ts'
import type { LimitFacts } from '../ports/limits.ts'
import type { LimitTarget, OperatorPort } from '../ports/operator.ts'
import type { KeepPort, StoredPause, StoredSettings, StoredShare, StoreWrite } from '../ports/store.ts'
import { MAX_KEYS, type SettingsPatch } from './settings-body.ts'
import {
  emptySettings,
  isEmpty,
  type Moment,
  mergeSettings,
  type SettingsTarget,
  toLimits,
} from './settings-merge.ts'
import { LINE_FULL, Turns } from './turns.ts'
import { wrongField } from './wrong-field.ts'

export interface SettingsOptions {
  readonly operator: OperatorPort
  readonly keeper: Pick<KeepPort, 'keep'>
  readonly clock: Clock
  readonly log: Log
  readonly stored: readonly StoredSettings[]
  /** What is to be kept ready of the group is another from now on; nobody hears of it unless given. */
  readonly onWarmth?: (group: string, order: WarmthOrder) => void
}

export interface Used {
  /** Tasks that run now; null where nothing limits them. */
  readonly concurrency: number | null
  /** Starts within the last `perMs`; null where nothing limits them. */
  readonly rate?: number | null
}

type ShownShare = Omit<StoredShare, 'key'> & { readonly used: Used }

/** What is set (null: nothing) and what is used of it. */
export interface SettingsView extends Omit<StoredSettings, 'group' | 'function' | 'fairness'> {
  readonly fairness: Readonly<Record<string, ShownShare>>
  readonly used: Used
}

export interface ShownPause extends StoredPause {
  readonly by: 'function' | 'group'
}

export type Changed =
  | { readonly ok: true; readonly view: SettingsView }
  | { readonly ok: false; readonly error: TaskError }

const MAX_LOGGED = 500

export class Settings {
  readonly #options: SettingsOptions
  readonly #all = new Map<string, StoredSettings>()
  readonly #turns = new Turns()
  #hasBackground = false

  constructor(options: SettingsOptions) {
    this.#options = options
    for (const settings of options.stored) {
      this.#all.set(placeOf(settings), settings)
      this.#tell(emptySettings(settings), settings)
    }
    this.#noteBackground()
  }

  /** Something is set here, or for one of the group's functions. */
  isSet({ group, function: name }: SettingsTarget): boolean {
    if (name !== null) return this.#all.has(placeOf({ group, function: name }))
    return [...this.#all.values()].some((settings) => settings.group === group)
  }

  view(target: SettingsTarget): SettingsView {
    const { concurrency, rate, paused, defaultContract, background, keepWarm, fairness } = this.#get(target)
    const facts = this.#facts(limitTarget(target))
    const shares = fairness.map(({ key, ...share }) => [key, this.#showShare(target, key, share)] as const)
    return {
      concurrency,
      rate,
      paused: facts.paused ? paused : null,
      defaultContract,
      background,
      keepWarm,
      fairness: Object.fromEntries(shares),
      used: { ...usedOf(facts), rate: facts.rate?.used ?? null },
    }
  }

  /** What keeps tasks of a function from starting: its own pause, else its group's. */
  pauseOf(group: string, name: string): ShownPause | null {
    for (const target of [
      { group, function: name },
      { group, function: null },
    ]) {
      const { paused } = this.#get(target)
      if (paused !== null && this.#facts(limitTarget(target)).paused)
        return { ...paused, by: target.function === null ? 'group' : 'function' }
    }
    return null
  }

  /** False while no group and no function is set to run in the background. */
  get hasBackground(): boolean {
    return this.#hasBackground
  }

  /** Of a function, else of its group; null where nothing is set. */
  backgroundOf(group: string, name: string): boolean | null {
    return this.#get({ group, function: name }).background ?? this.#get({ group, function: null }).background
  }

  /** Of a function, else of its group; null where nothing is set. */
  keepWarmOf(group: string, name: string): boolean | null {
    return this.#get({ group, function: name }).keepWarm ?? this.#get({ group, function: null }).keepWarm
  }

  /** What its workers are told; undefined where nothing is set. */
  warmthOf(group: string): WarmthOrder | undefined {
    const order = this.#warmthOf(group)
    return order.all === undefined && order.on.length + order.off.length === 0 ? undefined : order
  }

  #warmthOf(group: string): WarmthOrder {
    const on: string[] = []
    const off: string[] = []
    for (const settings of this.#all.values())
      if (settings.group === group && settings.function !== null && settings.keepWarm !== null)
        (settings.keepWarm ? on : off).push(settings.function)
    return { all: this.#get({ group, function: null }).keepWarm ?? undefined, on, off }
  }

  /** `by` names who asks, for the log. */
  async change(target: SettingsTarget, patch: SettingsPatch, by: string): Promise<Changed> {
    const changed = await this.#turns.take(() => this.#change(target, patch, by))
    return changed ?? { ok: false, error: LINE_FULL }
  }

  async #change(target: SettingsTarget, patch: SettingsPatch, by: string): Promise<Changed> {
    const { keeper, clock, log } = this.#options
    const before = this.#get(target)
    const after = mergeSettings(before, patch, clock.wallMs())
    if (JSON.stringify(before) === JSON.stringify(after)) return { ok: true, view: this.view(target) }
    const error = this.#findTooManyKeys(after)
    if (error) return { ok: false, error }
    const kept = await keeper.keep([writeOf(after)], [writeOf(before)])
    if (!kept.ok) return { ok: false, error: notKept(target, kept.detail) }
    if (isEmpty(after)) this.#all.delete(placeOf(target))
    else this.#all.set(placeOf(target), after)
    this.#noteBackground()
    this.#tell(before, after)
    if (before.keepWarm !== after.keepWarm)
      this.#options.onWarmth?.(target.group, this.#warmthOf(target.group))
    const { group, function: name } = target
    log.info('limits changed', { group, function: name, change: describe(patch), by })
    return { ok: true, view: this.view(target) }
  }

  #noteBackground(): void {
    this.#hasBackground = this.#all.values().some(({ background }) => background === true)
  }

  #get(target: SettingsTarget): StoredSettings {
    return this.#all.get(placeOf(target)) ?? emptySettings(target)
  }

  #facts(target: LimitTarget): LimitFacts {
    return this.#options.operator.limits(target, this.#options.clock.monoMs())
  }

  #showShare(target: SettingsTarget, key: string, share: Omit<StoredShare, 'key'>): ShownShare {
    const facts = this.#facts({ ...limitTarget(target), fairnessKey: key })
    return { ...share, paused: facts.paused ? share.paused : null, used: usedOf(facts) }
  }

  #findTooManyKeys(after: StoredSettings): TaskError | undefined {
    let count = after.fairness.length
    for (const settings of this.#all.values())
      if (settings.group === after.group && settings.function !== after.function)
        count += settings.fairness.length
    if (count <= MAX_KEYS) return undefined
    return wrongField('/fairness', `would make ${count} keys of the group, which may have ${MAX_KEYS}`).error
  }

  /** Tells the core what has changed, and nothing else: each word makes it look at all lanes. */
  #tell(before: StoredSettings, after: StoredSettings): void {
    const { clock, operator } = this.#options
    const now: Moment = { wallMs: clock.wallMs(), monoMs: clock.monoMs() }
    const target = limitTarget(after)
    const { fairness: _, ...own } = after
    if (isOther(before, after)) operator.setLimits(target, toLimits(own, now), now.monoMs)
    const shares = new Map(before.fairness.map((share) => [share.key, share]))
    for (const share of after.fairness) {
      const known = shares.get(share.key)
      shares.delete(share.key)
      if (JSON.stringify(known) === JSON.stringify(share)) continue
      operator.setLimits({ ...target, fairnessKey: share.key }, toLimits(share, now), now.monoMs)
    }
    for (const fairnessKey of shares.keys()) operator.setLimits({ ...target, fairnessKey }, {}, now.monoMs)
  }
}

function placeOf({ group, function: name }: SettingsTarget): string {
  return `${group}\n${name ?? ''}`
}

function limitTarget({ group, function: name }: SettingsTarget): LimitTarget {
  return { group, function: name ?? undefined }
}

/** What concerns the core. */
function isOther(before: StoredSettings, after: StoredSettings): boolean {
  const own = { background: null, keepWarm: null, fairness: [] }
  return JSON.stringify({ ...before, ...own }) !== JSON.stringify({ ...after, ...own })
}

function usedOf({ concurrency }: LimitFacts): Used {
  return { concurrency: concurrency.limit === undefined ? null : concurrency.used }
}

function writeOf(settings: StoredSettings): StoreWrite {
  if (!isEmpty(settings)) return { kind: 'settings-set', settings }
  return { kind: 'settings-cleared', group: settings.group, function: settings.function }
}

/** The body as it was understood, for the log. */
function describe({ fairness, ...patch }: SettingsPatch): string {
  const shares = fairness && Object.fromEntries(fairness.map(({ key, share }) => [key, share]))
  const text = JSON.stringify({ ...patch, fairness: shares })
  return text.length > MAX_LOGGED ? `${text.slice(0, MAX_LOGGED)}…` : text
}

function notKept({ group, function: name }: SettingsTarget, reason: string): TaskError {
  const what = name === null ? `group "${group}"` : `"${name}" (group "${group}")`
  const detail = `The settings of ${what} could not be written to disk, so nothing was changed: ${reason}.`
  return { code: 'STORE_UNAVAILABLE', detail }
}
