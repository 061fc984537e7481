/**
 * What operators and callers do with a run wherever it is: cancel, reprioritise, forget it. A run that is in memory
 * is the core's; one that waits on disk only is read, judged and written here. Owned by DurableRuns.
 * Invariant: nothing is answered before it is on disk.
 */
import type { TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { DurableTasksPort } from '../ports/durable-tasks.ts'
import type { RunReads } from '../ports/run-reads.ts'
import type { Removed } from '../ports/runs.ts'
import type { StoreWrite } from '../ports/store.ts'
import type { ClaimedRun, LiveRun, RunProgress, StoredRun } from '../ports/stored-run.ts'
import { type HeldRun, selectorOf } from './held-run.ts'
import { storeUnavailable } from './run-admission.ts'
import type { RunBook } from './run-book.ts'
import { endOnDisk } from './run-end.ts'
import type { RunLanes } from './run-lanes.ts'
import type { RunLedger } from './run-ledger.ts'
import type { RunWaits } from './run-waits.ts'
import type { RunWrites } from './run-writes.ts'

export interface DiskRunsOptions {
  readonly reads: Pick<RunReads, 'find'>
  readonly book: RunBook
  readonly writes: RunWrites
  readonly lanes: RunLanes
  readonly ledger: RunLedger
  readonly waits: RunWaits
  readonly clock: Clock
  readonly core: () => DurableTasksPort
  /** A run is on disk that is due then. */
  readonly noteDue: (ms: number) => void
  /** The turns of a session may stand otherwise on disk by now. */
  readonly lookAt: (session: string) => void
  /** Holds a run that was read, to end it or to hand it to the core. */
  readonly hold: (row: LiveRun, payload: ClaimedRun['payload'] | undefined) => HeldRun
}

/** How long a caller waits for the disk. */
const DISK_MS = 10_000
const CANCELLED: TaskError = { code: 'CANCELLED', detail: 'Someone cancelled the task.' }

export class DiskRuns {
  readonly #options: DiskRunsOptions

  constructor(options: DiskRunsOptions) {
    this.#options = options
  }

  /** Ends a run that has not ended; undefined for an unknown one. */
  async cancel(id: string): Promise<Removed | undefined> {
    const { book, core, clock } = this.#options
    return this.#look(id, (found) => {
      if (found.kind === 'done') return OK
      const held = book.get(id)
      if (held) core().cancel(id, 'operator', clock.monoMs())
      else this.endOnDisk(found.run, 'cancelled', CANCELLED)
      return this.#whenEnded(id)
    })
  }

  /** Only of a run that waits. */
  async reprioritise(id: string, priority: number): Promise<Removed | undefined> {
    const { book } = this.#options
    return this.#look(id, (found) => {
      const held = book.get(id)
      if (held) return this.#reprioritiseHeld(held, priority)
      if (found.kind === 'done' || found.run.status === 'running')
        return { ok: false, error: waitsNoMore(id) }
      return this.#reprioritiseOnDisk(found.run, priority)
    })
  }

  /** Forgets a final run with all it has. */
  async remove(id: string): Promise<Removed | undefined> {
    return this.#look(id, (found) => {
      if (found.kind !== 'done') return { ok: false, error: notFinished(id) }
      return this.#written([{ kind: 'run-removed', seq: found.seq }])
    })
  }

  /** A run that waits on disk only ends there. */
  endOnDisk(run: LiveRun, status: 'cancelled' | 'expired', error: TaskError): void {
    const { hold, ledger, clock } = this.#options
    ledger.end(hold(run, undefined), endOnDisk(run, status, error, clock.wallMs()), 0)
  }

  /** Acts on a run in the turn in which it is sure how it stands. */
  async #look(id: string, act: Act): Promise<Removed | undefined> {
    const { book, reads } = this.#options
    for (;;) {
      const before = book.get(id)
      if (before) return act({ kind: 'live', run: before.row })
      const read = () => reads.find(id).catch((error: unknown) => ({ kind: 'error', error }) as const)
      const acted = await book.judge(read, (found, departed) => {
        // It may have come into memory while the disk was read, and gone again: to its end, or back to the disk.
        const since = book.get(id)
        if (since) return { answer: act({ kind: 'live', run: since.row }) }
        if (found?.kind === 'error')
          return { answer: { ok: false, error: storeUnavailable(messageOf(found.error)) } as const }
        if (departed.has(id)) return undefined
        return { answer: found ? act(standing(found)) : undefined }
      })
      if (acted) return acted.answer
    }
  }

  async #whenEnded(id: string): Promise<Removed> {
    const { waits, book } = this.#options
    const end = await waits.wait(id, DISK_MS)
    return end || !book.has(id) ? OK : { ok: false, error: storeUnavailable('the end is not on disk yet') }
  }

  /** In effect at once, so that it holds wherever the run goes meanwhile; taken back when it cannot be kept. */
  async #reprioritiseHeld(held: HeldRun, priority: number): Promise<Removed> {
    const { core, clock } = this.#options
    const isChanged = core().reprioritise(held.run, priority, clock.monoMs())
    if (!isChanged) return { ok: false, error: waitsNoMore(held.run) }
    held.row = { ...held.row, priority }
    const turn = ++held.reprioritised
    const written = await this.#writeMoved(held.row, this.#standingOf(held))
    if (written.ok) held.keptPriority = priority
    else if (held.reprioritised === turn) this.#restorePriority(held)
    return written
  }

  /** The disk has refused the last priority that was wanted. */
  #restorePriority(held: HeldRun): void {
    const { core, clock, lanes, book, writes } = this.#options
    const { keptPriority: priority } = held
    const row = { ...held.row, priority }
    if (held.state === 'away') {
      // It was put back at a place that its row does not have.
      if (!book.has(held.run)) lanes.putBack(core().laneOnDisk(held), row)
      return
    }
    if (held.state !== 'live' || !core().reprioritise(held.run, priority, clock.monoMs())) return
    held.row = row
    // Other steps of the run may have written the refused one meanwhile.
    const nothing = () => {}
    const follower = {
      onWritten: nothing,
      onLost: () =>
        writes.tryAgain(follower, () => (held.state === 'live' ? this.#standingOf(held) : undefined)),
    }
    follower.onLost()
  }

  /** The row as it is to be; one without a task has only waited so far. */
  #standingOf(held: HeldRun): StoreWrite {
    if (held.task) return this.#options.ledger.progressWrite(held, held.task)
    return { kind: 'run-moved', seq: held.seq, progress: progressIn(held.row) }
  }

  /** The priority of a turn counts for its session. */
  async #writeMoved({ seq, session, priority }: LiveRun, moved: StoreWrite): Promise<Removed> {
    if (session === null) return this.#written([moved])
    const written = await this.#written([moved, { kind: 'turn-set', seq, priority }])
    this.#options.lookAt(session)
    return written
  }

  async #reprioritiseOnDisk(run: LiveRun, priority: number): Promise<Removed> {
    const { lanes, book, hold, core, clock } = this.#options
    const changed = { ...run, priority }
    const answer = this.#writeMoved(changed, {
      kind: 'run-moved',
      seq: run.seq,
      progress: progressIn(changed),
    })
    // It may have become due meanwhile, and is scheduled again by what was written.
    if (run.status === 'scheduled') void answer.then(() => this.#options.noteDue(run.dueMs ?? 0))
    // Held, or brought by a look at its session.
    if (run.session !== null) return answer
    // Its new place may lie before all that anybody would look at.
    void answer.then(({ ok }) => {
      if (ok && run.status === 'queued' && !book.has(run.id))
        lanes.putBack(core().laneOnDisk({ ...changed, selector: selectorOf(changed) }), changed)
    })
    if (run.status === 'queued')
      // Behind the write: it comes from its new place and stands before or in the window, or goes back.
      lanes.fetch(changed, changed, (claimed) => {
        const held = book.get(claimed.id)
        if (!held) return core().queued(hold(claimed, claimed.payload), false, clock.monoMs())
        // It was claimed while the write was on its way, with the priority of before.
        if (held.state !== 'live' || !core().reprioritise(held.run, priority, clock.monoMs())) return
        held.row = { ...held.row, priority }
        held.keptPriority = priority
      })
    return answer
  }

  async #written(writes: Parameters<RunWrites['settle']>[0]): Promise<Removed> {
    const lost = await this.#options.writes.settle(writes)
    return lost === undefined ? OK : { ok: false, error: storeUnavailable(lost) }
  }
}

type Found =
  | { readonly kind: 'live'; readonly run: LiveRun }
  | { readonly kind: 'done'; readonly seq: number }

type Act = (found: Found) => Removed | Promise<Removed>

const OK: Removed = { ok: true }

function standing(found: StoredRun): Found {
  return found.kind === 'done' ? { kind: 'done', seq: found.run.seq } : { kind: 'live', run: found.run }
}

function progressIn(run: LiveRun): RunProgress {
  const { status, priority, attempt, failures, losses, worker, boot, fence, startedMs, history } = run
  return { status, priority, attempt, failures, losses, worker, boot, fence, startedMs, history }
}

function waitsNoMore(id: string): TaskError {
  return {
    code: 'CONFLICT',
    detail: `The run ${id} waits no more; its priority can change only while it waits.`,
  }
}

function notFinished(id: string): TaskError {
  return {
    code: 'NOT_FINISHED',
    detail: `The run ${id} has not ended. Cancel it first, or wait for its end.`,
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
