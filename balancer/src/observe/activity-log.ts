/**
 * Owns what is noted of operators and events on its way to the store: gives each its id and instant, holds it until
 * the disk has it, and keeps what is there within bounds. Made by compose; routes and `fleet-activity.ts` record here.
 * Invariants: `record` never waits and never fails; at most `capacity` wait for the disk, and what is lost beyond is
 * counted and noted once there is room again; a list shows also what waits.
 */
import type { ActivityItem } from '@berth/protocol'
import type { Clock, Log, Service } from '@berth/runtime'
import type { ActivityEntry, ActivityFilter, ActivityPort, ActivityReads } from '../ports/activity.ts'
import type { KeepPort } from '../ports/store.ts'
import { isMeant, shorten, shortenJson } from './activity-item.ts'

export interface ActivityLogDeps {
  readonly keeper: Pick<KeepPort, 'keep'>
  readonly reads: ActivityReads
  readonly clock: Clock
  readonly log: Log
  /** Ids that rise: `r_` and 26 characters, of which the last 26 are used. */
  readonly createRunId: () => string
  /** What may wait for the disk; default 2,000. */
  readonly capacity?: number
  /** Default 100,000. */
  readonly keep?: number
  /** After what did not get to disk it is tried again; default 1 s. */
  readonly againMs?: number
}

const KEPT_MS = 90 * 86_400_000
const TRIM_EVERY_MS = 3_600_000
/** Between two removals this many may come on top. */
const TRIM_EVERY_NOTES = 1_000
const TRIMMED_AT_ONCE = 10_000
const WRITTEN_AT_ONCE = 200
/** A stop waits no longer for the disk. */
const LAST_WRITE_MS = 2_000

export class ActivityLog implements ActivityPort, Service {
  readonly name = 'activity'
  readonly #deps: ActivityLogDeps
  readonly #capacity: number
  /** Not known to be on disk, the oldest first. */
  readonly #waiting: ActivityItem[] = []
  #writing: Promise<void> | undefined
  #again: NodeJS.Timeout | undefined
  #trimming: NodeJS.Timeout | undefined
  #untrimmed = 0
  #lost = 0
  #isStopped = false

  constructor(deps: ActivityLogDeps) {
    this.#deps = deps
    this.#capacity = deps.capacity ?? 2_000
  }

  async start(): Promise<void> {
    this.#trim()
    this.#trimming = setInterval(() => this.#trim(), TRIM_EVERY_MS)
    this.#trimming.unref()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#trimming)
    clearTimeout(this.#again)
    const patience = Promise.withResolvers<void>()
    const timer = setTimeout(patience.resolve, LAST_WRITE_MS)
    this.#write()
    await Promise.race([this.#writing, patience.promise])
    clearTimeout(timer)
  }

  /** Not kept so far, since nobody could write it in time. */
  get lost(): number {
    return this.#lost
  }

  record(entry: ActivityEntry): void {
    if (this.#waiting.length >= this.#capacity) {
      if (this.#lost++ === 0)
        this.#deps.log.warn('activity is lost: too much of it waits for the disk', {
          waiting: this.#capacity,
        })
      return
    }
    this.#waiting.push(this.#toItem(entry))
    this.#write()
  }

  async list(filter: ActivityFilter, limit: number, before: string | null): Promise<readonly ActivityItem[]> {
    // In this order: what has got to disk meanwhile is in both, and nothing in neither.
    const waiting = this.#waiting.filter((item) => isMeant(filter, item) && (!before || item.id < before))
    const kept = await this.#deps.reads.activity(filter, limit, before)
    if (waiting.length === 0) return kept
    const known = new Set(kept.map(({ id }) => id))
    const all = [...waiting.filter(({ id }) => !known.has(id)), ...kept]
    return all.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit)
  }

  #toItem({ action, target, summary, before, after, ...rest }: ActivityEntry): ActivityItem {
    const { createRunId, clock } = this.#deps
    return {
      id: `a_${createRunId().slice(2)}`,
      at: new Date(clock.wallMs()).toISOString(),
      kind: rest.kind,
      actor: rest.actor,
      role: rest.role,
      action,
      target: { kind: target.kind, id: shorten(target.id) },
      summary: shorten(summary),
      before: shortenJson(before),
      after: shortenJson(after),
      reason: rest.reason,
      address: rest.address,
    }
  }

  #write(): void {
    if (this.#writing !== undefined || this.#again !== undefined || this.#waiting.length === 0) return
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  async #writeAll(): Promise<void> {
    const { keeper, againMs = 1_000 } = this.#deps
    while (this.#waiting.length > 0) {
      const items = this.#waiting.slice(0, WRITTEN_AT_ONCE)
      const kept = await keeper.keep([{ kind: 'activity-noted', items }])
      if (!kept.ok) {
        if (!this.#isStopped) this.#tryAgainAfter(againMs)
        return
      }
      this.#waiting.splice(0, items.length)
      this.#untrimmed += items.length
      if (this.#untrimmed >= TRIM_EVERY_NOTES) this.#trim()
      this.#tellLost()
    }
  }

  #tryAgainAfter(ms: number): void {
    this.#again = setTimeout(() => {
      this.#again = undefined
      this.#write()
    }, ms)
  }

  #tellLost(): void {
    const lost = this.#lost
    if (lost === 0) return
    this.#lost = 0
    this.record({
      kind: 'system',
      actor: null,
      role: null,
      action: 'activity.lost',
      target: { kind: 'balancer', id: 'activity' },
      summary: `${lost} entries of this list are lost: too many waited for the disk.`,
      after: { lost },
      reason: null,
      address: null,
    })
  }

  #trim(): void {
    const { keeper, clock, keep = 100_000 } = this.#deps
    this.#untrimmed = 0
    const before = new Date(clock.wallMs() - KEPT_MS).toISOString()
    void keeper.keep([{ kind: 'activity-trimmed', before, keep, limit: TRIMMED_AT_ONCE }])
  }
}
