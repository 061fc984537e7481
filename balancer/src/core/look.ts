/**
 * Reads the core for those who show it: what waits and runs, and why. Called on demand through the
 * scheduler; nothing here changes anything, and what comes out is plain data.
 */
import type { Submission } from '../ports/submission.ts'
import type { DryRun, Explanation, TaskPicture } from '../ports/task-look.ts'
import type { AttemptPicture } from '../ports/workforce.ts'
import { explainFleet, positionOf } from './explain.ts'
import type { Intake } from './intake.ts'
import type { LaneNeeds } from './lane.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Placement } from './placement.ts'
import { preview } from './preview.ts'
import { mayRepeatLoss } from './retry.ts'
import { Task } from './task.ts'
import type { Worker } from './worker.ts'

export interface LookOptions {
  readonly lifecycle: Lifecycle
  readonly intake: Intake
  readonly placement: Placement
  readonly workers: ReadonlyMap<string, Worker>
  readonly maxAttempts: number
}

export class Look {
  readonly #options: LookOptions

  constructor(options: LookOptions) {
    this.#options = options
  }

  /** Run ids sort by time, and tasks stand in nearly that order already, so sorting them costs little. */
  newest(count: number, before: string | undefined, isMeant: (task: TaskPicture) => boolean): TaskPicture[] {
    const older: Task[] = []
    for (const task of this.#options.lifecycle.tasks.values())
      if (before === undefined || task.submission.run < before) older.push(task)
    const found: TaskPicture[] = []
    for (const task of older.reverse().sort(isNewerFirst)) {
      const picture = pictureOf(task)
      if (isMeant(picture)) found.push(picture)
      if (found.length >= count) break
    }
    return found
  }

  find(run: string): TaskPicture | undefined {
    const task = this.#options.lifecycle.tasks.get(run)
    return task && pictureOf(task)
  }

  underWay(id: string, now: number): AttemptPicture[] {
    const worker = this.#options.workers.get(id)
    if (!worker) return []
    const here = [...worker.attempts.values()].filter(({ isAhead }) => !isAhead)
    return here.map((task) => ({
      run: task.submission.run,
      remainingMs: remainingOf(task, worker, now),
      isRepeated: this.#isRepeated(task),
    }))
  }

  /** What has not begun is given to another in any case. */
  #isRepeated(task: Task): boolean {
    return !task.hasStarted || mayRepeatLoss(task, task.lane?.facts, this.#options.maxAttempts)
  }

  explain(run: string, now: number): Explanation | undefined {
    const task = this.#options.lifecycle.tasks.get(run)
    if (!task) return undefined
    return {
      ...explainFleet(this.#needsOf(task), this.#options.workers.values()),
      position: task.phase === 'waiting' ? positionOf(task) : undefined,
      ...this.#held(task, now),
      worker: task.worker?.id,
    }
  }

  explainDry(submission: Submission, now: number): DryRun {
    const { intake, placement, workers } = this.#options
    // The last of its equals, as it would be if it came now.
    const task = new Task(submission, now, Number.MAX_SAFE_INTEGER)
    const { refusal, worker, position } = preview(task, intake, placement, now)
    return {
      ...explainFleet(this.#needsOf(task), workers.values(), worker),
      refusal,
      position,
      ...(refusal && refusal.code !== 'PAUSED' ? FREE : this.#held(task, now)),
      worker: worker?.id,
    }
  }

  /** Without a contract nobody serves the function, under any. */
  #needsOf({ lane, submission }: Task): LaneNeeds {
    return lane?.needs ?? this.#options.intake.needsOf(submission) ?? { ...submission, contract: 0 }
  }

  #held(task: Task, now: number): Pick<Explanation, 'heldBy' | 'hold'> {
    const { gates } = this.#options.placement
    if (task.worker) return FREE
    const pause = gates.pauseOf(task, now)
    if (pause) {
      const heldBy = pause.reason === undefined ? 'paused' : `paused: ${pause.reason}`
      return { heldBy, hold: { kind: 'paused', untilAt: pause.untilAt } }
    }
    const openAt = gates.openAt(task, now)
    if (openAt <= now) return FREE
    const isRate = Number.isFinite(openAt)
    const hold = { kind: isRate ? 'rate' : 'concurrency', untilAt: isRate ? openAt : undefined } as const
    return { heldBy: 'a limit of concurrency or rate', hold }
  }
}

const FREE = { heldBy: undefined, hold: undefined }

/** What has run for longer than usual is expected to take the usual time once more. */
function remainingOf({ submission, lane, hasStarted, startedAt }: Task, worker: Worker, now: number) {
  const usualMs = worker.serviceMs(submission.function) ?? lane?.times.medianMs
  if (!usualMs) return undefined
  const ranMs = hasStarted ? now - startedAt : 0
  return ranMs < usualMs ? usualMs - ranMs : usualMs
}

function isNewerFirst(a: Task, b: Task): number {
  return a.submission.run < b.submission.run ? 1 : -1
}

function pictureOf(task: Task): TaskPicture {
  const { submission, lane, worker, hasStarted } = task
  return {
    run: submission.run,
    status: hasStarted ? 'running' : 'queued',
    group: submission.group,
    function: submission.function,
    contract: lane?.needs.contract ?? submission.contract,
    priority: task.priority,
    fairnessKey: submission.fairnessKey,
    mode: submission.mode,
    isDurable: submission.isDurable,
    worker: worker?.id,
    attempt: task.attempts,
    acceptedAt: task.acceptedAt,
    startedAt: hasStarted ? task.startedAt : undefined,
    metadata: submission.metadata,
    trigger: submission.trigger,
    parent: submission.call?.parent,
    isCold: hasStarted ? task.isCold : undefined,
    coldStartMs: task.coldStartMs,
    budget: submission.budget,
    history: task.history,
    choice: worker && task.choice,
  }
}
