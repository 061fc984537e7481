/**
 * What an earlier balancer has left: at the start its lanes and the runs that were at workers, which go to the core;
 * later those that a worker's hello lists and only the disk knows. Owned by DurableRuns.
 * Invariant: a run whose attempt may still go on somewhere is known to the core before that worker is welcomed.
 */
import { compileSelector, type Selector } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { DurableTasksPort } from '../ports/durable-tasks.ts'
import type { RunReads } from '../ports/run-reads.ts'
import type { RunsAtStart } from '../ports/run-store.ts'
import type { ClaimedRun, LiveRun } from '../ports/stored-run.ts'
import { shownId } from '../ports/worker-key.ts'
import type { StartedThere } from '../ports/workforce.ts'
import type { HeldRun } from './held-run.ts'
import type { RunBook } from './run-book.ts'
import type { RunLanes } from './run-lanes.ts'

export interface RunRecoveryOptions {
  readonly reads: Pick<RunReads, 'find' | 'payload'>
  readonly book: RunBook
  readonly lanes: Pick<RunLanes, 'forgetFrontier'>
  readonly clock: Clock
  readonly log: Log
  readonly core: () => DurableTasksPort
  readonly hold: (row: LiveRun, payload: ClaimedRun['payload'] | undefined) => HeldRun
}

interface Unclear {
  readonly worker: string
  readonly boot: string
  readonly fence: number
}

/** How long a hello waits for the disk, and how many runs are looked up at once. */
const LOOK_MS = 5_000
const AT_ONCE = 64

export class RunRecovery {
  readonly #options: RunRecoveryOptions
  /** Attempts of runs that the disk could not tell about as their worker said hello. */
  readonly #unclear = new Map<string, Unclear>()

  constructor(options: RunRecoveryOptions) {
    this.#options = options
  }

  /** Before anybody is dialled. */
  restore({ lanes, running }: Pick<RunsAtStart, 'lanes' | 'running'>): void {
    const { core, clock, hold, log } = this.#options
    const now = clock.monoMs()
    for (const run of running) {
      const held = hold(run, run.payload)
      const startedAt = run.startedMs === null ? undefined : run.startedMs - clock.wallMs() + now
      const worker = shownId(run.worker ?? '')
      core().restore(held, { worker, boot: run.boot ?? undefined, fence: run.fence ?? 0, startedAt }, now)
    }
    for (const { group, function: name, contract, tags } of lanes) {
      const selector = compileSelector((tags ?? {}) as Selector)
      this.#options.lanes.forgetFrontier(core().laneOnDisk({ group, function: name, contract, selector }))
    }
    if (running.length > 0 || lanes.length > 0)
      log.info('runs of an earlier balancer go on', { atWorkers: running.length, lanes: lanes.length })
  }

  /**
   * A run has come from the disk. True when it may run at a worker whose hello was not understood: then it is in
   * doubt there, until that worker says hello again.
   */
  takeUp(held: HeldRun): boolean {
    const unclear = this.#unclear.get(held.run)
    if (!unclear || unclear.fence < (held.row.fence ?? 0)) return false
    this.#unclear.delete(held.run)
    const { core, clock } = this.#options
    core().restore(held, { ...unclear, startedAt: undefined }, clock.monoMs())
    return true
  }

  /** See fleet/member-context.ts. */
  recover(
    worker: string,
    boot: string,
    started: readonly StartedThere[],
  ): Promise<readonly StartedThere[]> | undefined {
    const { book } = this.#options
    for (const [run, unclear] of this.#unclear) if (unclear.worker === worker) this.#unclear.delete(run)
    const unknown = started.filter(({ run, durable }) => durable && !book.has(run))
    if (unknown.length === 0) return undefined
    const known = started.filter(({ run, durable }) => !durable || book.has(run))
    return this.#lookUp(worker, boot, unknown).then((clear) => [...known, ...clear])
  }

  /** Those of which the disk could tell what they are; what it cannot tell stays with its worker. */
  async #lookUp(
    worker: string,
    boot: string,
    unknown: readonly StartedThere[],
  ): Promise<readonly StartedThere[]> {
    const clear: StartedThere[] = []
    const until = performance.now() + LOOK_MS
    for (let at = 0; at < unknown.length && performance.now() < until; at += AT_ONCE) {
      const some = unknown.slice(at, at + AT_ONCE)
      const told = await Promise.all(some.map((listed) => this.#lookUpOne(worker, boot, listed)))
      clear.push(...some.filter((_, index) => told[index]))
    }
    if (clear.length < unknown.length) this.#noteUnclear(worker, boot, unknown, new Set(clear))
    return clear
  }

  #noteUnclear(
    worker: string,
    boot: string,
    unknown: readonly StartedThere[],
    clear: ReadonlySet<StartedThere>,
  ): void {
    for (const listed of unknown)
      if (!clear.has(listed)) this.#unclear.set(listed.run, { worker, boot, fence: listed.fence })
    const text = 'what a worker has started could not be looked up; it will be asked again'
    this.#options.log.warn(text, { worker, runs: unknown.length - clear.size })
  }

  async #lookUpOne(worker: string, boot: string, { run, fence }: StartedThere): Promise<boolean> {
    const { reads, book, core, clock, hold } = this.#options
    try {
      const found = await reads.find(run)
      if (found?.kind !== 'live' || fence < (found.run.fence ?? 0) || book.has(run)) return true
      const payload = await reads.payload(run)
      // Claimed meanwhile, or ended: the core decides by what it knows.
      if (!payload || book.has(run)) return true
      const held = hold(found.run, payload)
      core().restore(held, { worker, boot, fence, startedAt: undefined }, clock.monoMs())
      return true
    } catch {
      return false
    }
  }
}
