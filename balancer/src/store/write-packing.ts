/**
 * Makes of a tick's writes what crosses to the store's thread at the least cost for the main one: a run is a few
 * values in a flat list instead of forty named ones, and the bytes of all inputs and results lie in one buffer
 * that is handed over. A view on a large frame would otherwise be copied with the whole frame.
 * A batch of which nothing can be refused goes as text, in the form in which the journal keeps it.
 * Invariant: the other side sees the same bytes; nothing of the caller's is changed or held.
 */
import { canonicalJson } from '@berth/protocol'
import type { IdempotencyRow, RunWrite } from '../ports/run-writes.ts'
import type { ScheduleClaim } from '../ports/schedule-store.ts'
import type { StoreWrite } from '../ports/store.ts'
import type { LiveRun, RunEnd, StoredPayload } from '../ports/stored-run.ts'
import { codeOf, encodeEnd, encodeFacts, hasAny } from './run-codec.ts'
import { givenUpMs } from './run-rows.ts'

export type Value = string | number | null
type Write<Kind extends RunWrite['kind']> = Extract<RunWrite, { kind: Kind }>

/** The values of one accepted run, one after another in this order; then those of the next. */
export const ACCEPTED = [
  'seq',
  'id',
  'group',
  'function',
  'contract',
  /** Canonical JSON; null for any worker. */
  'tags',
  'status',
  'priority',
  'acceptedMs',
  'dueMs',
  'giveUpMs',
  'session',
  'schedule',
  'facts',
  'hasWords',
  'mediaType',
  'bytesAt',
  'bytesLength',
  'headLength',
] as const

export interface PackedAcceptance {
  readonly kind: 'runs-accepted'
  readonly values: readonly Value[]
  /** Of those that are no longer as new: place in the list, and how they stand. */
  readonly moved: readonly Write<'run-moved'>[]
  readonly key: IdempotencyRow | null
  readonly claim?: ScheduleClaim | undefined
}

/** The values of the end of a run, in this order. */
export const FINISHED = [
  'seq',
  'fence',
  'status',
  'finishedMs',
  'worker',
  'facts',
  'mediaType',
  'bytesAt',
  'bytesLength',
] as const

export interface PackedFinish {
  readonly kind: 'run-finished'
  readonly values: readonly Value[]
  /** What a plain end has none of. */
  readonly more: FinishExtras | null
}

export interface FinishExtras
  extends Pick<
    Write<'run-finished'>,
    'events' | 'delivery' | 'keyExpiresMs' | 'session' | 'mayHaveFiles' | 'told' | 'scopes'
  > {
  readonly error: PackedEnd['error']
  /** For the totals of its `scopes`. */
  readonly usage: RunEnd['usage']
}

export interface PackedEnd {
  readonly status: number
  readonly finishedMs: number
  readonly worker: string | null
  readonly facts: string
  /** Words of the error, to be searched. */
  readonly error: { readonly code: string; readonly detail: string } | null
  readonly mediaType: string | null
  readonly bytesAt: number
  readonly bytesLength: number
}

export type PackedWrite =
  | Exclude<StoreWrite, { kind: 'runs-accepted' | 'run-finished' | 'run-recorded' }>
  | PackedAcceptance
  | PackedFinish
  | (Omit<Write<'run-recorded'>, 'end'> & { readonly facts: string; readonly end: PackedEnd })

/** Some writes of a batch. Those of a part that is text can only be refused for a run that is there already. */
export type PackedPart = {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** About as long as it takes: one for the acceptance of a run, one for its end. */
  readonly weight: number
} & (
  | { readonly writes: readonly PackedWrite[]; readonly text?: undefined }
  | {
      readonly writes?: undefined
      /** JSON of the writes. */
      readonly text: string
      /** Of the runs that it accepts, when they stand in the order of seq; null without any. */
      readonly seqs: { readonly first: number; readonly last: number } | null
    }
)

/** What can be kept in the journal first: nobody is told how it went, and whoever reads waits until it is done. */
const JOURNALED: ReadonlySet<StoreWrite['kind']> = new Set<StoreWrite['kind']>([
  'runs-accepted',
  'run-moved',
  'run-finished',
  'run-recorded',
  'run-removed',
  'run-events',
  'run-lines',
  'run-told',
  'delivery-set',
  'retention',
  'stats-block',
  'stats-removed',
  'touch',
  'activity-noted',
  'activity-trimmed',
])
/** Runs that one part of a batch accepts at most. */
const PART_RUNS = 500

export function packWrites(writes: readonly StoreWrite[]): readonly PackedPart[] {
  if (!writes.every(isJournaled)) {
    const blocks = new Blocks()
    const packed = writes.map((write) => packWrite(write, blocks))
    return [{ writes: packed, bytes: blocks.join(), weight: weigh(writes) }]
  }
  const parts: PackedPart[] = []
  let begun: StoreWrite[] = []
  let weight = 0
  const end = () => {
    if (begun.length > 0) parts.push(packText(begun))
    begun = []
    weight = 0
  }
  for (const write of writes) {
    for (const piece of piecesOf(write)) {
      if (weight >= PART_RUNS) end()
      begun.push(piece)
      weight += weightOf(piece)
    }
  }
  end()
  return parts
}

/** A key may have begun other runs before, and an instant of a schedule, too; that refuses them all. */
function isJournaled(write: StoreWrite): boolean {
  if (!JOURNALED.has(write.kind)) return false
  if (write.kind !== 'runs-accepted') return true
  return write.key === null && write.claim === undefined && isRising(write)
}

function isRising({ runs }: Write<'runs-accepted'>): boolean {
  let last = 0
  for (const { run } of runs) {
    if (run.seq <= last) return false
    last = run.seq
  }
  return true
}

/** Many runs that are accepted together are on disk together, and in the tables one after another. */
function piecesOf(write: StoreWrite): readonly StoreWrite[] {
  if (write.kind !== 'runs-accepted' || write.runs.length <= PART_RUNS) return [write]
  const pieces: StoreWrite[] = []
  for (let at = 0; at < write.runs.length; at += PART_RUNS)
    pieces.push({ ...write, runs: write.runs.slice(at, at + PART_RUNS) })
  return pieces
}

function packText(writes: readonly StoreWrite[]): PackedPart {
  const blocks = new Blocks()
  const packed = writes.map((write) => packWrite(write, blocks))
  const text = JSON.stringify(packed)
  return { text, bytes: blocks.join(), weight: weigh(writes), seqs: seqsOf(writes) }
}

/** From the lowest to the highest. */
function seqsOf(writes: readonly StoreWrite[]): { first: number; last: number } | null {
  let [first, last] = [Number.POSITIVE_INFINITY, 0]
  for (const write of writes) {
    if (write.kind !== 'runs-accepted' || write.runs.length === 0) continue
    first = Math.min(first, write.runs[0]?.run.seq ?? 0)
    last = Math.max(last, write.runs.at(-1)?.run.seq ?? 0)
  }
  return last === 0 ? null : { first, last }
}

function weigh(writes: readonly StoreWrite[]): number {
  let weight = 0
  for (const write of writes) weight += weightOf(write)
  return weight
}

export function weightOf(write: StoreWrite): number {
  return write.kind === 'runs-accepted' ? write.runs.length : 1
}

function packWrite(write: StoreWrite, blocks: Blocks): PackedWrite {
  switch (write.kind) {
    case 'runs-accepted':
      return packAcceptance(write, blocks)
    case 'run-finished':
      return packFinish(write, blocks)
    case 'run-recorded':
      return { ...write, facts: encodeFacts(write.order), end: packEnd(write.end, blocks) }
    default:
      return write
  }
}

/** In the order of `FINISHED`. */
function packFinish(write: Write<'run-finished'>, blocks: Blocks): PackedFinish {
  const { seq, fence, events, delivery, keyExpiresMs, session, mayHaveFiles, told, scopes } = write
  const { usage } = write.end
  const { status, finishedMs, worker, facts, error, mediaType, bytesAt, bytesLength } = packEnd(
    write.end,
    blocks,
  )
  const isQuiet = error === null && events.length === 0 && delivery === null
  const isPlain = isQuiet && keyExpiresMs === null && !session && !mayHaveFiles && !told && !scopes
  return {
    kind: 'run-finished',
    values: [seq, fence, status, finishedMs, worker, facts, mediaType, bytesAt, bytesLength],
    more: isPlain
      ? null
      : { error, events, delivery, keyExpiresMs, session, mayHaveFiles, told, scopes, usage },
  }
}

function packAcceptance({ runs, key, claim }: Write<'runs-accepted'>, blocks: Blocks): PackedAcceptance {
  const values: Value[] = []
  const moved: Write<'run-moved'>[] = []
  for (const { run, payload } of runs) {
    pushRun(values, run, payload, blocks)
    if (!isFresh(run)) moved.push({ kind: 'run-moved', seq: run.seq, progress: progressOf(run) })
  }
  return { kind: 'runs-accepted', values, moved, key, claim }
}

/** In the order of `ACCEPTED`. */
function pushRun(
  values: Value[],
  run: LiveRun,
  { mediaType, bytes, head }: StoredPayload,
  blocks: Blocks,
): void {
  const at = blocks.add(bytes)
  if (head !== null) blocks.add(head)
  values.push(
    run.seq,
    run.id,
    run.group,
    run.function,
    run.contract,
    run.tags === null ? null : canonicalJson(run.tags),
    codeOf(run.status),
    run.priority,
    run.acceptedMs,
    run.dueMs,
    givenUpMs(run),
    run.session,
    run.schedule,
    encodeFacts(run),
    hasAny(run.metadata) ? 1 : 0,
    mediaType,
    at,
    bytes.length,
    head === null ? null : head.length,
  )
}

function isFresh(run: LiveRun): boolean {
  const { attempt, failures, losses, worker, boot, fence, startedMs, history } = run
  const isCounted = attempt > 0 || failures > 0 || losses > 0 || history.length > 0
  return !isCounted && worker === null && boot === null && fence === null && startedMs === null
}

function progressOf(run: LiveRun): Write<'run-moved'>['progress'] {
  const { status, priority, attempt, failures, losses, worker, boot, fence, startedMs, history } = run
  return { status, priority, attempt, failures, losses, worker, boot, fence, startedMs, history }
}

function packEnd(end: RunEnd, blocks: Blocks): PackedEnd {
  const { status, finishedMs, worker, error, result } = end
  return {
    status: codeOf(status),
    finishedMs,
    worker,
    facts: encodeEnd(end),
    error: error && { code: error.code, detail: error.detail },
    mediaType: result === null ? null : result.mediaType,
    bytesAt: result === null ? 0 : blocks.add(result.bytes),
    bytesLength: result === null ? 0 : result.bytes.length,
  }
}

/** Blocks of bytes, one behind the other. */
class Blocks {
  readonly #blocks: Uint8Array[] = []
  #length = 0

  /** Where it will lie. */
  add(block: Uint8Array): number {
    const at = this.#length
    this.#blocks.push(block)
    this.#length += block.length
    return at
  }

  join(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#length)
    let at = 0
    for (const block of this.#blocks) {
      whole.set(block, at)
      at += block.length
    }
    return whole
  }
}
