/**
 * Runs that outlive a request and the process: accepted once they are on disk, handed to the core, ended on disk.
 * Called by `http/` (accept, outcome, cancel …), by the core (its ledger) and by the store's events; made by compose.
 *
 *   accept --on disk--> core (or due later) --END--> written --on disk--> final: callers, worker and hooks hear of it
 *                        ^   |
 *                        +---+ claimed, pushed back: beyond a window of a lane a run is on disk only
 *
 * Invariant: what was answered as accepted is on disk and reaches one end; an end that was told is on disk.
 */
import type { TaskError } from '@berth/protocol'
import type { Service } from '@berth/runtime'
import type { DurableTasksPort } from '../ports/durable-tasks.ts'
import type { LedgerPort } from '../ports/ledger.ts'
import type { Accepted, DurableRunsPort, KeyUse, NewRun, Removed, SteerRunsPort } from '../ports/runs.ts'
import type { ScheduleClaim } from '../ports/schedule-store.ts'
import type { SessionAsk, SessionTurn } from '../ports/session-store.ts'
import type { StoreEvents } from '../ports/store.ts'
import type { ClaimedRun, LiveRun, RunEnd, StoredPayload } from '../ports/stored-run.ts'
import type { Settlement } from '../ports/submission.ts'
import type { StartedThere } from '../ports/workforce.ts'
import { DiskRuns } from './disk-runs.ts'
import { DiskSpace } from './disk-space.ts'
import type { After, DurableRunsOptions, RunHooks } from './durable-options.ts'
import { HeldRun, type HeldState, type MeterOf, type TakeFile, type TakeItem } from './held-run.ts'
import { RunAcceptance } from './run-acceptance.ts'
import { RunAdmission } from './run-admission.ts'
import { RunBook } from './run-book.ts'
import { settlementOf } from './run-end.ts'
import { RunKeys } from './run-keys.ts'
import { RunLanes } from './run-lanes.ts'
import { RunLedger } from './run-ledger.ts'
import { RunOutcomes } from './run-outcomes.ts'
import { RunRecovery } from './run-recovery.ts'
import { RunUpkeep } from './run-upkeep.ts'
import { RunWaits } from './run-waits.ts'
import { RunWrites } from './run-writes.ts'
import { Sessions } from './sessions/sessions.ts'

const NO_PAYLOAD: StoredPayload = { mediaType: '', bytes: new Uint8Array(0), head: null }

export class DurableRuns implements DurableRunsPort, SteerRunsPort, StoreEvents, Service {
  readonly name = 'runs'
  readonly #options: DurableRunsOptions
  readonly #book: RunBook
  readonly #writes: RunWrites
  readonly #lanes: RunLanes
  readonly #ledger: RunLedger
  readonly #admission: RunAdmission
  readonly #keys: RunKeys
  readonly #waits = new RunWaits()
  readonly #disk: DiskSpace
  readonly #diskRuns: DiskRuns
  readonly #recovery: RunRecovery
  readonly #upkeep: RunUpkeep
  readonly #sessions: Sessions
  readonly #acceptance: RunAcceptance
  readonly #outcomes: RunOutcomes
  #core: DurableTasksPort | undefined
  #hooks: RunHooks = {}

  constructor(options: DurableRunsOptions) {
    const { store, atStart, clock, log, bootOf, terms, health, after = systemTimer } = options
    const { reads } = store
    this.#options = options
    const book = new RunBook(atStart.live)
    const writes = new RunWrites(store)
    const core = () => this.#attached
    const hooks = () => this.#hooks
    const hold = (row: LiveRun, payload: StoredPayload | undefined) =>
      this.#hold(row, payload ?? NO_PAYLOAD, 'live')
    /** What an earlier balancer has left at workers: if it is a turn, it is its session's. */
    const holdHead = (row: LiveRun, payload: StoredPayload | undefined) => {
      const run = hold(row, payload)
      book.setHead(run)
      return run
    }
    const sessions = new Sessions({
      store,
      reads,
      book,
      clock,
      after,
      core,
      hold,
      takeUp: (run) => this.#recovery.takeUp(run),
    })
    this.#sessions = sessions
    const turnsFor = (session: string) => sessions.turnsFor(session)
    const lookAt = (session: string) => sessions.look(session)
    const lanes = new RunLanes({
      store,
      after,
      isHeld: (id) => book.has(id),
      onClaimed: (lane, runs, hasMore) => this.#onClaimed(lane, runs, hasMore),
    })
    const onEnded = (run: HeldRun, end: RunEnd) => {
      this.#upkeep.noteEnded()
      this.#waits.tell(run.run, () => settlementOf(end, end.result))
      if (run.row.session !== null) lookAt(run.row.session)
    }
    const held = { writes, book, lanes, clock, core }
    const ledger = new RunLedger({ ...held, log, hooks, bootOf, after, turnsFor, onEnded })
    this.#book = book
    this.#writes = writes
    this.#lanes = lanes
    this.#ledger = ledger
    this.#disk = new DiskSpace(options.freeBytes)
    this.#admission = new RunAdmission({ terms, book, writes, disk: this.#disk, health, clock, core })
    const { idempotencyLimit: limit } = terms
    this.#keys = new RunKeys({ reads, writes, clock, limit, count: atStart.keys })
    const waits = this.#waits
    this.#diskRuns = new DiskRuns({
      ...held,
      reads,
      ledger,
      waits,
      lookAt,
      noteDue: (ms) => this.#upkeep.noteDue(ms),
      hold,
    })
    this.#recovery = new RunRecovery({ reads, book, lanes, clock, log, core, hold: holdHead })
    this.#upkeep = new RunUpkeep({
      store,
      reads,
      writes,
      book,
      disk: this.#disk,
      clock,
      log,
      after,
      retentionMs: terms.runRetentionMs,
      nextDueMs: atStart.nextDueMs,
      expire: (run, error) => this.#diskRuns.endOnDisk(run, 'expired', error),
      onDue: (runs) => this.#onDue(runs),
    })
    this.#outcomes = new RunOutcomes({ reads, book, waits })
    this.#acceptance = new RunAcceptance({
      ...held,
      createRunId: options.createRunId,
      admission: this.#admission,
      keys: this.#keys,
      sessions,
      upkeep: this.#upkeep,
      hold: (row, payload) => this.#hold(row, payload, 'accepting'),
    })
  }

  /** For the core's construction, which comes before `attach`. */
  get ledger(): LedgerPort {
    return this.#ledger
  }

  /** Gives the core what an earlier balancer has left; before any worker is dialled. */
  attach(core: DurableTasksPort, hooks: RunHooks = {}): void {
    this.#core = core
    this.#hooks = hooks
    this.#recovery.restore(this.#options.atStart)
  }

  get #attached(): DurableTasksPort {
    if (!this.#core) throw new Error('runs are used before the core is attached to them')
    return this.#core
  }

  // --- Service ---------------------------------------------------------------------------------

  async start(): Promise<void> {
    await this.#disk.look()
    this.#upkeep.start()
  }

  /** Accepts nothing more; ends are written, and told to callers, as before. */
  beginDrain(): void {
    this.#admission.isDraining = true
    this.#waits.drain()
  }

  /** The bound of a drain: callers who still wait are told that their runs go on. */
  releaseCallers(): void {
    this.#waits.close()
  }

  async stop(): Promise<void> {
    this.beginDrain()
    this.releaseCallers()
    this.#upkeep.stop()
    this.#sessions.stop()
    this.#lanes.stop()
    this.#ledger.flush()
  }

  // --- Acceptance ------------------------------------------------------------------------------

  accept(runs: readonly NewRun[], key: KeyUse | undefined): Promise<Accepted> {
    return this.#acceptance.accept(runs, key)
  }

  /** See run-acceptance.ts. */
  fire(wanted: NewRun, claim: ScheduleClaim): Promise<Accepted> {
    return this.#acceptance.fire(wanted, claim)
  }

  judge(wanted: NewRun): Promise<TaskError | undefined> {
    return this.#acceptance.judge(wanted)
  }

  replay(key: KeyUse): Promise<Accepted | undefined> {
    return this.#keys.replay(key)
  }

  // --- For callers -----------------------------------------------------------------------------

  outcome(id: string, ms: number, signal: AbortSignal): Promise<Settlement | undefined> {
    return this.#outcomes.outcome(id, ms, signal, false)
  }

  /** As `outcome`, for who did not call the run: let go as soon as the balancer drains. */
  watch(id: string, ms: number, signal: AbortSignal): Promise<Settlement | undefined> {
    return this.#outcomes.outcome(id, ms, signal, true)
  }

  noteAnswer(key: KeyUse, answer: 'accepted' | 'final'): void {
    void this.#keys.note(key, answer)
  }

  /** Ends a run that has not ended, wherever it is; undefined for an unknown one. */
  cancel(id: string): Promise<Removed | undefined> {
    return this.#diskRuns.cancel(id)
  }

  /** Only of a run that waits; undefined for an unknown one. */
  reprioritise(id: string, priority: number): Promise<Removed | undefined> {
    return this.#diskRuns.reprioritise(id, priority)
  }

  /** Forgets a final run with all it has; undefined for an unknown one. */
  remove(id: string): Promise<Removed | undefined> {
    return this.#diskRuns.remove(id)
  }

  /** A durable run that is in memory, as its row is or will be. */
  held(id: string): HeldRun | undefined {
    return this.#book.get(id)
  }

  /** Runs that are not final. */
  get live(): number {
    return this.#book.live
  }

  // --- For the fleet ---------------------------------------------------------------------------

  /** See fleet/member-context.ts. */
  recover(
    worker: string,
    boot: string,
    started: readonly StartedThere[],
  ): Promise<readonly StartedThere[]> | undefined {
    return this.#recovery.recover(worker, boot, started)
  }

  // --- From the store --------------------------------------------------------------------------

  onPersisted(batch: number): void {
    this.#writes.onPersisted(batch)
  }

  onFailed(batch: number, detail: string): void {
    this.#writes.onFailed(batch, detail)
  }

  onClaimed(claim: number, runs: readonly ClaimedRun[], hasMore: boolean): void {
    this.#lanes.onClaimed(claim, runs, hasMore)
  }

  onDue(runs: readonly ClaimedRun[], nextMs: number | null): void {
    this.#upkeep.onDue(runs, nextMs)
  }

  onTurns(asked: readonly SessionAsk[], turns: readonly SessionTurn[] | null): void {
    this.#sessions.onTurns(asked, turns)
  }

  #onClaimed(lane: string, runs: readonly ClaimedRun[], hasMore: boolean): void {
    const held = runs.map((run) => this.#hold(run, run.payload, 'live'))
    for (const [at, run] of held.entries()) {
      run.prefer = runs[at]?.prefer
      this.#book.setHead(run)
    }
    const waiting = held.filter((run) => !this.#recovery.takeUp(run))
    this.#attached.claimed(lane, waiting, hasMore, this.#options.clock.monoMs())
    const [first] = held
    // To the core an empty answer is the end of the lane.
    if (hasMore && first && waiting.length === 0) this.#attached.laneOnDisk(first)
  }

  #onDue(runs: readonly ClaimedRun[]): void {
    const now = this.#options.clock.monoMs()
    for (const run of runs)
      if (run.session !== null) this.#sessions.joined(run)
      else if (!this.#book.has(run.id))
        this.#attached.queued(this.#hold(run, run.payload, 'live'), false, now)
  }

  // --- Held runs -------------------------------------------------------------------------------

  #hold(row: LiveRun, payload: StoredPayload, state: HeldState): HeldRun {
    const { clock } = this.#options
    const run = new HeldRun(row, payload, state, clock, this.#takeItem, this.#takeFile, this.#meterOf)
    this.#book.add(run)
    return run
  }

  readonly #meterOf: MeterOf = (run) => this.#hooks.meterOf?.(run)

  readonly #takeItem: TakeItem = (run, item, origin) => {
    const hooks = this.#hooks
    if (hooks.onItem) hooks.onItem(run, item, origin)
    else item.source.taken(item.bytes.length)
  }

  readonly #takeFile: TakeFile = (run, piece, origin) => {
    const hooks = this.#hooks
    if (hooks.onFile) hooks.onFile(run, piece, origin)
    else piece.source.taken(piece.recordBytes)
  }
}

const systemTimer: After = (ms, act) => {
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}
