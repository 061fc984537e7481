/**
 * What was packed for the store's thread (write-packing.ts), as the tables want it. Pure; called by `run-tables.ts`
 * and `done-runs.ts`. Invariant: the places are those that were packed, and bytes are views on those of the batch.
 */
import type { Value } from './write-packing.ts'

/** An accepted run as the tables want it. */
export interface UnpackedRun {
  readonly seq: number
  readonly id: string
  readonly group: string
  readonly name: string
  readonly contract: Value
  readonly tags: Value
  readonly status: Value
  readonly priority: Value
  readonly acceptedMs: Value
  readonly dueMs: Value
  readonly giveUpMs: Value
  readonly session: Value
  readonly schedule: Value
  readonly facts: string
  readonly hasWords: number
  readonly mediaType: Value
  readonly bytes: Uint8Array
  readonly head: Uint8Array | null
}

/** The places are those of `ACCEPTED`. */
export function unpackAccepted(values: readonly Value[], at: number, bytes: Uint8Array): UnpackedRun {
  const value = (place: number): Value => values[at + place] ?? null
  const from = Number(value(16))
  const to = from + Number(value(17))
  const headLength = value(18)
  return {
    seq: Number(value(0)),
    id: String(value(1)),
    group: String(value(2)),
    name: String(value(3)),
    contract: value(4),
    tags: value(5),
    status: value(6),
    priority: value(7),
    acceptedMs: value(8),
    dueMs: value(9),
    giveUpMs: value(10),
    session: value(11),
    schedule: value(12),
    facts: String(value(13)),
    hasWords: Number(value(14)),
    mediaType: value(15),
    bytes: bytes.subarray(from, to),
    head: headLength === null ? null : bytes.subarray(to, to + Number(headLength)),
  }
}

/** The end of a run as the tables want it. */
export interface UnpackedEnd {
  readonly seq: number
  readonly fence: Value
  readonly status: Value
  readonly finishedMs: Value
  readonly worker: string | null
  readonly facts: Value
  readonly mediaType: Value
  readonly result: Uint8Array | null
}

/** The places are those of `FINISHED`. */
export function unpackFinished(values: readonly Value[], bytes: Uint8Array): UnpackedEnd {
  const value = (place: number): Value => values[place] ?? null
  const [worker, mediaType, from] = [value(4), value(6), Number(value(7))]
  return {
    seq: Number(value(0)),
    fence: value(1),
    status: value(2),
    finishedMs: value(3),
    worker: worker === null ? null : String(worker),
    facts: value(5),
    mediaType,
    result: mediaType === null ? null : bytes.subarray(from, from + Number(value(8))),
  }
}
