/**
 * What the core's steps mean for the rows of durable runs: an end is written at once and tried again until it is on
 * disk; that a run was sent or has begun is written a little later, and not at all when its end comes first.
 * Called by the core within its own turn; everything that comes of it comes in a later one.
 */
import type { Clock, Log } from '@berth/runtime'
import type { DurableTasksPort } from '../ports/durable-tasks.ts'
import type { ClaimNeeds, FinalRecord, LedgerPort, LiveTask } from '../ports/ledger.ts'
import type { EndedTask } from '../ports/record.ts'
import type { StoreWrite } from '../ports/store.ts'
import type { RunEnd } from '../ports/stored-run.ts'
import type { Settlement } from '../ports/submission.ts'
import type { UsageScope } from '../ports/told.ts'
import type { After, EndExtras, RunHooks, UsedAtEnd } from './durable-options.ts'
import { HeldRun } from './held-run.ts'
import type { RunBook } from './run-book.ts'
import { endOf, placeInput, progressOf } from './run-end.ts'
import { KEY_MS } from './run-keys.ts'
import type { RunLanes } from './run-lanes.ts'
import type { RunWrites } from './run-writes.ts'

export interface RunLedgerOptions {
  readonly writes: RunWrites
  readonly book: RunBook
  readonly lanes: RunLanes
  readonly clock: Clock
  readonly log: Log
  readonly hooks: () => RunHooks
  readonly bootOf: (worker: string) => string | undefined
  readonly after: After
  readonly core: () => DurableTasksPort
  /** What its handler gets of the turns before it, of a run of a session. */
  readonly turnsFor: (session: string) => Promise<Uint8Array>
  /** Its end is on disk. */
  readonly onEnded: (run: HeldRun, end: RunEnd) => void
}

const LATER_MS = 25
const NOTHING_USED: UsedAtEnd = { told: undefined }
const NO_EXTRAS: EndExtras = { delivery: null, events: [] }

export class RunLedger implements LedgerPort {
  /** Ends of attempts that counted no more. */
  lateEnds = 0
  readonly #options: RunLedgerOptions
  #noted: HeldRun[] = []
  #cancelTimer: (() => void) | undefined
  #ended: HeldRun[] = []

  constructor(options: RunLedgerOptions) {
    this.#options = options
  }

  claim(lane: string, count: number, needs: ClaimNeeds): void {
    this.#options.lanes.claim(lane, count, needs)
  }

  finish({ fence, status }: FinalRecord, task: EndedTask, settlement: Settlement, now: number): void {
    const run = held(task)
    const end = endOf(task, settlement, status, now, this.#options.clock)
    this.end(run, isMisplaced(run) ? placeInput(end) : end, fence)
  }

  writeFirst(task: LiveTask, worker: string, attemptId: number): void {
    const run = held(task)
    const { writes, core, clock, turnsFor } = this.#options
    const { session } = run.row
    run.task = task
    // Meanwhile: all of them have ended.
    const turns = session === null ? undefined : turnsFor(session).catch(() => undefined)
    const giveBack = () => {
      run.isBehind = true
      core().unwritten(worker, attemptId, clock.monoMs())
    }
    writes.write([this.progressWrite(run, task)], {
      onWritten: () => {
        if (!turns) return core().written(worker, attemptId, clock.monoMs())
        void turns.then((bytes) => (bytes ? this.#sendTurn(run, bytes, worker, attemptId) : giveBack()))
      },
      onLost: giveBack,
    })
  }

  /** The turns are held no longer than until they are with the link: there may be much of them. */
  #sendTurn({ payload }: HeldRun, turns: Uint8Array, worker: string, attemptId: number): void {
    const { core, clock } = this.#options
    payload.turns = turns.length > 0 ? turns : undefined
    core().written(worker, attemptId, clock.monoMs())
    payload.turns = undefined
  }

  moved(task: LiveTask): void {
    const run = held(task)
    run.task = task
    run.isBehind = true
    if (run.isNoted) return
    run.isNoted = true
    this.#noted.push(run)
    this.#cancelTimer ??= this.#options.after(LATER_MS, () => this.flush())
  }

  attemptOver(task: LiveTask, worker: string, attemptId: number, fence: number): void {
    const run = held(task)
    const { writes, core } = this.#options
    run.task = task
    const make = () => (run.state === 'live' ? this.progressWrite(run, task) : undefined)
    const follower = {
      onWritten: () => core().noted(worker, attemptId, fence),
      onLost: () => writes.tryAgain(follower, make),
    }
    writes.write([this.progressWrite(run, task)], follower)
  }

  pushedBack(task: LiveTask, lane: string): void {
    const run = held(task)
    if (run.isBehind) this.#writeBack(run, this.progressWrite(run, task), lane)
    run.state = 'away'
    this.#options.hooks().onAway?.(run.row)
    this.#options.book.remove(run)
    this.#options.lanes.putBack(lane, { priority: task.priority, seq: run.seq })
  }

  /** Until its row says that it waits nobody finds it there. */
  #writeBack(run: HeldRun, write: StoreWrite, lane: string): void {
    const { writes, lanes, core } = this.#options
    let isLate = false
    const follower = {
      onWritten: () => {
        if (!isLate) return
        lanes.putBack(lane, { priority: run.row.priority, seq: run.seq })
        core().laneOnDisk(run)
      },
      onLost: () => {
        isLate = true
        writes.tryAgain(follower, () => write)
      },
    }
    writes.write([write], follower)
  }

  late(run: string, worker: string, fence: number): void {
    this.lateEnds++
    this.#options.log.debug('the end of an attempt that counts no more', { run, worker, fence })
  }

  /** Writes what was noted to be written later. */
  flush(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const noted = this.#noted
    this.#noted = []
    for (const run of noted) {
      run.isNoted = false
      if (run.state !== 'live' || !run.isBehind || !run.task) continue
      this.#options.writes.write([this.progressWrite(run, run.task)], {
        onWritten: () => {},
        onLost: () => {
          run.isBehind = true
        },
      })
      this.#options.hooks().onMoved?.(run.row)
    }
  }

  /** The run has ended; its end counts when it is on disk. */
  end(run: HeldRun, ended: RunEnd, fence: number): void {
    const { told, ...used } = this.#options.hooks().usedAtEnd?.(run.row, ended) ?? NOTHING_USED
    const end = { ...ended, ...used }
    run.state = 'ending'
    run.end = end
    run.endFence = fence
    run.told = told
    // Once: a try that failed may have written it all the same.
    run.endExtras = this.#options.hooks().extrasOf?.(run.row, end) ?? NO_EXTRAS
    const follower = {
      onWritten: () => this.#onWritten(run),
      onLost: (detail: string) => {
        this.#options.log.debug('the end of a run is not on disk yet', { run: run.run, detail })
        this.#options.writes.tryAgain(follower, () => this.#endWrite(run, end))
      },
    }
    this.#options.writes.write([this.#endWrite(run, end)], follower)
  }

  /** The row as it is to be from now on. */
  progressWrite(run: HeldRun, task: LiveTask): StoreWrite {
    const { bootOf, clock } = this.#options
    const boot = task.isAtWorker && task.worker ? (bootOf(task.worker.id) ?? null) : null
    const progress = progressOf(task, boot, clock)
    run.row = { ...run.row, ...progress }
    run.isBehind = false
    return { kind: 'run-moved', seq: run.seq, progress }
  }

  #endWrite(run: HeldRun, end: RunEnd): StoreWrite {
    const { events, delivery, mayHaveFiles } = run.endExtras ?? NO_EXTRAS
    return {
      kind: 'run-finished',
      seq: run.seq,
      fence: run.endFence === 0 ? null : run.endFence,
      end,
      events,
      delivery,
      keyExpiresMs: run.mayHaveKey ? end.finishedMs + KEY_MS : null,
      session: run.row.session,
      ...(mayHaveFiles ? { mayHaveFiles } : {}),
      ...(run.told ? { told: run.told } : {}),
      ...scopesOf(run),
    }
  }

  #onWritten(run: HeldRun): void {
    this.#options.book.remove(run)
    this.#options.book.live--
    // Told together once the batch has been gone through.
    if (this.#ended.push(run) === 1) queueMicrotask(() => this.#tell())
  }

  #tell(): void {
    const ended = this.#ended
    this.#ended = []
    const { hooks, core, onEnded } = this.#options
    core().persisted(ended.map(({ run }) => run))
    for (const run of ended) {
      const { row, end, endExtras: extras } = run
      if (!end) continue
      onEnded(run, end)
      hooks().onEnded?.(row, end, extras ?? NO_EXTRAS)
    }
  }
}

function held({ submission }: Pick<LiveTask, 'submission'>): HeldRun {
  if (submission instanceof HeldRun) return submission
  throw new TypeError(`the durable task ${submission.run} is none of the runs on disk`)
}

/** Its worker gets the input alone and knows nothing of the task around it, though its caller wrote one. */
function isMisplaced({ payload, row }: HeldRun): boolean {
  return !payload.isEnvelope && payload.mediaType === '' && row.isRouted !== true
}

/** Whose totals its usage counts for; most runs have none. */
function scopesOf({ row: { session, schedule } }: HeldRun): { readonly scopes?: readonly UsageScope[] } {
  if (session === null && schedule === null) return {}
  const scopes: UsageScope[] = []
  if (session !== null) scopes.push({ kind: 'session', name: session })
  if (schedule !== null) scopes.push({ kind: 'schedule', name: schedule })
  return { scopes }
}
