/**
 * CALL: a handler asks the balancer to run another function. Written by link-writer.ts for workers, read by a
 * balancer's link. A long input goes before its record, as DATA of kind call.
 */
import type { ByteReader, ByteWriter } from './bytes.ts'
import { CALL_FLAG, readNames, writeNames } from './records.ts'

export interface CallHeader {
  /** Its number among those of its task. */
  readonly call: number
  readonly function: string
  /** Functions between the task and the call, which ran at the worker. */
  readonly via?: readonly string[] | undefined
  /** What the caller's attempt has left; null when it does not say. */
  readonly remainingMs: number | null
  /** It was asked on an earlier link, and nobody knows what became of it. */
  readonly isAgain?: boolean | undefined
}

const MOST_MS = 0xffff_ffff

export function callFlagsOf({ via, remainingMs, isAgain }: CallHeader, isLong: boolean): number {
  return (
    (via && via.length > 0 ? CALL_FLAG.VIA : 0) |
    (remainingMs === null ? 0 : CALL_FLAG.REMAINING) |
    (isLong ? CALL_FLAG.LONG : 0) |
    (isAgain ? CALL_FLAG.AGAIN : 0)
  )
}

export function writeCall(out: ByteWriter, { call, function: name, via, remainingMs }: CallHeader): void {
  out.u32(call)
  out.text8(name)
  if (via && via.length > 0) writeNames(out, via)
  if (remainingMs !== null) out.u32(Math.min(Math.max(0, Math.ceil(remainingMs)), MOST_MS))
}

/** Reads the header; the reader then stands at the input, if it is in the record. */
export function readCall(flags: number, input: ByteReader): CallHeader & { readonly via: readonly string[] } {
  const call = input.u32()
  const name = input.text8()
  const via = (flags & CALL_FLAG.VIA) === 0 ? NO_NAMES : readNames(input)
  const remainingMs = (flags & CALL_FLAG.REMAINING) === 0 ? null : input.u32()
  return { call, function: name, via, remainingMs, isAgain: (flags & CALL_FLAG.AGAIN) !== 0 }
}

const NO_NAMES: readonly string[] = []
