/**
 * Which limits hold for a task: its group's, its function's, its fairness key's in either. Kept by
 * placement.ts; the operator's terms come through the scheduler. Nothing is asked of the port while no terms
 * are set for a key, so a task that nobody limits costs a look or four into a set.
 */
import type { LimitFacts, LimitsPort, LimitTerms, Pause } from '../ports/limits.ts'
import type { LimitTarget } from '../ports/operator.ts'
import type { Submission } from '../ports/submission.ts'
import type { Task } from './task.ts'

/** A pause, and the fairness key it is for, if it is for one. */
export interface KeyedPause extends Pause {
  readonly fairnessKey?: string | undefined
}

export class Gates {
  readonly #limits: LimitsPort
  readonly #keys = new Set<string>()
  /** Those of them with a rate. */
  readonly #rated = new Set<string>()
  /** Permits by key whose tasks wait for what they called. */
  readonly #idle = new Map<string, number>()

  constructor(limits: LimitsPort) {
    this.#limits = limits
  }

  get areAnySet(): boolean {
    return this.#keys.size > 0
  }

  /** `running` are all attempts that are out: those that the target means count from the first moment on. */
  set(target: LimitTarget, terms: LimitTerms, running: Iterable<Task>): void {
    const key = keyOf(target)
    const isLimited = (terms.concurrency ?? terms.rate ?? terms.paused) !== undefined
    if (!isLimited) this.#keys.delete(key)
    else if (!this.#keys.has(key)) this.#adopt(target, running)
    if (terms.rate) this.#rated.add(key)
    else this.#rated.delete(key)
    this.#limits.set(key, isLimited ? terms : undefined)
  }

  #adopt(target: LimitTarget, running: Iterable<Task>): void {
    const key = keyOf(target)
    this.#keys.add(key)
    this.#limits.set(key, {})
    for (const task of running) {
      if (!concerns(target, task) || task.permits.includes(key)) continue
      // Who waits for what it called takes this one when it goes on.
      if (task.lentAt !== undefined && target.function === undefined) continue
      if (task.lentAt !== undefined) this.#countIdle(key, 1)
      task.permits = [...task.permits, key]
      this.#limits.hold(key)
    }
  }

  facts(target: LimitTarget, now: number): LimitFacts {
    return this.#limits.facts(keyOf(target), now)
  }

  /**
   * When the task may start as far as its limits go: now, an instant, or Infinity. What was called may start beyond
   * the concurrency of its function by those who wait for a call themselves: two functions that call each other would
   * wait for each other's permits for good.
   */
  openAt(task: Task, now: number): number {
    let at = now
    for (const key of this.#keysOf(task)) {
      const beyond = task.caller ? (this.#idle.get(key) ?? 0) : 0
      at = Math.max(at, this.#limits.openAt(key, now, beyond))
    }
    return at
  }

  /** The same as far as it does not depend on the task's fairness key, of what was called if `isCalled`. */
  sharedOpenAt({ submission }: Task, now: number, isCalled = false): number {
    const { group, function: name } = submission
    let at = now
    for (const key of [keyOf({ group }), keyOf({ group, function: name })]) {
      if (!this.#keys.has(key)) continue
      at = Math.max(at, this.#limits.openAt(key, now, isCalled ? (this.#idle.get(key) ?? 0) : 0))
    }
    return at
  }

  /** Nothing under a rate is sent ahead: when it starts is for its worker to say, and several may start at once. */
  isRated(task: Task): boolean {
    return this.#rated.size > 0 && this.#keysOf(task).some((key) => this.#rated.has(key))
  }

  /** The pause that holds a task with these needs back; of several, the one that ends last. */
  pauseOf(task: Limited, now: number): KeyedPause | undefined {
    let found: KeyedPause | undefined
    for (const key of this.#keysOf(task)) {
      const { paused } = this.#limits.facts(key, now)
      if (!paused || (found && endOf(paused) <= endOf(found))) continue
      found = key.startsWith(OF_FAIRNESS) ? { ...paused, fairnessKey: task.submission.fairnessKey } : paused
    }
    return found
  }

  /** The task starts; remembers what it took, whatever terms change meanwhile. */
  take(task: Task, now: number): void {
    task.permits = this.#keysOf(task).filter((key) => {
      if (this.#limits.take(key, 1, Number.POSITIVE_INFINITY, now) > 0) return true
      if (!task.caller) return false
      this.#limits.hold(key)
      return true
    })
  }

  /** It runs already: what is counted is what runs, over a limit and in a pause if need be. */
  adopt(task: Task): void {
    task.permits = this.#keysOf(task)
    for (const key of task.permits) this.#limits.hold(key)
  }

  /** The attempt has ended; one that never started is no start of a rate either. */
  give(task: Task, neverStarted: boolean): void {
    const unusedSinceAt = neverStarted ? task.sentAt : undefined
    for (const key of task.permits) this.#limits.give(key, 1, unusedSinceAt)
    task.permits = NO_KEYS
  }

  /**
   * It waits for what it called, which needs permits as well: those that are not its function's own come back
   * meanwhile, or a group of concurrency 1 would wait for itself. True when somebody may go for it.
   */
  lend(task: Task): boolean {
    if (task.permits.length === 0) return false
    const shared = this.#sharedOf(task).filter((key) => task.permits.includes(key))
    for (const key of shared) this.#limits.give(key, 1)
    task.permits = task.permits.filter((key) => !shared.includes(key))
    for (const key of task.permits) this.#countIdle(key, 1)
    return true
  }

  #countIdle(key: string, more: number): void {
    const count = (this.#idle.get(key) ?? 0) + more
    if (count > 0) this.#idle.set(key, count)
    else this.#idle.delete(key)
  }

  /** It goes on in any case, and counts again: nothing else starts before the count is below the limit. */
  reclaim(task: Task): void {
    for (const key of task.permits) this.#countIdle(key, -1)
    const held = this.#sharedOf(task).filter((key) => !task.permits.includes(key))
    for (const key of held) this.#limits.hold(key)
    if (held.length > 0) task.permits = [...task.permits, ...held]
  }

  #sharedOf({ submission }: Task): readonly string[] {
    const { group, fairnessKey = '' } = submission
    return [keyOf({ group }), keyOf({ group, fairnessKey })].filter((key) => this.#keys.has(key))
  }

  #keysOf({ submission }: Limited): readonly string[] {
    if (this.#keys.size === 0) return NO_KEYS
    const { group, function: name, fairnessKey = '' } = submission
    const all = [
      keyOf({ group }),
      keyOf({ group, function: name }),
      keyOf({ group, fairnessKey }),
      keyOf({ group, function: name, fairnessKey }),
    ]
    return all.filter((key) => this.#keys.has(key))
  }
}

/** What limits are asked for. */
export interface Limited {
  readonly submission: Pick<Submission, 'group' | 'function' | 'fairnessKey'>
}

const NO_KEYS: readonly string[] = []
const OF_FAIRNESS = 'key\n'

function endOf({ untilAt = Number.POSITIVE_INFINITY }: Pause): number {
  return untilAt
}

/** Whether what holds for the target holds for the task. */
export function concerns({ group, function: name, fairnessKey }: LimitTarget, { submission }: Task): boolean {
  return (
    submission.group === group &&
    (name === undefined || submission.function === name) &&
    (fairnessKey === undefined || (submission.fairnessKey ?? '') === fairnessKey)
  )
}

function keyOf({ group, function: name, fairnessKey }: LimitTarget): string {
  if (fairnessKey !== undefined) return `${OF_FAIRNESS}${group}\n${name ?? ''}\n${fairnessKey}`
  return name === undefined ? `group\n${group}` : `function\n${group}\n${name}`
}
