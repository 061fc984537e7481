/**
 * What one live run uses: its own attempts one after another, and all that they call. To the core it is the run's
 * budget (ports/metering.ts); `metering.ts` makes it, brings it what the handler tells and writes what it has come to.
 *
 *   run with a budget ◀── called run ◀── called run      each grows by what those below it use; one stopwatch for all
 *
 * Invariant: an attempt tells totals of its own, so that what is told again counts once.
 */
import {
  type BudgetAmounts,
  type BudgetLevel,
  type TaskBudget,
  type TaskError,
  type Usage,
  UsageSum,
} from '@berth/protocol'
import type { RunMeter } from '../../ports/metering.ts'
import type { UsedSoFar } from '../../ports/told.ts'
import { findPassed, leftOf, overtime, TIME_SLACK_MS } from './limits.ts'
import { Output } from './output.ts'
import { Stopwatch } from './stopwatch.ts'

export interface MeterTerms {
  readonly run: string
  /** Its number on disk; undefined for a task in memory. */
  readonly seq?: number | undefined
  readonly level: BudgetLevel | null
  /** Empty without a budget. */
  readonly limits: BudgetAmounts
  /** The run that called it. */
  readonly parent?: Meter | undefined
  /** As an earlier balancer, or this one before, left it. */
  readonly used?: UsedSoFar | null | undefined
  /** Monotonic less wall milliseconds. */
  readonly skewMs: number
  /** Its handler runs: from now on it is to be found by its run. */
  readonly onStarted: (meter: Meter) => void
  /** It has used more. */
  readonly onGrown: (meter: Meter) => void
  readonly createChild: (run: string, parent: Meter) => Meter
}

/** A little later than the slack of the judgement, so that who looks then finds it passed. */
const PAST_SLACK_MS = TIME_SLACK_MS + 1

export class Meter implements RunMeter {
  readonly run: string
  readonly seq: number | undefined
  readonly level: BudgetLevel | null
  readonly limits: BudgetAmounts
  readonly parent: Meter | undefined
  /** What it put out in its newest attempt. */
  readonly output: Output
  /** There is something to be written. */
  isDirty = false
  /** The core was told that it has used too much. */
  isReported = false
  readonly #terms: MeterTerms
  readonly #watch: Stopwatch
  readonly #total: UsageSum
  #now: UsageSum
  #attempt: number
  /** A worker said so, by a clock that is nearer to the handler. */
  #isOvertime = false

  constructor(terms: MeterTerms) {
    const { run, seq, level, limits, parent, used, skewMs } = terms
    this.#terms = terms
    this.run = run
    this.seq = seq
    this.level = level
    this.limits = limits
    this.parent = parent
    const countedAt = used ? used.atMs + skewMs : Number.NEGATIVE_INFINITY
    this.#watch = parent ? parent.#watch : new Stopwatch(used?.runMs ?? 0, countedAt)
    this.#total = new UsageSum(used?.total)
    this.#now = new UsageSum(used?.now)
    this.#attempt = used?.attempt ?? 0
    this.output = new Output(used?.messages ?? 0)
  }

  // --- For the core ----------------------------------------------------------------------------

  allowance(now: number): TaskBudget {
    const { level, limits } = this.#judged
    const sum = this.#judged.#total
    const runMs = this.#watch.usedMs(now)
    const budget = { level: level ?? 'unlimited', ...limits }
    return sum.isEmpty && runMs === 0 ? budget : { ...budget, left: leftOf(limits, { sum, runMs }) }
  }

  start(at: number): void {
    this.#terms.onStarted(this)
    this.#watch.start(at)
  }

  stop(now: number): void {
    this.#watch.stop(now)
    this.#judged.#tell()
  }

  dueAt(): number {
    const { runMs } = this.#judged.limits
    return runMs === undefined ? Number.POSITIVE_INFINITY : this.#watch.reachesAt(runMs + PAST_SLACK_MS)
  }

  exhausted(now: number): TaskError | undefined {
    const { level, limits } = this.#judged
    if (this.#judged.#isOvertime) return this.#judged.#overtime
    const runMs = this.#watch.usedMs(now)
    return findPassed(level ?? 'unlimited', limits, { sum: this.#judged.#total, runMs })
  }

  noteOvertime(): TaskError {
    const judged = this.#judged
    judged.#isOvertime = true
    judged.#tell()
    return judged.#overtime
  }

  get #overtime(): TaskError {
    return overtime(this.level ?? 'unlimited', this.limits.runMs ?? 0)
  }

  child(run: string): RunMeter {
    return this.#terms.createChild(run, this)
  }

  // --- What its handler tells ------------------------------------------------------------------

  /** What an attempt has used by now. */
  use(attempt: number, usage: Usage, nowMs: number): void {
    if (!this.begin(attempt, nowMs)) return
    const more = this.#now.raise(usage)
    // Also when it is told again: an earlier balancer may have passed a limit and not lived to say so.
    if (more.isEmpty) this.#tell()
    else this.#grow(more)
  }

  /** False for an attempt that counts no more. */
  begin(attempt: number, nowMs: number): boolean {
    if (attempt < this.#attempt) return false
    if (attempt === this.#attempt) return true
    if (this.#attempt > 0) this.output.beginAgain(nowMs)
    this.#attempt = attempt
    this.#now = new UsageSum()
    return true
  }

  // --- For whoever shows and writes it ---------------------------------------------------------

  get usage(): Usage | null {
    return this.#total.toUsage()
  }

  usedSoFar(now: number): UsedSoFar {
    return {
      total: this.#total.toUsage() ?? {},
      attempt: this.#attempt,
      now: this.#now.toUsage() ?? {},
      runMs: Math.round(this.#watch.usedMs(now)),
      atMs: Math.round(now - this.#terms.skewMs),
      messages: this.output.messages,
    }
  }

  /** Whose limits count: its own, or those of the run that led to it. */
  get #judged(): Meter {
    return this.parent ? this.parent.#judged : this
  }

  #grow(more: UsageSum): void {
    this.#total.addSum(more)
    if (this.parent) this.parent.#grow(more)
    this.#tell()
  }

  #tell(): void {
    this.#terms.onGrown(this)
  }
}
