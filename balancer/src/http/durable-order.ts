/**
 * From a checked task body to the run that goes to disk: instants by the wall clock, the input alone as its
 * payload. Pure. Called by durable-call.ts and durable-batch.ts, once a run.
 * Invariant: what is kept is what a worker needs; nothing of the envelope, such as a webhook's headers, is in it.
 */
import { MAX_DURATION_MS, type TaskBody } from '@berth/protocol'
import { wholeOf } from '@berth/runtime'
import type { Payload } from '../ports/dispatch.ts'
import type { NewRun } from '../ports/runs.ts'
import type { StoredPayload } from '../ports/stored-run.ts'
import type { DurableWish } from './durable-wish.ts'
import { type Refused, readJsonObject, type TaskHead } from './task-call.ts'
import { wrongField } from './wrong-field.ts'

export interface OrderTerms {
  /** Unix milliseconds. */
  readonly nowMs: number
  readonly taskTimeoutMs: number
  readonly queueTimeoutMs: number
  readonly defaultPriority: number
  /** A traceparent, or empty. */
  readonly trace: string
  /** Where the caller reached the balancer; undefined when that cannot be told. */
  readonly origin: () => string | undefined
  readonly trigger: 'api' | 'ui' | 'email'
  /** The body of the call is the input. */
  readonly isRouted: boolean
}

export function orderRun(
  body: TaskBody,
  mode: DurableWish['mode'],
  payload: StoredPayload,
  { nowMs, taskTimeoutMs, queueTimeoutMs, defaultPriority, trace, origin, trigger, isRouted }: OrderTerms,
): NewRun {
  const { webhook } = body
  const deadlineMs = body.deadline === undefined ? null : Date.parse(body.deadline)
  const isSync = mode === 'sync'
  const lastMs = nowMs + taskTimeoutMs
  return {
    group: body.group ?? 'default',
    function: body.function,
    contract: body.contract,
    tags: body.tags ?? null,
    fairnessKey: body.fairnessKey ?? null,
    mode,
    trigger,
    attempts: body.attempts ?? null,
    idempotent: body.idempotent ?? null,
    timeoutMs: body.timeout ?? null,
    deadlineMs: isSync ? Math.min(deadlineMs ?? lastMs, lastMs) : deadlineMs,
    queueUntilMs: isSync ? nowMs + queueTimeoutMs : null,
    dueMs: dueOf(body, nowMs),
    session: body.session ?? null,
    retryOf: null,
    budget: body.budget ?? null,
    metadata: body.metadata ?? {},
    trace,
    webhook: webhook
      ? {
          url: webhook.url,
          headers: webhook.headers ?? {},
          format: webhook.format ?? 'standard',
          origin: origin(),
        }
      : null,
    priority: body.priority ?? defaultPriority,
    payload,
    ...(isRouted ? { isRouted } : {}),
  }
}

/** `http://host:port` as the caller wrote it; only a host that can stand in a URL. */
export function originOf({
  host,
  forwardedProto,
}: Pick<TaskHead, 'host' | 'forwardedProto'>): string | undefined {
  if (host === undefined) return undefined
  const url = URL.parse(`${forwardedProto === 'https' ? 'https' : 'http'}://${host}`)
  return url && url.username === '' && url.pathname === '/' && url.search === '' ? url.origin : undefined
}

/** What is wrong with when a task is to run. `delay` has its bound in the schema. */
export function findWrongTime(body: TaskBody, nowMs: number): Refused | undefined {
  const dueMs = dueOf(body, nowMs)
  if (dueMs === null) return undefined
  if (dueMs - nowMs > MAX_DURATION_MS) return wrongField('/runAt', TOO_LATE)
  const isOverdue = body.deadline !== undefined && Date.parse(body.deadline) <= dueMs
  return isOverdue ? wrongField('/deadline', NEVER_IN_TIME) : undefined
}

const TOO_LATE = `is more than ${MAX_DURATION_MS / 86_400_000} days ahead, which is the limit; name an earlier instant`
const NEVER_IN_TIME =
  'is not later than the instant at which the task is due; name a later one, or an earlier `runAt` or `delay`'

/** Null: at once, which an instant in the past means too. */
function dueOf({ delay, runAt }: TaskBody, nowMs: number): number | null {
  const dueMs = runAt === undefined ? nowMs + (delay ?? 0) : Date.parse(runAt)
  return dueMs > nowMs ? dueMs : null
}

/** The input of a run: what is kept of it, and the object to hold against the schema, if there is one. */
export type ReadInput =
  | { readonly ok: true; readonly payload: StoredPayload; readonly input: object | undefined }
  | Refused

const INPUT_EXAMPLE = 'it is the input itself, an object such as {"name": "Ada"}.'

/** `body.input` is the input of an envelope; the bytes of any other JSON are read here for the first time. */
export function readInput(body: TaskBody, { bytes, mediaType, isEnvelope, head }: Payload): ReadInput {
  if (mediaType !== '')
    return { ok: true, payload: { bytes: wholeOf(bytes), mediaType, head: head ?? null }, input: body.input }
  if (isEnvelope) return inputOf(body.input ?? {})
  const read = readJsonObject(wholeOf(bytes), INPUT_EXAMPLE)
  return read.ok ? inputOf(read.value) : read
}

function inputOf(input: object): ReadInput {
  const bytes = Buffer.from(JSON.stringify(input))
  return { ok: true, payload: { bytes, mediaType: '', head: null }, input }
}
