/**
 * `POST /tasks`: reads a batch, runs its tasks, and answers a line as each of them ends (CONTRACT §4). Mounted
 * in the router; many tasks share the cost of it. The bytes of a batch count at the door until its last
 * answer, since the tasks that have not begun lie in them.
 * Invariant: a reader that goes away, or takes nothing for half a minute while lines wait, ends its batch.
 */
import type { IncomingMessage } from 'node:http'
import type { Clock } from '@berth/runtime'
import { readBatch } from './batch-call.ts'
import { BatchRun, type BatchRunDeps, beginInMemory } from './batch-run.ts'
import type { Door } from './door.ts'
import type { DurableBatch, DurableBatches } from './durable-batch.ts'
import type { BackgroundPort } from './durable-wish.ts'
import { readQuery } from './lists.ts'
import { problem } from './problem.ts'
import { type BodyTerms, findRefusal } from './received-body.ts'
import { readRoutedBody } from './routed-body.ts'
import { type Route, type RouteContext, triggerOf } from './routes.ts'
import { notYet, type TaskHead } from './task-call.ts'
import type { Tasks } from './tasks.ts'

export interface BatchRouteDeps {
  readonly tasks: Pick<Tasks, 'handle'>
  readonly clock: Pick<Clock, 'monoMs'>
  readonly door: Door
  /** `REQUEST_BODY_LIMIT`, of each task. */
  readonly bodyLimitBytes: number
  /** `BATCH_BODY_LIMIT`. */
  readonly batchLimitBytes: number
  /** Batches whose runs go to disk; undefined refuses them. */
  readonly durable?: Pick<DurableBatches, 'begin'> | undefined
  readonly background?: BackgroundPort | undefined
  /** How long a reader may take nothing while lines wait for it; 30 s unless given. */
  readonly patienceMs?: number
}

const PATIENCE_MS = 30_000
/** Handed to the socket and not taken yet. */
const WRITTEN_BYTES = 256 * 1024

export function batchRoutes(deps: BatchRouteDeps): readonly Route[] {
  return [{ method: 'POST', path: '/tasks', policy: 'key', handle: (c) => handle(c, deps) }]
}

/** Whether a client that asks first may send its body; true for every other address. */
export function mayReceiveBatch(deps: Pick<BatchRouteDeps, 'door' | 'batchLimitBytes'>) {
  const terms = bodyTermsOf(deps)
  return ({ method, url, headers }: IncomingMessage): boolean =>
    method !== 'POST' || url !== '/tasks' || findRefusal(terms, headers['content-length']) === undefined
}

async function handle(c: RouteContext, deps: BatchRouteDeps): Promise<Response> {
  const { door, bodyLimitBytes } = deps
  const query = readQuery(c.req.url, [])
  if (!query.ok) return problem(query.error)
  const read = await readRoutedBody(c.req.raw, bodyTermsOf(deps))
  if (!read.ok) return problem(read.error)
  const { bytes } = read
  const head = headOf(c)
  const leave = () => door.leave(bytes.length)
  let isHeldByLines = false
  door.enter(bytes.length)
  try {
    const batch = await readBatch(head, bytes, bodyLimitBytes, deps.background)
    if (!batch.ok) return problem(batch.error)
    const { ranges, wish } = batch
    const held = { head, bytes, ranges, bodyLimitBytes }
    if (wish) return await answerDurable({ ...held, wish }, deps, c.env?.outgoing)
    const begin = beginInMemory({ tasks: deps.tasks, ...held })
    isHeldByLines = true
    return answerLines({ count: ranges.length, begin, clock: deps.clock }, deps, c.env?.outgoing, leave)
  } finally {
    if (!isHeldByLines) leave()
  }
}

type Connection = { destroy(): unknown } | undefined

async function answerDurable(batch: DurableBatch, deps: BatchRouteDeps, to: Connection): Promise<Response> {
  const { durable, clock } = deps
  if (!durable) return problem(notYet('runs on disk'))
  const begun = await durable.begin(batch)
  if (begun.kind === 'lines') {
    const { begin, headers } = begun
    return answerLines({ count: batch.ranges.length, begin, clock }, deps, to, () => {}, headers)
  }
  const { status, headers, body } = begun.answer
  return new Response(String(body), { status, headers })
}

/** `onEnd` is called once, whatever ends the answer. */
function answerLines(
  run: Omit<BatchRunDeps, 'output'>,
  { patienceMs = PATIENCE_MS }: BatchRouteDeps,
  to: Connection,
  onEnd: () => void,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const lines = streamAnswer(run, patienceMs, to, onEnd)
  return new Response(lines, { headers: { 'content-type': 'application/x-ndjson', ...headers } })
}

function bodyTermsOf({ door, batchLimitBytes }: Pick<BatchRouteDeps, 'door' | 'batchLimitBytes'>): BodyTerms {
  const detail = `The batch is over ${batchLimitBytes} bytes (BATCH_BODY_LIMIT).`
  return { limitBytes: batchLimitBytes, tooLarge: { code: 'PAYLOAD_TOO_LARGE', detail }, door }
}

function headOf(c: RouteContext): TaskHead {
  return {
    contentType: c.req.header('content-type') ?? '',
    contentEncoding: c.req.header('content-encoding'),
    prefer: c.req.header('prefer'),
    idempotencyKey: c.req.header('idempotency-key'),
    traceparent: c.req.header('traceparent'),
    host: c.req.header('host'),
    forwardedProto: c.req.header('x-forwarded-proto'),
    wantsEvents: false,
    trigger: triggerOf(c),
  }
}

/** The lines as a stream that is filled as fast as it is read; `onEnd` is called once, whatever ends it. */
function streamAnswer(
  terms: Omit<BatchRunDeps, 'output'>,
  patienceMs: number,
  connection: Connection,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  let run: BatchRun
  let hasRead = true
  let isFull = () => false
  const watch = setInterval(() => {
    if (isFull() && !hasRead) connection?.destroy()
    hasRead = false
  }, patienceMs)
  watch.unref()
  const finish = () => {
    clearInterval(watch)
    onEnd()
  }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        isFull = () => (controller.desiredSize ?? 0) <= 0
        const write = (chunk: Uint8Array) => controller.enqueue(chunk)
        const end = () => {
          finish()
          controller.close()
        }
        run = new BatchRun({ ...terms, output: { isFull, write, end } })
        run.resume()
      },
      pull() {
        hasRead = true
        run.resume()
      },
      cancel() {
        finish()
        run.cancel()
      },
    },
    { highWaterMark: WRITTEN_BYTES, size: (chunk) => chunk.byteLength },
  )
}
