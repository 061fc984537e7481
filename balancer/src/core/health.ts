/**
 * Which workers are left out because of what they did: ejected after failures of transport or losses,
 * tried again with one task. A function's own exceptions bar only that function there, and only while
 * others succeed with it. Called by the scheduler with what ended how; placement.ts asks `admits`.
 *
 * At most half of a group is ejected, at least one may be. When less than half of a group is in
 * service, ejections do not count (panic); what is out of service for another reason stays out.
 */
import type { BreakerFacts } from '../ports/workforce.ts'
import { Breaker } from './breaker.ts'
import type { Lane } from './lane.ts'
import type { Worker } from './worker.ts'

export interface HealthOptions {
  /** False: nobody is ejected or barred. True unless given. */
  readonly ejects?: boolean | undefined
  /** Length of a first ejection; 5 s unless given. */
  readonly ejectionMs?: number | undefined
  /** The worker may be in the choice now, or may not any more. */
  readonly onChange: (worker: Worker, now: number) => void
  /** Asks for what waits there. */
  readonly takeBack: (worker: Worker) => void
}

interface Group {
  readonly members: Set<Worker>
  serving: number
  ejected: number
}

interface Success {
  readonly worker: Worker
  at: number
}

const EJECTION_MS = 5_000
/** A success elsewhere so long ago still says that the function is not to blame. */
const RECENT_MS = 10_000

export class Health {
  readonly #options: HealthOptions
  readonly #ejectionMs: number
  readonly #groups = new Map<string, Group>()
  /** Open ones, with what their end changes. */
  readonly #open = new Map<Breaker, Worker>()
  readonly #successes = new WeakMap<object, Success[]>()
  #nextAt = Number.POSITIVE_INFINITY

  constructor(options: HealthOptions) {
    this.#options = options
    this.#ejectionMs = options.ejectionMs ?? EJECTION_MS
  }

  /** An attempt ended well, or by the function's own fault: the worker and its link are in order. */
  answered(worker: Worker, now: number): void {
    if (worker.breaker?.succeed(now)) this.#options.onChange(worker, now)
  }

  /** The link failed, or an attempt was lost. */
  failed(worker: Worker, now: number, what: 'link' | 'attempt' = 'attempt'): void {
    if (this.#options.ejects === false) return
    worker.breaker ??= new Breaker(this.#ejectionMs)
    const reason = what === 'link' ? worker.breaker.breakLink(now) : worker.breaker.fail(now)
    if (reason === undefined) return
    const isTrial = worker.breaker.state === 'half-open'
    if (!isTrial && !this.#mayEject(worker)) return
    this.#eject(worker.breaker, worker, reason, now)
    this.#options.takeBack(worker)
  }

  /** A function completed or threw at a worker. */
  ran(worker: Worker, lane: Lane, isSuccess: boolean, now: number): void {
    if (this.#options.ejects === false) return
    const name = lane.needs.function
    const known = worker.bars.get(name)
    if (isSuccess) {
      this.#noteSuccess(worker, lane, now)
      if (known?.succeed(now)) this.#options.onChange(worker, now)
      return
    }
    if (!this.#othersSucceed(worker, lane, now)) {
      // Then the function is to blame, not the worker.
      if (known?.succeed(now)) this.#options.onChange(worker, now)
      return
    }
    const bar = known ?? new Breaker(this.#ejectionMs)
    worker.bars.set(name, bar)
    const reason = bar.fail(now)
    if (reason !== undefined && mayBar(lane)) this.#eject(bar, worker, reason, now)
  }

  /** The worker may be chosen, as far as its past goes. */
  admits(worker: Worker): boolean {
    const state = worker.breaker?.state ?? 'closed'
    if (state === 'closed' || this.#isPanic(worker)) return true
    return state === 'half-open' && worker.attempts.size === 0
  }

  /** Keeps count of who serves; true when the group has gone into panic or out of it. */
  count(worker: Worker): boolean {
    const { group: name } = worker.facts
    const group = this.#groups.get(name) ?? { members: new Set(), serving: 0, ejected: 0 }
    this.#groups.set(name, group)
    group.members.add(worker)
    const was = isPanic(group)
    this.#discount(worker, group)
    worker.countsAs = !worker.isServing ? 'out' : isOut(worker) ? 'ejected' : 'serving'
    if (worker.countsAs === 'serving') group.serving++
    if (worker.countsAs === 'ejected') group.ejected++
    return group.ejected > 0 && was !== isPanic(group)
  }

  /** The others of a worker's group, for whom a panic has begun or ended. */
  peers(worker: Worker): Iterable<Worker> {
    return this.#groups.get(worker.facts.group)?.members ?? []
  }

  /** The worker leaves the list, or its group. */
  forget(worker: Worker): void {
    const group = this.#groups.get(worker.facts.group)
    if (!group?.members.delete(worker)) return
    this.#discount(worker, group)
    worker.countsAs = 'out'
    if (group.members.size === 0) this.#groups.delete(worker.facts.group)
    if (worker.breaker) this.#open.delete(worker.breaker)
    for (const bar of worker.bars.values()) this.#open.delete(bar)
  }

  facts(worker: Worker): BreakerFacts {
    return (worker.breaker ?? CLOSED).facts()
  }

  get nextAt(): number {
    return this.#nextAt
  }

  tick(now: number): void {
    if (now < this.#nextAt) return
    for (const [breaker, worker] of [...this.#open]) {
      if (breaker.untilAt > now) continue
      this.#open.delete(breaker)
      breaker.halfOpen(now)
      this.#options.onChange(worker, now)
    }
    this.#nextAt = Number.POSITIVE_INFINITY
    for (const { untilAt } of this.#open.keys()) this.#nextAt = Math.min(this.#nextAt, untilAt)
  }

  #eject(breaker: Breaker, worker: Worker, reason: string, now: number): void {
    breaker.open(reason, now)
    this.#open.set(breaker, worker)
    this.#nextAt = Math.min(this.#nextAt, breaker.untilAt)
    this.#options.onChange(worker, now)
  }

  #discount(worker: Worker, group: Group): void {
    if (worker.countsAs === 'serving') group.serving--
    if (worker.countsAs === 'ejected') group.ejected--
  }

  #mayEject({ facts }: Worker): boolean {
    const group = this.#groups.get(facts.group)
    if (!group) return false
    let ejected = 0
    for (const member of group.members) if (isOut(member)) ejected++
    return ejected + 1 <= Math.max(1, Math.floor(group.members.size / 2))
  }

  #isPanic({ facts }: Worker): boolean {
    const group = this.#groups.get(facts.group)
    return group !== undefined && isPanic(group)
  }

  #noteSuccess(worker: Worker, lane: Lane, now: number): void {
    const [latest, ...older] = this.#successes.get(lane.times) ?? []
    if (latest?.worker === worker) latest.at = now
    else this.#successes.set(lane.times, [{ worker, at: now }, ...(latest ? [latest] : older)].slice(0, 2))
  }

  #othersSucceed(worker: Worker, lane: Lane, now: number): boolean {
    const successes = this.#successes.get(lane.times) ?? []
    return successes.some((success) => success.worker !== worker && now - success.at <= RECENT_MS)
  }
}

const CLOSED = new Breaker(EJECTION_MS)

function isOut({ breaker }: Worker): boolean {
  return breaker !== undefined && breaker.state !== 'closed'
}

function isPanic({ members, serving }: Group): boolean {
  return 2 * serving < members.size
}

/** The function is not to be run at this worker now: others succeed with it, this one does not. */
export function isBarred(worker: Worker, name: string): boolean {
  const bar = worker.bars.get(name)
  if (!bar || bar.state === 'closed') return false
  if (bar.state === 'open') return true
  for (const task of worker.attempts.values()) if (task.submission.function === name) return true
  return false
}

/** At most half of those who serve a function are barred from it, at least one may be. */
function mayBar({ classes, needs }: Lane): boolean {
  let barred = 0
  let members = 0
  for (const serving of classes)
    for (const member of serving.members) {
      members++
      if ((member.bars.get(needs.function)?.state ?? 'closed') !== 'closed') barred++
    }
  return barred + 1 <= Math.max(1, Math.floor(members / 2))
}
