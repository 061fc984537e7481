/**
 * How runs on disk begin: looked at, numbered, written, and only then answered and handed to the core (or due later,
 * or behind the turns of their session). Called by `durable-runs.ts` for `http/` and by schedules.
 * Invariant: what is answered as accepted is on disk; of what is refused nothing is left, in memory or there.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type TaskError, timeOfRun } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { DurableTasksPort } from '../ports/durable-tasks.ts'
import type { Accepted, KeyUse, NewRun } from '../ports/runs.ts'
import type { ScheduleClaim } from '../ports/schedule-store.ts'
import type { StoreWrite } from '../ports/store.ts'
import type { LiveRun, StoredPayload } from '../ports/stored-run.ts'
import { canonicalTags, type HeldRun } from './held-run.ts'
import { type RunAdmission, storeUnavailable, UNSETTLED } from './run-admission.ts'
import type { RunBook } from './run-book.ts'
import type { RunKeys } from './run-keys.ts'
import type { RunUpkeep } from './run-upkeep.ts'
import type { RunWrites } from './run-writes.ts'
import type { Sessions } from './sessions/sessions.ts'

export interface RunAcceptanceOptions {
  readonly clock: Clock
  readonly createRunId: () => string
  readonly core: () => DurableTasksPort
  readonly book: RunBook
  readonly writes: RunWrites
  readonly admission: RunAdmission
  readonly keys: RunKeys
  readonly sessions: Sessions
  readonly upkeep: Pick<RunUpkeep, 'noteGivenUp' | 'noteDue'>
  /** Into the book, as one that is not accepted yet. */
  readonly hold: (row: LiveRun, payload: StoredPayload) => HeldRun
}

/** Runs that are made in one turn of the loop; about 2 ms. */
const SLICE_RUNS = 1_000

export class RunAcceptance {
  readonly #options: RunAcceptanceOptions

  constructor(options: RunAcceptanceOptions) {
    this.#options = options
  }

  async accept(runs: readonly NewRun[], key: KeyUse | undefined): Promise<Accepted> {
    if (!key) return this.#accept(runs, undefined, [])
    const turn = await this.#options.keys.begin(key)
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

  async #accept(
    runs: readonly NewRun[],
    key: KeyUse | undefined,
    before: Parameters<RunWrites['write']>[0],
  ): Promise<Accepted> {
    const refusal = this.#options.admission.refusal(runs.length)
    if (refusal) return { ok: false, error: refusal }
    // Every wait is a turn of the queue, which a plain run can do without.
    const fixed = this.#options.admission.fixNow(runs) ?? (await this.#options.admission.fix(runs))
    if (!fixed.ok) return fixed
    const hasKey = key !== undefined
    const [first] = runs
    const held =
      runs.length === 1 && first
        ? [this.#make(first, fixed.contracts[0] as number, hasKey)]
        : await this.#makeAll(runs, fixed.contracts, hasKey)
    // Others may have been accepted while these waited, or were made.
    const late = this.#options.admission.refusal(held.length)
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
    const refusal = this.#options.admission.refusal(1)
    if (refusal) return { ok: false, error: refusal }
    const fixed = this.#options.admission.fixNow([wanted]) ?? UNSETTLED
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
    const fixed = await this.#options.admission.fix([wanted])
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
    for (const run of held) this.#options.book.remove(run)
  }

  #make(wanted: NewRun, contract: number, hasKey: boolean): HeldRun {
    const { clock, createRunId, core, hold } = this.#options
    const id = createRunId()
    // One instant, whatever reads it: lists are bounded by what ids say.
    const acceptedMs = timeOfRun(id) ?? Math.floor(clock.wallMs())
    const { payload, ...order } = wanted
    const isDelayed = order.dueMs !== null && order.dueMs > acceptedMs
    const row: LiveRun = {
      ...order,
      seq: core().nextSeq(),
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
    const run = hold(row, payload)
    run.mayHaveKey = hasKey
    return run
  }

  #writeAccepted(
    writes: Parameters<RunWrites['write']>[0],
    held: readonly HeldRun[],
    claim?: ScheduleClaim,
  ): Promise<string | undefined> {
    this.#options.book.live += held.length
    // Whoever ends from now on is to know that others wait for it.
    for (const { row } of held) if (row.session !== null) this.#options.sessions.adoptBase(row.session)
    return new Promise((resolve) => {
      this.#options.writes.write(writes, {
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
    const { core, clock, book, upkeep } = this.#options
    const { dueMs, status, deadlineMs, queueUntilMs, session } = run.row
    upkeep.noteGivenUp(
      Math.min(deadlineMs ?? Number.POSITIVE_INFINITY, queueUntilMs ?? Number.POSITIVE_INFINITY),
    )
    run.state = 'live'
    if (status === 'queued' && session === null) return core().queued(run, true, clock.monoMs())
    run.state = 'away'
    book.remove(run)
    if (status === 'queued') this.#beginTurn(run)
    else upkeep.noteDue(dueMs ?? 0)
  }

  /** It waits on disk until it is its turn, which may be now. */
  #beginTurn({ row }: HeldRun): void {
    const base = row.session === null ? undefined : this.#options.sessions.adoptBase(row.session)
    // It came from the disk meanwhile, and its end may be on its way without a word of the session.
    if (base) this.#options.writes.write([{ kind: 'turn-set', seq: base.seq, priority: null }])
    this.#options.sessions.joined(row)
  }

  /** Nobody was told of it, and a part of its batch may be on disk all the same. */
  #takeBack(run: HeldRun, claim?: ScheduleClaim): void {
    const { seq } = run
    const undo: StoreWrite = claim ? { kind: 'schedule-unfired', seq, claim } : { kind: 'run-removed', seq }
    this.#options.book.live--
    const follower = {
      onWritten: () => {
        this.#options.book.remove(run)
        if (run.row.session !== null) this.#options.sessions.look(run.row.session)
      },
      onLost: () => this.#options.writes.tryAgain(follower, () => undo),
    }
    follower.onLost()
  }
}

/** What was sent along with it. */
function uploadWrites({ seq, row: { uploads = [] } }: HeldRun): StoreWrite[] {
  return uploads.map((file) => ({ kind: 'run-file', seq, file: { ...file, fence: 0 } }))
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
