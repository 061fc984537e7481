/**
 * Makes of a tick's writes what crosses to the store's thread at the least cost for the main one: a run is a few
 * values in a flat list instead of forty named ones, and the bytes of all inputs and results lie in one buffer
 * that is handed over. A view on a large frame would otherwise be copied with the whole frame.
 * Invariant: `unpack…` at the other side sees the same bytes; nothing of the caller's is changed or held.
 */
import { canonicalJson } from '@berth/protocol'
import type { IdempotencyRow, LiveRun, RunEnd, RunWrite, StoredPayload } from '../ports/run-store.ts'
import type { ScheduleClaim } from '../ports/schedule-store.ts'
import type { StoreWrite } from '../ports/store.ts'
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
  readonly claim: ScheduleClaim | undefined
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
  | (Omit<Write<'run-finished'>, 'end'> & { readonly end: PackedEnd })
  | (Omit<Write<'run-recorded'>, 'end'> & { readonly facts: string; readonly end: PackedEnd })

export interface PackedBatch {
  readonly writes: readonly PackedWrite[]
  readonly bytes: Uint8Array<ArrayBuffer>
}

export function packWrites(writes: readonly StoreWrite[]): PackedBatch {
  const blocks = new Blocks()
  const packed = writes.map((write) => packWrite(write, blocks))
  return { writes: packed, bytes: blocks.join() }
}

function packWrite(write: StoreWrite, blocks: Blocks): PackedWrite {
  switch (write.kind) {
    case 'runs-accepted':
      return packAcceptance(write, blocks)
    case 'run-finished':
      return { ...write, end: packEnd(write.end, blocks) }
    case 'run-recorded':
      return { ...write, facts: encodeFacts(write.order), end: packEnd(write.end, blocks) }
    default:
      return write
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
