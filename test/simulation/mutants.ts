/**
 * Schedulers and workers that are broken on purpose, one for each way a checker must catch. Each is
 * a mistake that one could make; mutants.test.ts asserts that none survives.
 */
import { Scheduler, type SchedulerOptions } from '../../balancer/src/core/scheduler.ts'
import type { Admission, Submission } from '../../balancer/src/ports/submission.ts'
import type { CheckerId } from './checkers.ts'
import type { Flaws } from './world.ts'

export interface Mutant {
  readonly what: string
  readonly caughtBy: CheckerId
  readonly flaws: Flaws
  /** Of a run, where 400 are too few for the mistake to show. */
  readonly tasks?: number
}

/** Takes a lost link for a dead process: what could not say STARTED counts as never started. */
class HastyAboutLinks extends Scheduler {
  override troubled(id: string, kind: 'silent' | 'unlinked', lastSeenAt: number, now: number): void {
    super.troubled(id, kind, lastSeenAt, now)
    if (kind === 'unlinked') this.workerGone(id, now)
  }
}

/** Does not listen to the list in the hello: all that was under way is sent again elsewhere. */
class DeafToHello extends Scheduler {
  override relinked(id: string, _started: readonly unknown[], now: number) {
    return super.relinked(id, [], now)
  }
}

/** Counts two slots that are not there. */
class Overbooking extends Scheduler {
  override pushed(id: string, limit: number, foreign: number, now: number): void {
    super.pushed(id, limit + 2, foreign, now)
  }
}

/** Serves the least urgent first. */
class UpsideDown extends Scheduler {
  override submit(submission: Submission, now: number): Admission {
    return super.submit({ ...submission, priority: 1_000 - submission.priority }, now)
  }
}

/** Has no second line: the least urgent wait for as long as others come. */
class Strict extends Scheduler {
  constructor(options: SchedulerOptions) {
    super({ ...options, starvationAfterMs: Number.POSITIVE_INFINITY })
  }
}

/** Answers some callers twice. */
class Repetitive extends Scheduler {
  #count = 0

  override submit(submission: Submission, now: number): Admission {
    if (this.#count++ % 500 !== 7) return super.submit(submission, now)
    const onSettled: Submission['onSettled'] = (settlement) => {
      submission.onSettled(settlement)
      submission.onSettled(settlement)
    }
    return super.submit({ ...submission, onSettled }, now)
  }
}

/** Loses the RECALLED of a worker: task and slot are never heard of again. */
class DeafToReturns extends Scheduler {
  #count = 0

  override returned(id: string, attempt: number, why: 'busy' | 'recalled', now: number): void {
    if (this.#count++ % 3 !== 0) super.returned(id, attempt, why, now)
  }
}

/** Never looks at a clock: nobody is told that his time is up. */
class Timeless extends Scheduler {
  override nextAt(): number {
    return Number.POSITIVE_INFINITY
  }
}

/** Takes some STARTED for RECALLED: a task is in flight on two workers. */
class Confused extends Scheduler {
  #count = 0

  override started(id: string, attempt: number, now: number): void {
    if (this.#count++ % 100 === 0) super.returned(id, attempt, 'recalled', now)
    else super.started(id, attempt, now)
  }
}

/** Looks at the clock now and then only: what is over may still start. */
class Late extends Scheduler {
  override submit(submission: Submission, now: number): Admission {
    const { deadlineAt, queueUntilAt } = submission
    return super.submit({ ...submission, deadlineAt: deadlineAt + 20, queueUntilAt: queueUntilAt + 20 }, now)
  }
}

/** Takes whatever ends for a success. */
class Optimist extends Scheduler {
  override finished(...[id, attempt, outcome, now]: Parameters<Scheduler['finished']>): void {
    super.finished(id, attempt, { ...outcome, outcome: 'completed' }, now)
  }
}

export const MUTANTS: readonly Mutant[] = [
  { what: 'a worker runs what nobody asked for', caughtBy: 'C2', flaws: { worker: { runsStrangers: true } } },
  {
    what: 'a worker runs what it refused with BUSY',
    caughtBy: 'C3',
    flaws: { worker: { runsWhatItRefuses: true } },
  },
  { what: 'a lost link counts as a dead process', caughtBy: 'C3', flaws: { Core: HastyAboutLinks } },
  { what: 'the list of the hello is ignored', caughtBy: 'C3', flaws: { Core: DeafToHello } },
  { what: 'a task is in flight on two workers', caughtBy: 'C3', flaws: { Core: Confused } },
  { what: 'what is over is started all the same', caughtBy: 'C10', flaws: { Core: Late } },
  { what: 'a worker starts without a slot', caughtBy: 'C5', flaws: { worker: { ignoresSlots: true } } },
  { what: 'the scheduler counts slots that are not there', caughtBy: 'C5', flaws: { Core: Overbooking } },
  {
    what: 'a worker keeps the slot of what was cancelled',
    caughtBy: 'C6',
    flaws: { worker: { keepsCancelled: true } },
  },
  { what: 'a returned task is forgotten', caughtBy: 'C6', flaws: { Core: DeafToReturns } },
  { what: 'the least urgent goes first', caughtBy: 'C8', flaws: { Core: UpsideDown } },
  { what: 'the least urgent never have a turn', caughtBy: 'C9', flaws: { Core: Strict }, tasks: 3_000 },
  { what: 'a caller is answered twice', caughtBy: 'C10', flaws: { Core: Repetitive } },
  { what: 'no deadline is kept', caughtBy: 'C10', flaws: { Core: Timeless } },
  { what: 'a failure is reported as a success', caughtBy: 'C13', flaws: { Core: Optimist } },
]
