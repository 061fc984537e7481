/**
 * Schedules: made, shown, changed, removed and fired by hand. When they fire is the business of schedule-fires.ts.
 * Made by compose; asked by http/schedule-routes.ts. Invariants: nothing is answered before it is on disk; a change
 * and a fire of one schedule never cross.
 */
import type { FieldError, TaskError } from '@berth/protocol'
import type { Clock, Log, Service } from '@berth/runtime'
import type { RunReads } from '../../ports/run-reads.ts'
import type { Accepted, KeyUse, NewRun, Removed } from '../../ports/runs.ts'
import type {
  DueSchedule,
  ScheduleFilter,
  ScheduleOrder,
  SchedulesAtStart,
  ScheduleTerms,
  ScheduleWrite,
  StoredSchedule,
} from '../../ports/schedule-store.ts'
import type {
  CalendarRow,
  FoundSchedule,
  JudgedChange,
  Previewed,
  Scheduled,
  SchedulesPort,
  ShownSchedule,
  WantedSchedule,
} from '../../ports/schedules.ts'
import type { KeepPort } from '../../ports/store.ts'
import type { LiveRun, StoredPayload } from '../../ports/stored-run.ts'
import type { After } from '../durable-options.ts'
import type { DurableRuns } from '../durable-runs.ts'
import { storeUnavailable } from '../run-admission.ts'
import { firstInstant } from './decide.ts'
import { findWrongTerms, instantsOf, isRepeating, upcoming } from './instants.ts'
import { ScheduleFires } from './schedule-fires.ts'
import { ScheduleTurns } from './schedule-turns.ts'

export interface SchedulesOptions {
  readonly reads: RunReads
  readonly keeper: Pick<KeepPort, 'keep'>
  readonly runs: Pick<DurableRuns, 'accept' | 'fire' | 'judge'>
  readonly atStart: SchedulesAtStart
  readonly createRunId: () => string
  readonly clock: Clock
  readonly log: Log
  /** `RUN_RETENTION`: how long one that has fired once and for all is kept. */
  readonly retentionMs: number
  readonly after?: After | undefined
  /** Default 100,000. */
  readonly maxSchedules?: number | undefined
}

type SetWrite = Extract<ScheduleWrite, { kind: 'schedule-set' }>

const MAX_SCHEDULES = 100_000
const SHOWN_INSTANTS = 5
const SHOWN_FIRES = 50
const RETENTION_EVERY_MS = 60_000
const REMOVED_AT_ONCE = 1_000
const LIMIT_RETRY_MS = 60_000

export class Schedules implements SchedulesPort, Service {
  readonly name = 'schedules'
  readonly #options: SchedulesOptions
  readonly #turns = new ScheduleTurns()
  readonly #fires: ScheduleFires
  readonly #after: After
  #count: number
  #cancelRetention: (() => void) | undefined
  #isStopped = false

  constructor(options: SchedulesOptions) {
    const { after = systemTimer, atStart } = options
    this.#options = options
    this.#after = after
    this.#count = atStart.count
    this.#fires = new ScheduleFires({ ...options, after, turns: this.#turns, runOf: scheduledRun })
  }

  async start(): Promise<void> {
    this.#fires.start()
    this.#armRetention()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelRetention?.()
    await this.#fires.stop()
  }

  /** A durable run is final, on disk. */
  noteEnded({ schedule }: Pick<LiveRun, 'schedule'>): void {
    if (schedule !== null) this.#fires.noteEnded(schedule)
  }

  // --- For the routes ----------------------------------------------------------------------------

  async create(wanted: WantedSchedule): Promise<Scheduled> {
    const { clock, createRunId, maxSchedules = MAX_SCHEDULES } = this.#options
    const refusal = await this.#findRefusal(wanted)
    if (refusal) return { ok: false, error: refusal }
    if (this.#count >= maxSchedules) return { ok: false, error: tooMany(maxSchedules) }
    const now = clock.wallMs()
    const id = `s_${createRunId().slice(2)}`
    const given = { id, createdMs: now, updatedMs: now, anchorMs: now }
    const schedule = orderOf(wanted, given)
    const firstMs = firstInstant({ ...schedule, lastMs: null }, now, now)
    const nextMs = wanted.enabled ? firstMs : null
    const overdue = findOverdue(wanted.run, firstMs)
    if (overdue) return { ok: false, error: overdue }
    const { payload } = wanted.run
    this.#count++
    const kept = await this.#keep({ schedule, nextMs, doneMs: null, dropsWaiting: false, payload })
    if (kept) {
      this.#count--
      return { ok: false, error: kept }
    }
    return this.#answer(id)
  }

  async list(
    filter: ScheduleFilter,
    count: number,
    before: string | undefined,
  ): Promise<readonly ShownSchedule[]> {
    const found = await this.#options.reads.schedules(filter, count, before ?? null)
    return found.map(shown)
  }

  preview(terms: ScheduleTerms, count: number): Previewed {
    const errors = findWrongTerms(terms)
    if (errors.length > 0) return { ok: false, error: wrongTerms(errors) }
    const now = this.#options.clock.wallMs()
    const instants = instantsOf(terms, now)
    // What is due at once fires now.
    const found = isRepeating(terms) ? upcoming(instants, now, count) : upcoming(instants, now - 1, 1)
    return { ok: true, instantsMs: found }
  }

  async calendar(fromMs: number, toMs: number, atMost: number) {
    const found = await this.#options.reads.schedules({ enabled: true }, atMost + 1, null)
    const rows = found.slice(0, atMost).flatMap((schedule) => calendarRow(schedule, fromMs, toMs) ?? [])
    rows.sort((a, b) => (a.instantsMs[0] ?? 0) - (b.instantsMs[0] ?? 0))
    return { rows, isCapped: found.length > atMost }
  }

  async find(id: string): Promise<FoundSchedule | undefined> {
    const { reads } = this.#options
    const [schedule, payload, fires, totals] = await Promise.all([
      reads.schedule(id),
      reads.schedulePayload(id),
      reads.scheduleFires(id, SHOWN_FIRES),
      reads.usageTotals({ kind: 'schedule', name: id }),
    ])
    return schedule && payload ? { ...shown(schedule), payload, fires, totals } : undefined
  }

  change(
    id: string,
    judge: (now: StoredSchedule, payload: StoredPayload) => JudgedChange,
  ): Promise<Scheduled | undefined> {
    return this.#turns.take(id, async () => {
      const found = await this.find(id)
      if (!found) return undefined
      const judged = judge(found, found.payload)
      if (!judged.ok) return judged
      const refusal = await this.#findRefusal(judged.wanted, judged.isSameTask)
      if (refusal) return { ok: false, error: refusal }
      const changed = this.#changed(found, judged)
      if (!changed.ok) return changed
      const lost = await this.#keep(changed.write)
      return lost ? { ok: false, error: lost } : this.#answer(id)
    })
  }

  async remove(id: string): Promise<Removed | undefined> {
    return this.#turns.take(id, async () => {
      if (!(await this.#options.reads.schedule(id))) return undefined
      const kept = await this.#options.keeper.keep([
        { kind: 'schedule-removed', id },
        { kind: 'usage-forgotten', scope: { kind: 'schedule', name: id } },
      ])
      if (!kept.ok) return { ok: false, error: storeUnavailable(kept.detail) }
      this.#count--
      return { ok: true }
    })
  }

  async trigger(id: string, trigger: 'api' | 'ui', key?: KeyUse): Promise<Accepted | undefined> {
    const { reads, runs } = this.#options
    const [schedule, payload] = await Promise.all([reads.schedule(id), reads.schedulePayload(id)])
    if (!schedule || !payload) return undefined
    return runs.accept([{ ...orderedRun(schedule, payload), trigger, scheduledForMs: null }], key)
  }

  // --- Within ------------------------------------------------------------------------------------

  /** What it fires is judged when it is named: a function that is served no more must not keep one from being paused. */
  async #findRefusal({ terms, run }: WantedSchedule, isSameTask = false): Promise<TaskError | undefined> {
    const errors = findWrongTerms(terms)
    if (errors.length > 0) return wrongTerms(errors)
    return isSameTask ? undefined : this.#options.runs.judge(run)
  }

  /** What becomes of one that is there: a restart begins it anew, anything else leaves its instants alone. */
  #changed(
    found: StoredSchedule,
    { wanted, isRestart, isSameTask }: Extract<JudgedChange, { ok: true }>,
  ):
    | { readonly ok: true; readonly write: Omit<SetWrite, 'kind'> }
    | { readonly ok: false; readonly error: TaskError } {
    const now = this.#options.clock.wallMs()
    const { id, createdMs, lastMs } = found
    const anchorMs = isRestart ? now : found.anchorMs
    const schedule = orderOf(wanted, { id, createdMs, updatedMs: now, anchorMs })
    const isOn = wanted.enabled
    const begins = isOn && (isRestart || !found.enabled)
    if (begins && !isRestart && found.doneMs !== null) return { ok: false, error: hasFired(id) }
    const firstMs = firstInstant({ ...schedule, lastMs }, anchorMs, now)
    const nextMs = begins ? firstMs : isOn ? found.nextMs : null
    const doneMs = isRestart || begins ? null : found.doneMs
    // Whatever has become of its deadline, one can be paused.
    const isJudged = (begins || isRestart || !isSameTask) && doneMs === null
    const overdue = isJudged ? findOverdue(wanted.run, nextMs ?? firstMs) : undefined
    if (overdue) return { ok: false, error: overdue }
    const dropsWaiting = isRestart || !isOn || wanted.overlap !== 'queue'
    return { ok: true, write: { schedule, nextMs, doneMs, dropsWaiting, payload: wanted.run.payload } }
  }

  async #keep(write: Omit<SetWrite, 'kind'>): Promise<TaskError | undefined> {
    const kept = await this.#options.keeper.keep([{ kind: 'schedule-set', ...write }])
    if (!kept.ok) return storeUnavailable(kept.detail)
    this.#fires.noteNext(write.nextMs)
    return undefined
  }

  async #answer(id: string): Promise<Scheduled> {
    const schedule = await this.find(id)
    return schedule ? { ok: true, schedule } : { ok: false, error: gone(id) }
  }

  #armRetention(): void {
    this.#cancelRetention = this.#after(RETENTION_EVERY_MS, () => {
      void this.#removeOld().finally(() => {
        if (!this.#isStopped) this.#armRetention()
      })
    })
  }

  async #removeOld(): Promise<void> {
    const { keeper, reads, clock, retentionMs, log } = this.#options
    const doneBeforeMs = clock.wallMs() - retentionMs
    await keeper.keep([{ kind: 'schedule-retention', doneBeforeMs, limit: REMOVED_AT_ONCE }])
    try {
      this.#count = await reads.scheduleCount()
    } catch (error) {
      log.debug('schedules could not be counted', { error })
    }
  }
}

/** None of its runs could end in time. */
function findOverdue({ deadlineMs }: NewRun, firstMs: number | null): TaskError | undefined {
  if (deadlineMs === null || firstMs === null || deadlineMs > firstMs) return undefined
  const first = new Date(firstMs).toISOString()
  const detail = `is not later than the first instant of the schedule, ${first}; name a later one, or leave it out (null in a PATCH)`
  const errors = [{ pointer: '/deadline', detail }]
  return { code: 'INVALID_REQUEST', detail: `The body is wrong at /deadline: ${detail}.`, errors }
}

function orderOf(
  { terms, overlap, missed, enabled, run, body }: WantedSchedule,
  given: Pick<ScheduleOrder, 'id' | 'createdMs' | 'updatedMs' | 'anchorMs'>,
): ScheduleOrder {
  const { payload: _payload, ...order } = run
  const { group, function: name, session } = run
  return {
    ...given,
    group,
    function: name,
    session,
    terms,
    overlap,
    missed,
    enabled,
    order: JSON.stringify(order),
    body,
  }
}

function orderedRun({ id, order }: StoredSchedule, payload: StoredPayload): NewRun {
  const run: Omit<NewRun, 'payload'> = JSON.parse(order)
  return { ...run, schedule: id, payload }
}

function scheduledRun({ schedule, payload }: DueSchedule, instantMs: number): NewRun {
  return { ...orderedRun(schedule, payload), trigger: 'schedule', scheduledForMs: instantMs }
}

function wrongTerms(errors: readonly FieldError[]): TaskError {
  const [first] = errors
  const detail = `The body is wrong at ${first?.pointer}: ${first?.detail}.`
  return { code: 'INVALID_REQUEST', detail, errors }
}

/** Of one schedule in a calendar; more are not drawn apart. */
const CALENDAR_INSTANTS = 288

function calendarRow(schedule: StoredSchedule, fromMs: number, toMs: number): CalendarRow | undefined {
  const { nextMs, terms, anchorMs } = schedule
  if (nextMs === null || nextMs > toMs) return undefined
  if (!isRepeating(terms)) return { schedule, instantsMs: [nextMs], isDense: false }
  const instants = instantsOf(terms, anchorMs)
  const instantsMs: number[] = []
  for (let at: number | null = Math.max(nextMs, fromMs); at !== null && at <= toMs; at = instants.next(at)) {
    if (instantsMs.length === CALENDAR_INSTANTS) return { schedule, instantsMs, isDense: true }
    instantsMs.push(at)
  }
  return { schedule, instantsMs, isDense: false }
}

function shown(schedule: StoredSchedule): ShownSchedule {
  const { nextMs, terms, anchorMs } = schedule
  if (nextMs === null) return { ...schedule, upcomingMs: [] }
  if (!isRepeating(terms)) return { ...schedule, upcomingMs: [nextMs] }
  const behind = upcoming(instantsOf(terms, anchorMs), nextMs, SHOWN_INSTANTS - 1)
  return { ...schedule, upcomingMs: [nextMs, ...behind] }
}

const systemTimer: After = (ms, act) => {
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}

function tooMany(limit: number): TaskError {
  return {
    code: 'QUEUE_FULL',
    detail: `There are ${limit} schedules, which is the limit. Delete some that are not needed any more.`,
    retryAfterMs: LIMIT_RETRY_MS,
  }
}

function hasFired(id: string): TaskError {
  return {
    code: 'CONFLICT',
    detail: `The schedule ${id} has fired and fires once only. Give it a new time (delayInSeconds, date) to start it again.`,
  }
}

function gone(id: string): TaskError {
  return { code: 'NOT_FOUND', detail: `The schedule ${id} was removed meanwhile.` }
}
