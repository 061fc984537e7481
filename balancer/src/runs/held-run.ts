/**
 * A run on disk that is in memory as well: while it is accepted, while the core has it, and until its end is on
 * disk. To the core it is a submission; the ledger finds here what the run's row says.
 * Made by acceptance and by whatever brings runs from the disk; the book (run-book.ts) has each at most once.
 */
import {
  ANY_WORKER,
  type BudgetLevel,
  type CompiledSelector,
  compileSelector,
  type Mode,
  type Selector,
  type TaskExtras,
} from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { Payload } from '../ports/dispatch.ts'
import type { FileOrigin, FilePiece } from '../ports/files.ts'
import type { LiveTask } from '../ports/ledger.ts'
import type { RunMeter } from '../ports/metering.ts'
import type { AttemptRecord } from '../ports/record.ts'
import type { LiveRun, RunEnd, StoredAttempt, StoredPayload } from '../ports/stored-run.ts'
import type { StreamItem, StreamOrigin } from '../ports/stream.ts'
import type { PastAttempts, Submission } from '../ports/submission.ts'
import type { Told } from '../ports/told.ts'
import type { EndExtras } from './durable-options.ts'

/** Takes what the handlers of held runs make on the way. */
export type TakeItem = (run: LiveRun, item: StreamItem, origin: StreamOrigin) => void
export type TakeFile = (run: LiveRun, piece: FilePiece, origin: FileOrigin) => void

/** The budget of a run, when that has limits. */
export type MeterOf = (run: LiveRun) => RunMeter | undefined

/** `accepting`: not on disk yet · `live` · `ending`: its end is on its way to disk · `away`: on disk only again. */
export type HeldState = 'accepting' | 'live' | 'ending' | 'away'

export class HeldRun implements Submission {
  /** As its row says, or is about to. */
  row: LiveRun
  state: HeldState
  /** The core's picture of it, once there is one. */
  task: LiveTask | undefined
  /** Its row is older than the task. */
  isBehind = false
  /** Stands in the list of what is written a little later. */
  isNoted = false
  end: RunEnd | undefined
  endFence = 0
  endExtras: EndExtras | undefined
  /** A more urgent turn waits behind it than its priority says, which could not be changed while it ran. */
  isUnhurried = false
  /** Who ran the turn before it. */
  prefer: string | undefined
  /** What it put out and the disk does not know as it ends. */
  told: Told | undefined
  /** It was begun under a key, as far as anybody remembers. */
  mayHaveKey = true
  /** As somebody may rely on: the priority that it was accepted with, or that was answered for last. */
  keptPriority: number
  /** How often somebody wanted another priority while it was held. */
  reprioritised = 0

  readonly run: string
  readonly group: string
  readonly function: string
  readonly contract: number
  readonly selector: CompiledSelector
  readonly priority: number
  readonly fairnessKey: string | undefined
  readonly mode: Mode
  readonly isDurable = true
  readonly attempts: number | undefined
  readonly idempotent: boolean | undefined
  readonly timeoutMs: number | undefined
  readonly deadlineAt: number
  readonly queueUntilAt: number
  readonly payload: Payload & { turns?: Uint8Array | undefined }
  readonly extras: TaskExtras | undefined
  /** A turn must never begin twice, and its handler is told of those before it. */
  readonly isWrittenFirst: boolean
  readonly trace: string
  readonly metadata: Readonly<Record<string, string>>
  readonly seq: number
  readonly acceptedAt: number
  readonly past: PastAttempts | undefined
  /** As it is stored. */
  readonly source: StoredPayload
  readonly budget: BudgetLevel | undefined
  readonly #takeItem: TakeItem
  readonly #takeFile: TakeFile | undefined
  readonly #meterOf: MeterOf | undefined
  #meter: RunMeter | undefined

  constructor(
    row: LiveRun,
    payload: StoredPayload,
    state: HeldState,
    clock: Clock,
    takeItem: TakeItem,
    takeFile?: TakeFile,
    meterOf?: MeterOf,
  ) {
    const skewMs = clock.monoMs() - clock.wallMs()
    this.row = row
    this.keptPriority = row.priority
    this.state = state
    this.run = row.id
    this.group = row.group
    this.function = row.function
    this.contract = row.contract
    this.selector = selectorOf(row)
    this.priority = row.priority
    this.fairnessKey = row.fairnessKey ?? undefined
    this.mode = row.mode
    this.attempts = row.attempts ?? undefined
    this.idempotent = row.idempotent ?? undefined
    this.timeoutMs = row.timeoutMs ?? undefined
    this.deadlineAt = row.deadlineMs === null ? Number.POSITIVE_INFINITY : row.deadlineMs + skewMs
    this.queueUntilAt = row.queueUntilMs === null ? Number.POSITIVE_INFINITY : row.queueUntilMs + skewMs
    this.source = payload
    const { bytes, mediaType, head } = payload
    const { uploads: files } = row
    const isEnvelope = head !== null
    this.payload = { bytes, mediaType, isEnvelope, head: head ?? undefined, turns: undefined, files }
    this.extras = extrasOf(row)
    this.isWrittenFirst = row.session !== null
    this.trace = row.trace
    this.metadata = row.metadata
    this.seq = row.seq
    // A delayed one waits from when it is due.
    this.acceptedAt = Math.max(row.acceptedMs, row.dueMs ?? 0) + skewMs
    this.past = pastOf(row, skewMs)
    this.budget = (row.budget as BudgetLevel | null) ?? undefined
    this.#takeItem = takeItem
    this.#takeFile = takeFile
    this.#meterOf = row.budget === null ? undefined : meterOf
  }

  get meter(): RunMeter | undefined {
    if (this.#meterOf) this.#meter ??= this.#meterOf(this.row)
    return this.#meter
  }

  onItem(item: StreamItem, origin: StreamOrigin): void {
    this.#takeItem(this.row, item, origin)
  }

  onFile(piece: FilePiece, origin: FileOrigin): void {
    if (this.#takeFile) this.#takeFile(this.row, piece, origin)
    else piece.source.taken(piece.recordBytes)
  }

  /** Whoever waits for it is told by the ledger, which also knows of ends outside the core. */
  onSettled(): void {}
}

function extrasOf({ session }: LiveRun): TaskExtras | undefined {
  return session === null ? undefined : { session }
}

/** The same selector is always written the same way, so that all who ask the same stand in one line. */
export function canonicalTags(tags: LiveRun['tags']): LiveRun['tags'] {
  if (tags === null) return null
  return tagsOf(compileSelector(tags as Selector))
}

export function tagsOf({ key }: CompiledSelector): LiveRun['tags'] {
  if (key === '') return null
  const rules = JSON.parse(key) as [string, ...string[]][]
  return Object.fromEntries(rules.map(([name, ...terms]) => [name, terms.length === 1 ? terms[0] : terms]))
}

export function selectorOf({ tags }: Pick<LiveRun, 'tags'>): CompiledSelector {
  return tags === null ? ANY_WORKER : compileSelector(tags as Selector)
}

function pastOf(row: LiveRun, skewMs: number): PastAttempts | undefined {
  const { attempt, failures, losses, fence, history } = row
  if (attempt === 0 && failures === 0 && losses === 0 && fence === null) return undefined
  return {
    attempts: attempt,
    failures,
    losses,
    fence: fence ?? 0,
    history: history.map((past) => toRecord(past, skewMs)),
  }
}

function toRecord(
  { n, worker, startedMs, finishedMs, outcome }: StoredAttempt,
  skewMs: number,
): AttemptRecord {
  return {
    n,
    worker: worker ?? undefined,
    startedAt: startedMs === null ? undefined : startedMs + skewMs,
    finishedAt: finishedMs + skewMs,
    outcome,
  }
}
