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
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type TaskError, timeOfRun } from '@berth/protocol'
import type { Service } from '@berth/runtime'
import type { LedgerPort } from '../ports/ledger.ts'
import type { ClaimedRun, LiveRun, RunEnd, StoredPayload } from '../ports/run-store.ts'
import type { Accepted, DurableRunsPort, KeyUse, NewRun, Removed, SteerRunsPort } from '../ports/runs.ts'
import type { ScheduleClaim } from '../ports/schedule-store.ts'
import type { DurableTasksPort, Settlement, StartedThere } from '../ports/scheduling.ts'
import type { SessionAsk, SessionTurn } from '../ports/session-store.ts'
import type { StoreEvents, StoreWrite } from '../ports/store.ts'
import { DiskRuns } from './disk-runs.ts'
import { DiskSpace } from './disk-space.ts'
import type { After, DurableRunsOptions, RunHooks } from './durable-options.ts'
import {
  canonicalTags,
  HeldRun,
  type HeldState,
  type MeterOf,
  type TakeFile,
  type TakeItem,
} from './held-run.ts'
import { RunAdmission, storeUnavailable, UNSETTLED } from './run-admission.ts'
import { RunBook } from './run-book.ts'
import { settlementOf } from './run-end.ts'
import { RunKeys } from './run-keys.ts'
import { RunLanes } from './run-lanes.ts'
import { RunLedger } from './run-ledger.ts'
import { RunRecovery } from './run-recovery.ts'
import { RunUpkeep } from './run-upkeep.ts'
import { RunWaits } from './run-waits.ts'
import { RunWrites } from './run-writes.ts'
import { Sessions } from './sessions/sessions.ts'

/** Runs that are made in one turn of the loop; about 2 ms. */
const SLICE_RUNS = 1_000
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

  async accept(runs: readonly NewRun[], key: KeyUse | undefined): Promise<Accepted> {
    if (!key) return this.#accept(runs, undefined, [])
    const turn = await this.#keys.begin(key)
    if (turn.kind === 'answered') return turn.answer
    let isAccepted = false
    try {
      const accepted = await this.#accept(runs, key, turn.writes)
      isAccepted = accepted.ok
      return accepted
    } finally {
      // Whoever comes with the same key waits for this.
      turn.end(isAccepted)
    }
  }

  replay(key: KeyUse): Promise<Accepted | undefined> {
    return this.#keys.replay(key)
  }

  async #accept(
    runs: readonly NewRun[],
    key: KeyUse | undefined,
    before: Parameters<RunWrites['write']>[0],
  ): Promise<Accepted> {
    const refusal = this.#admission.refusal(runs.length)
    if (refusal) return { ok: false, error: refusal }
    // Every wait is a turn of the queue, which a plain run can do without.
    const fixed = this.#admission.fixNow(runs) ?? (await this.#admission.fix(runs))
    if (!fixed.ok) return fixed
    const hasKey = key !== undefined
    const [first] = runs
    const held =
      runs.length === 1 && first
        ? [this.#make(first, fixed.contracts[0] as number, hasKey)]
        : await this.#makeAll(runs, fixed.contracts, hasKey)
    // Others may have been accepted while these waited, or were made.
    const late = this.#admission.refusal(held.length)
    if (late) {
      this.#drop(held)
      return { ok: false, error: late }
    }
    const ids = held.map(({ run }) => run)
    const row = key ? { ...key, runs: ids, expiresMs: null } : null
    const accepted = held.map(({ row: run, source }) => ({ run, payload: source }))
    const lost = await this.#writeAccepted(
      [...before, { kind: 'runs-accepted', runs: accepted, key: row }, ...held.flatMap(uploadWrites)],
      held,
    )
    if (lost !== undefined) return { ok: false, error: storeUnavailable(lost) }
    return { ok: true, runs: ids, isReplay: false, answer: null }
  }

  /** Accepts what an instant of a schedule fires, together with the claim of that instant; waits for nothing but the disk. */
  async fire(wanted: NewRun, claim: ScheduleClaim): Promise<Accepted> {
    const refusal = this.#admission.refusal(1)
    if (refusal) return { ok: false, error: refusal }
    const fixed = this.#admission.fixNow([wanted]) ?? UNSETTLED
    if (!fixed.ok) return fixed
    const held = this.#make(wanted, fixed.contracts[0] as number, false)
    const claimed = { ...claim, run: held.run }
    const runs = [{ run: held.row, payload: held.source }]
    const lost = await this.#writeAccepted(
      [{ kind: 'runs-accepted', runs, key: null, claim: claimed }],
      [held],
      claimed,
    )
    if (lost !== undefined) return { ok: false, error: storeUnavailable(lost) }
    return { ok: true, runs: [held.run], isReplay: false, answer: null }
  }

  /** Why such a run would not be accepted, whatever room there is: its function is unknown. */
  async judge(wanted: NewRun): Promise<TaskError | undefined> {
    const fixed = await this.#admission.fix([wanted])
    return fixed.ok ? undefined : fixed.error
  }

  /** In slices: ten thousand at once would hold up everybody else. */
  async #makeAll(
    runs: readonly NewRun[],
    contracts: readonly number[],
    hasKey: boolean,
  ): Promise<readonly HeldRun[]> {
    const held: HeldRun[] = []
    try {
      for (const [index, run] of runs.entries()) {
        if (index > 0 && index % SLICE_RUNS === 0) await nextTurn()
        held.push(this.#make(run, contracts[index] as number, hasKey))
      }
    } catch (error) {
      this.#drop(held)
      throw error
    }
    return held
  }

  /** Nothing of them was written. */
  #drop(held: readonly HeldRun[]): void {
    for (const run of held) this.#book.remove(run)
  }

  #make(wanted: NewRun, contract: number, hasKey: boolean): HeldRun {
    const { clock, createRunId } = this.#options
    const id = createRunId()
    // One instant, whatever reads it: lists are bounded by what ids say.
    const acceptedMs = timeOfRun(id) ?? Math.floor(clock.wallMs())
    const { payload, ...order } = wanted
    const isDelayed = order.dueMs !== null && order.dueMs > acceptedMs
    const row: LiveRun = {
      ...order,
      seq: this.#attached.nextSeq(),
      id,
      contract,
      tags: canonicalTags(order.tags),
      acceptedMs,
      dueMs: isDelayed ? order.dueMs : null,
      schedule: order.schedule ?? null,
      scheduledForMs: order.scheduledForMs ?? (isDelayed ? order.dueMs : null),
      parent: null,
      status: isDelayed ? 'scheduled' : 'queued',
      ...NOT_TRIED,
    }
    const run = this.#hold(row, payload, 'accepting')
    run.mayHaveKey = hasKey
    return run
  }

  #writeAccepted(
    writes: Parameters<RunWrites['write']>[0],
    held: readonly HeldRun[],
    claim?: ScheduleClaim,
  ): Promise<string | undefined> {
    this.#book.live += held.length
    // Whoever ends from now on is to know that others wait for it.
    for (const { row } of held) if (row.session !== null) this.#sessions.adoptBase(row.session)
    return new Promise((resolve) => {
      this.#writes.write(writes, {
        onWritten: () => {
          for (const run of held) this.#begin(run)
          resolve(undefined)
        },
        onLost: (detail) => {
          for (const run of held) this.#takeBack(run, claim)
          resolve(detail)
        },
      })
    })
  }

  /** It is on disk: from now on it will end. */
  #begin(run: HeldRun): void {
    const { clock } = this.#options
    const { dueMs, status, deadlineMs, queueUntilMs, session } = run.row
    this.#upkeep.noteGivenUp(
      Math.min(deadlineMs ?? Number.POSITIVE_INFINITY, queueUntilMs ?? Number.POSITIVE_INFINITY),
    )
    run.state = 'live'
    if (status === 'queued' && session === null) return this.#attached.queued(run, true, clock.monoMs())
    run.state = 'away'
    this.#book.remove(run)
    if (status === 'queued') this.#beginTurn(run)
    else this.#upkeep.noteDue(dueMs ?? 0)
  }

  /** It waits on disk until it is its turn, which may be now. */
  #beginTurn({ row }: HeldRun): void {
    const base = row.session === null ? undefined : this.#sessions.adoptBase(row.session)
    // It came from the disk meanwhile, and its end may be on its way without a word of the session.
    if (base) this.#writes.write([{ kind: 'turn-set', seq: base.seq, priority: null }])
    this.#sessions.joined(row)
  }

  /** Nobody was told of it, and a part of its batch may be on disk all the same. */
  #takeBack(run: HeldRun, claim?: ScheduleClaim): void {
    const { seq } = run
    const undo: StoreWrite = claim ? { kind: 'schedule-unfired', seq, claim } : { kind: 'run-removed', seq }
    this.#book.live--
    const follower = {
      onWritten: () => {
        this.#book.remove(run)
        if (run.row.session !== null) this.#sessions.look(run.row.session)
      },
      onLost: () => this.#writes.tryAgain(follower, () => undo),
    }
    follower.onLost()
  }

  // --- For callers -----------------------------------------------------------------------------

  outcome(id: string, ms: number, signal: AbortSignal): Promise<Settlement | undefined> {
    return this.#outcome(id, ms, signal, false)
  }

  /** As `outcome`, for who did not call the run: let go as soon as the balancer drains. */
  watch(id: string, ms: number, signal: AbortSignal): Promise<Settlement | undefined> {
    return this.#outcome(id, ms, signal, true)
  }

  async #outcome(
    id: string,
    ms: number,
    signal: AbortSignal,
    isOnlooker: boolean,
  ): Promise<Settlement | undefined> {
    if (this.#book.has(id)) return this.#waits.wait(id, ms, signal, isOnlooker)
    const leaving = new AbortController()
    // Registered first: the end may come while the disk is read.
    const waiting = this.#waits.wait(id, ms, AbortSignal.any([signal, leaving.signal]), isOnlooker)
    const found = await this.#read(id)
    if (found === 'live') return waiting
    leaving.abort()
    return found
  }

  async #read(id: string): Promise<Settlement | 'live' | undefined> {
    const { reads } = this.#options.store
    try {
      const found = await reads.find(id)
      if (found?.kind !== 'done') return found ? 'live' : undefined
      const { run } = found
      return settlementOf(run, run.resultBytes === null ? null : await reads.result(id))
    } catch (error) {
      // Its end may have been told already: nobody waits for what may never come.
      return { kind: 'failed', error: unread(id, error), attempt: 0, worker: undefined, queueMs: 0, runMs: 0 }
    }
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

/** What was sent along with it. */
function uploadWrites({ seq, row: { uploads = [] } }: HeldRun): StoreWrite[] {
  return uploads.map((file) => ({ kind: 'run-file', seq, file: { ...file, fence: 0 } }))
}

const systemTimer: After = (ms, act) => {
  const timer = setTimeout(act, ms)
  return () => clearTimeout(timer)
}

function unread(id: string, error: unknown): TaskError {
  const reason = error instanceof Error ? error.message : String(error)
  const detail = `The store cannot be read (${reason}). The run ${id} was accepted; GET /runs/${id} tells how it stands.`
  return { code: 'STORE_UNAVAILABLE', detail, retryAfterMs: 1_000 }
}

const NOT_TRIED = {
  attempt: 0,
  failures: 0,
  losses: 0,
  worker: null,
  boot: null,
  fence: null,
  startedMs: null,
  history: [],
} as const
