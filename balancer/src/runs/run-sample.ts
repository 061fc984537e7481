/**
 * What is remembered of tasks in memory that have ended: all failures, at most 20 others a second, the
 * newest 10,000. The core tells it of every end (ports/record.ts); most are forgotten at once, which
 * costs two comparisons and no allocation. Whoever waits for a run by its id gets its end in any case.
 * Invariant: a record holds no input, no result and no bytes of either, and its texts have a bound.
 */
import type { Usage } from '@berth/protocol'
import type { AttemptRecord, ChoiceRecord, EndedTask, RecordPort } from '../ports/record.ts'
import type { Settlement } from '../ports/submission.ts'
import type { FinalStatus, RunFacts } from './run-facts.ts'

const CAPACITY = 10_000
const OTHERS_A_SECOND = 20
const MAX_TEXT = 1_000
const MAX_METADATA = 4_000

/** How a run ended, and why it was where it was; instants are the core's own. */
export interface EndedRun extends RunFacts {
  readonly status: FinalStatus
  readonly endedAt: number
  readonly error: { readonly code: string; readonly message: string } | undefined
  readonly runMs: number
  readonly choice: ChoiceRecord | undefined
  /** A durable run called it, and so it is on disk as well, a little later. */
  readonly isKept: boolean
}

/** What a run that ends has used. */
export type UsageOf = (run: string) => Usage | null

export class RunSample implements RecordPort {
  readonly #ring: EndedRun[] = []
  readonly #byId = new Map<string, EndedRun>()
  readonly #watchers = new Map<string, Set<(run: EndedRun) => void>>()
  readonly #dispatched = new Quota()
  readonly #ended = new Quota()
  readonly #usageOf: UsageOf
  #next = 0

  constructor(usageOf: UsageOf = () => null) {
    this.#usageOf = usageOf
  }

  /** The choices of those that will be kept are noted; so their number is that of the sample. */
  wantsChoice(now: number): boolean {
    return this.#dispatched.take(now)
  }

  ended(task: EndedTask, settlement: Settlement, status: FinalStatus, now: number): void {
    const { run, isDurable } = task.submission
    if (!this.#isWatched(run) && (isDurable || !this.#isKept(task, settlement, status, now))) return
    const ended = { ...describe(task, settlement, status, now), usage: this.#usageOf(run) }
    if (!isDurable) this.#keep(ended)
    this.#tellWatchers(ended)
  }

  /** Of one that is kept elsewhere: only who waits for it hears. */
  tell(task: EndedTask, settlement: Settlement, status: FinalStatus, now: number): void {
    const { run } = task.submission
    if (!this.#isWatched(run)) return
    this.#tellWatchers({ ...describe(task, settlement, status, now), usage: this.#usageOf(run) })
  }

  #isWatched(run: string): boolean {
    return this.#watchers.size > 0 && this.#watchers.has(run)
  }

  #tellWatchers(ended: EndedRun): void {
    const watchers = this.#watchers.get(ended.id)
    this.#watchers.delete(ended.id)
    for (const watcher of watchers ?? []) watcher(ended)
  }

  find(id: string): EndedRun | undefined {
    return this.#byId.get(id)
  }

  /** In no particular order. */
  all(): Iterable<EndedRun> {
    return this.#byId.values()
  }

  /** Nobody wants to see it any more; false for one that is not here. Its place is kept until its turn comes. */
  forget(id: string): boolean {
    return this.#byId.delete(id)
  }

  /** Calls once with the end of a run that has not ended, within the turn in which it ends; returns the way out. */
  watch(id: string, onEnd: (run: EndedRun) => void): () => void {
    const watchers = this.#watchers.get(id) ?? new Set()
    this.#watchers.set(id, watchers)
    watchers.add(onEnd)
    return () => {
      watchers.delete(onEnd)
      if (watchers.size === 0 && this.#watchers.get(id) === watchers) this.#watchers.delete(id)
    }
  }

  #isKept(
    { choice, attempts }: EndedTask,
    settlement: Settlement,
    status: FinalStatus,
    now: number,
  ): boolean {
    // Who sends wrong input shall not fill the sample.
    if (isRefusedInput({ attempts }, settlement)) return false
    if (status === 'failed' || status === 'expired') return true
    return (choice !== undefined || status === 'cancelled') && this.#ended.take(now)
  }

  #keep(run: EndedRun): void {
    const oldest = this.#ring[this.#next]
    if (oldest) this.#byId.delete(oldest.id)
    this.#ring[this.#next] = run
    this.#byId.set(run.id, run)
    this.#next = (this.#next + 1) % CAPACITY
  }
}

/** A worker refused the input before anything ran: that is no run. */
export function isRefusedInput({ attempts }: Pick<EndedTask, 'attempts'>, settlement: Settlement): boolean {
  return attempts === 0 && settlement.kind === 'failed' && settlement.error.code === 'INVALID_INPUT'
}

/** So many a second. */
class Quota {
  #untilAt = Number.NEGATIVE_INFINITY
  #left = 0

  take(now: number): boolean {
    if (now >= this.#untilAt) {
      this.#untilAt = now + 1_000
      this.#left = OTHERS_A_SECOND
    }
    if (this.#left === 0) return false
    this.#left--
    return true
  }
}

function describe(task: EndedTask, settlement: Settlement, status: FinalStatus, now: number): EndedRun {
  const { submission, lane, priority, acceptedAt, hasStarted, startedAt } = task
  const { worker, attempt, runMs } = settlement
  const error = settlement.kind === 'failed' ? settlement.error : undefined
  return {
    id: submission.run,
    status,
    isDurable: submission.isDurable,
    group: submission.group,
    function: submission.function,
    contract: lane?.needs.contract ?? submission.contract,
    priority,
    mode: submission.mode,
    worker,
    attempt,
    acceptedAt,
    startedAt: hasStarted ? startedAt : task.history.at(-1)?.startedAt,
    endedAt: now,
    error: error && { code: error.code, message: shorten(error.detail) },
    runMs,
    history: withLast(task, settlement, status, now),
    parent: submission.call?.parent,
    coldStartMs: task.coldStartMs,
    isKept: submission.call?.tree?.isDurable ?? false,
    budget: submission.budget,
    metadata: boundedMetadata(submission.metadata),
    trigger: submission.trigger,
    choice: task.choice,
  }
}

/** The attempt that was under way as the task ended is not in its history yet. */
export function withLast(
  { history, attempts, hasStarted, startedAt }: EndedTask,
  settlement: Settlement,
  status: FinalStatus,
  now: number,
): readonly AttemptRecord[] {
  if (attempts === (history.at(-1)?.n ?? 0)) return history
  const outcome = outcomeOf(settlement, status)
  const last = {
    n: attempts,
    worker: settlement.worker,
    startedAt: hasStarted ? startedAt : undefined,
    finishedAt: now,
    outcome,
  }
  return [...history, last]
}

function outcomeOf(settlement: Settlement, status: FinalStatus): AttemptRecord['outcome'] {
  if (settlement.kind === 'completed') return 'completed'
  if (status === 'cancelled') return 'cancelled'
  const { code } = settlement.error
  if (code === 'WORKER_LOST' || code === 'POISONED') return 'lost'
  return code === 'TIMEOUT' ? 'timeout' : 'failed'
}

/** A part of a text would keep the whole of it in memory, so the part is written anew. */
function shorten(text: string): string {
  if (text.length <= MAX_TEXT) return text
  return Buffer.from(`${text.slice(0, MAX_TEXT - 1)}…`).toString()
}

/** More than fits is not kept, rather than in part. */
function boundedMetadata(metadata: RunFacts['metadata']): RunFacts['metadata'] {
  let length = 0
  for (const key in metadata) length += key.length + (metadata[key] as string).length
  return length <= MAX_METADATA ? metadata : undefined
}
