/**
 * From the bytes of `POST /tasks` to the bodies in it: one batch, one mode, at most so many tasks. Called once
 * a batch, before anything of it is submitted; what is wrong here is wrong with the whole of it. Each body is
 * judged by itself later (task-call.ts); here only its mode is looked at, and only where it may name one.
 * Invariant: whatever its size, no batch keeps the event loop to itself for longer than a slice.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { findJsonExcess, type TaskBody, type TaskError } from '@berth/protocol'
import { OPEN_OBJECT, type Range, scanBatch, skipSpace } from './batch-scan.ts'
import {
  type BackgroundPort,
  type DurableWish,
  modeOf,
  namedMode,
  readPreferences,
  readWish,
} from './durable-wish.ts'
import { findWrongHead, isMultipart, type TaskHead } from './task-call.ts'

export const BATCH_TASKS = 10_000

type Refused = { readonly ok: false; readonly error: TaskError }

export type ReadBatch =
  | {
      readonly ok: true
      readonly ranges: readonly Range[]
      /** Of all of them, when they go to disk. */
      readonly wish: DurableWish | undefined
    }
  | Refused

const SLICE_MS = 5
const BYTE_ORDER_MARK = Buffer.from('\uFEFF')
const EXAMPLE = 'send a JSON array of task bodies, or one on each line.'

const NO_MULTIPART: TaskError = {
  code: 'UNSUPPORTED_MEDIA_TYPE',
  detail: `A batch takes no multipart bodies: ${EXAMPLE}`,
}

/** A body without any of these names no mode: the last one may spell any of the others. */
const MODE_WORDS = ['"mode"', '"async"', '\\u'].map((word) => Buffer.from(word))

/** Bodies over `bodyLimitBytes` are not looked into; they are refused one by one. */
export async function readBatch(
  head: TaskHead,
  bytes: Buffer,
  bodyLimitBytes: number,
  background?: BackgroundPort,
): Promise<ReadBatch> {
  const wrongHead = isMultipart(head) ? NO_MULTIPART : findWrongHead(head)
  if (wrongHead) return { ok: false, error: wrongHead }
  if (bytes.subarray(0, 3).equals(BYTE_ORDER_MARK))
    return invalid('The body begins with a byte order mark; send it without.')
  const preferred = readPreferences(head.prefer)
  if (!preferred.ok) return preferred
  const ranges: Range[] = []
  const modes = new BatchModes(preferred.respondsAsync, background)
  let sliceEndsAt = performance.now() + SLICE_MS
  for (const scanned of scanBatch(bytes)) {
    if (scanned.kind === 'wrong') return invalid(scanned.detail)
    if (scanned.kind === 'body') {
      const { start, end } = scanned.range
      if (ranges.length === BATCH_TASKS)
        return invalid(`A batch has at most ${BATCH_TASKS} tasks; send it in parts.`)
      const body = end - start > bodyLimitBytes ? undefined : bytes.subarray(start, end)
      const wrongMode = body && modes.add(ranges.length, body)
      if (wrongMode) return { ok: false, error: wrongMode }
      ranges.push(scanned.range)
    }
    if (performance.now() < sliceEndsAt) continue
    await nextTurn()
    sliceEndsAt = performance.now() + SLICE_MS
  }
  if (ranges.length === 0) return invalid(`The batch holds no task; ${EXAMPLE}`)
  const wish = readWish(head, { function: '', mode: modes.common }, false)
  return wish.ok ? { ok: true, ranges, wish: wish.wish } : wish
}

/** The mode that all bodies of a batch have in common, unless the header makes all of them async. */
class BatchModes {
  readonly #respondsAsync: boolean
  readonly #background: BackgroundPort | undefined
  #first: { readonly mode: Mode; readonly index: number } | undefined

  constructor(respondsAsync: boolean, background: BackgroundPort | undefined) {
    this.#respondsAsync = respondsAsync
    this.#background = background?.isAny === true ? background : undefined
  }

  get common(): Mode {
    return this.#respondsAsync ? 'async' : (this.#first?.mode ?? 'sync')
  }

  /** Why a body, the next that may name a mode, does not belong to a batch, or not to this one. */
  add(index: number, body: Buffer): TaskError | undefined {
    const mode = this.#modeOf(body)
    // A body that is wrong in itself has no mode, and its own line in the answer.
    if (mode === undefined) return undefined
    const pointer = `/${index}/mode`
    if (mode === 'stream') return wrongMode(pointer, 'a batch has no streams; send such a task by itself')
    this.#first ??= { mode, index }
    const { mode: common, index: first } = this.#first
    if (this.#respondsAsync || mode === common) return undefined
    return wrongMode(pointer, `"${mode}" is not the mode of task ${first}, "${common}"; a batch has one mode`)
  }

  #modeOf(body: Buffer): Mode | undefined {
    if (!isObjectText(body)) return undefined
    const background = this.#background
    if (!background && !MODE_WORDS.some((word) => body.includes(word))) return 'sync'
    const members = parseMembers(body)
    const named = namedMode(members)
    if (named !== undefined) return isMode(named) ? named : undefined
    const { function: called, group, contract } = members
    return modeOf(undefined, false, background?.has({ function: called ?? '', group, contract }) === true)
  }
}

type Mode = 'sync' | 'stream' | 'async' | 'webhook'

function isMode(value: unknown): value is Mode {
  return value === 'sync' || value === 'stream' || value === 'async' || value === 'webhook'
}

/** By how it begins: nothing else is an object. */
function isObjectText(body: Buffer): boolean {
  return body[skipSpace(body, 0, body.length)] === OPEN_OBJECT
}

/** As they are written: each may be anything. */
function parseMembers(
  body: Buffer,
): Partial<Pick<TaskBody, 'mode' | 'async' | 'function' | 'group' | 'contract'>> {
  if (findJsonExcess(body) !== undefined) return {}
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

function wrongMode(pointer: string, detail: string): TaskError {
  return {
    code: 'INVALID_REQUEST',
    detail: `The batch is wrong at ${pointer}: ${detail}.`,
    errors: [{ pointer, detail }],
  }
}

function invalid(detail: string): Refused {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail } }
}
