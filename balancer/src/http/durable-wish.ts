/**
 * What a caller wants beyond an answer now: that its task is kept on disk, that it is not waited for, or only so
 * long, that it runs once however often the call is made, that it has its turn in a session. Reads the headers `Prefer` and `Idempotency-Key` beside
 * the mode of the body. Pure; called by tasks.ts for the few calls that say any of it, and once a batch.
 */
import type { TaskBody, TaskError } from '@berth/protocol'
import { type IsAsync, invalid, type Refused, type TaskHead } from './task-call.ts'

/** How a run on disk is answered. */
export interface DurableWish {
  readonly mode: 'sync' | 'async' | 'webhook'
  /** A sync call that takes longer is answered 202 and goes on; undefined waits for the end. */
  readonly waitMs: number | undefined
  readonly key: string | undefined
}

export type ReadWish =
  /** Undefined: a task like any other, in memory. */
  { readonly ok: true; readonly wish: DurableWish | undefined } | Refused

/** Which functions run in the background unless a call names a mode. */
export interface BackgroundPort {
  /** False spares every call the question. */
  readonly isAny: boolean
  has(body: Pick<TaskBody, 'group' | 'function' | 'contract'>): boolean
}

const MAX_WAIT_S = 300
const KEY_PATTERN = /^[\x20-\x7e]{1,255}$/
const PREFERENCES_LIMIT = 16

export interface Preferences {
  readonly respondsAsync: boolean
  readonly waitMs: number | undefined
}

const NOTHING_PREFERRED: Preferences = { respondsAsync: false, waitMs: undefined }

/** RFC 7240: what is not known is passed over; of a preference that comes twice the first counts. */
export function readPreferences(prefer: string | undefined): ({ ok: true } & Preferences) | Refused {
  if (prefer === undefined) return { ok: true, ...NOTHING_PREFERRED }
  let respondsAsync = false
  let waitMs: number | undefined
  for (const part of prefer.split(',', PREFERENCES_LIMIT)) {
    const [, name = '', value = ''] = /^\s*([^\s=;]+)\s*(?:=\s*("[^"]*"|[^\s;]*))?/.exec(part) ?? []
    if (name.toLowerCase() === 'respond-async') respondsAsync = true
    if (name.toLowerCase() !== 'wait' || waitMs !== undefined) continue
    const text = value.replaceAll('"', '')
    if (!/^\d{1,3}$/.test(text) || Number(text) > MAX_WAIT_S)
      return invalid(`\`Prefer: wait=N\` takes whole seconds from 0 to ${MAX_WAIT_S}.`)
    waitMs = Number(text) * 1_000
  }
  return { ok: true, respondsAsync, waitMs }
}

/** Whether a call that names no mode is async; a header that cannot be read is refused later. */
export function createIsAsync(background: BackgroundPort | undefined): IsAsync {
  return ({ prefer }, body) => {
    if (background?.isAny === true && background.has(body)) return true
    const read = prefer === undefined ? undefined : readPreferences(prefer)
    return read?.ok === true && read.respondsAsync
  }
}

/** `isBackground`: the function is run in the background unless a mode is named. */
export function readWish(head: TaskHead, body: TaskBody, isBackground: boolean): ReadWish {
  const { idempotencyKey: key } = head
  const wrongKey = key === undefined ? undefined : findWrongKey(key)
  if (wrongKey) return { ok: false, error: wrongKey }
  const preferred = readPreferences(head.prefer)
  if (!preferred.ok) return preferred
  const { respondsAsync, waitMs } = preferred
  const named = namedMode(body)
  if (named === 'stream') {
    if (key !== undefined) return invalid('A stream takes no Idempotency-Key: it cannot be told twice.')
    if (respondsAsync) return invalid('`Prefer: respond-async` contradicts mode stream; use mode async.')
    return { ok: true, wish: undefined }
  }
  const mode = modeOf(named, respondsAsync, isBackground)
  const isPlain = key === undefined && waitMs === undefined && body.session === undefined
  if (mode === 'sync' && isPlain) return { ok: true, wish: undefined }
  return { ok: true, wish: { mode, waitMs: mode === 'sync' ? waitMs : undefined, key } }
}

/** What is wrong with the value of a header `Idempotency-Key`. */
export function findWrongKey(key: string): TaskError | undefined {
  if (KEY_PATTERN.test(key)) return undefined
  const detail = 'The header Idempotency-Key takes 1 to 255 printable ASCII characters.'
  return { code: 'INVALID_REQUEST', detail }
}

export function namedMode({ mode, async }: Pick<TaskBody, 'mode' | 'async'>): TaskBody['mode'] {
  return async === true ? 'async' : mode
}

/** The mode of a body that is no stream. */
export function modeOf(
  named: 'sync' | 'async' | 'webhook' | undefined,
  respondsAsync: boolean,
  isBackground: boolean,
): DurableWish['mode'] {
  if (named === 'webhook') return named
  if (respondsAsync) return 'async'
  return named ?? (isBackground ? 'async' : 'sync')
}
