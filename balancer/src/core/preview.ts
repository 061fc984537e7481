/**
 * What would become of a task that is submitted now: the same questions as admission and placement
 * ask, in the same order, and nothing is kept of it. Called by look.ts for a dry run.
 * Invariant: no count, line or slot differs afterwards.
 */
import type { TaskError } from '@berth/protocol'
import { capacityRefusal, streamRefusal, unknownFunction } from './admission.ts'
import { costOf, pick } from './choice.ts'
import type { Intake } from './intake.ts'
import type { Lane } from './lane.ts'
import type { Placement } from './placement.ts'
import { drainingError, overdueError, pausedError } from './settlement.ts'
import { goesBefore, type Task } from './task.ts'
import type { Worker } from './worker.ts'

export interface Preview {
  readonly refusal: TaskError | undefined
  /** Who would get it at once. */
  readonly worker: Worker | undefined
  /** How many of its lane would be served first; undefined when it would not wait. */
  readonly position: number | undefined
}

const WAITS: Preview = { refusal: undefined, worker: undefined, position: undefined }

/** The task is one that nobody has submitted. */
export function preview(task: Task, intake: Intake, placement: Placement, now: number): Preview {
  const lane = placement.directory.find(
    intake.needsOf(task.submission) ?? { ...task.submission, contract: 0 },
  )
  if (!lane) return intake.isFleetSettled ? refused(unknownFunction(task.submission)) : WAITS
  task.lane = lane
  try {
    return previewIn(lane, task, intake, placement, now)
  } finally {
    placement.directory.retire(lane)
  }
}

function previewIn(lane: Lane, task: Task, intake: Intake, placement: Placement, now: number): Preview {
  const refusal = refusalOf(lane, task, intake, placement, now)
  // What a fleet that has not answered yet lacks, it may still have.
  if (refusal?.code === 'NO_CAPACITY' && !intake.isFleetSettled) return WAITS
  if (refusal) return refused(refusal)
  const worker = takerOf(lane, task, placement, now)
  if (worker) return { refusal: undefined, worker, position: undefined }
  const full = task.submission.isDurable ? undefined : intake.queueRefusal(task, now)
  if (full) return refused(full)
  let position = 0
  for (const other of lane.tasks()) if (goesBefore(other, task)) position++
  return { refusal: undefined, worker: undefined, position }
}

function refusalOf(
  lane: Lane,
  task: Task,
  { isDraining }: Intake,
  placement: Placement,
  now: number,
): TaskError | undefined {
  const { isDurable, deadlineAt } = task.submission
  if (isDraining) return drainingError()
  if (now >= deadlineAt && !isDurable) return overdueError(task, now)
  const pause = isDurable ? undefined : placement.gates.pauseOf(task, now)
  if (pause) return pausedError(task, pause, now)
  const refusal = streamRefusal(lane, task.submission) ?? capacityRefusal(lane, placement, now)
  return isDurable && refusal?.code === 'NO_CAPACITY' ? undefined : refusal
}

/** The worker that the choice has for it, unless somebody else is first in line for that slot. */
function takerOf(lane: Lane, task: Task, placement: Placement, now: number): Worker | undefined {
  task.flow = placement.fairness.peek(lane.needs.group, task.submission.fairnessKey ?? '')
  if (placement.gates.openAt(task, now) > now) return undefined
  const worker = pick(lane, task, placement.preferredOf(task))
  if (worker && worker.free < costOf(task) && placement.gates.isRated(task)) return undefined
  for (const other of worker?.class?.waitingLanes ?? [])
    if (other.head && goesBefore(other.head, task) && placement.gates.openAt(other.head, now) <= now)
      return undefined
  return worker
}

function refused(refusal: TaskError): Preview {
  return { refusal, worker: undefined, position: undefined }
}
