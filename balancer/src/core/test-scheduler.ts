/**
 * The scheduler with everything around it recorded, for the unit tests of this folder: commands pile
 * up in arrays, ends by run, time moves by hand. Workers answer only when a test says so.
 */
import assert from 'node:assert/strict'
import {
  ANY_WORKER,
  type CancelReason,
  compileSelector,
  type OutcomeError,
  type Selector,
} from '@berth/protocol'
import type { Assignment } from '../ports/dispatch.ts'
import type { FinalRecord } from '../ports/ledger.ts'
import type { Settlement, Submission } from '../ports/submission.ts'
import type { FunctionFacts, Outcome, WorkerFacts } from '../ports/workforce.ts'
import { Scheduler, type SchedulerOptions } from './scheduler.ts'

export const HEARTBEAT_MS = 6_000
export const LEASE_MS = 30_000
const NOTHING = new Uint8Array(0)

export interface Asked extends Partial<Omit<Submission, 'selector'>> {
  tags?: Selector
  bytes?: number
}

/** Deterministic random numbers: equal seeds give equal sequences (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

interface BenchOptions {
  readonly isStarting?: boolean
  /** The disk's answer before an attempt is sent; that it is written unless given. */
  readonly writesFirst?: (core: Scheduler, worker: string, attempt: number) => void
}

export class TestScheduler {
  now = 0
  readonly sent: Assignment[] = []
  readonly recalled: { worker: string; attempt: number }[] = []
  readonly cancelled: { worker: string; attempt: number; reason: CancelReason }[] = []
  readonly acknowledged: { worker: string; attempt: number; fence: number }[] = []
  readonly claims: { lane: string; count: number }[] = []
  readonly finals: FinalRecord[] = []
  /** Attempts that are over while their runs are not. */
  readonly over: { run: string; worker: string; attempt: number; fence: number }[] = []
  readonly pushedBack: string[] = []
  readonly late: { run: string; worker: string; fence: number }[] = []
  /** Every settlement by run; more than one of a run is a fault. */
  readonly ends = new Map<string, Settlement[]>()
  readonly core: Scheduler
  #runs = 0

  /** `isStarting` leaves the fleet unsettled: what cannot be placed waits in the lobby. */
  constructor({
    isStarting = false,
    writesFirst = (core, worker, attempt) => core.written(worker, attempt, this.now),
    ...options
  }: Partial<SchedulerOptions> & BenchOptions = {}) {
    this.core = new Scheduler({
      dispatch: {
        send: (assignment) => this.sent.push(assignment),
        recall: (worker, attempt) => this.recalled.push({ worker, attempt }),
        cancel: (worker, attempt, reason) => this.cancelled.push({ worker, attempt, reason }),
        acknowledge: (worker, attempt, fence) => this.acknowledged.push({ worker, attempt, fence }),
      },
      ledger: {
        claim: (lane, count) => this.claims.push({ lane, count }),
        finish: (record) => this.finals.push(record),
        writeFirst: (_task, worker, attempt) => writesFirst(this.core, worker, attempt),
        moved: () => {},
        attemptOver: (task, worker, attempt, fence) => {
          this.over.push({ run: task.submission.run, worker, attempt, fence })
        },
        pushedBack: (task) => this.pushedBack.push(task.submission.run),
        late: (run, worker, fence) => this.late.push({ run, worker, fence }),
      },
      epoch: 1,
      random: seededRandom(1),
      limits: { tasksPerLane: 10_000, bytes: 512 * 1024 * 1024 },
      maxAttempts: 3,
      heartbeatMs: HEARTBEAT_MS,
      leaseMs: LEASE_MS,
      ...options,
    })
    if (!isStarting) this.core.settleFleet(0)
  }

  // --- The fleet -------------------------------------------------------------------------------

  /** A worker in service, known and pushed; `slots` 0 leaves it without its first push. */
  worker(id: string, { slots = 10, ...facts }: Partial<WorkerFacts> & { slots?: number } = {}): void {
    this.core.setWorker(workerFacts(id, facts), this.now)
    if (slots > 0) this.core.pushed(id, slots, 0, this.now)
  }

  // --- Callers ---------------------------------------------------------------------------------

  submission(asked: Asked = {}): Submission {
    const { tags, bytes = 0, ...rest } = asked
    const run = rest.run ?? `r${++this.#runs}`
    return {
      run,
      group: 'default',
      function: 'work',
      contract: undefined,
      selector: tags ? compileSelector(tags) : ANY_WORKER,
      priority: 100,
      mode: 'sync',
      isDurable: false,
      attempts: undefined,
      idempotent: undefined,
      timeoutMs: undefined,
      deadlineAt: Number.POSITIVE_INFINITY,
      queueUntilAt: Number.POSITIVE_INFINITY,
      payload: { bytes: new Uint8Array(bytes), mediaType: '', isEnvelope: true },
      trace: '',
      onSettled: (settlement) => {
        this.ends.set(run, [...(this.ends.get(run) ?? []), settlement])
      },
      ...rest,
    }
  }

  /** Submits, asserts that it is taken, and returns the run. */
  submit(asked: Asked = {}): string {
    const submission = this.submission(asked)
    const admission = this.core.submit(submission, this.now)
    assert.ok(admission.ok, admission.ok ? '' : `${admission.error.code}: ${admission.error.detail}`)
    return submission.run
  }

  submitMany(count: number, asked: Asked = {}): string[] {
    return Array.from({ length: count }, () => this.submit(asked))
  }

  /** Submits, asserts that it is refused, and returns the error. */
  refusal(asked: Asked = {}): { code: string; detail: string; retryAfterMs?: number } {
    const admission = this.core.submit(this.submission(asked), this.now)
    assert.equal(admission.ok, false, 'the task was taken')
    return admission.ok ? { code: '', detail: '' } : admission.error
  }

  // --- What workers say ------------------------------------------------------------------------

  /** The newest assignment of a run. */
  last(run: string): Assignment {
    const found = this.sent.findLast((assignment) => assignment.run === run)
    assert.ok(found, `${run} was never sent`)
    return found
  }

  /** Runs sent so far, in order. */
  get order(): string[] {
    return this.sent.map(({ run }) => run)
  }

  /** How often a run was sent. */
  sends(run: string): number {
    return this.sent.filter((assignment) => assignment.run === run).length
  }

  start(...runs: string[]): void {
    for (const run of runs) {
      const { worker, attemptId } = this.last(run)
      this.core.started(worker, attemptId, this.now)
    }
  }

  finish(run: string, outcome: Partial<Outcome> = {}): void {
    const { worker, attemptId } = this.last(run)
    const whole = { outcome: 'completed', runMs: 5, mediaType: '', result: NOTHING, ...outcome } as const
    this.core.finished(worker, attemptId, whole, this.now)
  }

  /** The handler threw. */
  fail(run: string, error: Partial<OutcomeError> = {}): void {
    this.finish(run, { outcome: 'failed', error: { code: 'FUNCTION_FAILED', message: 'it threw', ...error } })
  }

  busy(run: string): void {
    const { worker, attemptId } = this.last(run)
    this.core.returned(worker, attemptId, 'busy', this.now)
  }

  giveBack(run: string): void {
    const { worker, attemptId } = this.last(run)
    this.core.returned(worker, attemptId, 'recalled', this.now)
  }

  // --- Time and ends ---------------------------------------------------------------------------

  /** Moves time on, stopping at every instant that the core asks for. */
  advance(ms: number): void {
    const until = this.now + ms
    for (let at = this.core.nextAt(); at <= until; at = this.core.nextAt()) {
      this.now = Math.max(this.now, at)
      this.core.tick(this.now)
      assert.ok(this.core.nextAt() > at, `the core asks for ${at} again although it has passed`)
    }
    this.now = until
  }

  /** How a run ended; undefined while it has not. */
  end(run: string): Settlement | undefined {
    const ends = this.ends.get(run) ?? []
    assert.ok(ends.length <= 1, `${run} ended ${ends.length} times`)
    return ends[0]
  }

  /** The error code a run ended with, or 'completed', or undefined while it goes on. */
  verdict(run: string): string | undefined {
    const end = this.end(run)
    return end?.kind === 'failed' ? end.error.code : end?.kind
  }

  /** The text of the error a run ended with. */
  detail(run: string): string {
    const end = this.end(run)
    return end?.kind === 'failed' ? end.error.detail : ''
  }

  /** Teaches the core round trip and service time, so that it sends ahead. */
  teach(id: string, roundTripMs: number, serviceMs: number, asked: Asked = {}): void {
    const run = this.submit(asked)
    assert.equal(this.last(run).worker, id)
    this.now += roundTripMs
    this.start(run)
    this.now += serviceMs
    this.finish(run, { runMs: serviceMs })
  }
}

export function workerFacts(id: string, facts: Partial<WorkerFacts> = {}): WorkerFacts {
  return {
    id,
    group: 'default',
    contract: 1,
    interfaceHash: 'one',
    functions: new Map([['work', { slots: 1, idempotent: null, maxRetries: 0 }]]),
    tags: {},
    weight: 1,
    isInService: true,
    outReason: '',
    ...facts,
  }
}

/** Facts of one function named `work`. */
export function work(facts: Partial<FunctionFacts> = {}): WorkerFacts['functions'] {
  return new Map([['work', { slots: 1, idempotent: null, maxRetries: 0, ...facts }]])
}
