/**
 * What a webhook says: the bytes that are signed and sent, and the headers that name the run. Pure; called once a try.
 * Invariant: the bytes depend on the run alone, so every try of a message sends the same; a result is passed on as the
 * worker wrote it.
 */
import { BERTH_VERSION } from '@berth/protocol'
import { jsonOfBytes, layHeaders, signWebhook } from '@berth/runtime'
import type { StoredDelivery } from '../../ports/stored-delivery.ts'
import type { RunEnd, RunOrder } from '../../ports/stored-run.ts'

/** A run that has ended, without the bytes of its result. */
export interface MessageRun
  extends Pick<RunOrder, 'id' | 'function' | 'group' | 'contract' | 'metadata' | 'webhook'>,
    Pick<RunEnd, 'status' | 'finishedMs' | 'attempt' | 'error'> {}

export interface MessageTerms {
  /** `WEBHOOK_INLINE_LIMIT`. */
  readonly inlineLimitBytes: number
  /** Where this balancer is reached, when the caller's own way to it is not known. */
  readonly origin: () => string
}

export function typeOf(status: RunEnd['status']): StoredDelivery['type'] {
  return `task.${status}`
}

export function bodyOf(run: MessageRun, result: RunEnd['result'], terms: MessageTerms): Uint8Array {
  return run.webhook?.format === 'result' ? bareBody(run, result) : standardBody(run, result, terms)
}

/** As a worker sends it that was called directly. */
function bareBody({ status, error }: MessageRun, result: RunEnd['result']): Uint8Array {
  if (status === 'completed') return jsonOf(result)
  const { detail, code } = error ?? { detail: `The run is ${status}`, code: 'INTERNAL' }
  const failure = Buffer.from(JSON.stringify({ success: false, error: detail, code }))
  if (result === null) return failure
  // What there was when its budget was used up.
  return Buffer.concat([failure.subarray(0, -1), Buffer.from(',"result":'), jsonOf(result), Buffer.from('}')])
}

function standardBody(run: MessageRun, result: RunEnd['result'], terms: MessageTerms): Uint8Array {
  const { id, status, group, contract, error, attempt, metadata } = run
  const before = JSON.stringify({
    type: typeOf(status),
    timestamp: new Date(run.finishedMs).toISOString(),
    data: { runId: id, status, function: run.function, group, contract },
  })
  const after = JSON.stringify({
    error: error ? { code: error.code, message: error.detail } : null,
    attempt,
    metadata,
  })
  // The result stands between the two objects' fields, unparsed.
  return Buffer.concat([
    Buffer.from(`${before.slice(0, -2)},`),
    resultField(run, result, terms),
    Buffer.from(`,${after.slice(1)}}`),
  ])
}

function resultField(
  { id, webhook }: MessageRun,
  result: RunEnd['result'],
  { inlineLimitBytes, origin }: MessageTerms,
): Uint8Array {
  const json = jsonOf(result)
  if (json.length <= inlineLimitBytes) return Buffer.concat([Buffer.from('"result":'), json])
  return Buffer.from(`"resultUrl":${JSON.stringify(`${webhook?.origin ?? origin()}/runs/${id}`)}`)
}

function jsonOf(result: RunEnd['result']): Uint8Array {
  return jsonOfBytes(result?.mediaType ?? '', result?.bytes ?? new Uint8Array())
}

export interface HeaderTerms {
  /** `WEBHOOK_HEADERS`. */
  readonly headers: Readonly<Record<string, string>>
  readonly secrets: readonly Uint8Array[]
}

/** The caller's over the operator's, and over both what only the sender may say. `id` is the message's. */
export function headersOf(
  id: string,
  run: MessageRun,
  body: Uint8Array,
  nowMs: number,
  { headers, secrets }: HeaderTerms,
): Record<string, string> {
  const timestamp = Math.floor(nowMs / 1000)
  return layHeaders({ 'user-agent': `berth/${BERTH_VERSION}` }, headers, run.webhook?.headers ?? {}, {
    'content-type': 'application/json',
    'x-run-id': run.id,
    'x-run-status': run.status,
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signWebhook(secrets, { id, timestamp, body }),
  })
}
