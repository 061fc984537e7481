/**
 * One run of the simulation: the real Scheduler, model workers, callers and faults on one manual
 * clock. `runWorld` plays a scenario to its end and hands back what was recorded; checkers.ts judges.
 */
import { ANY_WORKER, compileSelector } from '@berth/protocol'
import { Scheduler, type SchedulerOptions } from '../../balancer/src/core/scheduler.ts'
import type { Assignment } from '../../balancer/src/ports/dispatch.ts'
import type { RecordPort } from '../../balancer/src/ports/record.ts'
import type { Settlement, Submission } from '../../balancer/src/ports/submission.ts'
import type { FunctionFacts } from '../../balancer/src/ports/workforce.ts'
import { EventQueue } from './event-queue.ts'
import { injectFaults } from './faults.ts'
import { LinkCodec } from './link-codec.ts'
import { Member } from './member.ts'
import { type HandlerPlan, ModelWorker, type WorkerFlaws, type WorkerTerms } from './model-worker.ts'
import { drawService, Random } from './random.ts'
import { Recorder, type TaskRecord } from './recorder.ts'
import type { Scenario, WorkerPlan } from './scenario.ts'
import type { Times } from './times.ts'

/** What is broken on purpose in a run. */
export interface Flaws {
  readonly Core?: new (options: SchedulerOptions) => Scheduler
  readonly worker?: WorkerFlaws
}

export const FUNCTIONS: ReadonlyMap<string, FunctionFacts> = new Map([
  ['work', { slots: 1, idempotent: null, maxRetries: 0 }],
  ['safe', { slots: 1, idempotent: true, maxRetries: 1 }],
  ['wide', { slots: 3, idempotent: null, maxRetries: 0 }],
])

const NEVER = Number.POSITIVE_INFINITY
const SWEEP_MS = 20
const PULSE_MS = 40
/** Then workers come that can take whatever waits for somebody who has left for good. */
const RELIEF_MS = 10_000
/** How long all may take to come to rest once the last task was submitted. */
const REST_MS = 120_000

export class World {
  readonly scenario: Scenario
  readonly events = new EventQueue()
  readonly random: Random
  readonly recorder = new Recorder()
  readonly core: Scheduler
  readonly members = new Map<string, Member>()
  readonly workers = new Map<string, ModelWorker>()
  /** Faults happen until then. */
  troubleUntil = 0
  readonly #terms: WorkerTerms
  readonly #plans = new Map<string, HandlerPlan>()
  readonly #callers: Random
  readonly #arrivalGapMs: number
  readonly #times: Times | undefined
  #unsettled = 0
  #isLoaded = false

  /** With `times` the end of each task is written there and nothing else of it is kept. */
  constructor(scenario: Scenario, flaws: Flaws = {}, times?: Times, record?: RecordPort) {
    this.scenario = scenario
    this.#times = times
    this.random = new Random(scenario.seed + 1_000_003)
    this.#callers = this.random.fork()
    const { heartbeatMs, leaseMs, tasksPerLane, starvationAfterMs } = scenario
    const Core = flaws.Core ?? Scheduler
    this.#arrivalGapMs = this.#findArrivalGap()
    this.core = new Core({
      ...(record ? { record } : {}),
      dispatch: {
        send: (assignment) => {
          if (!times) this.#noteSend(assignment)
          this.members.get(assignment.worker)?.send(assignment)
        },
        recall: (worker, attempt) => this.members.get(worker)?.say({ kind: 'recall', attempt }),
        cancel: (worker, attempt, reason) =>
          this.members.get(worker)?.say({ kind: 'cancel', attempt, reason }),
        acknowledge: (worker, attempt, fence) =>
          this.members.get(worker)?.say({ kind: 'acknowledge', attempt, fence }),
      },
      ledger: {
        claim: () => {
          throw new Error('the window of a lane was left, which these loads do not do')
        },
        finish: ({ run }) => this.events.after(this.random.between(0.5, 4), () => this.core.persisted([run])),
        // A commit in the scale of the heartbeats here.
        writeFirst: (_task, worker, attempt) =>
          this.events.after(this.random.between(0.02, 0.2), () =>
            this.core.written(worker, attempt, this.events.now),
          ),
        moved: () => {},
        attemptOver: (_task, ...attempt) =>
          this.events.after(this.random.between(0.5, 4), () => this.core.noted(...attempt)),
        pushedBack: () => {
          throw new Error('the window of a lane was left, which these loads do not do')
        },
        late: () => {},
      },
      epoch: 1,
      random: this.random.fork().next,
      limits: { tasksPerLane, bytes: 1e9 },
      maxAttempts: 3,
      heartbeatMs,
      leaseMs,
      starvationAfterMs,
      // Heartbeats are a thirtieth of the real ones, and so is this.
      ejectionMs: 100,
    })
    this.#terms = {
      events: this.events,
      random: this.random.fork(),
      recorder: times ? undefined : this.recorder,
      mayLoseLinks: scenario.faults.kinds.length > 0,
      heartbeatMs,
      busyChance: scenario.faults.busyChance,
      plan: (run) => this.#planOf(run),
      costOf: (name) => FUNCTIONS.get(name)?.slots ?? 1,
      flaws: flaws.worker ?? {},
    }
  }

  /** Plays the scenario: arrivals and faults, then everything comes to rest. */
  run(): void {
    for (const worker of this.scenario.workers) this.join(worker)
    this.#repeatedly(SWEEP_MS, () => this.#sweep())
    this.#repeatedly(PULSE_MS, () => {
      for (const worker of this.workers.values()) worker.pulse()
    })
    this.events.after(this.random.between(0, 10), () => this.core.settleFleet(this.events.now))
    this.events.afterWith(0, this.#arriveNext, 0)
    this.troubleUntil = (this.scenario.tasks * this.#arrivalGapMs) | 0
    injectFaults(this)
    const isOver = () => this.#isLoaded && this.#unsettled === 0
    this.#until(isOver, this.troubleUntil + RELIEF_MS)
    if (!isOver()) for (const zone of ['eu', 'us']) this.join({ slots: 12, weight: 1, zone })
    this.#until(isOver, this.troubleUntil + REST_MS)
    this.troubleUntil = 0
    this.#until(() => this.core.traffic().running === 0, this.events.now + 5_000)
    this.#until(() => [...this.workers.values()].every(({ used }) => used === 0), this.events.now + 5_000)
    // The last words are still under way.
    this.#until(() => false, this.events.now + 5 * PULSE_MS)
  }

  /** A new worker, now. */
  join({ slots, weight, zone, speed, roundTripMs: ownTripMs }: WorkerPlan): void {
    const id = `w${this.workers.size}`
    const worker = new ModelWorker(id, slots, this.#terms, speed)
    this.workers.set(id, worker)
    const { events, core, random, scenario } = this
    const { heartbeatMs, leaseMs, isThroughCodec } = scenario
    const roundTripMs = ownTripMs ?? scenario.roundTripMs
    const makeCodec = () => (isThroughCodec ? new LinkCodec(() => events.now) : undefined)
    const link = { events, random: random.fork(), core, worker, weight, zone, makeCodec }
    this.members.set(id, new Member({ ...link, functions: FUNCTIONS, roundTripMs, heartbeatMs, leaseMs }))
  }

  #noteSend(assignment: Assignment): void {
    const record = this.recorder.tasks.get(assignment.run)
    if (!record) return
    this.recorder.onSend?.(record, assignment)
    record.sends.push({ at: this.events.now, assignment })
    record.waitingSince = -1
  }

  #planOf(run: string): HandlerPlan {
    if (this.#times)
      return { serviceMs: this.#times.services[Number(run.slice(1))] as number, isFailing: false }
    const plan = this.#plans.get(run) ?? { serviceMs: 1, isFailing: false }
    return this.events.now < (this.scenario.failsUntilMs ?? 0) ? { ...plan, isFailing: true } : plan
  }

  /** One task to a worker of its own choice, after everything: what it finds there. */
  probe(id: string): TaskRecord {
    const selector = compileSelector({ host: id })
    const run = `probe-${id}`
    this.#plans.set(run, { serviceMs: 1, isFailing: false })
    const record = this.#submit({
      ...this.#submission(run, (settlement) => this.#noteEnd(run, settlement)),
      selector,
      function: 'work',
      mode: 'sync',
      isDurable: false,
    })
    this.#until(() => record.settlements.length > 0 || record.refusal !== undefined, this.events.now + 5_000)
    return record
  }

  // --- Time ------------------------------------------------------------------------------------

  /** Lets things happen until it is done or the time is over. */
  #until(isDone: () => boolean, until: number): void {
    const { core, events } = this
    while (!isDone()) {
      const tickAt = core.nextAt()
      const isEvent = events.nextAt < tickAt
      if ((isEvent ? events.nextAt : tickAt) > until) return
      if (isEvent) events.step()
      else this.#tick(tickAt)
    }
  }

  #tick(at: number): void {
    this.events.advanceTo(at)
    this.core.tick(this.events.now)
    if (this.core.nextAt() <= at) throw new Error(`the core asks for ${at} again although it has passed`)
  }

  #repeatedly(everyMs: number, act: () => void): void {
    this.events.after(everyMs, () => {
      act()
      this.#repeatedly(everyMs, act)
    })
  }

  #sweep(): void {
    for (const member of this.members.values()) if (!member.isGone) member.sweep()
  }

  // --- Callers ---------------------------------------------------------------------------------

  /** Mean time between two tasks, so that the fleet as it began carries the load. */
  #findArrivalGap(): number {
    const { workers, serviceMs, load, shares } = this.scenario
    const slots = workers.reduce((sum, worker) => sum + worker.slots * (worker.speed ?? 1), 0)
    const widest = Math.max(...workers.map((worker) => worker.slots))
    const meanCost = widest >= 3 ? 1 + 2 * shares.wide : 1
    return (serviceMs * meanCost) / (slots * load)
  }

  #gapMs(): number {
    const { surge, load } = this.scenario
    const { now } = this.events
    if (!surge || now < surge.fromMs || now >= surge.untilMs) return this.#arrivalGapMs
    return (this.#arrivalGapMs * load) / surge.load
  }

  readonly #arriveNext = (count: number): void => {
    this.#arrive(count)
    if (count + 1 === this.scenario.tasks) this.#isLoaded = true
    else this.events.afterWith(this.#callers.exponential(this.#gapMs()), this.#arriveNext, count + 1)
  }

  #arrive(count: number): void {
    const { shares, law, serviceMs } = this.scenario
    const random = this.#callers
    const run = `r${count}`
    const isFailing = random.chance(shares.failing)
    const ownMs = drawService(random, law, serviceMs)
    if (this.#times) this.#arriveTimed(run, count, ownMs, this.#times)
    else {
      this.#plans.set(run, { serviceMs: ownMs, isFailing })
      this.#submit(this.#submission(run, (settlement) => this.#noteEnd(run, settlement)))
    }
    if (!random.chance(shares.cancelled)) return
    this.events.after(random.exponential(2 * serviceMs), () =>
      this.core.cancel(run, 'caller', this.events.now),
    )
  }

  /** A task of which nothing but its times is kept. */
  #arriveTimed(run: string, count: number, serviceMs: number, times: Times): void {
    times.arrived(count, this.events.now, serviceMs)
    this.#unsettled++
    const onSettled = () => {
      times.ended(count, this.events.now)
      this.#unsettled--
    }
    const admission = this.core.submit(this.#submission(run, onSettled), this.events.now)
    if (!admission.ok) throw new Error(`${run} was refused: ${admission.error.code}`)
  }

  #noteEnd(run: string, settlement: Settlement): void {
    const record = this.recorder.tasks.get(run)
    if (!record) return
    record.waitingSince = -1
    if (record.settlements.length === 0) this.#unsettled--
    record.settlements.push({ at: this.events.now, settlement })
  }

  #submission(run: string, onSettled: Submission['onSettled']): Submission {
    const random = this.#callers
    const { shares, priorities, serviceMs, keys } = this.scenario
    const { now } = this.events
    const isDurable = random.chance(shares.durable)
    const isHurried = random.chance(shares.hurried)
    const isRepeatable = random.chance(shares.repeatable)
    return {
      run,
      group: 'default',
      function: random.chance(shares.wide) ? 'wide' : isRepeatable ? 'safe' : 'work',
      contract: undefined,
      selector: random.chance(shares.zoned) ? (ZONES[random.integer(0, 1)] ?? ANY_WORKER) : ANY_WORKER,
      priority: random.pick(priorities),
      fairnessKey: keys > 0 ? `k${random.integer(1, keys)}` : undefined,
      mode: isDurable ? 'async' : 'sync',
      isDurable,
      attempts: isRepeatable && random.chance(0.3) ? random.integer(1, 4) : undefined,
      idempotent: isRepeatable && random.chance(0.3) ? random.chance(0.5) : undefined,
      timeoutMs: undefined,
      deadlineAt: isHurried ? now + random.between(1, 20) * serviceMs : isDurable ? NEVER : now + 60_000,
      queueUntilAt: isHurried ? now + random.between(1, 10) * serviceMs : NEVER,
      payload: random.chance(0.01) ? LARGE : SMALL,
      trace: '',
      onSettled,
    }
  }

  #submit(submission: Submission): TaskRecord {
    const record: TaskRecord = {
      submission,
      facts: FUNCTIONS.get(submission.function) as FunctionFacts,
      submittedAt: this.events.now,
      lane: `${submission.function} ${submission.selector.key}`,
      refusal: undefined,
      settlements: [],
      executions: [],
      sends: [],
      waitingSince: this.events.now,
    }
    this.recorder.tasks.set(submission.run, record)
    this.#unsettled++
    const admission = this.core.submit(submission, this.events.now)
    if (admission.ok) return record
    record.refusal = admission.error
    record.waitingSince = -1
    this.#unsettled--
    return record
  }
}

const SMALL = { bytes: new Uint8Array(20), mediaType: '', isEnvelope: true }
const LARGE = { bytes: new Uint8Array(50_000), mediaType: '', isEnvelope: true }
const ZONES = [compileSelector({ zone: 'eu' }), compileSelector({ zone: 'us' })]
