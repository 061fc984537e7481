/**
 * Notes what happens by itself: the balancer's start and end, what becomes of workers.json, workers that join, fall
 * silent, are lost, left out or run something new, and a store that refuses writes. Made by compose.
 * It looks at the fleet once a second (a large one less often) and notes what differs, so nothing is noted on the way
 * of a task. Invariant: one look adds at most `MAX_APART` entries of a kind; many at once are one entry.
 */
import type { BalancerView, ConfigState, WorkerEntry } from '@berth/protocol'
import type { Clock, Service } from '@berth/runtime'
import type { ActivityNote, ActivityPort } from '../ports/activity.ts'
import type { FleetPort } from '../ports/fleet.ts'
import type { KeepPort } from '../ports/store.ts'
import { type Happening, WorkerHistory } from './worker-history.ts'

export interface SystemActivityDeps {
  readonly activity: Pick<ActivityPort, 'record'>
  readonly fleet: Pick<FleetPort, 'workers' | 'isSettled'>
  readonly keeper: Pick<KeepPort, 'health'>
  readonly clock: Clock
  readonly balancer: () => BalancerView
}

const LOOK_EVERY_MS = 1_000
/** A fleet of more workers is looked at every fifth time. */
const LARGE = 500
const LARGE_EVERY = 5
/** A fleet of which some never answer is looked at after this long all the same. */
const SETTLE_MS = 5_000
const MAX_APART = 20
const MAX_NAMED = 200

export class SystemActivity implements Service {
  readonly name = 'system activity'
  readonly #deps: SystemActivityDeps
  readonly #workers = new WorkerHistory()
  #timer: NodeJS.Timeout | undefined
  #startedAtMs = 0
  #looks = 0
  #isWatching = false
  #isStoreBad = false
  #entries: ReadonlySet<string> | undefined
  #configError: string | undefined

  constructor(deps: SystemActivityDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    const { version, name } = this.#deps.balancer()
    this.#startedAtMs = this.#deps.clock.monoMs()
    this.#note({
      action: 'balancer.started',
      target: this.#self(),
      summary: `Balancer "${name}" started, version ${version}.`,
      after: { version },
    })
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
  }

  /** It takes nothing new from now on. */
  noteStopping(): void {
    const { name } = this.#deps.balancer()
    this.#note({ action: 'balancer.stopping', target: this.#self(), summary: `Balancer "${name}" stops.` })
  }

  /** A good list that differs from the one before; the first one is no change. */
  noteRoster(entries: readonly Pick<WorkerEntry, 'id'>[]): void {
    const before = this.#entries
    const now = new Set(entries.map(({ id }) => id))
    this.#entries = now
    if (before === undefined) return
    const added = [...now.difference(before)]
    const removed = [...before.difference(now)]
    const summary = `workers.json was applied: ${now.size} workers, ${added.length} added, ${removed.length} removed.`
    const after = {
      workers: now.size,
      added: added.slice(0, MAX_NAMED),
      removed: removed.slice(0, MAX_NAMED),
    }
    this.#note({ action: 'config.applied', target: CONFIG, summary, after })
  }

  noteConfig({ state, error, line, column }: ConfigState): void {
    const fault = state === 'ok' ? undefined : (error ?? 'it cannot be read')
    if (fault === this.#configError) return
    this.#configError = fault
    if (fault === undefined) return
    const place = line === undefined ? '' : ` at line ${line}, column ${column}`
    const summary = `workers.json was not applied: ${fault}${place}. The last good list stays.`
    this.#note({ action: 'config.refused', target: CONFIG, summary, after: { error: fault, line, column } })
  }

  /** Called once a second; a test calls it itself. */
  look(): void {
    this.#lookAtStore()
    const { fleet, clock } = this.#deps
    const isSettled = fleet.isSettled() || clock.monoMs() - this.#startedAtMs >= SETTLE_MS
    if (!this.#isWatching && !isSettled) return
    if (this.#workers.size > LARGE && this.#looks++ % LARGE_EVERY > 0) return
    const happenings = this.#workers.compare(fleet.workers())
    // What is there when the balancer has found its fleet has not just happened.
    if (this.#isWatching) this.#noteAll(happenings)
    this.#isWatching = true
  }

  #lookAtStore(): void {
    const health = this.#deps.keeper.health()
    const isBad = health.state === 'failed'
    if (isBad === this.#isStoreBad) return
    this.#isStoreBad = isBad
    const target = { kind: 'balancer', id: 'store' } as const
    if (health.state === 'failed')
      this.#note({
        action: 'store.refused',
        target,
        summary: `The store could not be written: ${health.error}`,
      })
    else this.#note({ action: 'store.back', target, summary: 'The store can be written again.' })
  }

  #noteAll(happenings: readonly Happening[]): void {
    for (const [action, those] of Map.groupBy(happenings, ({ note }) => note.action)) {
      if (those.length <= MAX_APART) for (const { note } of those) this.#note(note)
      else this.#noteMany(action, those)
    }
  }

  #noteMany(action: string, those: readonly Happening[]): void {
    const [first] = those
    const workers = those.slice(0, MAX_NAMED).map(({ worker }) => worker)
    const summary = `${those.length} workers ${first?.words ?? 'changed'}.`
    const target = { kind: 'fleet', id: `${those.length} workers` } as const
    this.#note({ action, target, summary, after: { workers } })
  }

  #self(): ActivityNote['target'] {
    return { kind: 'balancer', id: this.#deps.balancer().name }
  }

  #note(note: ActivityNote): void {
    const nobody = { actor: null, role: null, reason: null, address: null }
    this.#deps.activity.record({ ...note, ...nobody, kind: 'system' })
  }
}

const CONFIG = { kind: 'config', id: 'workers.json' } as const
