/**
 * A task inside the core: what its caller asked for, and where it stands.
 *
 *            submit                send               STARTED            END
 *   (lobby) -------> waiting ---------------> sent -----------> running -----> settled
 *                      ^ ^                     |  |                |
 *                      | +-- BUSY, RECALLED ---+  +-- link lost ---+--> doubt --> settled or waiting
 *                      +---- backoff <-------------- failure or loss that may be repeated
 *
 * A run that was at a worker when an earlier balancer ended begins in doubt (restored.ts).
 *
 * A settled task whose attempt still holds a slot stays with its worker until the attempt ends; its
 * phase is then `orphan`. Only the scheduler writes these fields; states.ts has every step.
 */
import type { TaskError } from '@berth/protocol'
import type { CallTree } from '../ports/calls.ts'
import type { Assignment, Pieces } from '../ports/dispatch.ts'
import type { AttemptRecord, ChoiceRecord } from '../ports/record.ts'
import type { PastAttempts, Submission } from '../ports/submission.ts'
import type { Flow } from './fairness.ts'
import type { Lane } from './lane.ts'
import type { Phase } from './states.ts'
import type { Worker } from './worker.ts'

export class Task {
  readonly submission: Submission
  readonly acceptedAt: number
  /** Its own number in the order of acceptance, by which the store knows it as well. */
  readonly seq: number
  /** Where it stands in the line, which it keeps when it comes back: its `seq`, or its caller's place. */
  readonly place: number
  #phase: Phase = 'lobby'
  /** As submitted, or as changed while it waited; what is shown and handed down. */
  priority: number
  /** By which it goes: its priority, or 1 once it has its turn by age. */
  urgency: number
  flow: Flow | undefined
  /** Since when it has waited without an attempt that began. */
  waitsSinceAt: number
  /** Slot-milliseconds that its key was charged for the present attempt, and the weight that counted. */
  chargedMs = 0
  weight = 1
  lane: Lane | undefined
  /** Slots that its attempt holds. */
  cost = 1
  /** Attempts that have begun, or may have. */
  attempts = 0
  /** Failures that counted against the function's own `maxRetries`. */
  failures = 0
  /** Workers that were lost while they ran it. */
  losses = 0
  /** Keys of the limits whose permits its attempt holds. */
  permits: readonly string[] = []
  /** Counts against the retry budget of its lane. */
  isRepeating = false
  worker: Worker | undefined
  attemptId = 0
  fence = 0
  isAhead = false
  isRecalled = false
  /** What its worker will get once the disk says where the run is. */
  held: Assignment | undefined
  /** Became old in the line of that worker, and does not go there again before a slot is free. */
  waitedAt: Worker | undefined
  /** Why it ends: its budget is used up, and what it returns in a moment is kept. */
  spent: TaskError | undefined
  /** Its meter counts the time. */
  isMetered = false
  /** Told to end together with all that its worker runs: it is lost then at the latest. */
  endsUntilAt: number | undefined
  /** Its recall is among those of its lane that will be answered soon. */
  isRecallOpen = false
  hasStarted = false
  /** A chunk of its stream is with the caller: another attempt would say it twice. */
  hasLeft = false
  sentAt = 0
  startedAt = 0
  /** Attempts that are over while the task is not; most tasks share one empty list. */
  history: readonly AttemptRecord[] = NO_ATTEMPTS
  /** Why its present attempt is where it is, if somebody keeps a record of that. */
  choice: ChoiceRecord | undefined
  /** Share of its worker's slots in use when its attempt started. */
  occupancy = 0
  /** When the core looks at it again: deadline, end of waiting or of a backoff. */
  dueAt = Number.POSITIVE_INFINITY
  /** A task that still waits then is given up; later for a repeat, by the time the attempts took. */
  queueUntilAt: number
  /** Whose handler called it and waits for it. */
  caller: Task | undefined
  /** What its handler has called and waits for; most tasks have none. */
  calls: Set<Task> | undefined
  /** Shared with all that comes of its calls; made with the first. */
  tree: CallTree | undefined
  /** Its present attempt waited for a setup; undefined when nobody knows. */
  isCold: boolean | undefined
  /** What its attempts that are over waited for setups; undefined when nobody knows. */
  coldStartMs: number | undefined
  /** Since when its slots are free for others, because its handler waits for what it called. */
  lentAt: number | undefined
  /** How long they were so far, in this attempt. */
  lentMs = 0
  laneIndex = -1
  ageIndex = -1
  windowIndex = -1
  aheadIndex = -1
  timerIndex = -1

  constructor(submission: Submission, acceptedAt: number, seq: number, place = seq) {
    this.submission = submission
    this.acceptedAt = acceptedAt
    this.priority = submission.priority
    this.urgency = submission.priority
    this.waitsSinceAt = acceptedAt
    this.seq = seq
    this.place = place
    this.queueUntilAt = submission.queueUntilAt
    const { past } = submission
    if (past) this.#remember(past)
  }

  /** Of a run from the disk. */
  #remember({ attempts, failures, losses, fence, history }: PastAttempts): void {
    this.attempts = attempts
    this.failures = failures
    this.losses = losses
    this.fence = fence
    this.history = history
  }

  /** Through a property, so that the simulation can hold every step against states.ts. */
  get phase(): Phase {
    return this.#phase
  }

  set phase(next: Phase) {
    this.#phase = next
  }

  /** Another priority; a turn by age is lost with it. */
  reprioritise(priority: number): void {
    this.priority = priority
    this.urgency = priority
  }

  /** Its attempt is at a worker, begun or not. */
  get isAtWorker(): boolean {
    return this.phase === 'sent' || this.phase === 'running' || this.phase === 'doubt'
  }

  /** A run on disk that is at no worker: nothing is lost when it waits there alone. */
  get isLeftToDisk(): boolean {
    return this.submission.isDurable && (this.phase === 'waiting' || this.phase === 'backoff')
  }

  get isSettled(): boolean {
    return this.phase === 'settled' || this.phase === 'orphan'
  }

  get bytes(): number {
    const { bytes, head } = this.submission.payload
    return lengthOf(bytes) + (head?.length ?? 0)
  }
}

function lengthOf(bytes: Pieces): number {
  return bytes instanceof Uint8Array ? bytes.length : bytes.reduce((sum, { length }) => sum + length, 0)
}

const NO_ATTEMPTS: readonly AttemptRecord[] = []

/** By their places in the line; those that one task has called stand in the order in which it called them. */
export function stoodBefore(a: Task, b: Task): boolean {
  return a.place !== b.place ? a.place < b.place : a.seq < b.seq
}

/** Less is served first: priority, then acceptance. */
export function isMoreUrgent(a: Task, b: Task): boolean {
  const difference = a.urgency - b.urgency
  return difference !== 0 ? difference < 0 : stoodBefore(a, b)
}

/** The order of those who wait in one group: priority, the key served least, acceptance. */
export function goesBefore(a: Task, b: Task): boolean {
  if (a.urgency !== b.urgency) return a.urgency < b.urgency
  const difference = (a.flow?.servedMs ?? 0) - (b.flow?.servedMs ?? 0)
  return difference !== 0 ? difference < 0 : stoodBefore(a, b)
}
