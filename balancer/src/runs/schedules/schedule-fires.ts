/**
 * Fires schedules when they are due: one timer for all, the instants themselves on disk by index. Owned by Schedules.
 * The wall clock is read again at least every second, so that a clock that is set is noticed; an instant that has
 * passed never fires again, whatever the clock says later.
 * Invariants: an instant and its run are one write; one schedule is in one pair of hands; what cannot be accepted now
 * is tried again after a second, until it counts as missed.
 */
import { errorEntry, type TaskError } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { RunReads } from '../../ports/run-reads.ts'
import type { NewRun } from '../../ports/runs.ts'
import type { DueSchedule, ScheduleClaim, SchedulesAtStart } from '../../ports/schedule-store.ts'
import type { KeepPort } from '../../ports/store.ts'
import type { After } from '../durable-options.ts'
import type { DurableRuns } from '../durable-runs.ts'
import { decide, type Step } from './decide.ts'
import type { ScheduleTurns } from './schedule-turns.ts'

export interface ScheduleFiresOptions {
  readonly reads: Pick<RunReads, 'dueSchedules' | 'dueSchedule'>
  readonly keeper: Pick<KeepPort, 'keep'>
  readonly runs: Pick<DurableRuns, 'fire'>
  readonly turns: ScheduleTurns
  readonly atStart: SchedulesAtStart
  readonly clock: Clock
  readonly log: Log
  readonly after: After
  /** What the run of a schedule is at an instant. */
  readonly runOf: (due: DueSchedule, instantMs: number) => NewRun
}

type Fired = 'done' | 'later'

/** Schedules that are looked at together, and those that wait which are released together. */
const AT_ONCE = 250
const EVERY_MS = 1_000
const HELD_MS = 20
/** So often the disk is asked, whatever is known of it. */
const LOOK_EVERY_MS = 30_000
/** A clock that differs so much from what has gone by was set. */
const JUMP_MS = 5_000

export class ScheduleFires {
  readonly #options: ScheduleFiresOptions
  #nextMs: number
  /** Those with instants that wait, as far as is known. */
  readonly #waiting: Set<string>
  /** Those of them that are to be looked at: a run has ended, or the instant has only begun to wait. */
  readonly #released: Set<string>
  #isLooking = false
  #isStopped = true
  #cancelTimer: (() => void) | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  #pausedUntil = Number.NEGATIVE_INFINITY
  #seen: { readonly wallMs: number; readonly monoMs: number }
  #done: Promise<void> = Promise.resolve()

  constructor(options: ScheduleFiresOptions) {
    const { atStart, clock } = options
    this.#options = options
    this.#nextMs = atStart.nextMs ?? Number.POSITIVE_INFINITY
    this.#waiting = new Set(atStart.waiting)
    this.#released = new Set(atStart.waiting)
    this.#seen = { wallMs: clock.wallMs(), monoMs: clock.monoMs() }
  }

  start(): void {
    this.#isStopped = false
    const { atStart, clock, log } = this.#options
    const behindMs = (atStart.lastMs ?? 0) - clock.wallMs()
    if (behindMs > JUMP_MS)
      log.warn('the clock is behind what schedules have fired; each rests until it has come past that', {
        behindMs: Math.round(behindMs),
      })
    this.#look()
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer?.()
    await this.#done
  }

  /** A schedule on disk is due then. */
  noteNext(ms: number | null): void {
    if (ms === null || ms >= this.#nextMs) return
    this.#nextMs = ms
    this.#arm()
  }

  /** A run of it has ended. */
  noteEnded(id: string): void {
    if (!this.#waiting.has(id)) return
    this.#released.add(id)
    this.#arm()
  }

  #arm(): void {
    if (this.#isStopped || this.#isLooking) return
    this.#cancelTimer?.()
    const { clock, after } = this.#options
    const wanted = this.#released.size > 0 ? 0 : this.#nextMs - clock.wallMs()
    const inMs = Math.max(wanted, this.#pausedUntil - clock.monoMs())
    this.#cancelTimer = after(Math.min(EVERY_MS, Math.max(0, inMs)), () => this.#look())
  }

  #look(): void {
    this.#noteClock()
    const { clock, log } = this.#options
    const now = clock.monoMs()
    const isDue = this.#nextMs <= clock.wallMs() || this.#released.size > 0
    const isTime = isDue || now - this.#lookedAt >= LOOK_EVERY_MS
    if (!isTime || now < this.#pausedUntil) return this.#arm()
    this.#isLooking = true
    this.#lookedAt = now
    this.#done = this.#fireAll()
      .catch((error: unknown) => {
        log.debug('schedules that are due could not be read', { error })
        this.#pause()
      })
      .then(() => {
        this.#isLooking = false
        this.#arm()
      })
  }

  async #fireAll(): Promise<void> {
    while (this.#released.size > 0 && !this.#isPausing()) await this.#releaseSome()
    for (;;) {
      if (this.#isPausing()) return
      // What is noted while the disk is read counts, too.
      this.#nextMs = Number.POSITIVE_INFINITY
      const { found, fired } = await this.#fireSome()
      if (fired.includes('later')) this.#pause()
      if (found === 0) return
      // Another has them in hand, and not for long.
      if (fired.length === 0) return this.#pause(HELD_MS)
    }
  }

  #isPausing(): boolean {
    return this.#isStopped || this.#options.clock.monoMs() < this.#pausedUntil
  }

  async #fireSome(): Promise<{ found: number; fired: readonly Fired[] }> {
    const { reads, turns, clock } = this.#options
    const now = clock.wallMs()
    const { found, firing } = await turns.look(
      () => reads.dueSchedules(now, AT_ONCE),
      ({ due, nextMs }, isFree) => {
        const others = due.length > 0 ? now : (nextMs ?? Number.POSITIVE_INFINITY)
        this.#nextMs = Math.min(this.#nextMs, others)
        const free = due.filter(({ schedule }) => isFree(schedule.id))
        return { found: due.length, firing: free.map((one) => this.#take(one, now)) }
      },
    )
    return { found, fired: await Promise.all(firing) }
  }

  async #releaseSome(): Promise<void> {
    const { reads, turns, clock } = this.#options
    const some = [...this.#released].slice(0, AT_ONCE)
    for (const id of some) this.#released.delete(id)
    const release = async (id: string): Promise<Fired> => {
      const due = await reads.dueSchedule(id)
      if (!due || due.waitingMs === null) this.#waiting.delete(id)
      else if (!due.isBusy) return this.#step(due, clock.wallMs())
      return 'done'
    }
    const fired = await Promise.all(
      some.map((id) => turns.take(id, () => release(id).catch((): Fired => 'later'))),
    )
    for (const [at, id] of some.entries()) if (fired[at] === 'later') this.#released.add(id)
    if (fired.includes('later')) this.#pause()
  }

  #take(due: DueSchedule, now: number): Promise<Fired> {
    return this.#options.turns.take(due.schedule.id, () => this.#step(due, now))
  }

  async #step(due: DueSchedule, now: number): Promise<Fired> {
    const step = decide(due, now)
    if (!step) return 'done'
    if (step.outcome !== 'fired') return this.#pass(claimOf(due, step, now))
    const claim = claimOf(due, step, now)
    const run = this.#options.runOf(due, step.instantMs)
    if (run.deadlineMs !== null && run.deadlineMs <= now) return this.#refuse(claim, overdue(run.deadlineMs))
    const accepted = await this.#options.runs.fire(run, claim)
    if (accepted.ok) return 'done'
    return isPassing(accepted.error) ? 'later' : this.#refuse(claim, accepted.error.detail)
  }

  #refuse(claim: ScheduleClaim, detail: string): Promise<Fired> {
    this.#options.log.warn('a schedule could not fire', { schedule: claim.schedule, why: detail })
    return this.#pass({ ...claim, outcome: 'refused', detail })
  }

  async #pass(claim: ScheduleClaim): Promise<Fired> {
    const kept = await this.#options.keeper.keep([{ kind: 'schedule-passed', claim }])
    if (!kept.ok) return 'later'
    if (claim.outcome === 'waiting') {
      this.#waiting.add(claim.schedule)
      // The run that it waits for may have ended before this was on disk.
      this.#released.add(claim.schedule)
    }
    return 'done'
  }

  #pause(ms = EVERY_MS): void {
    this.#pausedUntil = this.#options.clock.monoMs() + ms
    this.#nextMs = Math.min(this.#nextMs, this.#options.clock.wallMs())
  }

  #noteClock(): void {
    const { clock, log } = this.#options
    const [wallMs, monoMs] = [clock.wallMs(), clock.monoMs()]
    const jumpMs = wallMs - this.#seen.wallMs - (monoMs - this.#seen.monoMs)
    this.#seen = { wallMs, monoMs }
    if (Math.abs(jumpMs) < JUMP_MS) return
    const meaning =
      jumpMs < 0
        ? 'the clock was put back: schedules rest until it has come past what has fired'
        : 'the clock was put forward: instants that were left out count as missed, but for those of the last minute'
    log.warn(meaning, { byMs: Math.round(jumpMs) })
  }
}

function claimOf({ schedule }: DueSchedule, step: Step, now: number): ScheduleClaim {
  return { ...step, schedule: schedule.id, atMs: now, run: null }
}

function overdue(deadlineMs: number): string {
  const at = new Date(deadlineMs).toISOString()
  return `The deadline of its runs, ${at}, has passed. Give the schedule a later one, or none (PATCH, \`deadline\`), or delete it.`
}

/** It may be accepted in a moment: a limit, the store, a fleet that has not answered yet, a drain. */
function isPassing({ code }: TaskError): boolean {
  const { status } = errorEntry(code)
  return status === 429 || status === 503
}
