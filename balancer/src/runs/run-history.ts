/**
 * Tasks in memory are written behind to the store once they have ended: those of `RUN_HISTORY`, and what a durable run
 * called, so that its tree can be read when it is over. Stands between the core and the sample; gathers what ended and
 * hands it over a little at a time. Invariants: a task never waits for it; what is gathered has a bound, and what goes
 * beyond is counted and said, not kept; what a durable run called is on its way to disk before that run's end is.
 */
import { timeOfRun } from '@berth/protocol'
import type { Clock, Log, Service } from '@berth/runtime'
import type { StoredFile } from '../ports/files.ts'
import type { FinalRecord } from '../ports/ledger.ts'
import type { EndedTask, RecordPort } from '../ports/record.ts'
import type { RunWrite } from '../ports/run-writes.ts'
import type { Kept, StorePort } from '../ports/store.ts'
import type { RunOrder } from '../ports/stored-run.ts'
import type { Settlement } from '../ports/submission.ts'
import { endOf } from './run-end.ts'
import { isRefusedInput, type UsageOf } from './run-sample.ts'

export type HistoryMode = 'none' | 'failed' | 'all'

export interface RunHistoryOptions {
  readonly mode: HistoryMode
  /** What a run that ends has used. */
  readonly usageOf?: UsageOf
  /** Hears of everything as well; of what is written with files only by `tell`, since it is on disk alone. */
  readonly next: RecordPort & { readonly tell?: RecordPort['ended'] }
  readonly store: Pick<StorePort, 'apply'>
  readonly clock: Clock
  readonly log: Log
  /** Tasks that have written files are written with them, whatever the mode. */
  readonly files?: RecordFiles | undefined
  readonly keep?: ((writes: readonly RunWrite[]) => Promise<Kept>) | undefined
  /** Default 50 ms. */
  readonly everyMs?: number
}

export interface RecordFiles {
  /** False when there are none; else `record` was called. */
  record(run: string, fence: number, record: (files: readonly StoredFile[]) => Promise<Kept>): boolean
}

const EVERY_MS = 50
/** In one go: handing over more would hold up the tasks that run. */
const MAX_AT_ONCE = 500
const MAX_GATHERED = 20_000
const MAX_DETAIL = 1_000
/** Of what one durable run called, and of what that called. */
const MAX_OF_A_TREE = 10_000

export class RunHistory implements RecordPort, Service {
  readonly name = 'run history'
  readonly #options: RunHistoryOptions
  #gathered: RunWrite[] = []
  #dropped = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: RunHistoryOptions) {
    this.#options = options
  }

  wantsChoice(now: number): boolean {
    return this.#options.next.wantsChoice(now)
  }

  ended(task: EndedTask, settlement: Settlement, status: FinalRecord['status'], now: number): void {
    const { next } = this.#options
    if (!task.submission.isDurable && this.#recordFiles(task, settlement, status, now))
      return next.tell?.(task, settlement, status, now)
    next.ended(task, settlement, status, now)
    if (task.submission.isDurable) return task.tree ? this.#flushAll() : undefined
    if (!this.#isMeant(task, status) || isRefusedInput(task, settlement)) return
    if (this.#gathered.length >= MAX_GATHERED) this.#dropped++
    else this.#gathered.push(this.#write(task, settlement, status, now))
    this.#wakeLater()
  }

  #isMeant({ submission }: EndedTask, status: FinalRecord['status']): boolean {
    const tree = submission.call?.tree
    if (!tree?.isDurable || tree.kept >= MAX_OF_A_TREE) return this.isRecorded(status)
    tree.kept++
    return true
  }

  #recordFiles(task: EndedTask, settlement: Settlement, status: FinalRecord['status'], now: number): boolean {
    const { files, keep, clock } = this.#options
    const { run, call } = task.submission
    if (!files || !keep) return false
    const usage = this.#options.usageOf?.(run)
    return files.record(run, task.fence ?? 0, (written) => {
      if (call?.tree) call.tree.kept++
      const end = endOf(task, settlement, status, now, clock)
      const used = { ...end, usage }
      return keep([{ kind: 'run-recorded', order: orderOf(task, end.finishedMs), end: used, files: written }])
    })
  }

  /** Whether tasks in memory that end so are on disk as well, a little later. */
  isRecorded(status: string): boolean {
    const { mode } = this.#options
    return mode === 'all' || (mode === 'failed' && (status === 'failed' || status === 'expired'))
  }

  async start(): Promise<void> {}

  /** What has gathered is on its way to disk then. */
  async stop(): Promise<void> {
    this.#flushAll()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #flushAll(): void {
    while (this.#gathered.length > 0) this.flush()
  }

  #onTime(): void {
    this.#timer = undefined
    this.flush()
    if (this.#gathered.length > 0) this.#wakeLater()
  }

  #wakeLater(): void {
    this.#timer ??= setTimeout(() => this.#onTime(), this.#options.everyMs ?? EVERY_MS)
  }

  /** Hands over as much as goes at once. */
  flush(): void {
    const { store, log } = this.#options
    if (this.#gathered.length > 0) store.apply(this.#gathered.splice(0, MAX_AT_ONCE))
    if (this.#dropped === 0) return
    log.warn('more tasks ended than RUN_HISTORY can write', { dropped: this.#dropped })
    this.#dropped = 0
  }

  #write(task: EndedTask, settlement: Settlement, status: FinalRecord['status'], now: number): RunWrite {
    const end = endOf(task, settlement, status, now, this.#options.clock)
    const error = end.error && { ...end.error, detail: end.error.detail.slice(0, MAX_DETAIL) }
    return {
      kind: 'run-recorded',
      order: orderOf(task, end.finishedMs),
      end: { ...end, error, result: null, usage: this.#options.usageOf?.(task.submission.run) },
    }
  }
}

/** Without its input, and without what only a durable run has. */
function orderOf({ submission, seq, lane }: EndedTask, finishedMs: number): RunOrder {
  const { run, call, fairnessKey = null, attempts = null, idempotent = null, timeoutMs = null } = submission
  return {
    seq,
    id: run,
    group: submission.group,
    function: submission.function,
    contract: lane?.needs.contract ?? submission.contract ?? 0,
    tags: null,
    fairnessKey,
    mode: submission.mode,
    trigger: call ? 'call' : (submission.trigger ?? 'api'),
    attempts,
    idempotent,
    timeoutMs,
    acceptedMs: timeOfRun(run) ?? finishedMs,
    deadlineMs: null,
    queueUntilMs: null,
    dueMs: null,
    session: null,
    schedule: null,
    scheduledForMs: null,
    parent: call?.parent ?? null,
    retryOf: null,
    budget: submission.budget ?? null,
    metadata: submission.metadata ?? {},
    trace: submission.trace,
    webhook: null,
  }
}
