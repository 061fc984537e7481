/**
 * The binary records of a fleet link: `u8 type · u8 flags · u32 task · u32 length · payload`,
 * big-endian. `task` numbers a task on its link, given by the balancer; 0 concerns the link itself.
 * An unknown type is skipped by its length. Headers inside a payload carry their own length, so
 * that a later version can append fields which an earlier one skips.
 *
 * | type | name        | to     | payload |
 * |------|-------------|--------|---------|
 * | 0x01 | TASK        | worker | header (below), then the input when flag WHOLE is set |
 * | 0x02 | DATA        | both   | bytes; flags: low nibble what, 0x10 more of the same item follows |
 * | 0x03 | END         | both   | to the worker: empty, the input is complete; from it: the outcome |
 * | 0x04 | CREDIT      | both   | u32 bytes that may be sent again for the task |
 * | 0x05 | CANCEL      | worker | u8 reason |
 * | 0x06 | RECALL      | worker | empty: give it back unless it has started |
 * | 0x07 | RESULT-ACK  | worker | u64 fence: the outcome is on disk |
 * | 0x08 | CALL-RESULT | worker | u32 call, then as END |
 * | 0x09 | FILE-RESULT | worker | u32 file, text16 error as JSON, empty: it is kept |
 * | 0x10 | STAMP       | both   | f64 sender's monotonic ms; from a worker also u32 seq, used, linked, queued |
 * | 0x11 | STARTED     | balancer | empty; written before the handler is called; flag COLD: behind a setup |
 * | 0x12 | BUSY        | balancer | empty: it never started here |
 * | 0x13 | RECALLED    | balancer | empty: it never started here |
 * | 0x14 | CALL        | balancer | u32 call, text8 function, with VIA names, with REMAINING u32 ms, then the input |
 */
import { LIMITS } from '../limits.ts'
import { type ByteReader, type ByteWriter, type KnownText, ProtocolError } from './bytes.ts'
import { readExtras, type TaskExtras, writeExtras } from './task-extras.ts'

export const RECORD = {
  TASK: 0x01,
  DATA: 0x02,
  END: 0x03,
  CREDIT: 0x04,
  CANCEL: 0x05,
  RECALL: 0x06,
  RESULT_ACK: 0x07,
  CALL_RESULT: 0x08,
  FILE_RESULT: 0x09,
  STAMP: 0x10,
  STARTED: 0x11,
  BUSY: 0x12,
  RECALLED: 0x13,
  CALL: 0x14,
} as const

export const RECORD_HEADER_BYTES = 10

export const TASK_FLAG = {
  /** A run on disk: its END is kept until RESULT-ACK. */
  DURABLE: 0x01,
  /** Sent before a slot was free; too old when its turn comes, it is returned. */
  AHEAD: 0x02,
  /** The whole input follows the header in this record. */
  WHOLE: 0x04,
  /** The bytes are a body of `POST /task`; the input is its member `input`. */
  ENVELOPE: 0x08,
} as const

export const CALL_FLAG = {
  /** Names (u8 count, text8 each) before the input: the functions between the task and the call, which ran at the worker. */
  VIA: 0x01,
  /** u32 before the input: the milliseconds that the caller's attempt has left. */
  REMAINING: 0x02,
  /** The input went before, as DATA of kind call; the record has none. */
  LONG: 0x04,
  /** It was asked on an earlier link, and nobody knows what became of it. */
  AGAIN: 0x08,
} as const

export const STARTED_FLAG = {
  /** Its function was made ready first: the time since it was sent says nothing of the way there. */
  COLD: 0x01,
} as const

/** What DATA carries, in the low nibble of its flags. */
export const DATA_KIND = {
  payload: 0,
  chunk: 1,
  file: 2,
  log: 3,
  progress: 4,
  usage: 5,
  /** To the worker: the earlier turns of the session, one JSON array. */
  turns: 6,
  message: 7,
  source: 8,
  /** To the balancer: the input of a call, whose CALL comes behind it. */
  call: 9,
} as const
export const DATA_MORE = 0x10
/** Of kind file, towards the balancer: the record is a header, and whatever file was under way is given up. */
export const DATA_FIRST = 0x20

export const MODES = ['sync', 'stream', 'webhook', 'async'] as const
export type Mode = (typeof MODES)[number]

export const OUTCOMES = ['completed', 'failed', 'refused', 'cancelled', 'timeout', 'lost'] as const
/**
 * `refused`: the handler was not called (bad input, unknown function, maintenance), the error says
 * why. `lost`: the worker gave it up in the middle (it was stopped).
 */
export type OutcomeKind = (typeof OUTCOMES)[number]

export const CANCEL_REASONS = ['caller', 'operator', 'deadline', 'drain', 'superseded', 'budget'] as const
export type CancelReason = (typeof CANCEL_REASONS)[number]

const NO_LIMIT = 0xffff_ffff

/** The header of TASK. Durations in milliseconds; null means that nothing limits it. */
export interface TaskHeader {
  readonly run: string
  readonly fence: number
  readonly function: string
  readonly contract: number
  readonly priority: number
  readonly attempt: number
  readonly mode: Mode
  /** Until the end of the whole task. */
  readonly remainingMs: number | null
  /** Limit of this attempt as the caller named it. */
  readonly timeoutMs: number | null
  readonly mediaType: string
  /** W3C traceparent, or empty. */
  readonly trace: string
  /** Of a task that a handler called: the functions above it, the first one first. */
  readonly callers?: readonly string[] | undefined
  /** Most tasks have none. */
  readonly extras?: TaskExtras | undefined
}

/** `mediaType` stands apart so that the hot path need not copy a header to add it. */
export function writeTaskHeader(
  out: ByteWriter,
  task: Omit<TaskHeader, 'mediaType'>,
  mediaType: string,
): void {
  const start = out.length
  out.u16(0)
  out.u64(task.fence)
  out.u32(task.contract)
  out.u32(task.priority)
  out.u16(Math.min(task.attempt, 0xffff))
  out.u8(MODES.indexOf(task.mode))
  out.u32(limitOf(task.remainingMs))
  out.u32(limitOf(task.timeoutMs))
  out.text8(task.run)
  out.text8(task.function)
  out.text8(mediaType)
  out.text8(task.trace)
  const { callers, extras } = task
  if (callers || extras) writeNames(out, callers ?? NO_NAMES)
  if (extras) out.text16(writeExtras(extras))
  out.patchU16(start, out.length - start)
}

const NO_NAMES: readonly string[] = []
const functionName: KnownText = { last: '' }
const taskMediaType: KnownText = { last: '' }

/** Reads the header; the reader then stands at the input. */
export function readTaskHeader(input: ByteReader): TaskHeader {
  const start = input.at
  const length = input.u16()
  const fence = input.u64()
  const contract = input.u32()
  const priority = input.u32()
  const attempt = input.u16()
  const mode = member(MODES, input.u8(), 'mode')
  const remainingMs = limitFrom(input.u32())
  const timeoutMs = limitFrom(input.u32())
  const run = input.text8()
  const name = input.knownText8(functionName)
  const mediaType = input.knownText8(taskMediaType)
  const trace = input.text8()
  const end = start + length
  const callers = input.at < end ? readNames(input) : NO_NAMES
  const extras = input.at < end ? readExtras(input.text16()) : undefined
  input.skipTo(end)
  const header = {
    run,
    fence,
    function: name,
    contract,
    priority,
    attempt,
    mode,
    remainingMs,
    timeoutMs,
    mediaType,
    trace,
  }
  if (callers.length === 0 && !extras) return header
  return { ...header, ...(callers.length > 0 ? { callers } : {}), ...(extras ? { extras } : {}) }
}

/** At most 255 names, behind their count. */
export function writeNames(out: ByteWriter, names: readonly string[]): void {
  out.u8(names.length)
  for (const name of names) out.text8(name)
}

export function readNames(input: ByteReader): string[] {
  return Array.from({ length: input.u8() }, () => input.text8())
}

/** What END from a worker says; a result follows it in the record, or went before it as DATA. */
export interface OutcomeHeader {
  readonly outcome: OutcomeKind
  /** Time inside the handler; 0 when it was not called. */
  readonly runMs: number
  /** Media type of the result; empty for JSON. */
  readonly mediaType: string
  /** Present unless completed. */
  readonly error?: OutcomeError
  /** What else there is to say of the attempt; absent for most. */
  readonly facts?: OutcomeFacts
}

/** JSON behind the error; a reader passes over members that it does not know. */
export interface OutcomeFacts {
  /** How long it waited in its slot until its function was made ready (`setup`); absent when it was. */
  readonly coldStartMs?: number
}

export interface OutcomeError {
  readonly code: string
  readonly message: string
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
  readonly retryAfterMs?: number
  readonly nonRetryable?: boolean
}

export function writeOutcome(out: ByteWriter, outcome: OutcomeHeader): void {
  const start = out.length
  out.u16(0)
  out.u8(OUTCOMES.indexOf(outcome.outcome))
  out.u32(Math.min(Math.round(outcome.runMs * 1000), NO_LIMIT))
  out.text8(outcome.mediaType)
  out.text16(outcome.error ? errorText(outcome.error) : '')
  if (outcome.facts) out.text16(JSON.stringify(outcome.facts))
  out.patchU16(start, out.length - start)
}

/** Reads the outcome; the reader then stands at the inline result, if any. */
export function readOutcome(input: ByteReader): OutcomeHeader {
  const start = input.at
  const length = input.u16()
  const outcome = member(OUTCOMES, input.u8(), 'outcome')
  const runMs = input.u32() / 1000
  const mediaType = input.text8()
  const errorText = input.text16()
  const facts = input.at < start + length ? readFacts(input.text16()) : undefined
  input.skipTo(start + length)
  const error = errorText === '' ? undefined : readOutcomeError(errorText)
  const header = error ? { outcome, runMs, mediaType, error } : { outcome, runMs, mediaType }
  return facts ? { ...header, facts } : header
}

/** Anything that is no such thing tells nothing. */
function readFacts(text: string): OutcomeFacts | undefined {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null) return undefined
  const { coldStartMs } = value as Record<string, unknown>
  return typeof coldStartMs === 'number' && coldStartMs >= 0 ? { coldStartMs } : undefined
}

/** The occupancy that rides on every frame of a worker (CONTRACT §8, rule 7). */
export interface Occupancy {
  readonly seq: number
  readonly used: number
  readonly linked: number
  readonly queued: number
}

export interface Stamp {
  /** The sender's monotonic milliseconds. */
  readonly at: number
  readonly occupancy?: Occupancy
}

export function writeStamp(out: ByteWriter, stamp: Stamp): void {
  out.f64(stamp.at)
  if (!stamp.occupancy) return
  out.u32(stamp.occupancy.seq)
  out.u32(stamp.occupancy.used)
  out.u32(stamp.occupancy.linked)
  out.u32(stamp.occupancy.queued)
}

/** Brings a stamp that was written at `at` up to date; it has occupancy now if it had it then. */
export function patchStamp(frame: Uint8Array, at: number, stamp: Stamp): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  view.setFloat64(at, stamp.at)
  if (!stamp.occupancy) return
  view.setUint32(at + 8, stamp.occupancy.seq)
  view.setUint32(at + 12, stamp.occupancy.used)
  view.setUint32(at + 16, stamp.occupancy.linked)
  view.setUint32(at + 20, stamp.occupancy.queued)
}

export function readStamp(input: ByteReader): Stamp {
  const at = input.f64()
  if (!Number.isFinite(at) || at < 0) throw new ProtocolError('a stamp is no time')
  if (input.left < 16) return { at }
  return { at, occupancy: { seq: input.u32(), used: input.u32(), linked: input.u32(), queued: input.u32() } }
}

/** Reads the reason of CANCEL; one that a later version added counts as the operator's. */
export function readCancelReason(input: ByteReader): CancelReason {
  return CANCEL_REASONS[input.left > 0 ? input.u8() : 0] ?? 'operator'
}

export function errorText(error: OutcomeError): string {
  const whole = JSON.stringify(error)
  if (whole.length * 3 <= LIMITS.errorBytes) return whole
  // A character takes at most three bytes in UTF-8, and six when JSON escapes it.
  const message = error.message.slice(0, LIMITS.errorBytes / 8)
  const errors = error.errors?.slice(0, 8).map(({ pointer, detail }) => ({
    pointer: pointer.slice(0, 100),
    detail: detail.slice(0, 100),
  }))
  return JSON.stringify({ ...error, message, errors })
}

export function readOutcomeError(text: string): OutcomeError {
  const value: unknown = parseJson(text)
  if (typeof value !== 'object' || value === null) throw new ProtocolError('an outcome has no readable error')
  const { code, message, errors, retryAfterMs, nonRetryable } = value as Record<string, unknown>
  if (typeof code !== 'string' || typeof message !== 'string')
    throw new ProtocolError('an error needs `code` and `message`')
  return {
    code,
    message,
    ...(Array.isArray(errors) ? { errors: errors.filter(isFieldError) } : {}),
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {}),
    ...(nonRetryable === true ? { nonRetryable } : {}),
  }
}

function isFieldError(value: unknown): value is { pointer: string; detail: string } {
  if (typeof value !== 'object' || value === null) return false
  const { pointer, detail } = value as Record<string, unknown>
  return typeof pointer === 'string' && typeof detail === 'string'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function limitOf(ms: number | null): number {
  return ms === null ? NO_LIMIT : Math.min(Math.max(0, Math.ceil(ms)), NO_LIMIT - 1)
}

function limitFrom(value: number): number | null {
  return value === NO_LIMIT ? null : value
}

function member<T>(list: readonly T[], index: number, what: string): T {
  const value = list[index]
  if (value === undefined) throw new ProtocolError(`unknown ${what} ${index}`)
  return value
}
