/**
 * Schedules as the store without a disk keeps them; written apart from the SQL on purpose. Used by
 * `memory-run-tables.ts` and read by `memory-run-reads.ts`. Invariant: a write that is refused changes nothing.
 */
import type {
  DueSchedule,
  ScheduleClaim,
  ScheduleFilter,
  ScheduleFire,
  SchedulesAtStart,
  ScheduleWrite,
  StoredSchedule,
} from '../ports/schedule-store.ts'
import type { StoredPayload } from '../ports/stored-run.ts'
import { countsOf, FIRES_KEPT, GIVEN_UP } from './schedule-rows.ts'

type Write<Kind extends ScheduleWrite['kind']> = Extract<ScheduleWrite, { kind: Kind }>

const NO_COUNTS = { fired: 0, skipped: 0, missed: 0, refused: 0 }

export class MemoryScheduleTables {
  readonly #schedules = new Map<string, StoredSchedule>()
  readonly #payloads = new Map<string, StoredPayload>()
  /** The oldest first. */
  readonly #fires = new Map<string, ScheduleFire[]>()

  begin(): SchedulesAtStart {
    const all = [...this.#schedules.values()]
    return {
      count: all.length,
      nextMs: this.#nextMs(Number.NEGATIVE_INFINITY),
      lastMs: all.reduce<number | null>((last, { lastMs }) => greater(last, lastMs), null),
      waiting: all
        .filter(({ waiting }) => waiting > 0)
        .map(({ id }) => id)
        .sort(),
    }
  }

  write(write: ScheduleWrite): string | undefined {
    switch (write.kind) {
      case 'schedule-set':
        return this.#set(write)
      case 'schedule-removed':
        return this.#remove(write.id)
      case 'schedule-passed':
        return this.claim(write.claim)
      case 'schedule-unfired':
        return this.#unclaim(write.claim)
      case 'schedule-retention':
        return this.#retain(write)
    }
  }

  /** Why a claim would be refused, or nothing. */
  judge({ schedule: id, instantMs, expectedMs }: ScheduleClaim): string | undefined {
    const fire = this.#fires.get(id)?.find((one) => one.instantMs === instantMs)
    if (expectedMs === null)
      return fire?.outcome === 'waiting' ? undefined : `no instant ${instantMs} of the schedule ${id} waits`
    if (this.#schedules.get(id)?.nextMs !== expectedMs)
      return `the schedule ${id} does not fire at ${expectedMs}`
    return fire && `UNIQUE constraint failed: ${instantMs} of the schedule ${id} was claimed`
  }

  claim(claim: ScheduleClaim): string | undefined {
    const refusal = this.judge(claim)
    const schedule = this.#schedules.get(claim.schedule)
    if (refusal !== undefined) return refusal
    const { expectedMs, nextMs, isDone, ...fire } = claim
    const fires = this.#fires.get(fire.schedule) ?? []
    this.#fires.set(fire.schedule, fires)
    if (expectedMs === null) {
      const at = fires.findIndex(({ instantMs }) => instantMs === fire.instantMs)
      fires[at] = { ...fire, count: fires[at]?.count ?? 1 }
      if (schedule) this.#count({ ...schedule, waiting: schedule.waiting - 1 }, claim)
      return
    }
    fires.push(fire)
    if (fires.length > FIRES_KEPT + 100) fires.splice(0, fires.length - FIRES_KEPT)
    if (!schedule) return
    const waiting = schedule.waiting + (fire.outcome === 'waiting' ? 1 : 0)
    const lastMs = greater(schedule.lastMs, fire.instantMs)
    const done = isDone ? { enabled: false, doneMs: fire.atMs } : {}
    this.#count({ ...schedule, ...done, nextMs, lastMs, waiting }, claim)
  }

  find(id: string): StoredSchedule | null {
    return this.#schedules.get(id) ?? null
  }

  payload(id: string): StoredPayload | null {
    return this.#payloads.get(id) ?? null
  }

  fires(id: string, limit: number): readonly ScheduleFire[] {
    return (this.#fires.get(id) ?? []).toReversed().slice(0, limit)
  }

  list(filter: ScheduleFilter, limit: number, before: string | null): readonly StoredSchedule[] {
    const { group, function: name, session, type, enabled } = filter
    return [...this.#schedules.values()]
      .filter(
        (one) =>
          (before === null || one.id < before) &&
          (group === undefined || one.group === group) &&
          (name === undefined || one.function === name) &&
          (session === undefined || one.session === session) &&
          (type === undefined || one.terms.type === type) &&
          (enabled === undefined || one.enabled === enabled),
      )
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit)
  }

  due(
    untilMs: number,
    limit: number,
    busy: ReadonlySet<string>,
  ): { due: readonly DueSchedule[]; nextMs: number | null } {
    const due = [...this.#schedules.values()]
      .filter(({ nextMs }) => nextMs !== null && nextMs <= untilMs)
      .sort((a, b) => (a.nextMs ?? 0) - (b.nextMs ?? 0) || (a.id < b.id ? -1 : 1))
      .slice(0, limit)
    return { due: due.flatMap(({ id }) => this.dueOne(id, busy) ?? []), nextMs: this.#nextMs(untilMs) }
  }

  dueOne(id: string, busy: ReadonlySet<string>): DueSchedule | null {
    const [schedule, payload] = [this.find(id), this.payload(id)]
    if (!schedule || !payload) return null
    const waiting = this.#fires.get(id)?.filter(({ outcome }) => outcome === 'waiting') ?? []
    const waitingMs = waiting.reduce<number | null>(
      (first, { instantMs }) => (first === null || instantMs < first ? instantMs : first),
      null,
    )
    return { schedule, payload, isBusy: busy.has(id), waitingMs }
  }

  #set({ schedule, nextMs, doneMs, dropsWaiting, payload }: Write<'schedule-set'>): undefined {
    const { id } = schedule
    const known = this.#schedules.get(id)
    const dropped = dropsWaiting ? this.#giveUpWaiting(id) : 0
    const { lastMs = null, lastRun = null, counts = NO_COUNTS, waiting = 0 } = known ?? {}
    this.#schedules.set(id, {
      ...schedule,
      nextMs,
      doneMs,
      lastMs,
      lastRun,
      counts: { ...counts, skipped: counts.skipped + dropped },
      waiting: waiting - dropped,
    })
    if (payload !== null) this.#payloads.set(id, payload)
  }

  #giveUpWaiting(id: string): number {
    const fires = this.#fires.get(id) ?? []
    let dropped = 0
    for (const [at, fire] of fires.entries())
      if (fire.outcome === 'waiting') {
        fires[at] = { ...fire, outcome: 'skipped', detail: GIVEN_UP }
        dropped++
      }
    return dropped
  }

  #remove(id: string): undefined {
    this.#schedules.delete(id)
    this.#payloads.delete(id)
    this.#fires.delete(id)
  }

  #unclaim(claim: ScheduleClaim): undefined {
    const { schedule: id, instantMs, run, expectedMs, isDone } = claim
    const fires = this.#fires.get(id) ?? []
    const at = fires.findIndex((fire) => fire.instantMs === instantMs && fire.run === run)
    const [fire, schedule] = [fires[at], this.#schedules.get(id)]
    if (!fire || !schedule) return
    if (expectedMs === null) {
      fires[at] = { ...fire, outcome: 'waiting', run: null }
      this.#count({ ...schedule, waiting: schedule.waiting + 1 }, claim, -1)
      return
    }
    fires.splice(at, 1)
    const lastMs = fires.reduce<number | null>((last, one) => greater(last, one.instantMs), null)
    const done = isDone ? { enabled: true, doneMs: null } : {}
    this.#count({ ...schedule, ...done, nextMs: expectedMs, lastMs }, claim, -1)
  }

  #retain({ doneBeforeMs, limit }: Write<'schedule-retention'>): undefined {
    const old = [...this.#schedules.values()]
      .filter(({ doneMs }) => doneMs !== null && doneMs < doneBeforeMs)
      .sort((a, b) => (a.doneMs ?? 0) - (b.doneMs ?? 0))
    for (const { id } of old.slice(0, limit)) this.#remove(id)
  }

  #count(schedule: StoredSchedule, claim: ScheduleClaim, sign = 1): void {
    const added = countsOf(claim)
    const { fired, skipped, missed, refused } = schedule.counts
    this.#schedules.set(schedule.id, {
      ...schedule,
      lastRun: (sign > 0 ? claim.run : null) ?? schedule.lastRun,
      counts: {
        fired: fired + sign * added.fired,
        skipped: skipped + sign * added.skipped,
        missed: missed + sign * added.missed,
        refused: refused + sign * added.refused,
      },
    })
  }

  #nextMs(afterMs: number): number | null {
    let next: number | null = null
    for (const { nextMs } of this.#schedules.values())
      if (nextMs !== null && nextMs > afterMs && (next === null || nextMs < next)) next = nextMs
    return next
  }
}

function greater(a: number | null, b: number | null): number | null {
  return a === null || (b !== null && b > a) ? b : a
}
