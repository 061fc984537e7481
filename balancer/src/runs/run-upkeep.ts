/**
 * What durable runs need from time to time: those that are due become queued, those on disk whose time is up expire,
 * what could not be written is tried again, old ones go. One timer for all; owned by DurableRuns.
 */
import type { TaskError } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { RunReads } from '../ports/run-reads.ts'
import type { RunStorePort } from '../ports/run-store.ts'
import type { ClaimedRun, LiveRun } from '../ports/stored-run.ts'
import type { DiskSpace } from './disk-space.ts'
import type { After } from './durable-options.ts'
import type { RunBook } from './run-book.ts'
import { KEY_MS } from './run-keys.ts'
import type { RunWrites } from './run-writes.ts'

export interface RunUpkeepOptions {
  readonly store: Pick<RunStorePort, 'takeDue'>
  readonly reads: Pick<RunReads, 'overdue'>
  readonly writes: RunWrites
  readonly book: RunBook
  readonly disk: DiskSpace
  readonly clock: Clock
  readonly log: Log
  readonly after: After
  readonly retentionMs: number
  readonly nextDueMs: number | null
  /** Its time is up, and it waits on disk only. */
  readonly expire: (run: LiveRun, error: TaskError) => void
  /** They are queued now, on disk. */
  readonly onDue: (runs: readonly ClaimedRun[]) => void
}

const EVERY_MS = 1_000
const RETENTION_EVERY_MS = 5_000
/** Runs that are made queued, ended or removed in one step. */
const DUE_AT_ONCE = 1_000
const OVERDUE_AT_ONCE = 500
const REMOVED_AT_ONCE = 500
/** Between two such steps: ten thousand and more that end in five seconds go in as much time, and nobody waits long. */
const REMOVAL_GAP_MS = 100
const MOST_REMOVED = (RETENTION_EVERY_MS / REMOVAL_GAP_MS) * REMOVED_AT_ONCE
/** By count; beyond it the oldest go. */
const MOST_KEPT = 10_000_000

export class RunUpkeep {
  readonly #options: RunUpkeepOptions
  #nextDueMs: number
  #isTakingDue = false
  /** When a run that waits is overdue for the first time; 0 until the disk was asked. */
  #nextOverdueMs = 0
  #isReading = false
  #lookedAt = Number.NEGATIVE_INFINITY
  #removedAt: number
  #ended = 0
  #cancelTimer: (() => void) | undefined
  #cancelRemoval: (() => void) | undefined
  #isStopped = true

  constructor(options: RunUpkeepOptions) {
    this.#options = options
    this.#nextDueMs = options.nextDueMs ?? Number.POSITIVE_INFINITY
    this.#removedAt = options.clock.monoMs()
  }

  start(): void {
    this.#isStopped = false
    this.#look()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelTimer?.()
    this.#cancelRemoval?.()
  }

  /** A run is on disk that is due then. */
  noteDue(ms: number): void {
    if (ms >= this.#nextDueMs) return
    this.#nextDueMs = ms
    this.#arm()
  }

  /** A run is on disk that is to be given up then. */
  noteGivenUp(ms: number): void {
    this.#nextOverdueMs = Math.min(this.#nextOverdueMs, ms)
  }

  noteEnded(): void {
    this.#ended++
  }

  onDue(runs: readonly ClaimedRun[], nextMs: number | null): void {
    this.#isTakingDue = false
    this.#nextDueMs = Math.min(this.#nextDueMs, nextMs ?? Number.POSITIVE_INFINITY)
    this.#options.onDue(runs)
    this.#arm()
  }

  #arm(): void {
    if (this.#isStopped) return
    this.#cancelTimer?.()
    const dueInMs = this.#isTakingDue ? EVERY_MS : this.#nextDueMs - this.#options.clock.wallMs()
    const inMs = Math.max(0, Math.min(EVERY_MS, dueInMs))
    this.#cancelTimer = this.#options.after(inMs, () => this.#look())
  }

  #look(): void {
    this.#takeDue()
    const now = this.#options.clock.monoMs()
    if (now - this.#lookedAt >= EVERY_MS) {
      this.#lookedAt = now
      this.#eachSecond(now)
    }
    this.#arm()
  }

  #takeDue(): void {
    const { store, clock } = this.#options
    const now = clock.wallMs()
    if (this.#isTakingDue || this.#nextDueMs > now) return
    this.#isTakingDue = true
    this.#nextDueMs = Number.POSITIVE_INFINITY
    store.takeDue(now, DUE_AT_ONCE)
  }

  #eachSecond(now: number): void {
    const { writes, disk } = this.#options
    writes.retry()
    void disk.look()
    void this.#expire()
    if (now - this.#removedAt < RETENTION_EVERY_MS) return
    this.#removedAt = now
    this.#removeOld()
  }

  /** Those in memory are the core's to end. */
  async #expire(): Promise<void> {
    const { reads, clock, book, expire, log } = this.#options
    const now = clock.wallMs()
    if (this.#isReading || this.#nextOverdueMs > now) return
    this.#isReading = true
    this.#nextOverdueMs = Number.POSITIVE_INFINITY
    try {
      const overdue = await book.judge(
        () => reads.overdue(now, OVERDUE_AT_ONCE),
        (found, departed) => {
          for (const run of found)
            if (!book.has(run.id) && !departed.has(run.id)) expire(run, overdueError(run, now))
          return found
        },
      )
      const [next] =
        overdue.length < OVERDUE_AT_ONCE ? await reads.overdue(Number.MAX_SAFE_INTEGER, 1) : overdue
      if (next) this.noteGivenUp(Math.max(givenUpMs(next), now + EVERY_MS))
    } catch (error) {
      log.debug('runs whose time is up could not be read', { error })
      this.noteGivenUp(now + EVERY_MS)
    }
    this.#isReading = false
  }

  /** As many as twice those that have ended since, so that what is behind is caught up. */
  #removeOld(): void {
    if (this.#cancelRemoval) return
    const count = Math.min(Math.max(REMOVED_AT_ONCE, 2 * this.#ended), MOST_REMOVED)
    this.#ended = 0
    this.#removeSome(count)
  }

  #removeSome(left: number): void {
    const { writes, clock, retentionMs, after } = this.#options
    const now = clock.wallMs()
    const limit = Math.min(left, REMOVED_AT_ONCE)
    const isLast = left === limit
    this.#cancelRemoval = isLast ? undefined : after(REMOVAL_GAP_MS, () => this.#removeSome(left - limit))
    writes.write([
      {
        kind: 'retention',
        endedBeforeMs: now - retentionMs,
        keyedEndedBeforeMs: now - Math.max(retentionMs, KEY_MS),
        keepAtMost: MOST_KEPT,
        keysExpiredMs: now,
        limit,
      },
    ])
  }
}

function givenUpMs({ deadlineMs, queueUntilMs }: LiveRun): number {
  return Math.min(deadlineMs ?? Number.POSITIVE_INFINITY, queueUntilMs ?? Number.POSITIVE_INFINITY)
}

function overdueError(run: LiveRun, nowMs: number): TaskError {
  const waitedMs = Math.round(nowMs - run.acceptedMs)
  const what =
    run.deadlineMs !== null && run.deadlineMs <= nowMs
      ? `reached its deadline after ${waitedMs} ms, waiting for ${whatFor(run)}`
      : `waited ${waitedMs} ms for ${whatFor(run)} and reached the limit of the queue (QUEUE_TIMEOUT)`
  return { code: 'TIMEOUT', detail: `The task ${what}.` }
}

/** On disk only: a run of a session waits for those before it there, as a rule. */
function whatFor({ session }: LiveRun): string {
  return session === null ? 'a free slot' : `its turn in the session "${session}"`
}
