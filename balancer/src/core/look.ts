/**
 * Reads the core for those who show it: what waits and runs, and why. Called on demand through the
 * scheduler; nothing here changes anything, and what comes out is plain data.
 */
import type { AttemptPicture, Explanation, Submission, TaskPicture } from '../ports/scheduling.ts'
import { explainFleet, positionOf } from './explain.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Placement } from './placement.ts'
import { Task } from './task.ts'
import type { Worker } from './worker.ts'

export interface LookOptions {
  readonly lifecycle: Lifecycle
  readonly placement: Placement
  readonly workers: ReadonlyMap<string, Worker>
}

export class Look {
  readonly #options: LookOptions

  constructor(options: LookOptions) {
    this.#options = options
  }

  list(count: number, after?: string): TaskPicture[] {
    const found: TaskPicture[] = []
    let isPast = after === undefined
    for (const [run, task] of this.#options.lifecycle.tasks) {
      if (found.length >= count) break
      if (isPast) found.push(pictureOf(task))
      else if (run === after) isPast = true
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
    return here.map((task) => ({ run: task.submission.run, remainingMs: remainingOf(task, worker, now) }))
  }

  explain(run: string, now: number): Explanation | undefined {
    const task = this.#options.lifecycle.tasks.get(run)
    return task && this.#explain(task, now)
  }

  explainDry(submission: Submission, now: number): Explanation | undefined {
    return this.#explain(new Task(submission, now, 0), now)
  }

  #explain(task: Task, now: number): Explanation | undefined {
    const { lifecycle, workers } = this.#options
    const needs = task.lane?.needs ?? lifecycle.needsOf(task.submission)
    if (!needs) return undefined
    return {
      ...explainFleet(needs, workers.values()),
      position: task.phase === 'waiting' ? positionOf(task) : undefined,
      heldBy: this.#heldBy(task, now),
      worker: task.worker?.id,
    }
  }

  #heldBy(task: Task, now: number): string | undefined {
    const { gates } = this.#options.placement
    if (task.worker) return undefined
    const pause = gates.pauseOf(task, now)
    if (pause) return pause.reason === undefined ? 'paused' : `paused: ${pause.reason}`
    return gates.openAt(task, now) > now ? 'a limit of concurrency or rate' : undefined
  }
}

/** What has run for longer than usual is expected to take the usual time once more. */
function remainingOf({ submission, lane, hasStarted, startedAt }: Task, worker: Worker, now: number) {
  const usualMs = worker.serviceMs(submission.function) ?? lane?.times.medianMs
  if (!usualMs) return undefined
  const ranMs = hasStarted ? now - startedAt : 0
  return ranMs < usualMs ? usualMs - ranMs : usualMs
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
  }
}
